package audit

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"cobox/seeder/feed"
	"cobox/seeder/wire"
)

// Ends returns the draws that show whether a feed is the same one at all of some
// lengths: the last block of each but the longest, which goes by all roots that the
// tree had then. lengths are those that boxes have given receipts for, and that of
// a head from before.
func Ends(key feed.Key, lengths []uint64) []Draw {
	lengths = slices.Compact(slices.Sorted(slices.Values(lengths)))
	var draws []Draw
	for i, n := range lengths {
		if n > 0 && i < len(lengths)-1 {
			draws = append(draws, Draw{key, n - 1})
		}
	}
	return draws
}

// A Head is a feed's newest head that an auditor has seen, with its proof.
type Head struct {
	feed.Head
	Proof *feed.Proof
}

// Compare looks whether what several boxes answered to the same draws, and the heads
// of earlier audits, are of one history each. It returns a fork for each feed that
// is not, and the newest heads.
func Compare(before map[feed.Key]Head, reports []*Report) (forks []*feed.ForkError, newest map[feed.Key]Head) {
	newest = make(map[feed.Key]Head)
	forked := make(map[feed.Key]bool)
	compare := func(key feed.Key, a, b *feed.Proof) {
		if a == nil || forked[key] {
			return
		}
		if e, err := feed.CheckFork(key, a, b); err == nil {
			forked[key] = true
			forks = append(forks, e)
		}
	}
	first := make(map[Draw]*feed.Proof)
	for _, r := range reports {
		for _, x := range r.Results {
			if x.Proof == nil {
				continue
			}
			compare(x.Feed, before[x.Feed].Proof, x.Proof)
			compare(x.Feed, first[x.Draw], x.Proof)
			if first[x.Draw] == nil {
				first[x.Draw] = x.Proof
			}
			was, ok := newest[x.Feed]
			if !ok {
				was = before[x.Feed]
			}
			if was.Proof == nil || x.Head.Fork > was.Fork || x.Head.Fork == was.Fork && x.Head.Length > was.Length {
				newest[x.Feed] = Head{x.Head, x.Proof}
			}
		}
	}
	return forks, newest
}

// Append appends the head with its proof, as a Data message of replication.
func (h Head) Append(b []byte) []byte { return (&wire.Data{Proof: *h.Proof}).Append(b) }

// ParseHead reads and checks what [Head.Append] writes.
func ParseHead(key feed.Key, b []byte) (Head, error) {
	m, err := wire.ParseMessage((*wire.Data)(nil).Type(), bytes.Clone(b))
	if err != nil {
		return Head{}, fmt.Errorf("reading a head of feed %s: %w", key.DiscoveryKey(), err)
	}
	proof := &m.(*wire.Data).Proof
	batch, err := (&feed.State{Key: key}).Verify(noNodes{}, proof)
	if err == nil && batch.Upgraded == nil {
		err = errors.New("it proves no head")
	}
	if err != nil {
		return Head{}, fmt.Errorf("reading a head of feed %s: %w", key.DiscoveryKey(), err)
	}
	return Head{batch.Upgraded.Head, proof}, nil
}
