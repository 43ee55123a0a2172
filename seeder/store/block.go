package store

import (
	"errors"
	"fmt"
	"slices"

	"cobox/seeder/feed"
)

// Block reads a block, synced or not: it appends the stored bytes to buf[:0].
// The error wraps [ErrNoBlock] for one that is not stored. The bytes are not
// compared with their hash: [Store.Scrub] does that.
func (f *Feed) Block(i uint64, buf []byte) ([]byte, error) {
	for {
		p, err := f.find(i)
		if err == nil {
			buf = slices.Grow(buf[:0], int(p.size))[:p.size]
			err = f.read(p, buf)
		}
		// What was dropped while we read may have been a hole already.
		if f.drops.Load() != p.drops {
			continue
		}
		if err != nil && !errors.Is(err, ErrNoBlock) {
			_ = count(&f.s.failures.read, err)
		}
		if err != nil {
			return nil, fmt.Errorf("reading block %d of feed %s: %w", i, f.dk, err)
		}
		return buf, nil
	}
}

// A position is where a block lies.
type position struct {
	generation uint64 // number
	at         int64  // in the generation's file
	size       uint64
	drops      uint64 // Feed.drops when it was found
}

func (f *Feed) find(i uint64) (position, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.knownLocked(i) {
		return position{drops: f.drops.Load()}, ErrNoBlock
	}
	return f.findLocked(i)
}

// findLocked returns where a block lies whose nodes are stored.
func (f *Feed) findLocked(i uint64) (position, error) {
	p := position{drops: f.drops.Load()}
	size, err := f.sizeLocked(2 * i)
	if err != nil {
		return p, err
	}
	offset, err := f.offsetLocked(i, &f.readAt)
	if err != nil {
		return p, err
	}
	g := f.rec.of(i)
	if offset < g.firstByte || size > maxBlock {
		return p, fmt.Errorf("%w: tree node %d", ErrDamaged, 2*i)
	}
	f.readAt = hint{i + 1, offset + size}
	p.generation, p.at, p.size = g.number, int64(offset-g.firstByte), size
	return p, nil
}

// maxBlock bounds the bytes of a block that memory is taken for. Frames of
// replication are smaller.
const maxBlock = 64 << 20

func (f *Feed) read(p position, buf []byte) error {
	if len(buf) == 0 {
		return nil
	}
	file, err := f.s.files.acquire(f.dk, p.generation, false)
	if err != nil {
		return err
	}
	defer f.s.files.release(file)
	_, err = file.ReadAt(buf, p.at)
	return err
}

// offsetLocked returns where a block begins in the feed's byte order.
func (f *Feed) offsetLocked(i uint64, h *hint) (uint64, error) {
	if i == h.block && i > 0 {
		return h.offset, nil
	}
	return feed.ByteOffset(lockedSizes{f}, f.rec.state.Roots, i)
}
