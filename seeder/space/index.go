package space

import (
	"context"
	"fmt"

	"cobox/seeder/feed"
)

// An Index knows where the chunks of a space are, so that none is stored twice.
// It is a cache of what the feeds say: see [UpdateIndex]. It must be safe for
// concurrent use.
type Index interface {
	// Lookup returns where a chunk is stored; ok is false for one that is not known.
	Lookup(id ChunkID) (at Location, ok bool)
	// Covered returns up to where a feed has been indexed, and on which fork; zero for an unknown feed.
	Covered(key feed.Key) (length, fork uint64)
	// Add indexes the next block of a feed, which holds the chunks with these IDs
	// in its slots. A chunk that is known stays where it was first.
	Add(key feed.Key, fork, block uint64, ids []ChunkID) error
	// Reset forgets everything.
	Reset() error
}

// UpdateIndex brings an index up to the lengths of the feeds, by reading the
// blocks that are not indexed yet. It starts anew when a feed is shorter than
// the index remembers, or has another fork: locations are valid only as long as
// feeds grow. Give this device's own feed first: where a chunk is stored twice,
// the first location is used.
func UpdateIndex(ctx context.Context, r *Reader, index Index, feeds []Feed) error {
	for _, f := range feeds {
		if length, fork := index.Covered(f.Key); length > f.Length || (length > 0 && fork != f.Fork) {
			if err := index.Reset(); err != nil {
				return err
			}
			break
		}
	}
	for _, f := range feeds {
		length, _ := index.Covered(f.Key)
		if p, ok := r.blocks.(Prefetcher); ok && length < f.Length {
			missing := make([]uint64, 0, min(f.Length-length, 1<<16))
			for i := length; i < f.Length && len(missing) < cap(missing); i++ {
				missing = append(missing, i)
			}
			p.Prefetch(ctx, f.Key, missing)
		}
		for ; length < f.Length; length++ {
			ids, err := r.packIDs(ctx, f.Key, length)
			if err != nil {
				return fmt.Errorf("indexing: %w", err)
			}
			if err := index.Add(f.Key, f.Fork, length, ids); err != nil {
				return err
			}
		}
	}
	return nil
}

// packIDs returns the IDs of the chunks in a block, none when it is no pack.
func (r *Reader) packIDs(ctx context.Context, key feed.Key, index uint64) ([]ChunkID, error) {
	kind, payload, err := r.block(ctx, key, index)
	if err != nil || (kind != kindData && kind != kindTree) {
		return nil, err
	}
	p, err := decodePackDirectory(payload)
	if err != nil {
		return nil, fmt.Errorf("reading block %d of feed %s: %w", index, feedName(key), err)
	}
	ids := make([]ChunkID, len(p.slots))
	for i := range p.slots {
		ids[i] = p.slots[i].id
	}
	return ids, nil
}
