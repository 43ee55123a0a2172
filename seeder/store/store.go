package store

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	"cobox/seeder/durable"
	"cobox/seeder/feed"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// Config sets a store up. The zero value is usable.
type Config struct {
	Log *slog.Logger // nil for none

	// fault, when not nil, is called before each step that changes the disk; its
	// error stands for a crash at that point. For tests.
	fault func(step string) error
}

// schema is the version of the layout. A store with a higher one is not opened.
const schema = 1

// magic begins the version record, so that another program's Badger is not taken for ours.
const magic = "cobox store "

// A Store is an open store. It is safe for concurrent use.
type Store struct {
	dir    string
	log    *slog.Logger
	db     *badger.DB
	files  *files
	unlock func() error
	fault  func(string) error
	pages  pageCache

	mu     sync.Mutex
	feeds  map[feed.DiscoveryKey]*Feed // mu
	making sync.Mutex                  // one feed is made or deleted at a time

	commits committer
}

// Open opens the store in a folder, which is made when it is not there. Errors
// wrap [ErrNewerVersion], [ErrNotStore], [ErrDamaged], [ErrReadOnly], or
// durable.ErrLocked when somebody else has it open.
func Open(dir string, cfg Config) (_ *Store, err error) {
	s := &Store{dir: dir, log: cfg.Log, fault: cfg.fault, feeds: make(map[feed.DiscoveryKey]*Feed)}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if s.fault == nil {
		s.fault = func(string) error { return nil }
	}
	defer func() {
		if err != nil {
			err = fmt.Errorf("opening store %s: %w", dir, explain(err))
			if s.db != nil {
				err = errors.Join(err, s.db.Close())
			}
			if s.unlock != nil {
				err = errors.Join(err, s.unlock())
			}
		}
	}()
	if err := checkFolder(dir); err != nil {
		return nil, err
	}
	for _, sub := range []string{"index", "feeds"} {
		if err := durable.Mkdir(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, err
		}
	}
	if s.unlock, err = durable.Lock(dir); err != nil {
		return nil, err
	}
	s.files = newFiles(filepath.Join(dir, "feeds"), s.fault)
	if s.db, err = badger.Open(badgerOptions(filepath.Join(dir, "index"))); err != nil {
		return nil, err
	}
	if err := s.checkVersion(); err != nil {
		return nil, err
	}
	s.pages.init()
	s.commits.init(s)
	if err := s.finishDeletions(); err != nil {
		return nil, err
	}
	if err := s.loadFeeds(); err != nil {
		return nil, err
	}
	s.commits.start()
	return s, nil
}

// checkFolder refuses a folder that holds something else.
func checkFolder(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		switch e.Name() {
		case "index", "feeds", "lock", "lost+found":
		default:
			if e.Name()[0] != '.' {
				return fmt.Errorf("%w: there is %q in it", ErrNotStore, e.Name())
			}
		}
	}
	return nil
}

// badgerOptions are for small values on a board with 512 MB: a write goes to a
// log that is synced, and one small table in memory.
func badgerOptions(dir string) badger.Options {
	return badger.DefaultOptions(dir).
		WithLogger(nil).
		WithSyncWrites(true).
		WithMetricsEnabled(false).
		WithCompression(options.None). // hashes do not compress
		WithMemTableSize(8 << 20).
		WithNumMemtables(2).
		WithNumLevelZeroTables(2).
		WithNumLevelZeroTablesStall(6).
		WithBaseTableSize(4 << 20).
		WithBaseLevelSize(16 << 20).
		WithValueLogFileSize(16 << 20).
		WithBlockCacheSize(0).
		WithIndexCacheSize(0).
		WithNumCompactors(2).
		WithNumGoroutines(1).
		WithDetectConflicts(false)
}

// checkVersion writes the version of a fresh store, and compares that of another.
func (s *Store) checkVersion() error {
	want := append([]byte(magic), schema)
	got, err := s.get([]byte{keyVersion})
	switch {
	case errors.Is(err, ErrNotFound):
		// Without a version there must be nothing at all.
		if err := s.each(nil, func(k, _ []byte) error {
			return fmt.Errorf("%w: the index has no version", ErrNotStore)
		}); err != nil {
			return err
		}
		return s.update(func(t *badger.Txn) error { return t.Set([]byte{keyVersion}, want) })
	case err != nil:
		return err
	case !bytes.HasPrefix(got, []byte(magic)) || len(got) != len(want):
		return ErrNotStore
	case got[len(magic)] > schema:
		return fmt.Errorf("%w: its layout is version %d, this program knows %d", ErrNewerVersion, got[len(magic)], schema)
	}
	return nil
}

// get returns a value of the index, or [ErrNotFound].
func (s *Store) get(key []byte) (value []byte, err error) {
	err = s.db.View(func(t *badger.Txn) error {
		item, err := t.Get(key)
		if err != nil {
			return err
		}
		value, err = item.ValueCopy(nil)
		return err
	})
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, ErrNotFound
	}
	return value, err
}

// each calls fn for each key with a prefix and its value, both valid during the call.
func (s *Store) each(prefix []byte, fn func(key, value []byte) error) error {
	return s.db.View(func(t *badger.Txn) error {
		opts := badger.DefaultIteratorOptions
		opts.Prefix = prefix
		opts.PrefetchValues = false
		it := t.NewIterator(opts)
		defer it.Close()
		for it.Rewind(); it.Valid(); it.Next() {
			item := it.Item()
			err := item.Value(func(v []byte) error { return fn(item.Key(), v) })
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// update makes one synced transaction.
func (s *Store) update(fn func(t *badger.Txn) error) error {
	if err := s.fault("index"); err != nil {
		return err
	}
	return explain(s.db.Update(fn))
}

// loadFeeds reads the records of all feeds, removes block files that have none,
// and cuts what a crash left beyond the index.
func (s *Store) loadFeeds() error {
	err := s.each([]byte{keyFeed}, func(_, value []byte) error {
		r, err := parseRecord(value)
		if err != nil {
			return err
		}
		f := newFeed(s, r)
		s.feeds[f.dk] = f
		return nil
	})
	if err != nil {
		return err
	}
	err = s.each([]byte{keyEvidence}, func(key, value []byte) error {
		f := s.feeds[feed.DiscoveryKey(key[1:])]
		if f == nil {
			return nil
		}
		f.frozen, err = parseEvidence(f.key, value)
		return err
	})
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(s.files.root)
	if err != nil {
		return err
	}
	for _, e := range entries {
		dk, err := feed.ParseDiscoveryKey(e.Name())
		if err != nil {
			continue // not ours
		}
		if f := s.feeds[dk]; f != nil {
			err = f.cutTail()
		} else {
			err = os.RemoveAll(s.files.dir(dk))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Close commits what was put, and closes the store.
func (s *Store) Close() error {
	err := s.commits.stop()
	s.files.close()
	return errors.Join(err, s.db.Close(), s.unlock())
}

// Create returns a feed, which it makes when it is not there; it is durable then.
func (s *Store) Create(key feed.Key) (*Feed, error) {
	s.making.Lock()
	defer s.making.Unlock()
	if f, err := s.Feed(key); err == nil {
		return f, nil
	}
	r := newRecord(key)
	f := newFeed(s, r)
	err := s.update(func(t *badger.Txn) error { return t.Set(feedKey(keyFeed, f.dk), r.append(nil)) })
	if err != nil {
		return nil, fmt.Errorf("making feed %s: %w", f.dk, err)
	}
	s.mu.Lock()
	s.feeds[f.dk] = f
	s.mu.Unlock()
	return f, nil
}

// Feed returns a feed, or [ErrNotFound].
func (s *Store) Feed(key feed.Key) (*Feed, error) { return s.Find(key.DiscoveryKey()) }

// Find returns a feed by its discovery key, or [ErrNotFound].
func (s *Store) Find(dk feed.DiscoveryKey) (*Feed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.feeds[dk]; f != nil {
		return f, nil
	}
	return nil, fmt.Errorf("feed %s: %w", dk, ErrNotFound)
}

// Feeds returns the keys of all feeds, in no order.
func (s *Store) Feeds() []feed.Key {
	s.mu.Lock()
	defer s.mu.Unlock()
	keys := make([]feed.Key, 0, len(s.feeds))
	for _, f := range s.feeds {
		keys = append(keys, f.key)
	}
	return keys
}

// all returns all feeds.
func (s *Store) all() []*Feed {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*Feed, 0, len(s.feeds))
	for _, f := range s.feeds {
		list = append(list, f)
	}
	return list
}

// Stats are sizes of a store.
type Stats struct {
	Feeds        int
	Blocks       uint64 // held and synced
	Bytes        uint64 // of these blocks
	IndexBytes   uint64 // of Badger's files
	FreeBytes    uint64 // of the disk
	PendingBytes uint64 // put and not synced yet
}

// Stats returns the sizes of the store.
func (s *Store) Stats() Stats {
	st := Stats{FreeBytes: freeBytes(s.dir), PendingBytes: s.commits.pending()}
	for _, f := range s.all() {
		blocks, bytes := f.Held()
		st.Feeds++
		st.Blocks += blocks
		st.Bytes += bytes
	}
	lsm, vlog := s.db.Size()
	st.IndexBytes = uint64(lsm + vlog)
	return st
}
