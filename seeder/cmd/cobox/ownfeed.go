package main

import (
	"context"
	"crypto/ed25519"
	"fmt"

	"cobox/seeder/feed"
	"cobox/seeder/replicate"
	"cobox/seeder/space"
	"cobox/seeder/store"
)

// An ownFeed is this device's feed of a space. It implements space.Log.
type ownFeed struct {
	*store.Feed
	private  ed25519.PrivateKey
	manifest *feed.Manifest
	thinner  *thinner // makes room while a backup appends; nil for none
}

// openOwn opens this device's feed of a space, which is made when it is not
// there, and offers it to boxes.
func (s *session) openOwn(sp *spaceFile) (*ownFeed, error) {
	// The key is this device's own: it is derived from a random key that never
	// leaves it, not from the recovery phrase, so that no other device writes the feed.
	private := feed.NewKeyPair(s.h.writer, [32]byte{}, "space/"+sp.ID)
	m := feed.NewManifest(private.Public().(ed25519.PublicKey))
	f, err := s.store.Create(m.Key())
	if err != nil {
		return nil, err
	}
	own := &ownFeed{Feed: f, private: private, manifest: m}
	s.own = append(s.own, own)
	if f.Frozen() == nil { // it takes no manifest either
		if err := f.SetManifest(m); err != nil {
			return nil, err
		}
	}
	if !sp.Own {
		sp.Feeds = append([]string{m.Key().String()}, sp.Feeds...)
		sp.Own = true
		if err := s.h.writeSpace(sp); err != nil {
			return nil, err
		}
	}
	s.push.Add(f, replicate.Options{Writer: true})
	return own, nil
}

// Length returns the number of blocks.
func (f *ownFeed) Length() uint64 { return f.Durable().Head.Length }

// Fork returns the fork that Append extends.
func (f *ownFeed) Fork() uint64 { return f.Durable().Head.Fork }

// Append appends blocks that were sealed for the indexes from first on, which must be
// the next; they are durable once durable has returned nil.
func (f *ownFeed) Append(ctx context.Context, first uint64, blocks [][]byte) (durable func() error, err error) {
	if n := f.State().Head.Length; n != first {
		return nil, fmt.Errorf("feed %s has %d blocks, not %d: something else writes it", f.Key().DiscoveryKey(), n, first)
	}
	if f.thinner != nil {
		if err := f.thinner.makeRoom(ctx, first); err != nil {
			return nil, err
		}
	}
	_, durable, err = f.Extend(ctx, blocks, func(h feed.Head) (feed.Head, error) {
		return feed.Sign(f.Key(), f.manifest, f.private, h)
	})
	return durable, err
}

// clearData drops those of the blocks [start, end) with contents of files, which boxes
// keep, so that a backup does not take the place twice. What browsing needs stays.
func (f *ownFeed) clearData(ctx context.Context, keys *space.Keys, start, end uint64) error {
	var stored []byte
	var from, to uint64 // a run of blocks with data
	flush := func() error {
		if from == to {
			return nil
		}
		return f.Clear(from, to)
	}
	for i := start; i < end; i++ {
		if !f.Has(i) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		var err error
		if stored, err = f.Block(i, stored); err != nil {
			return fmt.Errorf("making room: %w", err)
		}
		tree, err := space.HoldsTree(keys, f.Key(), i, stored)
		if err != nil {
			return fmt.Errorf("making room: %w", err)
		}
		if tree {
			continue
		}
		if i != to {
			if err := flush(); err != nil {
				return err
			}
			from = i
		}
		to = i + 1
	}
	return flush()
}
