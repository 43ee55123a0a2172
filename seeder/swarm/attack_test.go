package swarm_test

import (
	"io"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cobox/seeder/swarm"
)

// A between stands between two hosts, as a relay or a router does, and forwards
// what they say. It flips a bit of the byte at a place in one direction.
type between struct {
	l       net.Listener
	to      string
	at      int64 // negative: nothing is flipped
	flipped atomic.Bool
	wg      sync.WaitGroup
}

func newBetween(t *testing.T, to string, at int64) *between {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &between{l: l, to: to, at: at}
	b.wg.Go(b.run)
	t.Cleanup(func() {
		_ = l.Close()
		b.wg.Wait()
	})
	return b
}

func (b *between) run() {
	for {
		near, err := b.l.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", b.to)
		if err != nil {
			_ = near.Close()
			continue
		}
		b.wg.Go(func() { b.copy(near, far, -1) })
		b.wg.Go(func() { b.copy(far, near, b.at) })
	}
}

func (b *between) copy(to, from net.Conn, at int64) {
	defer func() { _ = to.Close() }()
	defer func() { _ = from.Close() }()
	buf := make([]byte, 4096)
	for seen := int64(0); ; {
		n, err := from.Read(buf)
		if i := at - seen; at >= 0 && i >= 0 && i < int64(n) {
			buf[i] ^= 1
			b.flipped.Store(true)
		}
		seen += int64(n)
		if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
			return
		}
	}
}

// Somebody on the way, a relay too, who flips a bit breaks the connection. Nobody
// is ever given a byte that the other end has not sent.
func TestBitFlippedOnTheWay(t *testing.T) {
	box := newHost(t, "box", swarm.Config{Listen: []string{"/ip4/127.0.0.1/tcp/0"}})
	box.Handle("/test/echo", echo)
	ip, rest, _ := strings.Cut(strings.TrimPrefix(box.Addrs()[0], "/ip4/"), "/tcp/")
	port, _, _ := strings.Cut(rest, "/")
	message := strings.Repeat("what was sent ", 4000)
	for _, at := range []int64{-1, 0, 30, 100, 500, 1500, 5000, 20_000, 40_000} {
		b := newBetween(t, net.JoinHostPort(ip, port), at)
		_, nearPort, _ := net.SplitHostPort(b.l.Addr().String())
		h, err := swarm.New(swarm.Config{Key: testKey("partner")})
		if err != nil {
			t.Fatal(err)
		}
		var got []byte
		if _, err = h.Connect(t.Context(), "/ip4/127.0.0.1/tcp/"+nearPort+"/p2p/"+box.ID().String()); err == nil {
			var s swarm.Stream
			if s, err = h.Open(t.Context(), box.ID(), "/test/echo"); err == nil {
				go func() {
					_, _ = io.WriteString(s, message)
					_ = s.CloseWrite()
				}()
				got, err = io.ReadAll(s)
			}
		}
		switch {
		case at < 0 && (err != nil || string(got) != message):
			t.Errorf("nothing was flipped, and %d bytes came, %v", len(got), err)
		case at >= 0 && !b.flipped.Load():
			t.Errorf("nothing was said at %d", at)
		case at >= 0 && err == nil:
			t.Errorf("a bit was flipped at %d, and nobody noticed", at)
		case !strings.HasPrefix(message, string(got)):
			t.Errorf("a bit was flipped at %d, and something else was read", at)
		}
		_ = h.Close()
	}
}

// Ten thousand connections of somebody who says nothing: few of them are held at a
// time, and when they have gone the next who has something to say gets in.
func TestTenThousandConnections(t *testing.T) {
	box := newHost(t, "box", swarm.Config{Listen: []string{"/ip4/127.0.0.1/tcp/0"}})
	box.Handle("/test/echo", echo)
	ip, rest, _ := strings.Cut(strings.TrimPrefix(box.Addrs()[0], "/ip4/"), "/tcp/")
	port, _, _ := strings.Cut(rest, "/")
	const atOnce = 300
	open := make([]net.Conn, 0, atOnce)
	before, most := runtime.NumGoroutine(), 0
	for n := range 10_000 {
		c, err := net.DialTimeout("tcp", net.JoinHostPort(ip, port), 10*time.Second)
		if err != nil {
			t.Fatalf("connection %d: %v", n, err)
		}
		if n%100 == 0 {
			most = max(most, runtime.NumGoroutine()-before)
		}
		if open = append(open, c); len(open) == atOnce {
			for _, c := range open[:atOnce/2] {
				_ = c.Close()
			}
			open = append(open[:0], open[atOnce/2:]...)
		}
	}
	for _, c := range open {
		_ = c.Close()
	}
	if most > 1000 {
		t.Errorf("%d connections at a time cost %d goroutines", atOnce, most)
	}
	h := newHost(t, "partner", swarm.Config{})
	connectUntil(t, h, box.Addrs()[0]) // the box may not have seen yet that all have gone
	if n := len(box.Peers()); n != 1 {
		t.Errorf("%d peers are connected, want the one that said who it is", n)
	}
}
