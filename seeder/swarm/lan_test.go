package swarm

import (
	"context"
	"crypto/ed25519"
	"errors"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/multiformats/go-multiaddr"
)

// These tests are inside the package because mDNS of the exported kind goes to all
// network interfaces, and tests keep to the loopback one.

// newLANHost makes a host that is not yet run. The caller closes it.
func newLANHost(t *testing.T, seed byte, listen ...string) *Host {
	t.Helper()
	h, err := New(Config{
		Key:    ed25519.NewKeyFromSeed(slices.Repeat([]byte{seed}, 32)),
		Listen: listen, MDNS: true, MDNSService: "_cobox-test._udp",
	})
	if err != nil {
		t.Fatal(err)
	}
	h.lan.ifaces, h.lan.loop = loopback(t), true
	return h
}

// lanHost is a host that runs until the test ends.
func lanHost(t *testing.T, seed byte, listen ...string) *Host {
	t.Helper()
	h := newLANHost(t, seed, listen...)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return h
}

func loopback(t *testing.T) []net.Interface {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		if i.Flags&net.FlagLoopback != 0 {
			return []net.Interface{i}
		}
	}
	t.Fatal("no loopback interface")
	return nil
}

// TestLAN has two boxes on one network; a client finds each by its ID, lists both,
// and is told how many others there are when it looks for one that is not.
func TestLAN(t *testing.T) {
	boxes := []*Host{
		lanHost(t, 1, "/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"),
		lanHost(t, 2, "/ip4/127.0.0.1/tcp/0"),
	}
	client := lanHost(t, 3)
	for _, box := range boxes {
		if _, err := client.Connect(t.Context(), box.ID().String()); err != nil {
			t.Error(err)
		}
		if peers := client.Peers(); !slices.ContainsFunc(peers, func(p PeerInfo) bool { return p.ID == box.ID() && p.Transport == "tcp" }) {
			t.Errorf("after Connect: %+v", peers)
		}
	}

	// What a box notes comes with it, also when it is noted while the box runs.
	boxes[0].Announce("tag=K7PM", "cid=00ff")
	ctx, cancel := context.WithTimeout(t.Context(), 10*lanFindTime)
	defer cancel()
	nearby := make(map[PeerID][]string)
	for len(nearby[boxes[0].ID()]) == 0 && ctx.Err() == nil {
		err := client.neighbours(ctx, func(n Neighbour) bool {
			nearby[n.ID] = n.Notes
			if len(n.Addrs) == 0 || !strings.HasSuffix(n.Addrs[0], n.ID.String()) {
				t.Errorf("%s has the addresses %q", n.ID, n.Addrs)
			}
			return len(nearby) < len(boxes)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if _, ok := nearby[boxes[1].ID()]; !ok || !slices.Equal(nearby[boxes[0].ID()], []string{"tag=K7PM", "cid=00ff"}) {
		t.Errorf("nearby are %v", nearby)
	}

	_, err := client.Connect(t.Context(), lanHost(t, 4).ID().String())
	if !errors.Is(err, ErrNotFound) || !strings.Contains(err.Error(), "mDNS: 2 others answered") {
		t.Errorf("looking for a host that does not announce itself: %v", err)
	}
}

// TestLANRecords checks that what a host announces is what others read, and that
// it keeps loopback addresses to itself.
func TestLANRecords(t *testing.T) {
	box := newLANHost(t, 1, "/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1")
	defer func() { _ = box.Close() }()
	txt, ips := box.lan.records()
	if len(txt) != 2 || !slices.Equal(ips, []string{"127.0.0.1"}) {
		t.Errorf("records = %q, %q", txt, ips)
	}
	infos := parseTXT(txt)
	if len(infos) != 1 || PeerID(infos[0].ID) != box.ID() || len(infos[0].Addrs) != 2 {
		t.Errorf("parseTXT(%q) = %v", txt, infos)
	}
	box.lan.loop = false
	if txt, ips := box.lan.records(); len(txt)+len(ips) != 0 {
		t.Errorf("announces loopback addresses: %q, %q", txt, ips)
	}
}

func TestParseTXT(t *testing.T) {
	const id = "12D3KooWK88Hydn3oEcbmL58UTLEBbf4FGDxe1k1fh87f1XeYKEe"
	good := "dnsaddr=/ip4/192.0.2.1/tcp/4001/p2p/" + id
	for _, test := range []struct {
		name  string
		txt   []string
		addrs int
	}{
		{"none", nil, 0},
		{"one", []string{good}, 1},
		{"QUIC and IPv6", []string{good, "dnsaddr=/ip6/2001:db8::1/udp/4001/quic-v1/p2p/" + id}, 2},
		{"other records", []string{"tag=K7PM", good, "dnsaddr", ""}, 1},
		{"no ID", []string{"dnsaddr=/ip4/192.0.2.1/tcp/4001"}, 0},
		{"relay", []string{"dnsaddr=/ip4/192.0.2.1/tcp/4001/p2p/" + id + "/p2p-circuit/p2p/" + id}, 0},
		{"name", []string{"dnsaddr=/dns4/box.example/tcp/4001/p2p/" + id}, 0},
		{"not an address", []string{"dnsaddr=//", "dnsaddr=/ip4/1/tcp/x"}, 0},
		{"too many", slices.Repeat([]string{good}, 1000), maxLANAddrs},
	} {
		infos := parseTXT(test.txt)
		n := 0
		for _, p := range infos {
			n += len(p.Addrs)
		}
		if n != test.addrs {
			t.Errorf("%s: %d addresses, want %d", test.name, n, test.addrs)
		}
	}
}

func TestParseNotes(t *testing.T) {
	got := parseNotes(append([]string{"dnsaddr=/ip4/1", "tag=K7PM", "a\x1b[2J", "bücher"}, slices.Repeat([]string{"x"}, 20)...))
	if want := append([]string{"tag=K7PM"}, slices.Repeat([]string{"x"}, maxNotes-1)...); !slices.Equal(got, want) {
		t.Errorf("notes = %q, want %q", got, want)
	}
}

func FuzzParseTXT(f *testing.F) {
	const id = "12D3KooWK88Hydn3oEcbmL58UTLEBbf4FGDxe1k1fh87f1XeYKEe"
	f.Add("dnsaddr=/ip4/192.0.2.1/tcp/4001/p2p/" + id)
	f.Add("dnsaddr=/ip6/2001:db8::1/udp/4001/quic-v1/p2p/" + id + "\ndnsaddr=/p2p/" + id)
	f.Add("tag=K7PM")
	f.Fuzz(func(t *testing.T, s string) {
		for _, p := range parseTXT(strings.Split(s, "\n")) {
			if len(p.Addrs) == 0 || len(p.Addrs) > maxLANAddrs {
				t.Errorf("%d addresses of one peer", len(p.Addrs))
			}
			for _, a := range p.Addrs {
				if !lanAddr(a) {
					t.Errorf("address %s", a)
				}
				// What we read we could announce, and read again.
				again := parseTXT([]string{dnsaddr + a.String() + "/p2p/" + p.ID.String()})
				if len(again) != 1 || again[0].ID != p.ID || !again[0].Addrs[0].Equal(a) {
					t.Errorf("%s of %s came back as %v", a, p.ID, again)
				}
			}
		}
	})
}

func TestRankDials(t *testing.T) {
	const id = "12D3KooWK88Hydn3oEcbmL58UTLEBbf4FGDxe1k1fh87f1XeYKEe"
	var addrs []multiaddr.Multiaddr
	for _, a := range []string{
		"/ip4/192.0.2.9/tcp/4001/p2p/" + id + "/p2p-circuit",
		"/ip4/192.0.2.1/udp/4001/quic-v1",
		"/ip4/192.168.0.1/udp/4001/quic-v1",
		"/ip4/192.0.2.1/tcp/4001",
		"/ip4/192.168.0.1/tcp/4001",
	} {
		addrs = append(addrs, multiaddr.StringCast(a))
	}
	ranked := rankDials(slices.Clone(addrs))
	if len(ranked) != len(addrs) {
		t.Fatalf("%d of %d addresses ranked", len(ranked), len(addrs))
	}
	for _, a := range ranked {
		low := quicDelay
		switch {
		case has(a.Addr, multiaddr.P_CIRCUIT):
			low = relayDelay
		case has(a.Addr, multiaddr.P_TCP):
			low = 0
		}
		if a.Delay < low || (low == 0 && a.Delay > 0) {
			t.Errorf("%s is dialled after %v", a.Addr, a.Delay)
		}
	}
	// On another continent TCP has to win, which needs more round trips.
	const roundTrip, tcpTrips, quicTrips = 300 * time.Millisecond, 4, 2
	if tcpTrips*roundTrip > quicDelay+quicTrips*roundTrip {
		t.Errorf("over a line of %v QUIC wins with a delay of %v", roundTrip, quicDelay)
	}
	for _, a := range addrs { // alone, none waits
		if r := rankDials([]multiaddr.Multiaddr{a}); len(r) != 1 || r[0].Delay != 0 {
			t.Errorf("alone: %v", r)
		}
	}
}
