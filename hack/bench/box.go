package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"time"

	"cobox/hack/usage"
	"cobox/seeder/api"
	"cobox/seeder/client"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/replicate"
	"cobox/seeder/store"
	"cobox/seeder/swarm"

	"bytes"
	"encoding/json"
	"net/http"
)

// randomBlocks returns n blocks that do not compress; the same in every run.
func randomBlocks(n, size int) [][]byte {
	r := rand.NewChaCha8([32]byte{1})
	list := make([][]byte, n)
	for i := range list {
		list[i] = make([]byte, size)
		_, _ = r.Read(list[i]) // never fails
	}
	return list
}

// A partner is the near end: its keys, and those of the operator who grants it room.
type partner struct {
	operator, partner, device ed25519.PrivateKey
}

func newPartner() (*partner, error) {
	p := &partner{}
	for _, k := range []*ed25519.PrivateKey{&p.operator, &p.partner, &p.device} {
		_, key, err := ed25519.GenerateKey(nil)
		if err != nil {
			return nil, err
		}
		*k = key
	}
	return p, nil
}

func (p *partner) operatorText() string { return identity.OperatorKeyOf(p.operator).String() }

// grant gives the partner room on a box, over its socket.
func (p *partner) grant(ctx context.Context, b *boxProcess) error { return p.grantFeeds(ctx, b, 10) }

func (p *partner) grantFeeds(ctx context.Context, b *boxProcess, feeds int) error {
	box, err := identity.ParseBoxKey(b.ID)
	if err != nil {
		return err
	}
	st, err := identity.SignGrant(p.operator, identity.Grant{
		Box: box, Partner: identity.PartnerKeyOf(p.partner), QuotaBytes: 1 << 40, MaxFeeds: feeds, Issued: time.Now(),
	})
	if err != nil {
		return err
	}
	body, err := json.Marshal(api.Grants{Grant: st.String()})
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://box/v1/grants", bytes.NewReader(body))
	if err != nil {
		return err
	}
	resp, err := api.SocketClient(api.SocketPath(b.state)).Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	return api.ReadAnswer(resp, 1<<20, nil)
}

func (p *partner) cert() ([]byte, error) {
	st, err := identity.SignDeviceCert(p.partner, identity.DeviceCert{
		Partner: identity.PartnerKeyOf(p.partner), Device: identity.DeviceKeyOf(p.device),
		Scope: identity.ScopeFull, Issued: time.Now(),
	})
	return st.Append(nil), err
}

// connected does something over a connection of its own to the box.
func (p *partner) connected(ctx context.Context, b *boxProcess, do func(*client.Box) error) (err error) {
	host, err := swarm.New(client.Tuned(swarm.Config{Key: p.device}))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, host.Close()) }()
	cert, err := p.cert()
	if err != nil {
		return err
	}
	box, err := client.New(host, cert).Connect(ctx, b.Addrs[0])
	if err != nil {
		return err
	}
	defer box.Close()
	return do(box)
}

// throughBox brings a fresh feed into a fresh box, and reads it back. Before, the
// plain file is written, with as much memory in use as the box will find.
func throughBox(ctx context.Context, j job) (file, in, out result, err error) {
	p, err := newPartner()
	if err != nil {
		return file, in, out, err
	}
	b, err := startBox(ctx, j, p.operatorText())
	if err != nil {
		return file, in, out, err
	}
	defer func() { err = errors.Join(err, b.end()) }()
	if err := p.grant(ctx, b); err != nil {
		return file, in, out, err
	}
	dir, err := os.MkdirTemp("", "cobox-bench-")
	if err != nil {
		return file, in, out, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	st, err := store.Open(filepath.Join(dir, "store"), store.Config{})
	if err != nil {
		return file, in, out, err
	}
	defer func() { err = errors.Join(err, st.Close()) }()
	f, err := writeFeed(ctx, st, j)
	if err != nil {
		return file, in, out, err
	}
	if file, err = plainFile(j); err != nil {
		return file, in, out, fmt.Errorf("plain file: %w", err)
	}
	err = p.connected(ctx, b, func(box *client.Box) (err error) {
		if _, err := box.Pin(ctx, f.Key(), api.PinRequest{}); err != nil {
			return err
		}
		if in, err = ingest(ctx, b, box, f); err != nil {
			return fmt.Errorf("ingest: %w", err)
		}
		if out, err = restore(ctx, b, box, f); err != nil {
			return fmt.Errorf("restore: %w", err)
		}
		return nil
	})
	return file, in, out, err
}

// writeFeed makes the feed on the near end's disk, before anything is measured.
func writeFeed(ctx context.Context, st *store.Store, j job) (*store.Feed, error) {
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
	const group = 64
	r := rand.NewChaCha8([32]byte{2})
	for done := 0; done < j.blocks; done += group {
		list := make([][]byte, min(group, j.blocks-done))
		for i := range list {
			list[i] = make([]byte, j.block)
			_, _ = r.Read(list[i])
		}
		if _, err := f.Append(ctx, list, sign); err != nil {
			return nil, err
		}
	}
	return f, nil
}

// ingest is over when the box has announced that all blocks are on its disk.
func ingest(ctx context.Context, b *boxProcess, box *client.Box, f *store.Feed) (result, error) {
	x := replicate.New(replicate.Config{})
	x.Add(f, replicate.Options{Writer: true})
	watch, err := usage.Sample(b.cmd.Process.Pid)
	if err != nil {
		return result{}, err
	}
	near, err := usage.Sample(os.Getpid())
	if err != nil {
		return result{}, err
	}
	changed := make(chan struct{}, 1)
	defer x.Watch(f.Key(), func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	})()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	began := time.Now()
	go func() { ended <- box.Replicate(ctx, x) }()
	length := f.Durable().Head.Length
	for {
		if r := x.Progress(f.Key()).Remotes; len(r) == 1 && r[0].Contiguous == length {
			break
		}
		select {
		case <-changed:
		case err := <-ended:
			return result{}, fmt.Errorf("replication ended: %w", err)
		}
	}
	took := time.Since(began)
	u, err := watch.End()
	if err != nil {
		return result{}, err
	}
	n, err := near.End()
	return result{took: took, host: u, near: n}, err
}

// restore reads all blocks in order, verified, and throws them away.
func restore(ctx context.Context, b *boxProcess, box *client.Box, f *store.Feed) (result, error) {
	r := client.NewReader(replicate.Config{})
	r.Open(f.Key())
	watch, err := usage.Sample(b.cmd.Process.Pid)
	if err != nil {
		return result{}, err
	}
	near, err := usage.Sample(os.Getpid())
	if err != nil {
		return result{}, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	began := time.Now()
	go func() { _ = box.Replicate(ctx, r.Exchange()) }()
	head, err := r.Head(ctx, f.Key(), f.Durable().Head.Length)
	if err != nil {
		return result{}, err
	}
	indexes := make([]uint64, head.Length)
	for i := range indexes {
		indexes[i] = uint64(i)
	}
	r.Prefetch(ctx, f.Key(), indexes)
	for _, i := range indexes {
		b, err := r.Block(ctx, f.Key(), i)
		if err != nil {
			return result{}, err
		}
		r.Release(b)
	}
	took := time.Since(began)
	u, err := watch.End()
	if err != nil {
		return result{}, err
	}
	n, err := near.End()
	return result{took: took, host: u, near: n}, err
}
