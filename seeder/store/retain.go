package store

import (
	"context"
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
	At   time.Time
}

// Truncations returns the truncations of the feed whose blocks are still kept, oldest first.
func (f *Feed) Truncations() []Truncation {
	f.mu.Lock()
	defer f.mu.Unlock()
	var list []Truncation
	for _, o := range f.rec.retired {
		if !o.expired {
			list = append(list, Truncation{o.head, o.common, o.at})
		}
	}
	return list
}

// Expire gives the space of blocks back that writers truncated longer than
// retention before now.
func (s *Store) Expire(now time.Time, retention time.Duration) error {
	var errs []error
	for _, f := range s.all() {
		if err := f.expire(now.Add(-retention)); err != nil {
			errs = append(errs, fmt.Errorf("feed %s: %w", f.dk, err))
		}
	}
	return errors.Join(errs...)
}

func (f *Feed) expire(before time.Time) error {
	f.mu.Lock()
	due := slices.ContainsFunc(f.rec.retired, func(o retired) bool { return !o.expired && o.at.Before(before) })
	f.mu.Unlock()
	if !due {
		return nil
	}
	if err := f.Flush(context.Background()); err != nil {
		return err
	}
	f.mu.Lock()
	rec := *f.rec
	rec.retired = slices.Clone(rec.retired)
	var gone []retired
	for i := range rec.retired {
		if o := &rec.retired[i]; !o.expired && o.at.Before(before) {
			o.expired = true
			gone = append(gone, *o)
		}
	}
	f.rec = &rec
	f.changed = true
	f.mu.Unlock()
	// The index says first that the blocks are gone.
	if err := f.s.commits.added(f, size{}); err != nil {
		return err
	}
	if err := f.Flush(context.Background()); err != nil {
		return err
	}
	for _, o := range gone {
		if err := f.removeRetired(&rec, o); err != nil {
			return err
		}
	}
	return nil
}

// removeRetired removes what lies beyond the common part of a truncation.
func (f *Feed) removeRetired(rec *record, o retired) error {
	for _, kind := range []byte{keyNodes, keyBits} {
		prefix := bitsKey(f.dk, o.generation, 0)
		prefix = prefix[:len(prefix)-8]
		prefix[0] = kind
		err := f.s.deleteKeys(prefix, func(key []byte) bool { return beyond(kind, key[len(prefix):], o.common) })
		if err != nil {
			return err
		}
	}
	at := slices.IndexFunc(rec.generations, func(g generation) bool { return g.number == o.generation })
	if at < 0 {
		return f.s.files.removeGeneration(f.dk, o.generation)
	}
	file, err := f.s.files.acquire(f.dk, o.generation, false)
	if errors.Is(err, errNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.s.files.release(file)
	from := int64(o.commonByte - rec.generations[at].firstByte)
	info, err := file.Stat()
	if err != nil || info.Size() <= from {
		return err
	}
	return f.s.files.punch(file, from, info.Size()-from)
}

// beyond reports whether a page holds nothing of the first length blocks.
func beyond(kind byte, rest []byte, length uint64) bool {
	if kind == keyBits {
		return bigEndian(rest)*feed.PageBits >= length
	}
	if len(rest) != 9 {
		return false
	}
	id := pageID{rest[0], bigEndian(rest[1:])}
	shift := uint(id.level+1) * pageDepth
	return shift < 64 && id.number<<shift >= length
}
