package store

import (
	"context"
	"errors"
	"fmt"

	"cobox/seeder/feed"

	"golang.org/x/time/rate"
)

// A Damage is something that a scrub found to be other than what was stored.
type Damage struct {
	Feed  feed.Key
	Block uint64 // the block; of a damaged tree node, the first block below it
	What  string // in a few words
}

// scrubStep is how many bytes are read between two looks at the clock.
const scrubStep = 1 << 20

// Scrub re-reads all blocks of all feeds and compares them with their hashes,
// and the hashes with the signed heads, at most rate bytes a second (0 for as
// fast as it goes). A block that is bad is reported and no longer counts as
// stored, so that it is fetched again. It returns ctx's error when that ends it.
func (s *Store) Scrub(ctx context.Context, bytesPerSecond int, report func(Damage)) error {
	limit := rate.NewLimiter(rate.Inf, scrubStep)
	if bytesPerSecond > 0 {
		limit = rate.NewLimiter(rate.Limit(bytesPerSecond), max(scrubStep, bytesPerSecond))
	}
	var errs []error
	for _, f := range s.all() {
		if err := f.scrub(ctx, limit, report); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			errs = append(errs, fmt.Errorf("scrubbing feed %s: %w", f.dk, err))
		}
	}
	return errors.Join(errs...)
}

func (f *Feed) scrub(ctx context.Context, limit *rate.Limiter, report func(Damage)) error {
	st := f.Durable()
	if st.Head.Length > 0 {
		if err := feed.VerifyHead(st.Key, st.Manifest, st.Head); err != nil || feed.TreeHash(st.Roots) != st.Head.Hash {
			report(Damage{Feed: f.key, What: "the signed head does not fit the tree"})
		}
	}
	var buf []byte
	for i, ok := f.nextHeld(0); ok; i, ok = f.nextHeld(i + 1) {
		value, err := f.Block(i, buf)
		if err == nil {
			buf = value
			err = f.checkBlock(&st, i, value)
		}
		switch {
		case errors.Is(err, ErrClosed), errors.Is(err, ErrNoBlock):
			continue // deleted or truncated meanwhile
		case err != nil && f.Durable().Head.Fork == st.Head.Fork:
			report(Damage{Feed: f.key, Block: i, What: err.Error()})
			if err := f.dropBad(i); err != nil {
				return err
			}
		}
		for n := len(value) + 64; n > 0; n -= scrubStep {
			if err := limit.WaitN(ctx, min(n, scrubStep)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *Feed) nextHeld(i uint64) (uint64, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.loadBitsLocked() != nil {
		return 0, false
	}
	return f.bits.NextSet(i)
}

// checkBlock compares a block with its leaf, and the way up with the roots.
// Parents are checked where the block is the last below them, so that each is
// checked about once.
func (f *Feed) checkBlock(st *feed.State, i uint64, value []byte) error {
	leaf := feed.Leaf(i, value)
	f.mu.Lock()
	defer f.mu.Unlock()
	at, err := f.nodeLocked(2 * i)
	if err != nil {
		return err
	}
	if at != leaf {
		return errors.New("the block's bytes do not fit its hash")
	}
	for feed.RightSpan(at.Index) == 2*i {
		for _, root := range st.Roots {
			if root.Index == at.Index {
				if root != at {
					return fmt.Errorf("tree node %d does not fit the signed head", at.Index)
				}
				return nil
			}
		}
		parent := feed.ParentIndex(at.Index)
		if feed.RightSpan(parent) != 2*i {
			return nil // a later block checks it
		}
		left, err := f.nodeLocked(feed.LeftChild(parent))
		if err != nil {
			return nil // not stored: its blocks are not here either
		}
		stored, err := f.nodeLocked(parent)
		if err != nil {
			return nil
		}
		if stored != feed.Parent(left, at) {
			return fmt.Errorf("tree node %d does not fit the ones below it", parent)
		}
		at = stored
	}
	return nil
}

// dropBad takes a bad block out of what is stored.
func (f *Feed) dropBad(i uint64) error {
	f.mu.Lock()
	if err := f.loadBitsLocked(); err != nil {
		f.mu.Unlock()
		return err
	}
	if f.bits.Get(i) {
		var n uint64
		if leaf, err := f.nodeLocked(2 * i); err == nil {
			n = leaf.Size
		}
		f.dropLocked(i, n)
	}
	f.mu.Unlock()
	if err := f.s.commits.added(f, size{}); err != nil {
		return err
	}
	return f.Flush(context.Background())
}
