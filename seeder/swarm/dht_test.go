package swarm_test

import (
	"errors"
	"strings"
	"testing"

	"cobox/seeder/swarm"
)

// TestDHT has three hosts: a bootstrap peer, a box and a client that know only the
// bootstrap peer. The box is found by its ID, whether it answers DHT questions or
// only asks.
func TestDHT(t *testing.T) {
	for _, mode := range []string{swarm.DHTServer, swarm.DHTClient, swarm.DHTAuto} {
		t.Run("box is "+mode, func(t *testing.T) {
			middle := newHost(t, "middle", swarm.Config{Listen: []string{loopbackTCP}, DHT: swarm.DHTServer})
			box := newHost(t, "box", swarm.Config{Listen: []string{loopbackTCP, loopbackQUIC}, DHT: mode, Bootstrap: middle.Addrs()})
			client := newHost(t, "client", swarm.Config{DHT: swarm.DHTClient, Bootstrap: middle.Addrs()})
			box.Handle("/echo", echo)
			introduce(t, box, middle)

			id, err := client.Connect(t.Context(), box.ID().String())
			if err != nil {
				t.Fatal(err)
			}
			if id != box.ID() {
				t.Errorf("Connect = %s, want %s", id, box.ID())
			}
			if err := roundTrip(open(t, client, id, "/echo"), "hello"); err != nil {
				t.Error(err)
			}
			_, err = client.Connect(t.Context(), testID(t, "nobody").String())
			if !errors.Is(err, swarm.ErrNotFound) || !strings.Contains(err.Error(), "DHT: nobody there knows it") {
				t.Errorf("Connect to an unknown peer = %v", err)
			}
		})
	}
}

// introduce returns when middle knows box's addresses. Run sees to that too; here
// we need to know when it is done. Opening a stream waits for the exchange of
// addresses ("identify") in the direction that counts.
func introduce(t *testing.T, box, middle *swarm.Host) {
	t.Helper()
	box.Handle("/introduced", func(swarm.Stream) {})
	connect(t, box, middle)
	open(t, middle, box.ID(), "/introduced")
}

// TestOpenFindsPeer opens a stream to a peer that was never connected.
func TestOpenFindsPeer(t *testing.T) {
	middle := newHost(t, "middle", swarm.Config{Listen: []string{loopbackTCP}, DHT: swarm.DHTServer})
	box := newHost(t, "box", swarm.Config{Listen: []string{loopbackTCP}, DHT: swarm.DHTServer, Bootstrap: middle.Addrs()})
	client := newHost(t, "client", swarm.Config{DHT: swarm.DHTClient, Bootstrap: middle.Addrs()})
	box.Handle("/echo", echo)
	introduce(t, box, middle)
	if err := roundTrip(open(t, client, box.ID(), "/echo"), "hello"); err != nil {
		t.Error(err)
	}
}

func TestDHTUnreachable(t *testing.T) {
	id := testID(t, "box").String()
	alone := newHost(t, "alone", swarm.Config{DHT: swarm.DHTClient})
	if _, err := alone.Connect(t.Context(), id); !errors.Is(err, swarm.ErrNotFound) || !strings.Contains(err.Error(), "no bootstrap peers are configured") {
		t.Errorf("without bootstrap peers: %v", err)
	}
	gone := listening(t, "gone")
	addrs := gone.Addrs()
	if err := gone.Close(); err != nil {
		t.Fatal(err)
	}
	client := newHost(t, "client", swarm.Config{DHT: swarm.DHTClient, Bootstrap: addrs})
	if _, err := client.Connect(t.Context(), id); !errors.Is(err, swarm.ErrNotFound) || !strings.Contains(err.Error(), "no bootstrap peer can be reached") {
		t.Errorf("with a bootstrap peer that is gone: %v", err)
	}
}

// TestRunKeepsBootstrap cuts the connection to a bootstrap peer and waits for Run
// to have made it again.
func TestRunKeepsBootstrap(t *testing.T) {
	middle := listening(t, "middle")
	came := make(chan swarm.PeerID, 8)
	middle.OnConnect(func(p swarm.PeerID) { came <- p })
	box := newHost(t, "box", swarm.Config{Bootstrap: middle.Addrs()})
	for range 2 {
		if p := <-came; p != box.ID() {
			t.Fatalf("%s came, want %s", p, box.ID())
		}
		middle.ClosePeer(box.ID())
	}
}
