package swarm_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"cobox/seeder/swarm"
)

func TestConnectByAddress(t *testing.T) {
	for _, test := range []struct{ listen, transport string }{
		{loopbackTCP, "tcp"},
		{loopbackQUIC, "quic"},
	} {
		t.Run(test.transport, func(t *testing.T) {
			box := newHost(t, "box", swarm.Config{Listen: []string{test.listen}})
			client := newHost(t, "client", swarm.Config{})
			remote := make(chan swarm.PeerID, 1)
			box.Handle("/echo", func(s swarm.Stream) {
				remote <- s.Remote()
				echo(s)
			})
			connect(t, client, box)
			s := open(t, client, box.ID(), "/echo")
			if err := roundTrip(s, "hello"); err != nil {
				t.Fatal(err)
			}
			if got := <-remote; got != client.ID() {
				t.Errorf("the box sees %s, want %s", got, client.ID())
			}
			if s.Local() != client.ID() || s.Remote() != box.ID() || s.Transport() != test.transport || s.Limited() {
				t.Errorf("stream is %s -> %s over %s, limited %v", s.Local(), s.Remote(), s.Transport(), s.Limited())
			}
			peers := client.Peers()
			if len(peers) != 1 || peers[0].ID != box.ID() || peers[0].Transport != test.transport || peers[0].Inbound || peers[0].Since.IsZero() || peers[0].Streams == 0 {
				t.Errorf("client's Peers() = %+v", peers)
			}
			if peers := box.Peers(); len(peers) != 1 || peers[0].ID != client.ID() || !peers[0].Inbound {
				t.Errorf("box's Peers() = %+v", peers)
			}
			if got := box.Reachability(); got != "unknown" {
				t.Errorf("Reachability() = %q on loopback, want unknown", got)
			}
			if len(client.Addrs()) != 0 {
				t.Errorf("a client has addresses: %v", client.Addrs())
			}
		})
	}
}

func TestTCPIsPreferred(t *testing.T) {
	box := newHost(t, "box", swarm.Config{Listen: []string{loopbackQUIC, loopbackTCP}})
	box.Handle("/echo", echo)
	client := newHost(t, "client", swarm.Config{Bootstrap: box.Addrs()})
	if s := open(t, client, box.ID(), "/echo"); s.Transport() != "tcp" {
		// The bootstrap list holds both addresses of the box.
		t.Errorf("connected over %s, want tcp", s.Transport())
	}
}

func TestConnectFails(t *testing.T) {
	box := listening(t, "box")
	client := newHost(t, "client", swarm.Config{})
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	free := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	stranger := testID(t, "stranger").String()
	address, _, _ := strings.Cut(box.Addrs()[0], "/p2p/")

	for _, test := range []struct {
		name, target string
		is           error
		says         []string
	}{
		{"wrong ID", address + "/p2p/" + stranger, swarm.ErrWrongPeer, []string{address, "it is " + box.ID().String(), stranger}},
		{"nobody there", fmt.Sprintf("/ip4/127.0.0.1/tcp/%d/p2p/%s", free, stranger), nil, []string{"connection refused"}},
		{"no ID", address, nil, []string{"append /p2p/"}},
		{"unknown ID", testID(t, "unknown").String(), swarm.ErrNotFound, []string{"known addresses: none", "mDNS: off", "DHT: off"}},
		{"not an ID", "my-box", nil, []string{"neither a peer ID"}},
		{"not an address", "/ip4/nowhere", nil, []string{"address \"/ip4/nowhere\""}},
		{"itself", "/ip4/127.0.0.1/tcp/4001/p2p/" + client.ID().String(), nil, []string{"this host itself"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := client.Connect(t.Context(), test.target)
			if err == nil {
				t.Fatal("connected")
			}
			if test.is != nil && !errors.Is(err, test.is) {
				t.Errorf("error %v does not wrap %v", err, test.is)
			}
			for _, s := range test.says {
				if !strings.Contains(err.Error(), s) {
					t.Errorf("error %q does not say %q", err, s)
				}
			}
			if strings.Contains(err.Error(), "\n") {
				t.Errorf("error has several lines: %q", err)
			}
		})
	}
	if len(client.Peers()) != 0 {
		t.Errorf("connected after all: %+v", client.Peers())
	}
}

func TestGate(t *testing.T) {
	friend, stranger := testID(t, "friend"), testID(t, "stranger")
	only := func(ids ...swarm.PeerID) swarm.Gate {
		return swarm.GateFunc(func(p swarm.PeerID, _ netip.Addr, _ bool) bool {
			for _, id := range ids {
				if p == id {
					return true
				}
			}
			return false
		})
	}
	for _, transport := range []string{loopbackTCP, loopbackQUIC} {
		box := newHost(t, "box", swarm.Config{Listen: []string{transport}, Gate: only(friend)})
		box.Handle("/echo", echo)

		t.Run("stranger comes in", func(t *testing.T) {
			h := newHost(t, "stranger", swarm.Config{})
			if _, err := h.Connect(t.Context(), box.Addrs()[0]); !errors.Is(err, swarm.ErrRefused) {
				t.Errorf("Connect = %v, want ErrRefused", err)
			}
			if s, err := h.Open(t.Context(), box.ID(), "/echo"); err == nil {
				t.Errorf("opened a stream over %s", s.Transport())
			}
			if len(box.Peers()) != 0 {
				t.Errorf("the box has peers: %+v", box.Peers())
			}
		})
		t.Run("friend comes in", func(t *testing.T) {
			h := newHost(t, "friend", swarm.Config{})
			connect(t, h, box)
			if err := roundTrip(open(t, h, box.ID(), "/echo"), "hello"); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("box goes out", func(t *testing.T) {
		box := newHost(t, "box", swarm.Config{Gate: only(friend)})
		if _, err := box.Connect(t.Context(), listening(t, "stranger").Addrs()[0]); !errors.Is(err, swarm.ErrGate) {
			t.Errorf("Connect to a stranger = %v, want ErrGate", err)
		}
		if _, err := box.Connect(t.Context(), stranger.String()); !errors.Is(err, swarm.ErrGate) {
			t.Errorf("Connect to a stranger's ID = %v, want ErrGate", err)
		}
		connect(t, box, listening(t, "friend"))
	})
	t.Run("bootstrap peers are not asked about", func(t *testing.T) {
		other := listening(t, "stranger")
		box := newHost(t, "box", swarm.Config{Gate: only(), Bootstrap: other.Addrs()})
		connect(t, box, other)
	})
}

func TestClosePeerAndOnDisconnect(t *testing.T) {
	box, client := listening(t, "box"), newHost(t, "client", swarm.Config{})
	box.Handle("/echo", echo)
	gone := make(chan swarm.PeerID, 2)
	box.OnDisconnect(func(p swarm.PeerID) { gone <- p })
	stop := client.OnDisconnect(func(swarm.PeerID) { t.Error("called after stop") })
	stop()
	connect(t, client, box)
	s := open(t, client, box.ID(), "/echo")
	if err := roundTrip(s, "hello"); err != nil {
		t.Fatal(err)
	}
	box.ClosePeer(client.ID())
	if p := <-gone; p != client.ID() {
		t.Errorf("OnDisconnect was told of %s, want %s", p, client.ID())
	}
	if len(box.Peers()) != 0 {
		t.Errorf("Peers() after ClosePeer = %+v", box.Peers())
	}
	if _, err := s.Read(make([]byte, 1)); err == nil {
		t.Error("the stream outlived the connection")
	}
}

func TestBadConfig(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	for _, test := range []struct {
		name string
		cfg  swarm.Config
		says string
	}{
		{"no key", swarm.Config{Key: testKey("x")[:3]}, "key has 3 bytes"},
		{"listen", swarm.Config{Listen: []string{"localhost:4001"}}, "listen address"},
		{"port in use", swarm.Config{Listen: []string{fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", l.Addr().(*net.TCPAddr).Port)}}, "in use"},
		{"one port in use", swarm.Config{Listen: []string{loopbackQUIC, fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", l.Addr().(*net.TCPAddr).Port)}}, "in use"},
		{"bootstrap without ID", swarm.Config{Bootstrap: []string{"/ip4/127.0.0.1/tcp/1"}}, "append /p2p/"},
		{"relay", swarm.Config{Relays: []string{"nowhere"}}, "relay list"},
		{"DHT mode", swarm.Config{DHT: "on"}, "DHT mode"},
		{"relay forced", swarm.Config{ForceRelay: true}, "no relay"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if test.cfg.Key == nil {
				test.cfg.Key = testKey("x")
			}
			h, err := swarm.New(test.cfg)
			if err == nil {
				_ = h.Close()
				t.Fatal("New succeeded")
			}
			if !strings.Contains(err.Error(), test.says) {
				t.Errorf("error %q does not say %q", err, test.says)
			}
		})
	}
}

// TestEnd checks that Run returns when its context ends, with a stream under way
// on which the handler waits, and that nothing of the hosts goes on afterwards.
func TestEnd(t *testing.T) {
	before := runtime.NumGoroutine()
	func() {
		ctx, cancel := context.WithCancel(context.Background())
		var ended []chan error
		run := func(name string, cfg swarm.Config) *swarm.Host {
			cfg.Key = testKey(name)
			h, err := swarm.New(cfg)
			if err != nil {
				t.Fatal(err)
			}
			done := make(chan error, 1)
			go func() { done <- h.Run(ctx) }()
			ended = append(ended, done)
			return h
		}
		box := run("box", swarm.Config{Listen: []string{loopbackTCP, loopbackQUIC}, DHT: swarm.DHTServer, HolePunching: true})
		client := run("client", swarm.Config{DHT: swarm.DHTClient, Bootstrap: box.Addrs()})
		box.Handle("/echo", echo)
		l := box.Listener("/http")
		if err := roundTrip(open(t, client, box.ID(), "/echo"), "hello"); err != nil {
			t.Fatal(err)
		}
		if err := client.Run(ctx); err == nil {
			t.Error("a second Run succeeded")
		}
		address := box.Addrs()[0]
		cancel()
		for _, done := range ended {
			if err := <-done; err != nil {
				t.Errorf("Run = %v", err)
			}
		}
		if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
			t.Errorf("Accept after the end = %v, want net.ErrClosed", err)
		}
		if err := box.Close(); err != nil {
			t.Errorf("Close after the end = %v", err)
		}
		if _, err := client.Connect(context.Background(), address); err == nil {
			t.Error("connected after the end")
		}
	}()
	settle(t, before)
}

// settle waits until there are no more goroutines than before. Those that have
// been told to end need only be scheduled for that.
func settle(t *testing.T, before int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); runtime.Gosched() {
		if runtime.NumGoroutine() <= before {
			return
		}
	}
	buf := make([]byte, 1<<20)
	t.Errorf("%d goroutines are left of %d before:\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
}
