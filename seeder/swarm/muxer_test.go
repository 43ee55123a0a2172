package swarm_test

import (
	"errors"
	"os"
	"testing"
	"time"

	"cobox/seeder/swarm"
)

// unread returns how much a peer takes in on a stream that it does not read.
func unread(t *testing.T, client, box *swarm.Host) (n int) {
	t.Helper()
	s := open(t, client, box.ID(), "/deaf")
	chunk := make([]byte, 16<<10)
	for {
		if err := s.SetWriteDeadline(time.Now().Add(time.Second)); err != nil {
			t.Fatal(err)
		}
		m, err := s.Write(chunk)
		n += m
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return n
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestFamiliarWindow fills the windows of peers that the box knows, or not, or has no place
// for: only the first have a wide one, and their places become free.
func TestFamiliarWindow(t *testing.T) {
	const usual, wide = 256 << 10, 2 << 20
	stranger, first, second := newHost(t, "stranger", swarm.Config{}), newHost(t, "first", swarm.Config{}), newHost(t, "second", swarm.Config{})
	done := make(chan struct{})
	box := newHost(t, "box", swarm.Config{
		Listen: []string{loopbackTCP}, Familiar: func(p swarm.PeerID) bool { return p != stranger.ID() },
		Limits: swarm.Limits{FamiliarWindowBytes: wide, FamiliarConns: 1},
	})
	box.Handle("/deaf", func(swarm.Stream) { <-done })
	t.Cleanup(func() { close(done) })
	for _, c := range []struct {
		client *swarm.Host
		window int
	}{{stranger, usual}, {first, wide}, {second, usual}} {
		connect(t, c.client, box)
		if n := unread(t, c.client, box); n > c.window || n < c.window/2 {
			t.Errorf("%d bytes are under way, want about %d", n, c.window)
		}
	}
	first.ClosePeer(box.ID())
	for range 100 { // until the box has seen that
		second.ClosePeer(box.ID())
		connect(t, second, box)
		if n := unread(t, second, box); n > usual {
			return
		}
	}
	t.Error("the place of a peer that has left was not given to another")
}

// TestFamiliarMemory opens more wide windows than there is memory for.
func TestFamiliarMemory(t *testing.T) {
	const wide, enough = 2 << 20, 8
	box := newHost(t, "box", swarm.Config{
		Listen: []string{loopbackTCP}, Familiar: func(swarm.PeerID) bool { return true },
		Limits: swarm.Limits{
			FamiliarWindowBytes: wide, PeerMemoryBytes: enough * wide,
			Protocol: swarm.ProtocolLimit{StreamsPerPeer: 3 * enough},
		},
	})
	box.Handle("/echo", echo)
	client := newHost(t, "client", swarm.Config{})
	connect(t, client, box)
	var streams []swarm.Stream
	for range 3 * enough {
		s, err := client.Open(t.Context(), box.ID(), "/echo")
		if err != nil {
			continue
		}
		t.Cleanup(func() { _ = s.Reset() })
		if roundTrip(s, "hello") == nil {
			streams = append(streams, s)
		}
	}
	alive := 0
	for _, s := range streams {
		if roundTrip(s, "again") == nil {
			alive++
		}
	}
	if len(streams) == 0 || alive > enough {
		t.Errorf("%d streams of %d bytes each were served and %d are, want at most %d at a time", len(streams), wide, alive, enough)
	}
}

// TestFamiliarWithoutMemory has one peer take most of the memory: another one that the box knows
// is served with usual windows, on all streams that it may have.
func TestFamiliarWithoutMemory(t *testing.T) {
	const usual, wide, perProtocol = 256 << 10, 2 << 20, 8
	greedy, other := newHost(t, "greedy", swarm.Config{}), newHost(t, "other", swarm.Config{})
	done := make(chan struct{})
	box := newHost(t, "box", swarm.Config{
		Listen: []string{loopbackTCP}, Familiar: func(swarm.PeerID) bool { return true },
		Limits: swarm.Limits{
			FamiliarWindowBytes: wide, MemoryBytes: 16 << 20,
			Protocol: swarm.ProtocolLimit{Streams: 2 * perProtocol, StreamsPerPeer: perProtocol},
		},
	})
	box.Handle("/echo", echo)
	box.Handle("/deaf", func(swarm.Stream) { <-done })
	t.Cleanup(func() { close(done) })
	connect(t, greedy, box)
	for range 3 {
		if err := roundTrip(open(t, greedy, box.ID(), "/echo"), "hello"); err != nil {
			t.Fatal(err)
		}
	}
	connect(t, other, box)
	if n := unread(t, other, box); n > usual {
		t.Errorf("%d bytes are under way to a box without memory, want at most %d", n, usual)
	}
	for i := range perProtocol {
		if err := roundTrip(open(t, other, box.ID(), "/echo"), "hello"); err != nil {
			t.Errorf("stream %d: %v", i, err)
		}
	}
}
