package swarm_test

import (
	"net/netip"
	"testing"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"

	"cobox/seeder/swarm"
)

// newRelay starts a relay for others, which is what our own hosts never are.
func newRelay(t *testing.T, opts ...relay.Option) string {
	t.Helper()
	h, err := libp2p.New(libp2p.ListenAddrStrings(loopbackTCP), libp2p.DisableMetrics(),
		libp2p.EnableRelayService(opts...), libp2p.ForceReachabilityPublic())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return fullAddr(t, h)
}

func fullAddr(t *testing.T, h host.Host) string {
	t.Helper()
	addrs, err := peer.AddrInfoToP2pAddrs(&peer.AddrInfo{ID: h.ID(), Addrs: h.Addrs()})
	if err != nil {
		t.Fatal(err)
	}
	return addrs[0].String()
}

// TestRelay connects to a box that listens nowhere by way of a relay that allows
// little, and of one that does not limit.
func TestRelay(t *testing.T) {
	for _, test := range []struct {
		name    string
		opts    []relay.Option
		limited bool
	}{
		{"limited", nil, true},
		{"unlimited", []relay.Option{relay.WithInfiniteLimits()}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			relayAddr := newRelay(t, test.opts...)
			box := newHost(t, "box", swarm.Config{Relays: []string{relayAddr}, ForceRelay: true,
				Gate: swarm.GateFunc(func(p swarm.PeerID, _ netip.Addr, _ bool) bool { return p == testID(t, "client") })})
			box.Handle("/echo", echo)
			client := newHost(t, "client", swarm.Config{})
			target := relayAddr + "/p2p-circuit/p2p/" + box.ID().String()
			var err error
			for range 1000 { // until the box has its reservation
				if _, err = client.Connect(t.Context(), target); err == nil {
					break
				}
			}
			if err != nil {
				t.Fatal(err)
			}
			s := open(t, client, box.ID(), "/echo")
			if s.Transport() != "relay" || s.Limited() != test.limited {
				t.Errorf("stream over %s, limited %v, want %v", s.Transport(), s.Limited(), test.limited)
			}
			if err := roundTrip(s, "hello"); err != nil {
				t.Error(err)
			}
			for _, p := range client.Peers() {
				if p.ID == box.ID() && (p.Transport != "relay" || p.Limited != test.limited) {
					t.Errorf("Peers() says %+v", p)
				}
			}
			stranger := newHost(t, "stranger", swarm.Config{})
			if _, err := stranger.Connect(t.Context(), target); err == nil {
				t.Error("a stranger came in by way of the relay")
			}
		})
	}
}
