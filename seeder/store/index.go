package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"cobox/seeder/durable"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// An index is the Badger database of a store. It is safe for concurrent use.
type index struct {
	dir      string
	step     func(_, _ string) error // see Config.Step
	room     *room
	failures *failures

	memTable int64         // bytes of Badger's table in memory
	rest     time.Duration // see Config.Rest

	maxSize, maxCount int // of a transaction, somewhat below Badger's own bounds

	mu        sync.RWMutex // held for reading while db is used: a read of a closed Badger can crash
	db        *badger.DB   // nil when closed, or gone; mu
	closed    bool         // mu
	gone      error        // why db is nil; mu
	versioned bool         // the store's version was there when db was closed last; mu
	resting   bool         // db has no compactors; mu
	timer     *time.Timer  // calls lieDown; mu

	filled atomic.Bool // a table in memory is full, and a new log was begun

	failMu sync.Mutex
	failed error // a write failed: memory may be ahead of the disk; failMu

	logMu sync.Mutex
	log   int // number of Badger's newest log whose name is on the disk; logMu
}

// openIndex opens or makes the database, with a table in memory of that size, which
// rests once it has filled no table for so long.
func openIndex(dir string, memTable int64, rest time.Duration, step func(_, _ string) error, room *room, failures *failures) (*index, error) {
	x := &index{dir: dir, memTable: memTable, rest: rest, step: step, room: room, failures: failures}
	if err := x.open(compactors, tablesRead); err != nil {
		return nil, err
	}
	x.maxSize, x.maxCount = int(x.db.MaxBatchSize())*9/10, int(x.db.MaxBatchCount())*9/10
	x.mu.Lock()
	defer x.mu.Unlock()
	x.timer = time.AfterFunc(rest, x.lieDown)
	return x, nil
}

// open opens the database with so many compactors, after so many bytes of its tables
// were read. The caller holds mu, or is alone.
func (x *index) open(compactors int, read int64) error {
	opts := x.options(compactors)
	if err := checkTables(x.dir, opts, read); err != nil {
		return err
	}
	db, err := openBadger(opts)
	if err != nil {
		return explain(err)
	}
	x.logMu.Lock()
	defer x.logMu.Unlock()
	x.log = newestLog(x.dir)
	if err := durable.SyncDir(x.dir); err != nil {
		return errors.Join(err, db.Close())
	}
	x.db = db
	return nil
}

func (x *index) options(compactors int) badger.Options {
	return badgerOptions(x.dir, x.memTable).WithNumCompactors(compactors)
}

// openBadger is badger.Open, with an error where that panics over what it finds.
func openBadger(opts badger.Options) (db *badger.DB, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: Badger: %v", ErrDamaged, r)
		}
	}()
	return badger.Open(opts)
}

// badgerOptions are for small values on a board with 512 MB: a write goes to a
// log that is synced, and to one small table in memory.
func badgerOptions(dir string, memTable int64) badger.Options {
	return badger.DefaultOptions(dir).
		WithLogger(nil).
		WithSyncWrites(true).
		WithMetricsEnabled(false).
		WithCompression(options.None). // hashes do not compress
		WithMemTableSize(memTable).
		WithValueThreshold(memTable / 10). // all of our values are smaller, see maxRecord
		WithNumMemtables(2).
		WithNumLevelZeroTables(2).
		WithNumLevelZeroTablesStall(6).
		WithBaseTableSize(min(4<<20, memTable)).
		WithBaseLevelSize(16 << 20).
		WithValueLogFileSize(1 << 20). // nothing goes there: all values are small
		WithBlockCacheSize(0).
		WithIndexCacheSize(0).
		WithNumGoroutines(1).
		WithDetectConflicts(false) // a key has one writer at a time
}

// defaultMemTable is the size of Badger's table in memory. A transaction has at
// most 15 hundredths of it: enough for the bits and the record of a feed's
// commit, whatever blocks came (see maxWaiting).
const defaultMemTable = 8 << 20

// use calls fn with the database, which stays open meanwhile. fn must not use the
// index, or it waits for the end of itself.
func (x *index) use(fn func(db *badger.DB) error) error {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.db == nil {
		return x.gone
	}
	return fn(x.db)
}

// close closes the database when nobody uses it any more. Badger writes a table
// then: on a disk without room for it, the database is left as by a crash, which
// loses nothing. One that is gone is an error.
func (x *index) close() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.timer.Stop()
	if x.closed {
		return nil
	}
	db, gone := x.db, x.gone
	x.db, x.gone, x.closed = nil, ErrClosed, true
	if db == nil {
		return gone
	}
	if err := x.room.forIndex(deleteFree); err != nil {
		return fmt.Errorf("closing the index: %w", err)
	}
	return db.Close()
}

// get returns a value, or [ErrNotFound].
func (x *index) get(key []byte) (value []byte, err error) {
	err = x.use(func(db *badger.DB) error {
		return db.View(func(t *badger.Txn) error {
			item, err := t.Get(key)
			if err != nil {
				return err
			}
			value, err = item.ValueCopy(nil)
			return err
		})
	})
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, ErrNotFound
	}
	return value, count(&x.failures.index, err)
}

// each calls fn for each key with a prefix, from the key from on (nil for the
// first), and its value; both are valid during the call.
func (x *index) each(prefix, from []byte, fn func(key, value []byte) error) error {
	return x.use(func(db *badger.DB) error {
		return db.View(func(t *badger.Txn) error {
			opts := badger.DefaultIteratorOptions
			opts.Prefix = prefix
			opts.PrefetchValues = false
			it := t.NewIterator(opts)
			defer it.Close()
			start := prefix
			if from != nil {
				start = from
			}
			for it.Seek(start); it.Valid(); it.Next() {
				item := it.Item()
				err := item.Value(func(v []byte) error { return fn(item.Key(), v) })
				if err != nil {
					return err
				}
			}
			return nil
		})
	})
}

// An entry is a key and its new value; nil deletes the key.
type entry struct{ key, value []byte }

// write makes one synced transaction: all entries or none. need is the free
// space on the disk below which it is refused. After an error of the disk
// nothing is written any more, since nobody knows what is there.
func (x *index) write(need uint64, entries ...entry) error {
	if err := x.check(); err != nil {
		return err
	}
	if err := x.step("index", x.dir); err != nil {
		return x.fail(err)
	}
	if err := x.room.forIndex(need); err != nil {
		return err
	}
	err := x.use(func(db *badger.DB) error {
		t := db.NewTransaction(true)
		defer t.Discard()
		for _, e := range entries {
			var err error
			if e.value == nil {
				err = t.Delete(e.key)
			} else {
				err = t.Set(e.key, e.value)
			}
			if err != nil {
				return err
			}
		}
		if err := t.Commit(); err != nil {
			return x.fail(explain(err))
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("writing the index: %w", err)
	}
	if err := x.syncNames(); err != nil {
		return err
	}
	if x.filled.Load() {
		x.getUp()
	}
	return nil
}

// check returns why nothing can be written any more.
func (x *index) check() error {
	x.failMu.Lock()
	defer x.failMu.Unlock()
	return x.failed
}

func (x *index) fail(err error) error {
	x.failMu.Lock()
	defer x.failMu.Unlock()
	_ = count(&x.failures.index, err)
	if x.failed == nil {
		x.failed = fmt.Errorf("the store cannot be written any more until it is opened anew: %w", err)
	}
	return err
}

// syncNames puts the name of a log on the disk that Badger has begun since, which
// Badger itself leaves to the file system.
func (x *index) syncNames() error {
	x.logMu.Lock()
	defer x.logMu.Unlock()
	begun := false
	for {
		_, err := os.Stat(filepath.Join(x.dir, fmt.Sprintf("%05d.mem", x.log+1)))
		if err != nil {
			break
		}
		x.log++
		begun = true
	}
	if !begun {
		return nil
	}
	x.filled.Store(true)
	if err := durable.SyncDir(x.dir); err != nil {
		return x.fail(err)
	}
	return nil
}

// newestLog returns the highest number of Badger's logs.
func newestLog(dir string) (newest int) {
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), ".mem"); ok {
			if n, err := strconv.Atoi(name); err == nil {
				newest = max(newest, n)
			}
		}
	}
	return newest
}

// bytes returns what the database takes on the disk, or would without its sparse files.
func (x *index) bytes() (sum uint64) {
	entries, _ := os.ReadDir(x.dir)
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			sum += durable.DiskBytes(info)
		}
	}
	return sum
}
