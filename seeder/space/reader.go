package space

import (
	"context"
	"fmt"
	"iter"

	"cobox/seeder/feed"
)

// ReadHeader reads block 0 of a feed. It needs no more than the secret and the
// feed key, so that a recovery can begin with it; the header names the space.
// An error that wraps [ErrDamaged] nearly always means that the feed belongs to
// another recovery phrase.
func ReadHeader(ctx context.Context, secret Secret, blocks Blocks, key feed.Key) (*Header, error) {
	stored, err := blocks.Block(ctx, key, 0)
	if err != nil {
		return nil, fmt.Errorf("reading the header of feed %s: %w", feedName(key), err)
	}
	kind, payload, err := secret.Keys(ID{}).open(key, 0, stored)
	if err != nil {
		return nil, fmt.Errorf("%w (does the feed belong to this recovery phrase?)", err)
	}
	if kind != kindHeader {
		return nil, damaged("reading the header of feed %s: block 0 is of kind %d", feedName(key), kind)
	}
	return decodeHeader(payload)
}

// A Reader reads what is in the feeds of a space. It may be used by several goroutines.
type Reader struct {
	keys   *Keys
	blocks Blocks
	packs  packCache
	lists  *Lists // where lists are looked for first; nil for nowhere
}

// NewReader returns a Reader of the space's feeds.
func NewReader(keys *Keys, blocks Blocks) *Reader {
	return &Reader{keys: keys, blocks: blocks}
}

// stored fetches a block.
func (r *Reader) stored(ctx context.Context, key feed.Key, index uint64) ([]byte, error) {
	b, err := r.blocks.Block(ctx, key, index)
	if err != nil {
		return nil, fmt.Errorf("reading block %d of feed %s: %w", index, feedName(key), err)
	}
	return b, nil
}

// block fetches and opens a block.
func (r *Reader) block(ctx context.Context, key feed.Key, index uint64) (kind, []byte, error) {
	b, err := r.stored(ctx, key, index)
	if err != nil {
		return 0, nil, err
	}
	return r.keys.open(key, index, b)
}

// pack fetches and opens a pack, without a look into the cache.
func (r *Reader) pack(ctx context.Context, key feed.Key, index uint64) (*pack, error) {
	b, err := r.stored(ctx, key, index)
	if err != nil {
		return nil, err
	}
	kind, payload, err := r.keys.open(key, index, b)
	if err != nil {
		return nil, err
	}
	if kind != kindData && kind != kindTree {
		return nil, damaged("block %d of feed %s is of kind %d, not a pack", index, feedName(key), kind)
	}
	p, err := decodePack(payload)
	if err != nil {
		return nil, fmt.Errorf("reading block %d of feed %s: %w", index, feedName(key), err)
	}
	p.block = b
	return p, nil
}

// release gives back the block of a pack that nobody uses any more.
func (r *Reader) release(p *pack) {
	if blocks, ok := r.blocks.(Releaser); ok {
		blocks.Release(p.block)
	}
	*p = pack{}
}

// object reads a tree object. The packs of trees are kept for a while, as
// neighbours are asked for next.
func (r *Reader) object(ctx context.Context, ref Ref, span uint64) (object, error) {
	if r.lists != nil {
		if content := r.lists.get(ref.ID); content != nil {
			return decodeObject(content, span)
		}
	}
	at := blockAt{ref.Feed, ref.Block}
	p := r.packs.get(at)
	if p == nil {
		var err error
		if p, err = r.pack(ctx, ref.Feed, ref.Block); err != nil {
			return object{}, err
		}
		p.block = nil // which the chunks may be a part of, or not
		r.packs.put(at, p)
	}
	content, err := p.chunk(r.keys, ref)
	if err != nil {
		return object{}, err
	}
	o, err := decodeObject(content, span)
	if err != nil {
		return object{}, fmt.Errorf("tree object %s in block %d of feed %s: %w", ref.ID, ref.Block, feedName(ref.Feed), err)
	}
	return o, nil
}

// Snapshot reads the snapshot in a block.
func (r *Reader) Snapshot(ctx context.Context, ref SnapshotRef) (*Snapshot, error) {
	kind, payload, err := r.block(ctx, ref.Feed, ref.Block)
	if err != nil {
		return nil, err
	}
	if kind != kindSnapshot {
		return nil, damaged("block %d of feed %s is of kind %d, not a snapshot", ref.Block, feedName(ref.Feed), kind)
	}
	s, err := decodeSnapshot(payload)
	if err != nil {
		return nil, fmt.Errorf("reading block %d of feed %s: %w", ref.Block, feedName(ref.Feed), err)
	}
	if s.Space != r.keys.Space {
		return nil, damaged("snapshot in block %d of feed %s belongs to space %s", ref.Block, feedName(ref.Feed), s.Space)
	}
	if s.Previous >= ref.Block {
		return nil, damaged("snapshot in block %d of feed %s follows block %d", ref.Block, feedName(ref.Feed), s.Previous)
	}
	s.Ref = ref
	return s, nil
}

// LastSnapshot returns the newest snapshot in the first f.Length blocks of a
// feed, or nil when there is none. It reads two blocks at most: every block
// after the header says where the last snapshot before it is.
func (r *Reader) LastSnapshot(ctx context.Context, f Feed) (*Snapshot, error) {
	if f.Length < 2 {
		return nil, nil
	}
	last := f.Length - 1
	kind, payload, err := r.block(ctx, f.Key, last)
	if err != nil {
		return nil, err
	}
	if kind == kindData || kind == kindTree {
		p, err := decodePackDirectory(payload)
		if err != nil {
			return nil, fmt.Errorf("reading block %d of feed %s: %w", last, feedName(f.Key), err)
		}
		if p.previous == 0 {
			return nil, nil
		}
		if p.previous >= last {
			return nil, damaged("pack in block %d of feed %s follows snapshot %d", last, feedName(f.Key), p.previous)
		}
		last = p.previous
	}
	return r.Snapshot(ctx, SnapshotRef{f.Key, last})
}

// Snapshots yields the snapshots in a feed, newest first. It ends after the first error.
func (r *Reader) Snapshots(ctx context.Context, f Feed) iter.Seq2[*Snapshot, error] {
	return func(yield func(*Snapshot, error) bool) {
		s, err := r.LastSnapshot(ctx, f)
		for s != nil || err != nil {
			if !yield(s, err) || err != nil || s.Previous == 0 {
				return
			}
			s, err = r.Snapshot(ctx, SnapshotRef{f.Key, s.Previous})
		}
	}
}
