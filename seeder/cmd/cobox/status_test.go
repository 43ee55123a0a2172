package main

import (
	"testing"
	"time"

	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/pin"
)

// What a box lacks is told against the newest state that any box signed or showed.
func TestLacks(t *testing.T) {
	a, b := feed.Key{1}, feed.Key{2}
	status := func(key feed.Key, fork, length, blocks uint64) pin.Status {
		return pin.Status{Pin: pin.Pin{Feed: key}, Head: pin.Head{Fork: fork, Length: length, Bytes: 10 * length}, Blocks: blocks, HeldBytes: 10 * blocks}
	}
	signed := func(key feed.Key, fork, length uint64) map[feed.Key]receiptOf {
		return map[feed.Key]receiptOf{key: {Receipt: identity.Receipt{Feed: key, Fork: fork, Length: length, Bytes: 10 * length}}}
	}
	boxes := []boxState{
		{Pins: []pin.Status{status(a, 0, 20, 20), status(b, 0, 5, 3)}},
		{Pins: []pin.Status{status(a, 0, 15, 15)}},
		{receipts: signed(a, 0, 12)}, // silent
		{receipts: signed(b, 1, 4)},  // of a later fork
	}
	newest := newestHeads(boxes)
	for i, want := range []behind{{4, 40}, {5 + 4, 90}, {8 + 4, 120}, {20, 200}} {
		if got := boxes[i].lacks(newest); got != want {
			t.Errorf("box %d lacks %+v, want %+v", i, got, want)
		}
	}
}

// An old state does not become a new one by being signed for again.
func TestSignedFor(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	week := now.Add(-7 * 24 * time.Hour)
	for _, c := range []struct{ receipt, newest, want time.Time }{
		{now, week, week}, {week, now, week}, {now, time.Time{}, now}, {time.Time{}, time.Time{}, time.Time{}},
	} {
		b := boxState{Receipt: c.receipt, Newest: c.newest}
		if got := b.signedFor(); got != c.want {
			t.Errorf("a receipt of %v for a state of %v is as old as %v, want %v", c.receipt, c.newest, got, c.want)
		}
	}
}
