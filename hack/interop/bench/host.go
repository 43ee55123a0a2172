package main

import (
	"context"
	"path/filepath"

	"cobox/hack/interop"
)

// A box is a real seederd with a partner.
type box struct {
	*interop.Box
	partner *interop.Partner
}

func startBox(ctx context.Context, j job, dir string) (host, error) {
	b, err := interop.StartBox(ctx, j.progs, dir, false)
	if err != nil {
		return nil, err
	}
	p, err := interop.NewPartner(ctx, j.progs, filepath.Join(dir, "partner"))
	if err == nil {
		err = p.Grant(ctx, b, "1TB")
	}
	if err != nil {
		return nil, firstError(err, b.Kill())
	}
	return &box{b, p}, nil
}

func (b *box) address() string                           { return b.Hypercore.Addr }
func (b *box) pin(ctx context.Context, key string) error { return b.partner.Pin(ctx, b.Box, key, true) }
func (b *box) pid() int                                  { return b.Pid() }
func (b *box) storage() string                           { return b.State() }
func (b *box) end() error                                { return b.Kill() }

// A store is the blind store in JavaScript.
type store struct {
	*interop.Peer
	dir   string
	ready struct{ Address string }
}

func startStore(ctx context.Context, j job, dir string) (host, error) {
	s := &store{dir: filepath.Join(dir, "store")}
	var err error
	s.Peer, err = interop.StartPeer(ctx, j.peers, "blind-store.mjs", &s.ready, "--storage", s.dir)
	return s, err
}

func (s *store) address() string { return s.ready.Address }

func (s *store) pin(ctx context.Context, key string) error {
	return s.Do(ctx, map[string]any{"do": "pin", "key": key}, nil)
}

func (s *store) pid() int        { return s.Pid() }
func (s *store) storage() string { return s.dir }
func (s *store) end() error      { return s.Kill() }
