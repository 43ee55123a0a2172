package chain_test

import (
	"errors"
	"syscall"
	"testing"

	"cobox/provision/chain"
)

// Case 48: the disk is full, and what comes free is taken by others at once: the
// reserve is enough for several orders. When it is used up, an order is refused
// and nothing changes; when there is room again, all is well.
func TestCase48DiskFull(t *testing.T) {
	d, _ := written(t, 2)
	l, err := chain.OpenOn(d, boxKey)
	if err != nil {
		t.Fatal(err)
	}
	if d.reserved != chain.Reserve {
		t.Fatalf("%d bytes are in reserve, want %d", d.reserved, chain.Reserve)
	}
	taken := 0
	for {
		d.free = 0
		st, _ := nextOrder(t, l.State())
		before := l.State().Head()
		err := l.Append(st, good)
		if err == nil {
			taken++
			continue
		}
		if !errors.Is(err, syscall.ENOSPC) || errors.Is(err, chain.ErrInDoubt) || l.State().Head() != before {
			t.Fatalf("on a full disk, after %d orders: %v", taken, err)
		}
		break
	}
	if taken < 4 || d.reserved != 0 {
		t.Errorf("%d orders were taken in on a full disk, %d bytes are left", taken, d.reserved)
	}
	d.free = 64 << 20
	st, _ := nextOrder(t, l.State())
	if err := l.Append(st, good); err != nil {
		t.Errorf("with room again: %v", err)
	}
	if held := l.Refill(); held != chain.Reserve {
		t.Errorf("%d bytes are in reserve again, want %d", held, chain.Reserve)
	}
}

// A disk with room for a few pieces gives them; the rest comes later.
func TestReserveInParts(t *testing.T) {
	d := newDisk()
	d.free = 3*chain.ReservePiece + 5000
	l, err := chain.OpenOn(d, boxKey)
	if err != nil {
		t.Fatal(err)
	}
	if held := l.Refill(); held != 3*chain.ReservePiece {
		t.Errorf("%d bytes are in reserve", held)
	}
	d.free += chain.Reserve
	if held := l.Refill(); held != chain.Reserve {
		t.Errorf("%d bytes are in reserve", held)
	}
}
