package swarm_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"

	"cobox/seeder/swarm"
)

// strangersRelay starts a relay as anybody's libp2p has it, with its usual limits.
func strangersRelay(t *testing.T, opts ...relay.Option) string {
	t.Helper()
	h, err := libp2p.New(libp2p.ListenAddrStrings(loopbackTCP), libp2p.DisableMetrics(),
		libp2p.EnableRelayService(opts...), libp2p.ForceReachabilityPublic())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return fullAddr(t, h)
}

// ourRelay starts a relay of ours.
func ourRelay(t *testing.T, service swarm.RelayService) string {
	t.Helper()
	return newHost(t, "relay", swarm.Config{Listen: []string{loopbackTCP}, RelayService: &service}).Addrs()[0]
}

func fullAddr(t *testing.T, h host.Host) string {
	t.Helper()
	addrs, err := peer.AddrInfoToP2pAddrs(&peer.AddrInfo{ID: h.ID(), Addrs: h.Addrs()})
	if err != nil {
		t.Fatal(err)
	}
	return addrs[0].String()
}

// connectUntil connects to target again and again, until it has its reservation.
func connectUntil(t *testing.T, h *swarm.Host, target string) swarm.PeerID {
	t.Helper()
	var err error
	for range 1000 {
		var id swarm.PeerID
		if id, err = h.Connect(t.Context(), target); err == nil {
			return id
		}
	}
	t.Fatal(err)
	return ""
}

// TestRelay connects to a box that listens nowhere by way of a stranger's relay,
// of one that does not limit, and of our own.
func TestRelay(t *testing.T) {
	for _, test := range []struct {
		name    string
		relay   func(*testing.T) string
		limited bool
		route   string
	}{
		{"a stranger's", func(t *testing.T) string { return strangersRelay(t) }, true, ", 131072 bytes or 2m0s a circuit"},
		{"without limits", func(t *testing.T) string { return strangersRelay(t, relay.WithInfiniteLimits()) }, false, ""},
		{"ours", func(t *testing.T) string { return ourRelay(t, swarm.RelayService{}) }, true, ", 17179869184 bytes or 12h0m0s a circuit"},
	} {
		t.Run(test.name, func(t *testing.T) {
			relayAddr := test.relay(t)
			box := newHost(t, "box", swarm.Config{Relays: []string{relayAddr}, ForceRelay: true,
				Gate: swarm.GateFunc(func(p swarm.PeerID, _ netip.Addr, _ bool) bool { return p == testID(t, "client") })})
			box.Handle("/echo", echo)
			client := newHost(t, "client", swarm.Config{})
			target := relayAddr + "/p2p-circuit/p2p/" + box.ID().String()
			connectUntil(t, client, target)
			s := open(t, client, box.ID(), "/echo")
			if s.Transport() != "relay" || s.Limited() != test.limited {
				t.Errorf("stream over %s, limited %v, want %v", s.Transport(), s.Limited(), test.limited)
			}
			if err := roundTrip(s, "hello"); err != nil {
				t.Error(err)
			}
			_, relayID, _ := strings.Cut(relayAddr, "/p2p/")
			want := "relayed by " + relayID + test.route
			if got := client.Route(box.ID()).String(); got != want {
				t.Errorf("Route() of the client = %s, want %s", got, want)
			}
			if got := box.Route(client.ID()).String(); got != want {
				t.Errorf("Route() of the box = %s, want %s", got, want)
			}
			for _, p := range client.Peers() {
				if p.ID == box.ID() && (p.Transport != "relay" || p.Limited != test.limited || p.Route.String() != want) {
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

// TestFindAtRelay finds a box by nothing but its ID, at a relay that both know.
func TestFindAtRelay(t *testing.T) {
	relayAddr := ourRelay(t, swarm.RelayService{})
	box := newHost(t, "box", swarm.Config{Relays: []string{relayAddr}, ForceRelay: true})
	client := newHost(t, "client", swarm.Config{Relays: []string{relayAddr}})
	connectUntil(t, client, box.ID().String())
	if r := client.Route(box.ID()); r.Kind != swarm.Relayed {
		t.Errorf("Route = %v, want one by the relay", r)
	}
	if r := client.Route(testID(t, "nobody")); r != (swarm.Route{}) || r.String() != "not connected" {
		t.Errorf("Route to nobody = %v", r)
	}
	_, err := client.Connect(t.Context(), testID(t, "nobody").String())
	if err == nil || !strings.Contains(err.Error(), "relays: ") || !strings.Contains(err.Error(), "NO_RESERVATION") {
		t.Errorf("Connect to one that is not at the relay = %v", err)
	}
}

// TestRelayAllow keeps those out who are not to be reached through a relay.
func TestRelayAllow(t *testing.T) {
	relayAddr := ourRelay(t, swarm.RelayService{Allow: func(p swarm.PeerID) bool { return p == testID(t, "box") }})
	box := newHost(t, "box", swarm.Config{Relays: []string{relayAddr}, ForceRelay: true})
	other := newHost(t, "other", swarm.Config{Relays: []string{relayAddr}, ForceRelay: true})
	client := newHost(t, "client", swarm.Config{Relays: []string{relayAddr}})
	connectUntil(t, client, box.ID().String())
	if _, err := client.Connect(t.Context(), other.ID().String()); err == nil {
		t.Error("a peer that the relay was not told of can be reached through it")
	}
}

// TestHolePunchingClient shows that a client which listens for hole punching lets
// nobody in whom it has not reached itself.
func TestHolePunchingClient(t *testing.T) {
	server := listening(t, "server")
	client := newHost(t, "client", swarm.Config{HolePunching: true})
	if addrs := client.Addrs(); len(addrs) > 0 {
		t.Errorf("Addrs() of a client = %v", addrs)
	}
	connect(t, client, server)
	for _, p := range server.Peers() {
		if p.Route.String() != "direct, tcp" {
			t.Errorf("Route = %v", p.Route)
		}
	}
}
