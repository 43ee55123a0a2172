package hostname_test

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"cobox/seeder/hostname"

	"golang.org/x/net/dns/dnsmessage"
	"golang.org/x/net/ipv4"
)

func loopback(t *testing.T) net.Interface {
	t.Helper()
	all, err := net.Interfaces()
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range all {
		if i.Flags&net.FlagLoopback != 0 {
			return i
		}
	}
	t.Fatal("no loopback interface")
	return net.Interface{}
}

// start runs a responder on this computer's own network.
func start(t *testing.T, name string) (r *hostname.Responder, stop func()) {
	t.Helper()
	lo := loopback(t)
	r = hostname.New(nil)
	r.On(func() ([]net.Interface, error) { return []net.Interface{lo}, nil })
	if err := r.Set(name); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	stop = func() {
		cancel()
		if err, ok := <-ended; ok {
			if err != nil {
				t.Error(err)
			}
			close(ended)
		}
	}
	t.Cleanup(stop)
	return r, stop
}

// lookUp asks the network for a name as a plain resolver does, until somebody
// answers or the time is over.
func lookUp(t *testing.T, name string, timeout time.Duration) (netip.Addr, bool) {
	t.Helper()
	conn, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	lo := loopback(t)
	if err := ipv4.NewPacketConn(conn).SetMulticastInterface(&lo); err != nil {
		t.Fatal(err)
	}
	asked := ask(t, []dnsmessage.Question{question(name, dnsmessage.TypeA)})
	deadline := time.Now().Add(timeout)
	answer := make([]byte, 9000)
	for time.Now().Before(deadline) {
		if _, err := conn.WriteTo(asked, &net.UDPAddr{IP: net.IPv4(224, 0, 0, 251), Port: 5353}); err != nil {
			t.Fatal(err)
		}
		if err := conn.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		n, _, err := conn.ReadFrom(answer)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			continue
		}
		var m dnsmessage.Message
		if err == nil {
			err = m.Unpack(answer[:n])
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range m.Answers {
			if a, ok := r.Body.(*dnsmessage.AResource); ok && r.Header.Name.String() == name {
				return netip.AddrFrom4(a.A), true
			}
		}
	}
	return netip.Addr{}, false
}

// TestRun: a box answers to its name on the network, to its new one when it is
// renamed, and to none when it has ended.
func TestRun(t *testing.T) {
	r, stop := start(t, "cobox-7k3f9q")
	if a, ok := lookUp(t, "cobox-7k3f9q.local.", 20*time.Second); !ok || !a.IsLoopback() {
		t.Fatalf("the box's name leads to %v, %v", a, ok)
	}
	if err := r.Set("attic"); err != nil {
		t.Fatal(err)
	}
	if a, ok := lookUp(t, "attic.local.", 20*time.Second); !ok || !a.IsLoopback() {
		t.Fatalf("the box's new name leads to %v, %v", a, ok)
	}
	if a, ok := lookUp(t, "cobox-7k3f9q.local.", 150*time.Millisecond); ok {
		t.Errorf("the box's old name leads to %v", a)
	}
	if err := r.Set("no name"); err == nil {
		t.Error("a bad name was taken")
	}
	if _, ok := lookUp(t, "attic.local.", 20*time.Second); !ok {
		t.Error("a bad name took the good one away")
	}
	stop()
	if a, ok := lookUp(t, "attic.local.", 150*time.Millisecond); ok {
		t.Errorf("a box that has ended answers %v", a)
	}
}

// TestTwoBoxes: two on one computer, at one port, as libp2p's mDNS is too.
func TestTwoBoxes(t *testing.T) {
	start(t, "one")
	start(t, "two")
	for _, name := range []string{"one.local.", "two.local."} {
		if _, ok := lookUp(t, name, 20*time.Second); !ok {
			t.Errorf("%s does not answer", name)
		}
	}
}
