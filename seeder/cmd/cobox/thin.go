package main

import (
	"context"
	"fmt"
	"time"

	"cobox/seeder/durable"
	"cobox/seeder/space"
)

// roomKept is how much of the disk a backup leaves free as long as it can: from there on
// it drops what all boxes have, and waits for them.
const roomKept = 1 << 30

// fewBlocks is how many blocks, of up to 1 MiB, may wait for the boxes on a disk that is short.
const fewBlocks = 64

// lookAgain is how often a thinner looks whether boxes have taken more.
const lookAgain = 100 * time.Millisecond

// A thinner makes room while a backup goes on, so that a folder can be larger than what
// is free on this computer: what all boxes of the space say that they have on their disks
// is dropped here. Only where the disk is short: else all stays until they have signed for it.
type thinner struct {
	own     *ownFeed
	keys    *space.Keys
	dir     string                // of the store
	free    func() (uint64, bool) // of the disk; false when nobody knows
	boxes   func() (uint64, bool) // the blocks that all boxes have; false when one cannot be asked now
	indexed func() uint64         // blocks whose chunks are known without reading them

	cleared uint64    // there are no contents of files before this block
	last    uint64    // what the boxes had when they had taken something, of late
	since   time.Time // when that was
}

func newThinner(p *push, keys *space.Keys, dir string) *thinner {
	return &thinner{own: p.own, keys: keys, dir: dir, free: func() (uint64, bool) { return durable.FreeBytes(dir) },
		boxes: p.everywhere, indexed: func() uint64 { return 0 }}
}

// makeRoom is called before blocks from next on are appended. It waits for the boxes as
// long as they take something and the disk is short. Then what little there is may be used.
func (t *thinner) makeRoom(ctx context.Context, next uint64) error {
	for {
		if free, ok := t.free(); !ok || free >= roomKept {
			t.since = time.Time{}
			return nil
		}
		have, ok := t.boxes()
		if !ok {
			return nil
		}
		if have > t.last || t.since.IsZero() {
			t.last, t.since = have, time.Now()
		}
		// The last block stays, since each backup begins with it.
		if end := min(have, t.indexed(), t.own.Length()-1); end > t.cleared {
			err := t.own.clearData(ctx, t.keys, t.cleared, end)
			if err == nil {
				err = t.own.Reclaim()
			}
			if err != nil {
				return fmt.Errorf("making room in %s: %w", t.dir, err)
			}
			t.cleared = end
			continue
		}
		if have+fewBlocks >= next || time.Since(t.since) > patience {
			return nil // hardly anything of ours is in the way, or nothing goes on
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(lookAgain):
		}
	}
}

// everywhere returns how many blocks of the feed all boxes have. ok is false when there
// is no box, or one that has not said it on this session, or takes no more, and of a feed
// that is frozen.
func (p *push) everywhere() (blocks uint64, ok bool) {
	if p.own.Frozen() != nil {
		return 0, false
	}
	blocks = p.own.Length()
	for _, t := range p.targets {
		n, final := p.progress(t)
		t.mu.Lock()
		there := t.err == nil && p.remote(t.id) != nil
		t.mu.Unlock()
		if final || !there {
			return 0, false
		}
		blocks = min(blocks, n)
	}
	return blocks, len(p.targets) > 0
}
