package store

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"cobox/seeder/feed"
)

// Append appends blocks to a feed that is written here. sign signs the new head.
// The blocks are durable, and only then visible to others, when it returns; the
// index of the first is returned. Only one process may ever write a feed.
//
// When an error is returned, nothing was appended, or (an error of the disk) the
// store takes nothing in until it is opened anew, and what is there then shows
// whether it was. ctx ends Append only before it has begun.
func (f *Feed) Append(ctx context.Context, blocks [][]byte, sign func(feed.Head) (feed.Head, error)) (first uint64, err error) {
	first, durable, err := f.Extend(ctx, blocks, sign)
	if err == nil {
		err = durable()
	}
	if err != nil {
		return 0, err
	}
	return first, nil
}

// Extend is [Feed.Append] without its wait for the disk, so that the next blocks can be
// made meanwhile: the blocks are durable, and visible to others, once durable has
// returned nil, and so are those of earlier calls. It waits only while much is not
// durable yet. An error of durable is one of the disk.
func (f *Feed) Extend(ctx context.Context, blocks [][]byte, sign func(feed.Head) (feed.Head, error)) (first uint64, durable func() error, err error) {
	f.writing.Lock()
	defer f.writing.Unlock()
	explain := func(err error) error { return fmt.Errorf("appending to feed %s: %w", f.dk, err) }
	first, commit, err := f.extend(ctx, blocks, sign)
	if err != nil {
		return 0, nil, explain(err)
	}
	if len(blocks) == 0 {
		return first, func() error { return f.Flush(context.WithoutCancel(ctx)) }, nil
	}
	return first, func() error {
		err := f.s.commits.await(context.WithoutCancel(ctx), commit)
		if err == nil {
			err = f.broken()
		}
		if err != nil {
			return explain(err)
		}
		return nil
	}, nil
}

func (f *Feed) extend(ctx context.Context, blocks [][]byte, sign func(feed.Head) (feed.Head, error)) (first, commit uint64, err error) {
	st := f.State()
	first = st.Head.Length
	if len(blocks) == 0 {
		return first, 0, ctx.Err()
	}
	if err := ctx.Err(); err != nil {
		return 0, 0, err
	}
	nodes, err := grow(&st, blocks, sign)
	if err != nil {
		return 0, 0, err
	}
	f.mu.Lock()
	grown, err := f.appendLocked(first, blocks, nodes, &st)
	f.mu.Unlock()
	if err != nil {
		return 0, 0, err
	}
	commit, err = f.s.commits.added(f, grown)
	return first, commit, err
}

// grow appends blocks to a state, and returns the new tree nodes.
func grow(st *feed.State, blocks [][]byte, sign func(feed.Head) (feed.Head, error)) ([]feed.Node, error) {
	tree, err := feed.NewTree(slices.Clone(st.Roots))
	if err != nil {
		return nil, err
	}
	nodes := tree.AppendAll(blocks)
	want := tree.Head(st.Head.Fork)
	head, err := sign(want)
	if err != nil {
		return nil, fmt.Errorf("signing the head: %w", err)
	}
	if head.Fork != want.Fork || head.Length != want.Length || head.Bytes != want.Bytes || head.Hash != want.Hash {
		return nil, errors.New("signing the head: another head was signed")
	}
	// A head that nobody else would take must not come onto the disk either.
	if err := feed.VerifyHead(st.Key, st.Manifest, head, tree.Roots); err != nil {
		return nil, fmt.Errorf("signing the head: %w", err)
	}
	st.Head, st.Roots = head, slices.Clone(tree.Roots)
	return nodes, nil
}

// appendLocked writes the blocks first: beyond the head they are nobody's, so
// that a full disk changes nothing.
func (f *Feed) appendLocked(first uint64, blocks [][]byte, nodes []feed.Node, st *feed.State) (grown load, err error) {
	if err := f.refusesLocked(); err != nil {
		return grown, err
	}
	if f.rec.state.Head.Length != first || f.rec.state.Head.Fork != st.Head.Fork {
		return grown, ErrStale
	}
	before := len(f.touched)
	offset := f.rec.state.Head.Bytes
	for _, b := range blocks {
		if err := f.s.room.take(len(b)); err != nil {
			return grown, err
		}
		if err := f.writeLocked(f.rec.current(), offset, b); err != nil {
			return grown, err
		}
		offset += uint64(len(b))
		grown.bytes += len(b) + blockOverhead
	}
	more, err := f.putLocked(&feed.Batch{Nodes: nodes, Upgraded: st})
	if err != nil {
		f.err = err // what is in memory is ahead of what can be written
		return grown, err
	}
	for i, b := range blocks {
		f.notePutLocked(first+uint64(i), uint64(len(b)))
	}
	grown.pages = more.pages + 1
	grown.files = len(f.touched) - before
	f.putAt = hint{st.Head.Length, st.Head.Bytes}
	return grown, nil
}

// SetManifest gives a feed that is written here its manifest, durably, before
// the first Append.
func (f *Feed) SetManifest(m *feed.Manifest) error {
	f.writing.Lock()
	defer f.writing.Unlock()
	if m.Key() != f.key {
		return fmt.Errorf("feed %s: %w", f.dk, feed.ErrManifest)
	}
	f.mu.Lock()
	if err := f.refusesLocked(); err != nil || f.rec.state.Manifest != nil {
		f.mu.Unlock()
		return err
	}
	f.rec.state.Manifest = m.Clone()
	f.changed = true
	f.mu.Unlock()
	return f.commitNow()
}

// commitNow commits what changed in the feed, and waits for it.
func (f *Feed) commitNow() error {
	if _, err := f.s.commits.added(f, load{}); err != nil {
		return err
	}
	return f.Flush(context.Background())
}
