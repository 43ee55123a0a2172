package seeder

import (
	"context"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// A fromAddr is a connection from an address.
type fromAddr struct {
	net.Conn
	addr string
}

func (c fromAddr) RemoteAddr() net.Addr {
	a, err := net.ResolveTCPAddr("tcp", c.addr)
	if err != nil {
		panic(err)
	}
	return a
}

// TestStrangersMakeRoom fills the box with silent strangers: a newcomer puts out
// the oldest of them, but nobody who has proved to be of use, and none of the
// newest.
func TestStrangersMakeRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var s strangers
		ended := make(chan int, 2*maxFromOne)
		enter := func(n int, addr string, useful bool) bool {
			return s.enter(ctx, fromAddr{addr: addr}, func(ctx context.Context, p *stranger) {
				p.useful.Store(useful)
				<-ctx.Done()
				ended <- n
			})
		}
		for n := range maxFromOne {
			if !enter(n, "192.0.2.1:1000", n < 2) {
				t.Fatalf("stranger %d was refused", n)
			}
			time.Sleep(time.Millisecond) // so that one is the oldest
		}
		if enter(100, "192.0.2.1:1000", false) {
			t.Error("a newcomer was put out before it had time to say anything")
		}
		if !enter(101, "192.0.2.2:1000", false) {
			t.Error("a stranger from elsewhere was refused")
		}
		time.Sleep(2 * graceTime)
		if !enter(102, "192.0.2.1:1000", false) {
			t.Error("silent strangers keep a newcomer out")
		}
		if n := <-ended; n != 2 {
			t.Errorf("stranger %d was put out, not the oldest that had proved nothing", n)
		}
		cancel()
		s.wait()
	})
}

// TestStrangersOneNetwork counts the addresses of one IPv6 network together.
func TestStrangersOneNetwork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var s strangers
		wait := func(ctx context.Context, _ *stranger) { <-ctx.Done() }
		for n := range maxFromOne {
			addr := net.TCPAddr{IP: net.ParseIP("2001:db8::"), Port: 1}
			addr.IP[15] = byte(n)
			if !s.enter(ctx, fromAddr{addr: addr.String()}, wait) {
				t.Fatalf("stranger %d was refused", n)
			}
		}
		if s.enter(ctx, fromAddr{addr: "[2001:db8::ffff]:1"}, wait) {
			t.Error("one network got more than its share")
		}
		if !s.enter(ctx, fromAddr{addr: "[2001:db8:0:1::1]:1"}, wait) {
			t.Error("another network was refused")
		}
		cancel()
		s.wait()
	})
}
