package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"syscall"

	"cobox/seeder/feed"

	"golang.org/x/time/rate"
)

// A Damage is something that a scrub found to be other than what was stored.
type Damage struct {
	Feed  feed.Key
	Block uint64 // the block; of a damaged tree node, the first block below it
	Lost  uint64 // blocks that no longer count as stored by it
	What  string // in a few words
	// Mended says that it could be mended here, from what else is stored.
	Mended bool
}

// scrubStep is how many bytes are read between two looks at the clock.
const scrubStep = 1 << 20

// Scrub re-reads all blocks of all feeds and compares them with their hashes,
// and the hashes with the signed heads, at most rate bytes a second (0 for as
// fast as it goes). A block that is bad no longer counts as stored, so that it is
// fetched again, and is reported then. It returns ctx's error when that ends it.
func (s *Store) Scrub(ctx context.Context, bytesPerSecond int, report func(Damage)) error {
	limit := rate.NewLimiter(rate.Inf, scrubStep)
	if bytesPerSecond > 0 {
		limit = rate.NewLimiter(rate.Limit(bytesPerSecond), scrubStep)
	}
	var errs []error
	for _, f := range s.all() {
		err := f.scrub(ctx, limit, report)
		s.pages.forget(f) // a scrub looks at all pages once: they are not what is used most
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil && !errors.Is(err, ErrClosed) {
			errs = append(errs, fmt.Errorf("scrubbing feed %s: %w", f.dk, err))
		}
	}
	return errors.Join(errs...)
}

func (f *Feed) scrub(ctx context.Context, limit *rate.Limiter, report func(Damage)) error {
	st := f.Durable()
	if st.Head.Length == 0 {
		return nil
	}
	if err := feed.VerifyHead(st.Key, st.Manifest, st.Head, st.Roots); err != nil || feed.TreeHash(st.Roots) != st.Head.Hash {
		report(Damage{Feed: f.key, What: "the signed head does not fit the tree: unpin the feed, and pin it again"})
		return nil
	}
	var few handful
	bad := false
	for next := uint64(0); ; {
		var size int
		if next, size = few.read(f, next, st.Head.Length); len(few.blocks) == 0 {
			break
		}
		few.hash()
		for _, b := range few.blocks {
			damages, err := f.check(&st, b.index, b.leaf, b.err)
			for _, d := range damages {
				bad = true
				report(d)
			}
			if err != nil {
				return err
			}
		}
		f.s.scrubbedBytes.Add(uint64(size))
		for n := size + scrubOverhead*len(few.blocks); n > 0; n -= scrubStep {
			if err := limit.WaitN(ctx, min(n, scrubStep)); err != nil {
				return err
			}
		}
	}
	if !bad {
		return nil
	}
	return f.scrubbed()
}

// scrubOverhead is what a block counts beside its bytes.
const scrubOverhead = 64

// A handful is some blocks that are scrubbed together, since they are hashed
// together: as many as the processor hashes at once, of scrubStep bytes or one.
type handful struct {
	blocks  []scrubbedBlock
	buffers [][]byte // of the blocks, used again
}

// A scrubbedBlock is a block as it was read.
type scrubbedBlock struct {
	index uint64
	leaf  feed.Node
	err   error // of reading it
}

// read reads the blocks that are held from a block on, before length, and returns
// where to go on and how many bytes it read.
func (few *handful) read(f *Feed, from, length uint64) (next uint64, size int) {
	few.blocks = few.blocks[:0]
	for size < scrubStep && len(few.blocks) < feed.HashWidth() {
		i, ok := f.nextHeld(from)
		if !ok || i >= length {
			break
		}
		from = i + 1
		at := len(few.blocks)
		if at == len(few.buffers) {
			few.buffers = append(few.buffers, nil)
		}
		value, err := f.Block(i, few.buffers[at])
		if err == nil {
			few.buffers[at] = value
			size += len(value)
		}
		few.blocks = append(few.blocks, scrubbedBlock{index: i, err: err})
	}
	return from, size
}

// hash sets the leaves of the blocks that could be read, and gives large buffers back.
func (few *handful) hash() {
	var values [][]byte
	for at, b := range few.blocks {
		if b.err == nil {
			values = append(values, few.buffers[at])
		}
	}
	leaves := feed.Leaves(0, values)
	for at := range few.blocks {
		if b := &few.blocks[at]; b.err == nil {
			leaves[0].Index = 2 * b.index
			b.leaf, leaves = leaves[0], leaves[1:]
		}
		if cap(few.buffers[at]) > scrubStep {
			few.buffers[at] = nil
		}
	}
}

// scrubbed makes what a scrub changed durable.
func (f *Feed) scrubbed() error {
	f.writing.Lock()
	defer f.writing.Unlock()
	f.mu.Lock()
	f.recountLocked()
	f.changed = true
	f.mu.Unlock()
	return f.commitNow()
}

func (f *Feed) nextHeld(i uint64) (uint64, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.loadBitsLocked() != nil {
		return 0, false
	}
	return f.bits.NextSet(i)
}

// check compares the leaf of a block, as it was read, with the stored one, and the
// way up with the roots, and does about it what can be done here.
func (f *Feed) check(st *feed.State, i uint64, leaf feed.Node, readErr error) ([]Damage, error) {
	f.mu.Lock()
	if f.err != nil || f.passedLocked(st, i) {
		defer f.mu.Unlock()
		return nil, f.err
	}
	if readErr != nil && !isDamage(readErr) {
		defer f.mu.Unlock()
		return nil, readErr
	}
	switch leafFits := readErr == nil && f.leafFitsLocked(&leaf); {
	case !f.pathFitsLocked(st, i):
		// It needs to be looked into, with nothing else going on.
	case leafFits:
		f.mu.Unlock()
		return nil, nil
	}
	f.mu.Unlock()
	return f.mend(st, i)
}

// passedLocked reports whether a block that a scrub was about to look at has been
// truncated or cleared meanwhile.
func (f *Feed) passedLocked(st *feed.State, i uint64) bool {
	return f.durable.Head.Fork != st.Head.Fork || !f.hasLocked(i)
}

// isDamage reports whether an error of reading says that what is on the disk is
// bad, and not that it cannot be read just now.
func isDamage(err error) bool {
	for _, bad := range []error{ErrDamaged, feed.ErrNoNode, syscall.EIO, io.EOF, io.ErrUnexpectedEOF, fs.ErrNotExist} {
		if errors.Is(err, bad) {
			return true
		}
	}
	return false
}

func (f *Feed) leafFitsLocked(leaf *feed.Node) bool {
	n, err := f.nodeLocked(leaf.Index)
	return err == nil && n == *leaf
}

// pathFitsLocked compares nodes with their parents from a leaf up to a root, as
// long as the block is the last one below: so each is compared about once.
func (f *Feed) pathFitsLocked(st *feed.State, i uint64) bool {
	for at := 2 * i; feed.RightSpan(at) == 2*i; at = feed.ParentIndex(at) {
		n, err := f.nodeLocked(at)
		if err != nil {
			return false
		}
		if root, ok := rootOf(st, at); ok {
			return n == root
		}
		if feed.RightSpan(feed.ParentIndex(at)) != 2*i {
			return true // a later block compares it
		}
		if !f.childrenFitLocked(feed.ParentIndex(at)) {
			return false
		}
	}
	return true
}

func rootOf(st *feed.State, index uint64) (feed.Node, bool) {
	for _, root := range st.Roots {
		if root.Index == index {
			return root, true
		}
	}
	return feed.Node{}, false
}

// childrenFitLocked reports whether a node is the parent of its children.
func (f *Feed) childrenFitLocked(index uint64) bool {
	n, err := f.nodeLocked(index)
	if err != nil {
		return false
	}
	left, err := f.nodeLocked(feed.LeftChild(index))
	if err != nil {
		return errors.Is(err, feed.ErrNoNode) // no block below it is stored
	}
	right, err := f.nodeLocked(feed.RightChild(index))
	if err != nil {
		return errors.Is(err, feed.ErrNoNode)
	}
	return n == feed.Parent(left, right)
}

// Recheck looks at one block as a scrub does, now. It returns what was bad, which
// no longer counts as stored unless it could be set right here; nothing for a
// block that is as it was stored, or not stored.
func (f *Feed) Recheck(i uint64) ([]Damage, error) {
	st := f.Durable()
	if i >= st.Head.Length || !f.Has(i) {
		return nil, nil
	}
	var leaf feed.Node
	value, err := f.Block(i, nil)
	if err == nil {
		leaf = feed.Leaf(i, value)
	}
	found, err := f.check(&st, i, leaf, err)
	if err != nil || len(found) == 0 {
		return found, err
	}
	return found, f.scrubbed()
}
