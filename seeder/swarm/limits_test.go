package swarm_test

import (
	"errors"
	"fmt"
	"testing"

	"cobox/seeder/swarm"
)

// TestConnLimits connects more peers than there are places for. Those within the
// limit go on, and nobody is let in beyond it.
func TestConnLimits(t *testing.T) {
	const places, tries = 4, 7
	for _, transport := range []string{loopbackTCP, loopbackQUIC} {
		box := newHost(t, "box", swarm.Config{Listen: []string{transport}, Limits: swarm.Limits{Conns: 64, ConnsInbound: places}})
		box.Handle("/echo", echo)
		var streams []swarm.Stream
		refused := 0
		for i := range tries {
			client := newHost(t, fmt.Sprint("client", i), swarm.Config{})
			if _, err := client.Connect(t.Context(), box.Addrs()[0]); err != nil {
				refused++
				continue
			}
			s := open(t, client, box.ID(), "/echo")
			if err := roundTrip(s, "hello"); err != nil {
				t.Errorf("client %d was let in, but: %v", i, err)
			}
			streams = append(streams, s)
		}
		if len(streams) != places || refused != tries-places {
			t.Errorf("%d of %d were let in, want %d", len(streams), tries, places)
		}
		if n := len(box.Peers()); n != places {
			t.Errorf("the box has %d peers, want %d", n, places)
		}
		for i, s := range streams {
			if err := roundTrip(s, "again"); err != nil {
				t.Errorf("client %d no longer works: %v", i, err)
			}
		}
	}
}

// TestStreamsPerPeer checks the limit over all protocols together.
func TestStreamsPerPeer(t *testing.T) {
	const limit = 6
	box := newHost(t, "box", swarm.Config{Listen: []string{loopbackTCP}, Limits: swarm.Limits{StreamsPerPeer: limit}})
	client := newHost(t, "client", swarm.Config{})
	connect(t, client, box)
	served := 0
	for i := range 2 * limit {
		protocol := fmt.Sprint("/echo/", i%3)
		box.Handle(protocol, echo)
		s, err := client.Open(t.Context(), box.ID(), protocol)
		if err != nil {
			continue
		}
		t.Cleanup(func() { _ = s.Reset() })
		if err := roundTrip(s, "hello"); err == nil {
			served++
		} else if errors.Is(err, swarm.ErrNoProtocol) {
			t.Error(err)
		}
	}
	// libp2p's own short streams (identify) may take a place for a moment.
	if served > limit || served < limit-2 {
		t.Errorf("%d streams were served, want %d", served, limit)
	}
}

// TestSmallLimits checks that a host with limits smaller than the
// defaults they depend on still starts and serves.
func TestSmallLimits(t *testing.T) {
	box := newHost(t, "box", swarm.Config{Listen: []string{loopbackTCP}, Limits: swarm.Limits{
		Conns: 2, Streams: 8, MemoryBytes: 4 << 20, PeerMemoryBytes: 2 << 20, WindowBytes: 1,
	}})
	client := newHost(t, "client", swarm.Config{})
	box.Handle("/echo", echo)
	connect(t, client, box)
	if err := roundTrip(open(t, client, box.ID(), "/echo"), "hello"); err != nil {
		t.Error(err)
	}
}
