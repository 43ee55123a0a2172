package store

import (
	"context"
	"fmt"
)

// clearChunk is how many blocks are cleared in one go: the feed is locked
// meanwhile. The range whose space is to be given back is never larger.
const clearChunk = 1 << 15

// Clear drops the bytes of the blocks [start, end), and keeps the tree: for a
// writer whose blocks are kept elsewhere. That is durable when Clear returns. The
// space is given back by [Feed.Reclaim], or when the store is closed: a commit after
// that waits until the disk has discarded it, which takes a second for some GB.
func (f *Feed) Clear(start, end uint64) error {
	f.writing.Lock()
	defer f.writing.Unlock()
	end = min(end, f.State().Head.Length)
	for ; start < end; start += clearChunk {
		if err := f.clear(start, min(end, start+clearChunk)); err != nil {
			return fmt.Errorf("clearing blocks of feed %s: %w", f.dk, err)
		}
	}
	return nil
}

func (f *Feed) clear(start, end uint64) error {
	if err := f.Flush(context.Background()); err != nil {
		return err
	}
	if f.reaches(start, end) > clearChunk {
		if err := f.reclaim(); err != nil {
			return err
		}
	}
	f.mu.Lock()
	holes, err := f.holesLocked(start, end, true)
	if err == nil && len(holes) > 0 {
		if f.rec.clearTo > f.rec.clearFrom { // its holes are found again as what is not held
			start, end = min(start, f.rec.clearFrom), max(end, f.rec.clearTo)
		}
		f.rec.clearFrom, f.rec.clearTo = start, end
		for _, h := range holes {
			for i := h.first; i < h.end; i++ {
				leaf, _ := f.nodeLocked(2 * i) // it was found a moment ago
				f.dropLocked(i, leaf.Size)
			}
		}
		f.forgetPlacesLocked()
	}
	f.mu.Unlock()
	if err != nil || len(holes) == 0 {
		return err
	}
	if err := f.commitNow(); err != nil {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.err == nil {
			f.err = err // what is in memory is ahead of what is on the disk: nothing may be given back
		}
		return err
	}
	return nil
}

// reaches returns over how many blocks the range reaches whose space is to be given
// back, with [start, end) in it.
func (f *Feed) reaches(start, end uint64) uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.rec.clearTo > f.rec.clearFrom {
		start, end = min(start, f.rec.clearFrom), max(end, f.rec.clearTo)
	}
	return end - start
}

// Reclaim gives the space back of blocks that were cleared.
func (f *Feed) Reclaim() error {
	f.writing.Lock()
	defer f.writing.Unlock()
	if err := f.reclaim(); err != nil {
		return fmt.Errorf("giving space of feed %s back: %w", f.dk, err)
	}
	return nil
}

// A hole is a run of blocks in one file whose space is given back.
type hole struct {
	first, end uint64 // blocks
	generation uint64
	at, size   int64
}

// holesLocked returns the runs of the blocks [start, end) that are held, or that
// are neither held nor on their way to the disk. Blocks that were never there have no place, and are left out.
func (f *Feed) holesLocked(start, end uint64, held bool) (holes []hole, err error) {
	if err := f.loadBitsLocked(); err != nil {
		return nil, err
	}
	for i := start; i < end; i++ {
		if held && !f.bits.Get(i) || !held && f.knownLocked(i) {
			continue
		}
		p, err := f.findLocked(i)
		if err != nil && held {
			return nil, err
		}
		if err != nil {
			continue
		}
		k := len(holes) - 1
		if k >= 0 && holes[k].end == i && holes[k].generation == p.generation {
			holes[k].end++
			holes[k].size += int64(p.size)
			continue
		}
		holes = append(holes, hole{i, i + 1, p.generation, p.at, int64(p.size)})
	}
	return holes, nil
}

// reclaim gives the space back of what is cleared. Who calls it has writing, or is alone.
// It has the feed's mutex all the time, so that no block can be put into a hole before it is punched.
func (f *Feed) reclaim() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.err != nil {
		return f.err
	}
	holes, err := f.clearedLocked()
	if err != nil {
		return err
	}
	for _, h := range holes {
		if err := f.s.files.punch(f.dk, h.generation, h.at, h.size); err != nil {
			return err
		}
	}
	f.rec.clearFrom, f.rec.clearTo = 0, 0
	return nil // that it is done is written with the next commit: doing it twice is harmless
}

// clearedLocked returns the holes whose space was not given back yet.
func (f *Feed) clearedLocked() ([]hole, error) {
	if f.rec.clearTo <= f.rec.clearFrom {
		return nil, nil // and which blocks are held need not be loaded
	}
	return f.holesLocked(f.rec.clearFrom, min(f.rec.clearTo, f.rec.clearFrom+clearChunk), false)
}
