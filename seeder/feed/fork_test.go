package feed_test

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"cobox/seeder/feed"
)

// Every truncation of every small feed, followed by some appends: the receiver
// comes from the old fork to the new one without anything false in its store.
func TestEveryFork(t *testing.T) {
	for length := 1; length <= 14; length++ {
		for keep := range length {
			for added := 0; added <= 8; added += 4 {
				if keep+added == 0 {
					continue // an empty feed has no proofs
				}
				what := fmt.Sprintf("%d blocks cut to %d, then %d more", length, keep, added)
				w := newWriter(20).fill(length)
				s := w.at(length)
				full, sparse := nodeMap{}, rootNodes(s.Roots)
				for _, n := range w.nodes {
					full.add(n)
				}
				old := w.blocks
				w.truncate(keep)
				for i := range added {
					w.append(fmt.Appendf(nil, "block %d of the other fork", i))
				}
				w.reorg(t, what, s, full, old)
				w.reorg(t, what, s, sparse, old)
			}
		}
	}
}

// reorg brings one who has state s and these nodes and blocks to w's fork.
func (w *writer) reorg(t *testing.T, what string, s feed.State, nodes nodeMap, old [][]byte) {
	t.Helper()
	length := w.tree.Length
	p := w.prove(t, w.head(), feed.Request{Upgrade: upgrade(0, length)})
	b, err := s.Verify(nodes, p)
	if err != nil {
		t.Fatalf("%s: %v", what, err)
	}
	w.checkHonest(t, what, b)
	if !b.Reorg || b.Upgraded == nil || b.Upgraded.Head.Length != length || b.Common > uint64(len(old)) || b.Common > length {
		t.Fatalf("%s: batch %+v", what, b)
	}
	for i := range b.Common {
		if !bytes.Equal(old[i], w.blocks[i]) {
			t.Fatalf("%s: block %d is called common and is not", what, i)
		}
	}
	for i := range nodes {
		if feed.RightSpan(i) >= 2*b.Common {
			delete(nodes, i)
		}
	}
	nodes.add(b.Nodes...)
	s = *b.Upgraded
	for i := range length {
		n, ok := feed.NodesToProve(nodes, 2*i, length)
		if !ok {
			t.Fatalf("%s: no node above block %d", what, i)
		}
		b, err := s.Verify(nodes, w.prove(t, w.head(), feed.Request{Block: &feed.BlockRequest{Index: i, Nodes: n}}))
		if err != nil {
			t.Fatalf("%s: block %d: %v", what, i, err)
		}
		w.checkHonest(t, what, b)
		nodes.add(b.Nodes...)
	}
}

// What is common is found exactly, where roots show it.
func TestCommonOfForks(t *testing.T) {
	w := newWriter(21).fill(12)
	s := w.at(12)
	nodes := nodeMap{}
	for _, n := range w.nodes {
		nodes.add(n)
	}
	w.truncate(11)
	for _, want := range []uint64{11, 8, 8} { // 11 is 8+2+1; 12 is 8+4, 13 is 8+4+1
		p := w.prove(t, w.head(), feed.Request{Upgrade: upgrade(0, w.tree.Length)})
		b, err := s.Verify(nodes, p)
		if err != nil || b.Common != want {
			t.Errorf("12 blocks and then a fork of %d: common %d, %v; want %d", w.tree.Length, b.Common, err, want)
		}
		w.append([]byte("other"))
	}
	// A head of a higher fork may bring a block, but only its own.
	req := feed.Request{Upgrade: upgrade(0, w.tree.Length), Block: &feed.BlockRequest{Index: 11}}
	p := w.prove(t, w.head(), req)
	b, err := s.Verify(nodes, p)
	if err != nil || b.Block == nil || string(b.Block.Value) != "other" {
		t.Errorf("fork with a block: %+v, %v", b, err)
	}
	p = w.prove(t, w.head(), feed.Request{Upgrade: upgrade(0, w.tree.Length)})
	p.Hash = &feed.HashProof{Index: 7, Nodes: []feed.Node{nodes[7]}}
	p.Upgrade.Nodes = p.Upgrade.Nodes[1:]
	if _, err := s.Verify(nodes, p); err != nil {
		t.Errorf("fork with a hash in the place of a root: %v", err)
	}
	p.Hash = &feed.HashProof{Index: 3, Nodes: []feed.Node{nodes[3]}}
	p.Upgrade.Nodes = append([]feed.Node{nodes[7]}, p.Upgrade.Nodes...)
	if _, err := s.Verify(nodes, p); !errors.Is(err, feed.ErrProof) {
		t.Errorf("fork with a hash that it does not use: %v, want ErrProof", err)
	}
}

// liar returns a feed of the same writer and fork whose blocks differ from index on.
func liar(seed byte, length, from int) *writer {
	w := newWriter(seed).fill(length)
	tree, _ := feed.NewTree(w.roots[from])
	w.tree, w.blocks, w.roots = *tree, w.blocks[:from:from], w.roots[:from+1:from+1]
	for i := from; i < length; i++ {
		w.append(fmt.Appendf(nil, "the other story, block %d", i))
	}
	return w
}

func TestConflicts(t *testing.T) {
	const seed = 22
	honest := newWriter(seed).fill(13)
	s := honest.at(13)
	nodes := nodeMap{}
	for _, n := range honest.nodes {
		nodes.add(n)
	}
	for length := 1; length <= 16; length++ {
		for from := range length + 1 {
			other := liar(seed, length, from)
			p := other.prove(t, other.head(), feed.Request{Upgrade: upgrade(0, uint64(length)), Manifest: true})
			err := s.CheckConflict(nodes, p)
			b, verr := s.Verify(nodes, p)
			what := fmt.Sprintf("tree of %d blocks, different from block %d on", length, from)
			switch {
			case length > 13:
				if err != nil || !errors.Is(verr, feed.ErrMissing) {
					t.Errorf("%s: CheckConflict = %v, Verify = %v", what, err, verr)
				}
			case from == length:
				if err != nil || verr != nil || b.Upgraded != nil {
					t.Errorf("%s: CheckConflict = %v, Verify = %+v, %v", what, err, b, verr)
				}
			default:
				for _, err := range []error{err, verr} {
					fork, ok := errors.AsType[*feed.ForkError](err)
					if !ok || fork.Key != s.Key || !sameHead(fork.Have, s.Head) || !sameHead(fork.Got, other.head()) {
						t.Fatalf("%s: %v, want a ForkError", what, err)
					}
					if _, err := feed.CheckFork(fork.Key, fork.HaveProof, fork.GotProof); err != nil {
						t.Fatalf("%s: CheckFork of the evidence = %v", what, err)
					}
					if fork.Error() == "" || errors.Is(err, feed.ErrProof) {
						t.Errorf("%s: %v", what, err)
					}
					for _, h := range []feed.Head{fork.Have, fork.Got} {
						if err := feed.VerifyHead(fork.Key, honest.manifest, h, nil); err != nil {
							t.Errorf("%s: evidence does not verify: %v", what, err)
						}
					}
				}
			}
		}
	}
}

// A longer tree that goes by our length on its way shows whether it grew out of ours.
func TestConflictWithLongerTree(t *testing.T) {
	const seed = 22
	for ours := 1; ours <= 13; ours++ {
		s := newWriter(seed).fill(13).at(ours)
		for from := range 14 {
			other := liar(seed, 14, from)
			p := other.prove(t, other.head(), feed.Request{Upgrade: upgrade(0, uint64(ours)), Manifest: true})
			err := s.CheckConflict(rootNodes(s.Roots), p)
			fork, ok := errors.AsType[*feed.ForkError](err)
			if ok != (from < ours) || !ok && err != nil {
				t.Fatalf("we have %d of 14 blocks, different from block %d on: %v", ours, from, err)
			}
			if ok && (!sameHead(fork.Have, s.Head) || !sameHead(fork.Got, other.head())) {
				t.Errorf("evidence %+v", fork)
			}
			if ok {
				if _, err := feed.CheckFork(fork.Key, fork.HaveProof, fork.GotProof); err != nil {
					t.Errorf("we have %d of 14 blocks, different from block %d on: CheckFork of the evidence = %v", ours, from, err)
				}
			}
			// What the nodes say is as good as their hashes, not better.
			p.Upgrade.Nodes[0].Size++
			if err := s.CheckConflict(rootNodes(s.Roots), p); err == nil {
				t.Errorf("a forged size passes for an honest tree of %d blocks", ours)
			}
		}
	}
}

func TestCheckConflictRefuses(t *testing.T) {
	const seed = 23
	s := newWriter(seed).fill(13).at(13)
	nodes := rootNodes(s.Roots)
	other := liar(seed, 6, 3)
	probe := func() *feed.Proof { return other.prove(t, other.head(), feed.Request{Upgrade: upgrade(0, 6)}) }

	p := probe()
	if err := s.CheckConflict(nodes, p); !errors.Is(err, feed.ErrMissing) {
		t.Errorf("CheckConflict without nodes to compare = %v, want ErrMissing", err)
	}
	p.Upgrade.Signature[5]++
	if err := s.CheckConflict(nodes, p); !errors.Is(err, feed.ErrSignature) {
		t.Errorf("CheckConflict of a forged head = %v, want ErrSignature", err)
	}
	p = probe()
	p.Upgrade = nil
	if err := s.CheckConflict(nodes, p); !errors.Is(err, feed.ErrProof) {
		t.Errorf("CheckConflict without an upgrade = %v, want ErrProof", err)
	}
	p = other.prove(t, other.head(), feed.Request{Upgrade: upgrade(2, 4)})
	if err := s.CheckConflict(nodes, p); !errors.Is(err, feed.ErrProof) {
		t.Errorf("CheckConflict of an upgrade from 2 = %v, want ErrProof", err)
	}
	other.fork++
	if err := s.CheckConflict(nodes, probe()); err != nil {
		t.Errorf("CheckConflict of another fork = %v", err)
	}
}
