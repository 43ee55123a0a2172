package seeder

import (
	"net/netip"
	"testing"
	"time"

	"cobox/seeder/swarm"
)

// TestLounge fills the lounge: a newcomer gets the seat of the one who has waited
// longest, one address cannot take it all, and who is overdue goes.
func TestLounge(t *testing.T) {
	var l lounge
	at := time.Now()
	name := func(n int) swarm.PeerID { return swarm.PeerID(rune('a' + n)) }
	from := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}) }
	for n := range loungeSeats {
		if out, ok := l.enter(name(n), from(n), at.Add(time.Duration(n)*time.Millisecond)); !ok || out != "" {
			t.Fatalf("guest %d: %q, %v", n, out, ok)
		}
	}
	if out, ok := l.enter(name(0), from(0), at.Add(time.Second)); !ok || out != "" {
		t.Errorf("a guest who is in already: %q, %v", out, ok)
	}
	if out, ok := l.enter(name(30), from(30), at.Add(time.Second)); !ok || out != name(0) {
		t.Errorf("a newcomer: %q had to go, %v; want the one who has waited longest", out, ok)
	}
	if _, ok := l.enter(name(31), from(30), at.Add(time.Second)); !ok {
		t.Error("the second of an address was refused")
	}
	if _, ok := l.enter(name(32), from(30), at.Add(time.Second)); ok {
		t.Error("one address has taken three seats")
	}
	local := netip.MustParseAddr("127.0.0.1")
	for n := range 5 {
		if _, ok := l.enter(name(40+n), local, at.Add(time.Second)); !ok {
			t.Error("this computer's own was refused")
		}
	}
	l.leave(name(30))
	gone := l.overdue(at.Add(loungeTime + 500*time.Millisecond))
	for _, p := range gone {
		if p >= name(30) {
			t.Errorf("%q went before its time", p)
		}
	}
	if len(gone) == 0 || len(l.guests) != 6 {
		t.Errorf("%d were overdue, %d stay, want 6", len(gone), len(l.guests))
	}
}
