package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"cobox/seeder/feed"

	"github.com/dgraph-io/badger/v4"
)

var errNotExist = fs.ErrNotExist

func bigEndian(b []byte) uint64 {
	if len(b) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

// maxRetired bounds the truncations of a feed that are remembered. A writer that
// truncates more often within the retention time is refused.
const maxRetired = 256

// Put stores what a verified proof establishes. When it returns, nothing of the
// batch's slices is retained, and the block can be read; it is durable after the
// next commit: see [Feed.Flush]. Put waits while too much is not synced yet.
//
// Errors wrap [ErrFrozen], [ErrNoSpace], [ErrReadOnly], [ErrClosed]; after an
// error of the disk the feed takes nothing in until the store is opened anew,
// except when the disk was full.
func (f *Feed) Put(b *feed.Batch) error {
	f.mu.Lock()
	grown, err := f.putLocked(b)
	f.mu.Unlock()
	if err != nil {
		return fmt.Errorf("storing into feed %s: %w", f.dk, err)
	}
	return f.s.commits.added(f, grown)
}

// size is what a change adds to what waits for a commit.
type size struct{ bytes, pages int }

func (f *Feed) putLocked(b *feed.Batch) (grown size, err error) {
	switch {
	case f.err != nil:
		return grown, f.err
	case f.frozen != nil:
		return grown, fmt.Errorf("%w: %w", ErrFrozen, f.frozen)
	}
	if b.Reorg {
		if err := f.reorgLocked(b.Common); err != nil {
			return grown, err
		}
		defer func() {
			if err != nil {
				f.err = err // half way from one fork to the other
			}
		}()
	}
	before := len(f.dirty)
	if err := f.setNodesLocked(b.Nodes); err != nil {
		return grown, err
	}
	if b.Upgraded != nil {
		f.rec.state = *b.Upgraded
		if err := f.setNodesLocked(b.Upgraded.Roots); err != nil {
			return grown, err
		}
	}
	if b.Block != nil && !f.knownLocked(b.Block.Index) {
		if err := f.writeBlockLocked(b.Block.Index, b.Block.Value); err != nil {
			return grown, err
		}
		grown.bytes = len(b.Block.Value)
	}
	f.changed = true
	grown.pages = len(f.dirty) - before
	return grown, nil
}

func (f *Feed) setNodesLocked(nodes []feed.Node) error {
	for _, n := range nodes {
		id, slot := place(n.Index)
		p, err := f.pageLocked(id)
		if err != nil {
			return err
		}
		if p.has(slot) {
			continue // verified twice is the same
		}
		f.dirty[id] = p
		p.set(slot, n)
	}
	return nil
}

// writeBlockLocked writes a block at its place. Until the index names it, the
// bytes are nobody's.
func (f *Feed) writeBlockLocked(i uint64, value []byte) error {
	offset, err := f.offsetLocked(i)
	if err != nil {
		return err
	}
	gen := f.rec.of(i)
	if len(value) > 0 {
		file := f.touched[gen.number]
		if file == nil {
			if file, err = f.s.files.acquire(f.dk, gen.number, true); err != nil {
				return err
			}
			f.touched[gen.number] = file
		}
		if err := f.s.files.write(file, value, int64(offset-gen.firstByte)); err != nil {
			return err
		}
	}
	f.pending[i] = uint64(len(value))
	f.nextBlock, f.nextByte = i+1, offset+uint64(len(value))
	return nil
}

// reorgLocked begins a new generation after the first common blocks. What was
// put before and is not committed must be committed first, so that the end of
// the old generation is whole.
func (f *Feed) reorgLocked(common uint64) error {
	if len(f.rec.retired) >= maxRetired {
		return fmt.Errorf("the writer truncated it %d times within the retention time: no more are followed for now", maxRetired)
	}
	for f.changed || f.committing != nil {
		f.mu.Unlock()
		err := f.s.commits.flush(context.Background())
		f.mu.Lock()
		if err != nil {
			return err
		}
	}
	// From now on the old blocks are not known any more, though the old head is
	// the durable one until the new one is committed.
	if err := f.dropFromLocked(common); err != nil {
		return err
	}
	at := f.rec.state.Head.Bytes
	if common < f.rec.state.Head.Length {
		var err error
		if at, err = f.commonByteLocked(common); err != nil {
			return err
		}
	}
	rec := *f.rec
	rec.retired = append(slices.Clone(rec.retired), retired{
		generation: rec.current().number, common: common, commonByte: at, head: rec.state.Head, at: time.Now(),
	})
	rec.generations = slices.DeleteFunc(slices.Clone(rec.generations), func(g generation) bool { return g.first >= common && g.first > 0 })
	if common == 0 {
		rec.generations = nil
	}
	rec.generations = append(rec.generations, generation{number: rec.next, first: common, firstByte: at})
	rec.next++
	f.rec = &rec
	f.nextBlock = 0
	return nil
}

// dropFromLocked takes all blocks from first on out of what is known.
func (f *Feed) dropFromLocked(first uint64) error {
	if err := f.loadBitsLocked(); err != nil {
		return err
	}
	for i, ok := f.bits.NextSet(first); ok; i, ok = f.bits.NextSet(i + 1) {
		n, err := f.nodeLocked(2 * i)
		if err != nil {
			return err
		}
		f.blocks--
		f.bytes -= min(n.Size, f.bytes)
	}
	truncateBits(f.bits, first)
	f.contiguous = min(f.contiguous, first)
	return nil
}

// commonByteLocked returns the bytes of the first blocks of the feed.
func (f *Feed) commonByteLocked(length uint64) (uint64, error) {
	var sum uint64
	for _, root := range feed.RootIndexes(length) {
		n, err := f.nodeLocked(root)
		if err != nil {
			return 0, err
		}
		sum += n.Size
	}
	return sum, nil
}

// Flush waits until everything that was put before is durable.
func (f *Feed) Flush(ctx context.Context) error {
	f.mu.Lock()
	err, clean := f.err, !f.changed && f.committing == nil
	f.mu.Unlock()
	if err != nil || clean {
		return err
	}
	if err := f.s.commits.flush(ctx); err != nil {
		return fmt.Errorf("syncing feed %s: %w", f.dk, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// Append appends blocks to a feed that is written here. sign signs the new head.
// The blocks are durable, and only then visible to others, when it returns; the
// index of the first is returned. Only one process may ever write a feed. When
// an error is returned, nothing was appended, or (an error of the disk) the feed
// takes no more in until the store is opened anew, and what is there then shows
// whether it was.
func (f *Feed) Append(ctx context.Context, blocks [][]byte, sign func(feed.Head) (feed.Head, error)) (first uint64, err error) {
	f.writing.Lock()
	defer f.writing.Unlock()
	st := f.State()
	tree, err := feed.NewTree(slices.Clone(st.Roots))
	if err != nil {
		return 0, fmt.Errorf("appending to feed %s: %w", f.dk, err)
	}
	first = tree.Length
	var nodes []feed.Node
	for _, b := range blocks {
		nodes = append(nodes, tree.Append(b)...)
	}
	head, err := sign(tree.Head(st.Head.Fork))
	if err != nil {
		return 0, fmt.Errorf("signing the head of feed %s: %w", f.dk, err)
	}
	st.Head, st.Roots = head, slices.Clone(tree.Roots)

	f.mu.Lock()
	grown, err := f.putLocked(&feed.Batch{Nodes: nodes, Upgraded: &st})
	for i := 0; i < len(blocks) && err == nil; i++ {
		err = f.writeBlockLocked(first+uint64(i), blocks[i])
		grown.bytes += len(blocks[i])
	}
	if err != nil {
		f.err = err // what is in memory is ahead of what can be written
	}
	f.mu.Unlock()
	if err == nil {
		err = f.s.commits.added(f, grown)
	}
	if err == nil {
		err = f.Flush(ctx)
	}
	if err != nil {
		return 0, fmt.Errorf("appending to feed %s: %w", f.dk, err)
	}
	return first, nil
}

// SetManifest gives a feed that is written here its manifest, before the first Append.
func (f *Feed) SetManifest(m *feed.Manifest) error {
	if m.Key() != f.key {
		return fmt.Errorf("feed %s: %w", f.dk, feed.ErrManifest)
	}
	f.mu.Lock()
	if f.rec.state.Manifest != nil {
		f.mu.Unlock()
		return nil
	}
	rec := *f.rec
	rec.state.Manifest = m
	f.rec = &rec
	f.changed = true
	f.mu.Unlock()
	if err := f.s.commits.added(f, size{}); err != nil {
		return err
	}
	return f.Flush(context.Background())
}

// Freeze keeps the evidence that a feed's writer forked it, durably. The feed
// takes nothing in from then on. Evidence that is there already stays.
func (f *Feed) Freeze(e *feed.ForkError) error {
	f.mu.Lock()
	done := f.frozen != nil
	f.mu.Unlock()
	if done {
		return nil
	}
	err := f.s.update(func(t *badger.Txn) error {
		return t.Set(feedKey(keyEvidence, f.dk), appendHead(appendHead(nil, e.Have), e.Got))
	})
	if err != nil {
		return fmt.Errorf("keeping the evidence of a fork of feed %s: %w", f.dk, err)
	}
	f.mu.Lock()
	f.frozen = e
	f.mu.Unlock()
	f.tell()
	return nil
}

// Clear drops the bytes of the blocks [start, end), and keeps the tree: for a
// writer whose blocks are kept elsewhere. The index says so before the space is
// given back.
func (f *Feed) Clear(start, end uint64) error {
	if err := f.Flush(context.Background()); err != nil {
		return err
	}
	f.mu.Lock()
	type hole struct {
		gen, at, n uint64
	}
	var holes []hole
	err := f.loadBitsLocked()
	for i := start; err == nil && i < end; i++ {
		next, ok := f.bits.NextSet(i)
		if !ok || next >= end {
			break
		}
		i = next
		var at int64
		var n uint64
		if at, n, err = f.whereLocked(i); err != nil {
			break
		}
		gen := f.rec.of(i).number
		if k := len(holes) - 1; k >= 0 && holes[k].gen == gen && holes[k].at+holes[k].n == uint64(at) {
			holes[k].n += n
		} else {
			holes = append(holes, hole{gen, uint64(at), n})
		}
		f.dropLocked(i, n)
	}
	f.mu.Unlock()
	if err == nil {
		err = f.s.commits.added(f, size{})
	}
	if err == nil {
		err = f.Flush(context.Background())
	}
	for _, h := range holes {
		if err != nil || h.n == 0 {
			continue
		}
		var file *blockFile
		if file, err = f.s.files.acquire(f.dk, h.gen, false); err == nil {
			err = f.s.files.punch(file, int64(h.at), int64(h.n))
			f.s.files.release(file)
		}
	}
	if err != nil {
		return fmt.Errorf("clearing blocks of feed %s: %w", f.dk, err)
	}
	return nil
}

// dropLocked takes a block of n bytes out of the durable view.
func (f *Feed) dropLocked(i, n uint64) {
	f.bits.Set(i, false)
	f.dirtyBits[i/feed.PageBits] = struct{}{}
	f.contiguous = min(f.contiguous, i)
	f.blocks--
	f.bytes -= min(n, f.bytes)
	f.changed = true
}

func parseEvidence(key feed.Key, data []byte) (*feed.ForkError, error) {
	d := newDecoder(data)
	e := &feed.ForkError{Key: key, Have: decodeHead(d), Got: decodeHead(d)}
	if d.Err() != nil {
		return nil, fmt.Errorf("%w: evidence of a fork: %w", ErrDamaged, d.Err())
	}
	return e, nil
}
