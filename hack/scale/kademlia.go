package main

import (
	"cmp"
	"math/bits"
	"math/rand/v2"
	"slices"
)

// The parameters of our DHT: seeder/swarm/dht.go, and the library's for the others.
const (
	bucketSize  = 20 // k: peers in a bucket, and in an answer
	concurrency = 3  // alpha: questions at a time
	resiliency  = 3  // beta: so many of the closest have answered at the end
	refreshBits = 15 // the longest common prefix whose bucket is refreshed
)

// A network is a DHT in which every server knows as many peers as its buckets hold,
// and all of them answer. IDs are the first 64 bits of what Kademlia compares: enough
// to tell a million peers apart.
type network struct {
	ids  []uint64 // of the servers, ascending
	seed uint64
	// tables are made when somebody is asked for the first time: which peers are in a
	// bucket is chance, but the same at each question.
	tables map[int]*routes
}

// routes are the peers that a server knows, by the length of the prefix that they
// have in common with it.
type routes struct{ buckets [][]uint64 }

func newNetwork(servers int, seed uint64) *network {
	n := &network{seed: seed, tables: make(map[int]*routes)}
	r := rand.New(rand.NewPCG(seed, uint64(servers)))
	seen := make(map[uint64]bool, servers)
	for len(n.ids) < servers {
		if id := r.Uint64(); !seen[id] {
			seen[id] = true
			n.ids = append(n.ids, id)
		}
	}
	slices.Sort(n.ids)
	return n
}

// between returns the servers whose IDs begin with the first length bits of id.
func (n *network) between(id uint64, length int) []uint64 {
	if length == 0 {
		return n.ids
	}
	low := id &^ (1<<(64-length) - 1)
	first, _ := slices.BinarySearch(n.ids, low)
	last := len(n.ids)
	if high := low + 1<<(64-length); high != 0 {
		last, _ = slices.BinarySearch(n.ids, high)
	}
	return n.ids[first:last]
}

// routesOf returns the peers that a server, or a box with that ID, knows.
func (n *network) routesOf(id uint64) *routes {
	at, server := slices.BinarySearch(n.ids, id)
	if server {
		if t := n.tables[at]; t != nil {
			return t
		}
	}
	r := rand.New(rand.NewPCG(n.seed, id))
	t := new(routes)
	for length := 0; length < 64 && len(n.between(id, length)) > 0; length++ {
		// The bucket has those that differ in the next bit.
		others := n.between(id^1<<(63-length), length+1)
		t.buckets = append(t.buckets, some(r, others))
	}
	if server {
		n.tables[at] = t
	}
	return t
}

// some returns as many of the peers as a bucket holds, chosen by chance.
func some(r *rand.Rand, peers []uint64) []uint64 {
	if len(peers) <= bucketSize {
		return peers
	}
	chosen := make(map[uint64]bool, bucketSize)
	var list []uint64
	for len(list) < bucketSize {
		if p := peers[r.IntN(len(peers))]; !chosen[p] {
			chosen[p] = true
			list = append(list, p)
		}
	}
	return list
}

// closest returns the peers that are closest to the target among those known, at most
// as many as an answer has, the closest first.
func (t *routes) closest(id, target uint64) []uint64 {
	at := min(bits.LeadingZeros64(id^target), len(t.buckets)-1)
	var list []uint64
	// All beyond that bucket share with us, and so with the target, as much as we do.
	for _, b := range t.buckets[max(at, 0):] {
		list = append(list, b...)
	}
	for i := at - 1; i >= 0 && len(list) < bucketSize; i-- {
		list = append(list, t.buckets[i]...)
	}
	byDistance(list, target)
	return list[:min(len(list), bucketSize)]
}

func byDistance(list []uint64, target uint64) {
	slices.SortFunc(list, func(a, b uint64) int { return cmp.Compare(a^target, b^target) })
}

// A lookup is what one look-up took.
type lookup struct {
	asked  []uint64 // peers, in the order of the questions
	rounds int      // of questions, one after the other: the waiting time in round trips
	found  []uint64 // the closest peers
}

// find looks a target up, as the library does: the closest that were heard of are
// asked, some at a time, until the closest few have answered; then the others of
// the closest k are asked too.
func (n *network) find(from, target uint64) lookup {
	var l lookup
	heard := n.routesOf(from).closest(from, target)
	known := map[uint64]bool{from: true} // nobody asks himself
	for _, p := range heard {
		known[p] = true
	}
	asked := make(map[uint64]bool)
	ask := func(peers []uint64) {
		l.rounds++
		for _, p := range peers {
			asked[p] = true
			l.asked = append(l.asked, p)
			for _, q := range n.routesOf(p).closest(p, target) {
				if !known[q] {
					known[q] = true
					heard = append(heard, q)
				}
			}
		}
		byDistance(heard, target)
	}
	for {
		var next []uint64
		for i, p := range heard {
			if asked[p] {
				continue
			}
			if i >= resiliency && len(next) == 0 {
				break // the closest have answered
			}
			if next = append(next, p); len(next) == concurrency {
				break
			}
		}
		if len(next) == 0 {
			break
		}
		ask(next)
	}
	var rest []uint64
	for _, p := range heard[:min(len(heard), bucketSize)] {
		if !asked[p] {
			rest = append(rest, p)
		}
	}
	if len(rest) > 0 {
		ask(rest)
	}
	l.found = heard[:min(len(heard), bucketSize)]
	return l
}

// refreshes returns the targets of the look-ups with which a box looks over its
// routing table: itself, and one in each bucket.
func (n *network) refreshes(r *rand.Rand, id uint64) []uint64 {
	targets := []uint64{id}
	buckets := n.routesOf(id).buckets
	for length := range min(len(buckets), refreshBits+1) {
		flipped := id ^ 1<<(63-length)
		rest := uint64(1)<<(63-length) - 1
		targets = append(targets, flipped&^rest|r.Uint64()&rest)
	}
	return targets
}
