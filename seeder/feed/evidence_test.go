package feed_test

import (
	"errors"
	"fmt"
	"testing"

	"cobox/seeder/feed"
)

// plain proves a head by its roots alone.
func (w *writer) plain(length int) *feed.Proof {
	s := w.at(length)
	return &feed.Proof{Fork: s.Head.Fork, Manifest: s.Manifest, Upgrade: &feed.UpgradeProof{
		Length: s.Head.Length, Nodes: s.Roots, Signature: s.Head.Signature,
	}}
}

// lastOf proves the newest head, and by the way block length-1: its path goes by
// all roots of a tree of that length.
func (w *writer) lastOf(t testing.TB, length int) *feed.Proof {
	return w.prove(t, w.head(), feed.Request{
		Block: &feed.BlockRequest{Index: uint64(length) - 1}, Upgrade: upgrade(0, w.tree.Length), Manifest: true,
	})
}

// Every fork of a small feed is shown by the last block of the shorter tree; no
// two proofs of one history contradict each other, whatever they go by.
func TestCheckFork(t *testing.T) {
	const seed, most = 24, 11
	for ours := 1; ours <= most; ours++ {
		honest := newWriter(seed).fill(ours)
		have := honest.plain(ours)
		for length := ours; length <= most; length++ {
			for from := range length + 1 {
				other := liar(seed, length, from)
				what := fmt.Sprintf("trees of %d and %d blocks, different from block %d on", ours, length, from)
				e, err := feed.CheckFork(honest.key, have, other.lastOf(t, ours))
				if from >= ours {
					if !errors.Is(err, feed.ErrNoFork) {
						t.Fatalf("%s: CheckFork = %v, %v, want ErrNoFork", what, e, err)
					}
					for i := range ours {
						if e, err := feed.CheckFork(honest.key, have, other.lastOf(t, i+1)); !errors.Is(err, feed.ErrNoFork) {
							t.Fatalf("%s, block %d: CheckFork = %v, %v, want ErrNoFork", what, i, e, err)
						}
					}
					continue
				}
				if err != nil || !sameHead(e.Have, honest.head()) || !sameHead(e.Got, other.head()) || e.Key != honest.key {
					t.Fatalf("%s: CheckFork = %+v, %v", what, e, err)
				}
				// What it returns is evidence again, without blocks, in either order of lengths.
				if e.GotProof.Block != nil {
					t.Fatalf("%s: a block is left in the evidence", what)
				}
				if _, err := feed.CheckFork(e.Key, e.HaveProof, e.GotProof); err != nil {
					t.Fatalf("%s: CheckFork of the evidence = %v", what, err)
				}
				e.GotProof.Manifest = honest.manifest
				if _, err := feed.CheckFork(e.Key, e.GotProof, e.HaveProof); err != nil {
					t.Fatalf("%s: CheckFork the other way round = %v", what, err)
				}
			}
		}
	}
}

// What is not signed by the feed's writer, or changed, is no evidence.
func TestCheckForkRefuses(t *testing.T) {
	const seed = 25
	honest, other := newWriter(seed).fill(7), liar(seed, 9, 5)
	pair := func() (have, got *feed.Proof) { return honest.plain(7), other.lastOf(t, 7) }
	for what, c := range map[string]struct {
		change func(have, got *feed.Proof)
		want   error
	}{
		"no upgrade":            {func(_, got *feed.Proof) { got.Upgrade = nil }, feed.ErrProof},
		"an upgrade from 2":     {func(_, got *feed.Proof) { got.Upgrade.Start, got.Upgrade.Length = 2, 7 }, feed.ErrProof},
		"no manifest":           {func(have, _ *feed.Proof) { have.Manifest = nil }, feed.ErrManifest},
		"a foreign manifest":    {func(have, _ *feed.Proof) { have.Manifest = newWriter(26).manifest }, feed.ErrManifest},
		"a changed signature":   {func(have, _ *feed.Proof) { have.Upgrade.Signature[9]++ }, feed.ErrSignature},
		"another one's":         {func(_, got *feed.Proof) { got.Upgrade.Signature = newWriter(26).fill(9).head().Signature }, feed.ErrSignature},
		"a changed root":        {func(have, _ *feed.Proof) { have.Upgrade.Nodes[0].Hash[3]++ }, feed.ErrSignature},
		"a changed block":       {func(_, got *feed.Proof) { got.Block.Value = append(got.Block.Value, 1) }, feed.ErrSignature},
		"a changed sibling":     {func(_, got *feed.Proof) { got.Block.Nodes[0].Hash[3]++ }, feed.ErrSignature},
		"another fork's number": {func(_, got *feed.Proof) { got.Fork++ }, feed.ErrNoFork},
		"a path to nowhere":     {func(_, got *feed.Proof) { got.Block.Nodes = got.Block.Nodes[:1] }, feed.ErrProof},
	} {
		have, got := pair()
		c.change(have, got)
		if e, err := feed.CheckFork(honest.key, have, got); !errors.Is(err, c.want) {
			t.Errorf("%s: CheckFork = %v, %v, want %v", what, e, err, c.want)
		}
	}
	have, got := pair()
	if _, err := feed.CheckFork(newWriter(26).key, have, got); err == nil {
		t.Error("CheckFork for another feed = nil")
	}
	// A truncation is no fork: its number rises.
	cut := newWriter(seed).fill(7)
	cut.truncate(3)
	cut.append([]byte("other"))
	if e, err := feed.CheckFork(honest.key, honest.plain(7), cut.lastOf(t, 4)); !errors.Is(err, feed.ErrNoFork) {
		t.Errorf("CheckFork of a truncation = %v, %v, want ErrNoFork", e, err)
	}
}
