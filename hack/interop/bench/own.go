package main

import (
	"context"
	"crypto/ed25519"
	"fmt"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strconv"
	"time"

	"cobox/seeder/client"
	"cobox/seeder/feed"
	"cobox/seeder/replicate"
	"cobox/seeder/secretstream"
	seederstore "cobox/seeder/store"
)

// own is a writer and a reader in Go, on the same carrier as the JavaScript ones.
// The reader verifies every block, and keeps none.
type own struct {
	load
	dir   string
	store *seederstore.Store
	feed  *seederstore.Feed
}

func newOwn(dir string, l load) *own { return &own{load: l, dir: dir} }

func (o *own) write(ctx context.Context) error {
	if o.feed != nil {
		return nil
	}
	st, err := seederstore.Open(filepath.Join(o.dir, "own-"+strconv.Itoa(o.block)), seederstore.Config{})
	if err != nil {
		return err
	}
	o.store = st
	o.feed, err = writeFeed(ctx, st, o.load)
	return err
}

func (o *own) close() error {
	if o.store == nil {
		return nil
	}
	return o.store.Close()
}

func (o *own) key() string { return o.feed.Key().String() }

// writeFeed makes a feed of blocks that do not compress.
func writeFeed(ctx context.Context, st *seederstore.Store, l load) (*seederstore.Feed, error) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	m := feed.NewManifest(key.Public().(ed25519.PublicKey))
	f, err := st.Create(m.Key())
	if err != nil {
		return nil, err
	}
	if err := f.SetManifest(m); err != nil {
		return nil, err
	}
	sign := func(h feed.Head) (feed.Head, error) { return feed.Sign(m.Key(), m, key, h) }
	r := rand.NewChaCha8([32]byte{2})
	// About as much at once as the JavaScript writer appends.
	group := max(1, min(1024, 8<<20/l.block))
	for done := 0; done < l.blocks; done += group {
		list := make([][]byte, min(group, l.blocks-done))
		for i := range list {
			list[i] = make([]byte, l.block)
			_, _ = r.Read(list[i]) // never fails
		}
		if _, err := f.Append(ctx, list, sign); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// connect has an exchange replicate with a host until the context is done.
func connect(ctx context.Context, address string, x *replicate.Exchange) (ended chan error, err error) {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return nil, err
	}
	nc, err := (&net.Dialer{}).DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	conn, err := secretstream.Handshake(ctx, nc, secretstream.Config{Private: key, Initiator: true})
	if err != nil {
		return nil, err
	}
	ended = make(chan error, 1)
	go func() { ended <- x.Serve(ctx, conn, replicate.Peer{Name: "host", Open: true}) }()
	return ended, nil
}

func (o *own) push(ctx context.Context, address string) (time.Duration, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	x := replicate.New(replicate.Config{})
	x.Add(o.feed, replicate.Options{Writer: true})
	changed := make(chan struct{}, 1)
	defer x.Watch(o.feed.Key(), func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	})()
	began := time.Now()
	ended, err := connect(ctx, address, x)
	if err != nil {
		return 0, err
	}
	length := o.feed.Durable().Head.Length
	for {
		if r := x.Progress(o.feed.Key()).Remotes; len(r) == 1 && r[0].Contiguous == length {
			took := time.Since(began)
			cancel()
			return took, <-ended
		}
		select {
		case <-changed:
		case err := <-ended:
			return 0, fmt.Errorf("replication ended: %w", err)
		}
	}
}

func (o *own) fetch(ctx context.Context, address string) (time.Duration, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r := client.NewReader(replicate.Config{})
	r.Open(o.feed.Key())
	began := time.Now()
	ended, err := connect(ctx, address, r.Exchange())
	if err != nil {
		return 0, err
	}
	head, err := r.Head(ctx, o.feed.Key(), o.feed.Durable().Head.Length)
	if err != nil {
		return 0, err
	}
	indexes := make([]uint64, head.Length)
	for i := range indexes {
		indexes[i] = uint64(i)
	}
	r.Prefetch(ctx, o.feed.Key(), indexes)
	for _, i := range indexes {
		if _, err := r.Block(ctx, o.feed.Key(), i); err != nil {
			return 0, err
		}
	}
	took := time.Since(began)
	cancel()
	return took, <-ended
}
