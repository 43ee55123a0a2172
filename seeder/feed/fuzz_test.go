package feed_test

import (
	"errors"
	"testing"

	"cobox/seeder/feed"
)

// FuzzVerify gives random proofs to one who has a part of a feed: nothing false
// is ever established, and nothing panics.
func FuzzVerify(f *testing.F) {
	w := newWriter(30).fill(21)
	h := w.head()
	for _, req := range []feed.Request{
		{Upgrade: upgrade(0, 21), Manifest: true},
		{Upgrade: upgrade(0, 21), Block: &feed.BlockRequest{Index: 20}},
		{Upgrade: upgrade(9, 12), Block: &feed.BlockRequest{Index: 17}},
		{Upgrade: upgrade(9, 3), Block: &feed.BlockRequest{Index: 2, Nodes: 3}},
		{Upgrade: upgrade(9, 3), Hash: &feed.HashRequest{Index: 21}},
		{Upgrade: upgrade(9, 12), Seek: &feed.SeekRequest{Bytes: 60}},
		{Block: &feed.BlockRequest{Index: 2, Nodes: 3}, Seek: &feed.SeekRequest{Bytes: 30}},
		{Hash: &feed.HashRequest{Index: 3, Nodes: 1}},
		{Block: &feed.BlockRequest{Index: 8}},
	} {
		f.Add(encodeData(1, w.prove(f, h, req)))
	}
	s := w.at(9)
	nodes := rootNodes(s.Roots)
	empty := feed.State{Key: w.key}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, p, err := decodeData(b)
		if err != nil {
			return
		}
		for _, state := range []feed.State{s, empty} {
			if batch, err := state.Verify(nodes, p); err == nil {
				w.checkHonest(t, "fuzzed proof", batch)
			}
			if p.Block != nil {
				p.Block.HashBlock()
			}
		}
		if err := s.CheckConflict(nodes, p); err == nil && p.Upgrade == nil {
			t.Error("CheckConflict passes a proof without an upgrade")
		}
	})
}

// FuzzProve gives random requests to one who has a whole feed and to one who
// has a part: what is answered verifies where it is the whole truth.
func FuzzProve(f *testing.F) {
	w := newWriter(31).fill(21)
	h := w.head()
	state := w.at(21)
	roots := rootNodes(state.Roots)
	for _, b := range [][]byte{
		{1, 1, 0, 5, 3}, {2, 1, 0, 9, 2}, {5, 1, 0, 5, 3, 60, 0}, {8, 1, 0, 9, 12}, {12, 1, 0, 40, 8, 0, 21},
	} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		_, _, req, err := decodeRequest(b)
		if err != nil {
			return
		}
		_, _ = feed.Prove(h, w.manifest, roots, req)
		p, err := feed.Prove(h, w.manifest, w.nodes, req)
		if err != nil {
			return
		}
		if p.Block != nil {
			p.Block.Value = w.blocks[p.Block.Index]
		}
		from := state
		if up := p.Upgrade; up != nil {
			from = w.at(int(up.Start))
		}
		batch, err := from.Verify(w.nodes, p) // who asked has all nodes that he said
		if errors.Is(err, feed.ErrMissing) && p.Upgrade != nil {
			return // he said he had nodes beyond the length that he said he had
		}
		if err != nil {
			t.Fatalf("Prove(%s) gives a proof that does not verify: %v", show(req), err)
		}
		w.checkHonest(t, show(req), batch)
	})
}
