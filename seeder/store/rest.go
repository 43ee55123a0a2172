package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"cobox/seeder/durable"

	"github.com/dgraph-io/badger/v4"
)

// Badger's compactors look for work forty times a second, which is most of what a box
// costs that has nothing to do; and they cannot be told to wait. So an index that fills
// no table for a while rests: its database is opened anew, without compactors. When it
// fills a table again, it gets up.

// compactors is how many look for work in an index that does not rest: Badger's least.
const compactors = 2

// defaultRest is how long an index fills no table until it rests.
const defaultRest = time.Minute

// reviveAfter is how long an index that could not be opened anew waits to be tried again.
const reviveAfter = 10 * time.Second

// lieDown makes the index rest, unless there is something to compact, or the disk is not
// as it should be; then it tries again later. An index that could not be opened anew, it
// tries to open.
func (x *index) lieDown() {
	x.mu.Lock()
	defer x.mu.Unlock()
	switch {
	case x.closed:
	case x.db == nil:
		_ = x.openAgainLocked(compactors)
	case x.resting || x.check() != nil:
	case x.dueLocked() || x.probe() != nil:
		x.timer.Reset(x.rest)
	default:
		_ = x.reopenLocked(0) // it says so to whoever comes next
	}
}

// dueLocked reports whether the compactors have something to do.
func (x *index) dueLocked() bool {
	for _, level := range x.db.Levels() {
		if level.Score >= 1 {
			return true
		}
	}
	return false
}

// probe looks whether the database can be closed and opened: whether there is room for the
// table that Badger writes then, what is to be opened is there, and a file can be written.
// For none of that is the spare room used.
func (x *index) probe() error {
	if free, ok := durable.FreeBytes(x.dir); ok && free < indexFree {
		return ErrNoSpace
	}
	if _, err := os.Stat(filepath.Join(x.dir, badger.ManifestFilename)); err != nil {
		return err
	}
	if err := checkTables(x.dir, x.options(0), 0); err != nil {
		return err
	}
	name := filepath.Join(x.room.dir, probeName)
	if err := durable.WriteFile(name, []byte("a probe"), 0o600); err != nil {
		return err
	}
	return durable.Remove(name)
}

// probeName is the file that probe writes into the store's folder.
const probeName = ".probe"

// getUp ends the rest of an index that fills tables again, and puts the next one off. What
// was written is there, whatever becomes of it: the next to write is told what fails.
func (x *index) getUp() {
	if x.putOff() {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.db == nil || !x.resting {
		return
	}
	if free, ok := durable.FreeBytes(x.dir); ok && free < deleteFree {
		return // the next write tries again, if there is room for one
	}
	x.filled.Store(false)
	_ = x.reopenLocked(compactors)
}

// putOff puts the next rest off, and reports whether the index does not rest.
func (x *index) putOff() bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if x.db == nil || x.resting {
		return false
	}
	x.timer.Reset(x.rest)
	x.filled.Store(false)
	return true
}

// reopenLocked opens the database anew, with so many compactors. If it cannot be opened,
// nothing is read or written, and it is tried again after a while. Nothing is lost then:
// all that was written is in Badger's log.
func (x *index) reopenLocked(compactors int) error {
	if err := x.step("index", x.dir); err != nil {
		return x.fail(err)
	}
	x.versioned = x.hasVersion()
	err := x.db.Close()
	x.db = nil
	if err != nil {
		return x.goneLocked(err)
	}
	return x.openAgainLocked(compactors)
}

// openAgainLocked opens the database, which is to be the one that it was.
func (x *index) openAgainLocked(compactors int) error {
	err := x.step("index", x.dir)
	if err == nil {
		err = x.open(compactors, 0)
	}
	if err != nil {
		return x.goneLocked(err)
	}
	x.resting = compactors == 0
	if x.versioned && !x.hasVersion() {
		// Badger takes an index whose list of tables is gone for an empty one.
		err := errors.Join(fmt.Errorf("%w: it is empty", ErrDamaged), x.db.Close())
		x.db = nil
		return x.goneLocked(err)
	}
	x.timer.Reset(x.rest)
	return nil
}

// goneLocked notes why there is no database.
func (x *index) goneLocked(err error) error {
	x.gone = fmt.Errorf("opening the index anew: %w", explain(err))
	_ = count(&x.failures.index, err)
	x.timer.Reset(min(x.rest, reviveAfter))
	return x.gone
}

// hasVersion reports whether the store's version is in the database, as it is from the
// first Open on.
func (x *index) hasVersion() bool {
	return x.db.View(func(t *badger.Txn) error {
		_, err := t.Get([]byte{keyVersion})
		return err
	}) == nil
}
