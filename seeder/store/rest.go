package store

import (
	"fmt"
	"time"
)

// Badger's compactors look for work forty times a second, which is most of what a box
// costs that has nothing to do; and they cannot be told to wait. So an index that fills
// no table for a while rests: its database is opened anew, without compactors. When it
// fills a table again, it gets up.

// compactors is how many look for work in an index that does not rest: Badger's least.
const compactors = 2

// defaultRest is how long an index fills no table until it rests.
const defaultRest = time.Minute

// lieDown makes the index rest, unless there is something to compact, or no room for the
// table that Badger writes when it is closed; then it tries again later.
func (x *index) lieDown() {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.db == nil || x.resting || x.check() != nil {
		return
	}
	if x.dueLocked() || x.room.forIndex(deleteFree) != nil {
		x.timer.Reset(x.rest)
		return
	}
	_ = x.reopenLocked(0) // it says so to whoever comes next
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

// getUp ends the rest of an index that fills tables again, and puts the next one off.
func (x *index) getUp() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.db == nil {
		return nil // closed meanwhile: what was written is there
	}
	x.timer.Reset(x.rest)
	if x.resting {
		if x.room.forIndex(deleteFree) != nil {
			return nil // the next write tries again, if there is room for one
		}
		if err := x.reopenLocked(compactors); err != nil {
			return err
		}
	}
	x.filled.Store(false)
	return nil
}

// reopenLocked opens the database anew, with so many compactors. After an error nothing
// is written any more; if it could not be opened, nothing is read either.
func (x *index) reopenLocked(compactors int) error {
	err := x.step("index", x.dir)
	if err == nil {
		err = x.db.Close()
		x.db = nil
	}
	if err == nil {
		err = x.open(compactors, 0)
	}
	if err != nil {
		x.gone = fmt.Errorf("opening the index anew: %w", explain(err))
		return x.fail(x.gone)
	}
	x.resting = compactors == 0
	return nil
}
