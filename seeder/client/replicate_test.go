package client_test

import (
	"context"
	"errors"
	"testing"

	"cobox/seeder/api"
	"cobox/seeder/client"
	"cobox/seeder/feed"
	"cobox/seeder/replicate"
	"cobox/seeder/swarm"
)

func newHost(t *testing.T, cfg swarm.Config) *swarm.Host {
	t.Helper()
	h, err := swarm.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// TestReplicateMovesOver replicates by a relay until a direct connection comes about.
func TestReplicateMovesOver(t *testing.T) {
	const loopback = "/ip4/127.0.0.1/tcp/0"
	relay := newHost(t, swarm.Config{Key: key(10), Listen: []string{loopback}, RelayService: &swarm.RelayService{}}).Addrs()[0]
	box := startFakeWith(t, swarm.Config{Key: key(11), Listen: []string{loopback}, Relays: []string{relay}})
	direct := box.addr
	transports := make(chan string, 4)
	box.host.Handle(api.ReplicateProtocol, func(s swarm.Stream) {
		transports <- s.Transport()
		conn, err := replicate.Secure(t.Context(), s, false, []byte(s.Local()), []byte(s.Remote()))
		if err != nil {
			return
		}
		_ = replicate.New(replicate.Config{}).Serve(t.Context(), conn, replicate.Peer{Name: "client"})
	})

	host := newHost(t, swarm.Config{Key: key(12)})
	c := client.New(host, nil)
	var b *client.Box
	var err error
	for range 1000 { // until the box has its reservation
		if b, err = c.Connect(t.Context(), relay+"/p2p-circuit/p2p/"+box.host.ID().String()); err == nil {
			break
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.Replicate(ctx, replicate.New(replicate.Config{})) }()
	if got := <-transports; got != "relay" {
		t.Fatalf("the first session goes by %s", got)
	}
	host.Remember(direct)
	if err := host.ConnectDirect(t.Context(), box.host.ID()); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-transports:
		if got != "tcp" {
			t.Errorf("the second session goes by %s", got)
		}
	case err := <-ended:
		t.Fatalf("replication ended: %v", err)
	}
	if r, err := b.Route(t.Context()); err != nil || r.Kind == swarm.Relayed {
		t.Errorf("Route = %v, %v", r, err)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("after the end of its context Replicate = %v", err)
	}
}

// TestStuck gives up after circuits that brought nothing, and only then.
func TestStuck(t *testing.T) {
	narrow, other := &client.NarrowError{Route: swarm.Route{LimitBytes: 128 << 10}, Err: errors.New("reset")}, errors.New("another")
	var s client.Stuck
	for i, step := range []struct {
		err    error
		blocks uint64
		given  bool
	}{
		{narrow, 0, false}, {other, 0, false}, {nil, 0, false}, // one circuit alone proves nothing
		{narrow, 1, false}, {narrow, 2, false}, {narrow, 3, false}, // a block for each
		{narrow, 3, true},
	} {
		if got := s.After(step.err, step.blocks); (got != nil) != step.given {
			t.Errorf("step %d: After(%v, %d) = %v", i, step.err, step.blocks, got)
		}
	}
}

// TestReaderFail tells everybody who waits for a box that it is of no use.
func TestReaderFail(t *testing.T) {
	r := client.NewReader(replicate.Config{})
	useless := errors.New("useless")
	var k feed.Key
	waiting := make(chan error, 2)
	go func() {
		_, err := r.Head(t.Context(), k, 1)
		waiting <- err
	}()
	go func() {
		_, err := r.Block(t.Context(), k, 0)
		waiting <- err
	}()
	r.Fail(useless)
	for range 2 {
		if err := <-waiting; !errors.Is(err, useless) {
			t.Errorf("who waited heard %v", err)
		}
	}
}
