package main

import (
	"math/bits"
	"math/rand/v2"
	"slices"
	"testing"
)

// nearest is the truth, by looking at everybody.
func (n *network) nearest(target uint64, count int) []uint64 {
	all := slices.Clone(n.ids)
	byDistance(all, target)
	return all[:min(len(all), count)]
}

// A look-up finds the peers that are closest of all, whoever asks.
func TestFindsTheClosest(t *testing.T) {
	for _, servers := range []int{1, 2, 5, 21, 300, 5000} {
		n := newNetwork(servers, 7)
		r := rand.New(rand.NewPCG(1, 2))
		for range 50 {
			from, target := n.ids[r.IntN(servers)], r.Uint64()
			l := n.find(from, target)
			want := slices.DeleteFunc(n.nearest(target, bucketSize+1), func(id uint64) bool { return id == from })
			want = want[:min(len(want), bucketSize)]
			// Buckets hold only some of the peers, so that the last of the twenty may be
			// missed; never one of those that a look-up waits for.
			if first := min(len(want), resiliency); !slices.Equal(l.found[:first], want[:first]) {
				t.Fatalf("%d servers: found %x, want %x first", servers, l.found, want[:first])
			}
			seen := make(map[uint64]bool)
			for _, p := range l.asked {
				if seen[p] || p == from {
					t.Fatalf("%d servers: %x was asked twice, or by itself", servers, p)
				}
				seen[p] = true
			}
		}
	}
}

// The IDs at the two ends are in their own ranges.
func TestBetween(t *testing.T) {
	n := &network{ids: []uint64{0, 1, 1 << 63, 1<<64 - 1}}
	for _, c := range []struct {
		id     uint64
		length int
		want   []uint64
	}{
		{5, 0, n.ids},
		{0, 1, []uint64{0, 1}},
		{1<<64 - 1, 1, []uint64{1 << 63, 1<<64 - 1}},
		{1<<64 - 1, 2, []uint64{1<<64 - 1}},
		{1, 63, []uint64{0, 1}},
		{1 << 62, 2, nil},
	} {
		if got := n.between(c.id, c.length); !slices.Equal(got, c.want) {
			t.Errorf("between(%x, %d) = %x, want %x", c.id, c.length, got, c.want)
		}
	}
}

// Every bucket that has peers is refreshed by a target in it.
func TestRefreshes(t *testing.T) {
	n := newNetwork(1000, 3)
	id := n.ids[500]
	targets := n.refreshes(rand.New(rand.NewPCG(1, 1)), id)
	if targets[0] != id || len(targets) < 9 || len(targets) > refreshBits+2 {
		t.Fatalf("%d targets, the first %x", len(targets), targets[0])
	}
	for length, target := range targets[1:] {
		if got := common(id, target); got != length {
			t.Errorf("target %d has %d bits in common", length, got)
		}
	}
}

// common returns how many bits two IDs have in common at their beginning.
func common(a, b uint64) int { return bits.LeadingZeros64(a ^ b) }
