package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"time"

	"cobox/hack/usage"
	"cobox/seeder/api"
	"cobox/seeder/client"
	"cobox/seeder/feed"
	"cobox/seeder/store"
)

// manyFeeds measures a box that keeps very many small feeds, and has nothing to do: how
// long it takes to start, what memory it holds, and what it costs to be there. The
// feeds are put into its store while it is off; then a partner pins all of them.
func manyFeeds(ctx context.Context, j job, n int) (err error) {
	p, err := newPartner()
	if err != nil {
		return err
	}
	b, err := startBox(ctx, j, p.operatorText())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.end()) }()
	if err := p.grantFeeds(ctx, b, n); err != nil {
		return err
	}
	if err := b.stop(); err != nil {
		return err
	}
	began := time.Now()
	keys, err := fillStore(ctx, filepath.Join(b.state, "store"), n)
	if err != nil {
		return err
	}
	fmt.Printf("%d feeds of one block are made in %.0f s\n", n, time.Since(began).Seconds())
	if err := b.start(ctx, j, p.operatorText()); err != nil {
		return err
	}
	began = time.Now()
	if err := p.pinAll(ctx, b, keys); err != nil {
		return err
	}
	fmt.Printf("pinned in %.1f s\n", time.Since(began).Seconds())
	if err := b.stop(); err != nil {
		return err
	}
	began = time.Now()
	if err := b.start(ctx, j, p.operatorText()); err != nil {
		return err
	}
	fmt.Printf("a start with them takes %.2f s until the box answers\n", time.Since(began).Seconds())
	return watchIdle(b)
}

// fillStore makes feeds of one small block each.
func fillStore(ctx context.Context, dir string, n int) (keys []feed.Key, err error) {
	st, err := store.Open(dir, store.Config{})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	r := rand.NewChaCha8([32]byte{4})
	for range n {
		seed := make([]byte, ed25519.SeedSize)
		_, _ = r.Read(seed) // never fails
		key := ed25519.NewKeyFromSeed(seed)
		m := feed.NewManifest(key.Public().(ed25519.PublicKey))
		f, err := st.Create(m.Key())
		if err != nil {
			return nil, err
		}
		if err := f.SetManifest(m); err != nil {
			return nil, err
		}
		sign := func(h feed.Head) (feed.Head, error) { return feed.Sign(m.Key(), m, key, h) }
		if _, err := f.Append(ctx, [][]byte{seed}, sign); err != nil {
			return nil, err
		}
		keys = append(keys, m.Key())
	}
	return keys, nil
}

// pinAll pins feeds on a box.
func (p *partner) pinAll(ctx context.Context, b *boxProcess, keys []feed.Key) error {
	return p.connected(ctx, b, func(box *client.Box) error {
		for _, key := range keys {
			if _, err := box.Pin(ctx, key, api.PinRequest{}); err != nil {
				return err
			}
		}
		return nil
	})
}

// settleTime is what a box gets to start, to scrub what is little, until its index rests
// (see store.Config), and to give back the memory that this took, before it is watched.
const settleTime = 90 * time.Second

// idleTime is how long a box is watched that has nothing to do.
const idleTime = 60 * time.Second

// watchIdle prints what a box costs that has nothing to do.
func watchIdle(b *boxProcess) error {
	time.Sleep(settleTime) // it has started, and read back what is little
	s, err := usage.Sample(b.cmd.Process.Pid)
	if err != nil {
		return err
	}
	time.Sleep(idleTime)
	u, err := s.End()
	if err != nil {
		return err
	}
	fmt.Printf("a box with nothing to do: %.0f MB resident at most, %.0f MB now (%.0f MB anonymous), %.2f %% of a core over %v\n",
		float64(u.Peak)/1e6, float64(u.Resident)/1e6, float64(u.Anonymous)/1e6, 100*u.CPU.Seconds()/idleTime.Seconds(), idleTime)
	return nil
}
