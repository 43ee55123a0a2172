package store

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"cobox/seeder/feed"
)

// A Truncation is a signed delete by a feed's writer: what was before it is kept
// for a while.
type Truncation struct {
	Head feed.Head // before
	Kept uint64    // blocks that stayed
	At   time.Time // when it came here
}

// Truncations returns the truncations of the feed whose blocks are still kept, oldest first.
func (f *Feed) Truncations() []Truncation {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []Truncation
	for i := range f.rec.retired {
		if o := &f.rec.retired[i]; o.stage == kept {
			list = append(list, Truncation{o.head, o.common, o.at})
		}
	}
	return list
}

// Expire gives the space of blocks back that writers truncated longer than
// retention before now. Of a frozen feed nothing expires. One feed's error does
// not keep the others from expiring.
func (s *Store) Expire(now time.Time, retention time.Duration) error {
	var errs []error
	for _, f := range s.all() {
		if err := f.expire(now.Add(-retention)); err != nil && !errors.Is(err, ErrClosed) {
			errs = append(errs, fmt.Errorf("dropping truncated blocks of feed %s: %w", f.dk, err))
		}
	}
	return errors.Join(errs...)
}

// expire is done in steps that a crash may come between: the index says that the
// blocks may go; they go; the index says that they are gone.
func (f *Feed) expire(before time.Time) error {
	if f.settled(before) {
		return nil
	}
	f.writing.Lock()
	defer f.writing.Unlock()
	if f.Frozen() != nil {
		return nil
	}
	if err := f.dropLitter(); err != nil {
		return err
	}
	rec := f.mark(func(o *retired) bool { return o.stage == kept && o.at.Before(before) }, expired)
	if err := f.commitNow(); err != nil {
		return err
	}
	for i := range rec.retired {
		if rec.retired[i].stage == expired {
			if err := f.removeRetired(rec, i); err != nil {
				return err
			}
		}
	}
	f.mark(func(o *retired) bool { return o.stage == expired }, gone)
	if err := f.commitNow(); err != nil {
		return err
	}
	return f.joinLayers()
}

// settled reports whether there is nothing to expire.
func (f *Feed) settled(before time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.frozen != nil || f.err != nil {
		return true
	}
	if len(f.rec.litter) > 0 {
		return false
	}
	// The oldest that has not gone goes first: see mark.
	for i := range f.rec.retired {
		if o := &f.rec.retired[i]; o.stage != gone {
			return o.stage == kept && !o.at.Before(before)
		}
	}
	return true
}

// mark gives truncations another stage, from the oldest on up to the first that
// does not match: an older one's blocks lie behind a younger one's in the same
// file. It returns the record, which nobody changes in these fields but who
// holds f.writing.
func (f *Feed) mark(match func(*retired) bool, to stage) *record {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := slices.Clone(f.rec.retired)
	for i := range list {
		if list[i].stage >= to {
			continue
		}
		if !match(&list[i]) {
			break
		}
		list[i].stage = to
		f.changed = true
	}
	f.rec.retired = list
	rec := *f.rec
	return &rec
}

// removeRetired removes what a truncation took out of force.
func (f *Feed) removeRetired(rec *record, i int) error {
	o := &rec.retired[i]
	for _, g := range o.dropped {
		if err := f.s.files.removeGeneration(f.dk, g.number); err != nil {
			return err
		}
	}
	if o.cut != nil {
		if err := f.s.files.truncate(f.dk, o.cut.number, int64(o.commonByte-o.cut.firstByte)); err != nil {
			return err
		}
	}
	for _, older := range rec.retired[:i+1] {
		if err := f.dropBeyond(older.layer, o.common); err != nil {
			return err
		}
	}
	return nil
}

// dropBeyond deletes the pages of a layer that hold nothing of the first length blocks.
func (f *Feed) dropBeyond(layer, length uint64) error {
	err := f.s.index.deleteKeys(layerKey(keyNodes, f.dk, layer), func(rest []byte) bool {
		id, ok := parseNodesKey(rest)
		return !ok || id.number > feed.MaxLength || feed.LeftSpan(id.root()) >= 2*length
	})
	if err != nil {
		return err
	}
	return f.s.index.deleteKeys(layerKey(keyBits, f.dk, layer), func(rest []byte) bool {
		number, ok := parseBitsKey(rest)
		return !ok || number > feed.MaxLength || number*feed.PageBits >= length
	})
}
