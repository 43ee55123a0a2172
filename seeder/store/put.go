package store

import (
	"context"
	"fmt"

	"cobox/seeder/feed"
)

// Put stores what a verified proof establishes. When it returns, nothing of the
// batch's slices is retained, and the block can be read; it is durable after the
// next commit: see [Feed.Flush]. A batch that follows the writer to another fork
// is durable when Put returns. Put waits while too much is not synced yet.
//
// The store trusts the batch. Between feed.State.Verify and Put, nobody else may
// put an upgrade of the same feed: one who does both under a lock of his own sees
// to that.
//
// Errors wrap [ErrFrozen], [ErrNoSpace], [ErrReadOnly], [ErrClosed], [ErrStale].
// After a full disk, Put can be tried again; after another error of the disk the
// store takes nothing in until it is opened anew.
func (f *Feed) Put(b *feed.Batch) error {
	if b.Reorg {
		if err := f.reorg(b); err != nil {
			return fmt.Errorf("following feed %s to fork %d: %w", f.dk, b.Upgraded.Head.Fork, err)
		}
		if b.Block == nil {
			return nil
		}
		b = &feed.Batch{Block: b.Block} // its nodes are stored now
	}
	f.putting.RLock()
	f.mu.Lock()
	grown, err := f.putLocked(b)
	f.mu.Unlock()
	f.putting.RUnlock()
	// What an error left half done is verified all the same, and can be committed.
	if _, waited := f.s.commits.added(f, grown); err == nil {
		err = waited
	}
	if err != nil {
		return fmt.Errorf("storing into feed %s: %w", f.dk, err)
	}
	return nil
}

// Flush waits until everything that was put before is durable.
func (f *Feed) Flush(ctx context.Context) error {
	f.mu.Lock()
	err, clean := f.err, !f.changed && !f.busy
	f.mu.Unlock()
	if err != nil || clean {
		return err
	}
	if err := f.s.commits.flush(ctx); err != nil {
		return fmt.Errorf("syncing feed %s: %w", f.dk, err)
	}
	return f.broken()
}

// broken returns why nothing can be put any more, or nil.
func (f *Feed) broken() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// A load is what waits for a commit, or what a change adds to that.
type load struct {
	bytes int // of blocks, and of the memory to keep account of them
	pages int // of tree nodes and bits
	files int // to be synced
}

func (l *load) add(n load) {
	l.bytes += n.bytes
	l.pages += n.pages
	l.files += n.files
}

// blockOverhead is about what a block that waits takes in memory beside its page.
const blockOverhead = 64

// loadLocked is what waits in this feed.
func (f *Feed) loadLocked() load {
	return load{pages: len(f.dirty) + len(f.dirtyBits), files: len(f.touched)}
}

func (f *Feed) putLocked(b *feed.Batch) (grown load, err error) {
	if err := f.refusesLocked(); err != nil {
		return grown, err
	}
	if err := f.s.index.check(); err != nil {
		return grown, err
	}
	before := f.loadLocked()
	defer func() {
		after := f.loadLocked()
		grown.pages = after.pages - before.pages
		grown.files = after.files - before.files
	}()
	if up := b.Upgraded; up != nil {
		have := &f.rec.state.Head
		if have.Length > 0 && (up.Head.Fork != have.Fork || up.Head.Length < have.Length) {
			return grown, ErrStale
		}
	}
	if b.Block != nil {
		if err := f.s.room.take(len(b.Block.Value)); err != nil {
			return grown, err
		}
	}
	f.changed = true
	if b.Upgraded != nil {
		f.rec.state = *b.Upgraded
		if err := f.setNodesLocked(b.Upgraded.Roots); err != nil {
			return grown, err
		}
	}
	if err := f.setNodesLocked(b.Nodes); err != nil {
		return grown, err
	}
	if b.Block != nil && !f.knownLocked(b.Block.Index) {
		if err := f.putBlockLocked(b.Block.Index, b.Block.Value); err != nil {
			return grown, err
		}
		grown.bytes = len(b.Block.Value) + blockOverhead
	}
	return grown, nil
}

// putBlockLocked writes a block at its place. Until the index names it, the
// bytes are nobody's.
func (f *Feed) putBlockLocked(i uint64, value []byte) error {
	offset, err := f.offsetLocked(i, &f.putAt)
	if err != nil {
		return err
	}
	if err := f.writeLocked(f.rec.of(i), offset, value); err != nil {
		return err
	}
	f.notePutLocked(i, uint64(len(value)))
	f.putAt = hint{i + 1, offset + uint64(len(value))}
	return nil
}

func (f *Feed) notePutLocked(i, size uint64) {
	note(&f.pending, i, size)
	note(&f.dirtyBits, i/feed.PageBits, struct{}{})
	f.changed = true
}

// writeLocked writes bytes at an offset in the feed's byte order.
func (f *Feed) writeLocked(g *generation, offset uint64, value []byte) error {
	if len(value) == 0 {
		return nil
	}
	if len(value) > maxBlock {
		return fmt.Errorf("a block of %d bytes: at most %d are kept", len(value), maxBlock)
	}
	file := f.touched[g.number]
	if file == nil {
		var err error
		if file, err = f.s.files.acquire(f.dk, g.number, true); err != nil {
			return count(&f.s.failures.write, err)
		}
		note(&f.touched, g.number, file)
	}
	return f.s.files.write(file, value, int64(offset-g.firstByte))
}
