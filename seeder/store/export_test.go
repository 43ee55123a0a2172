package store

import (
	"errors"
	"fmt"
	"math/bits"
	"path/filepath"
	"testing"
	"time"

	"cobox/seeder/feed"

	"github.com/dgraph-io/badger/v4"
)

// WithFault returns cfg with a function that is called before each step that
// changes the disk, and may fail it.
func WithFault(cfg Config, fault func(step, path string) error) Config {
	cfg.Step = fault
	return cfg
}

// WithSmallIndex returns cfg with an index whose files are small.
func WithSmallIndex(cfg Config) Config {
	cfg.MemTable = 1 << 20
	return cfg
}

// SetCommitDelay lets a test decide when commits begin. It must not be called
// while a store is open.
func SetCommitDelay(d time.Duration) (restore func()) {
	old := commitDelay
	commitDelay = d
	return func() { commitDelay = old }
}

// Rest makes the index of a store rest, and gets it up again.
func Rest(s *Store) error {
	x := s.index
	for _, resting := range []bool{true, false} {
		if resting {
			x.lieDown()
		} else {
			x.filled.Store(true)
			x.getUp()
		}
		if err := x.use(func(*badger.DB) error { return x.check() }); err != nil {
			return err
		}
		if x.isResting() != resting {
			return fmt.Errorf("the index rests: %v, want %v", !resting, resting)
		}
	}
	return nil
}

// edit opens the index of a closed store.
func edit(t testing.TB, dir string, fn func(*badger.Txn) error) {
	t.Helper()
	db, err := badger.Open(badgerOptions(filepath.Join(dir, indexDir), 1<<20))
	if err == nil {
		err = errors.Join(db.Update(fn), db.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// SetKey changes a key of the index of a closed store; nil deletes it.
func SetKey(t testing.TB, dir string, key, value []byte) {
	t.Helper()
	edit(t, dir, func(txn *badger.Txn) error {
		if value == nil {
			return txn.Delete(key)
		}
		return txn.Set(key, value)
	})
}

// VersionKey and RecordKey are keys for SetKey.
func VersionKey() []byte { return []byte{keyVersion} }

func RecordKey(key feed.Key) []byte { return feedKey(keyFeed, key.DiscoveryKey()) }

// VersionValue is what VersionKey has in a store of a version.
func VersionValue(version byte) []byte { return append([]byte(magic), version) }

// ReplacePage replaces a page of tree nodes in a closed store, and reports
// whether there was one.
func ReplacePage(t testing.TB, dir string, key feed.Key, level uint8, number uint64, data []byte) (was bool) {
	t.Helper()
	name := nodesKey(key.DiscoveryKey(), 0, pageID{level, number})
	edit(t, dir, func(txn *badger.Txn) error {
		_, err := txn.Get(name)
		if errors.Is(err, badger.ErrKeyNotFound) {
			return nil
		}
		was = true
		if data == nil {
			return errors.Join(err, txn.Delete(name))
		}
		return errors.Join(err, txn.Set(name, data))
	})
	return was
}

// DamageNode changes a bit of the page that holds a tree node, where the node is
// stored or, if it is computed, where the first leaf below it is.
func DamageNode(t testing.TB, dir string, key feed.Key, index uint64) {
	t.Helper()
	id, slot := place(index)
	name := nodesKey(key.DiscoveryKey(), 0, id)
	edit(t, dir, func(txn *badger.Txn) error {
		item, err := txn.Get(name)
		if err != nil {
			return err
		}
		data, err := item.ValueCopy(nil)
		if err != nil {
			return err
		}
		p, err := parsePage(id, data)
		if err != nil {
			return err
		}
		for p.derived(slot) {
			slot -= 1 << (bits.TrailingZeros64(^uint64(slot)) - 1) // to its left child
		}
		p.hashes[slot][5] ^= 4
		return txn.Set(name, p.appendTo(nil))
	})
}

// Layers returns how many layers of tree pages a feed has.
func Layers(f *Feed) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.rec.retired) + 1
}

// Keys returns how many keys the index has.
func Keys(t testing.TB, s *Store) (n int) {
	t.Helper()
	if err := s.index.each(nil, nil, func(_, _ []byte) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

// MakeEncryptedIndex makes an index in a store's folder that a key encrypts.
func MakeEncryptedIndex(t testing.TB, dir string) {
	t.Helper()
	opts := badgerOptions(filepath.Join(dir, indexDir), 1<<20).WithEncryptionKey(make([]byte, 32)).WithIndexCacheSize(1 << 20).WithBlockCacheSize(1 << 20)
	db, err := badger.Open(opts)
	if err == nil {
		err = errors.Join(db.Update(func(txn *badger.Txn) error { return txn.Set([]byte("key"), []byte("value")) }), db.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}

// LoadedBits returns of how many feeds it is in memory which blocks are held.
func LoadedBits(s *Store) (n int) {
	for _, f := range s.all() {
		f.mu.Lock()
		if f.bits != nil {
			n++
		}
		f.mu.Unlock()
	}
	return n
}
