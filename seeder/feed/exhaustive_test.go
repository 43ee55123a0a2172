package feed_test

import (
	"bytes"
	"errors"
	"testing"

	"cobox/seeder/feed"
)

// Every tree of up to 100 blocks, every older length that the asker may have,
// and every block together with the upgrade, where that is asked for: the
// asker ends with the honest head, and stores nothing but honest nodes.
func TestUpgradeFromEveryLength(t *testing.T) {
	w := newWriter(2).fill(100)
	for to := 1; to <= 100; to++ {
		whole := w.at(to)
		for from := range to {
			up := &feed.UpgradeRequest{Start: uint64(from), Length: uint64(to - from)}
			// All blocks at the sizes where trees differ most; elsewhere the first.
			step := to - from
			switch {
			case to <= 17:
				step = 1
			case to == 33 || to == 64 || to == 100:
				step = 9
			}
			for block := from; block < to; block += step {
				req := feed.Request{Upgrade: up, Block: &feed.BlockRequest{Index: uint64(block)}}
				w.checkUpgrade(t, whole.Head, from, req)
			}
			w.checkUpgrade(t, whole.Head, from, feed.Request{Upgrade: up})
		}
	}
}

// An upgrade to less than what is signed brings the rest as additional nodes.
func TestUpgradeWithAdditionalNodes(t *testing.T) {
	w := newWriter(3).fill(24)
	for length := 1; length <= 24; length++ {
		whole := w.at(length)
		for to := 1; to < length; to++ {
			for from := range to {
				up := &feed.UpgradeRequest{Start: uint64(from), Length: uint64(to - from)}
				w.checkUpgrade(t, whole.Head, from, feed.Request{Upgrade: up})
				w.checkUpgrade(t, whole.Head, from, feed.Request{Upgrade: up, Block: &feed.BlockRequest{Index: uint64(to - 1)}})
			}
		}
	}
}

// checkUpgrade verifies the answer to req from the state at an older length.
func (w *writer) checkUpgrade(t *testing.T, h feed.Head, from int, req feed.Request) {
	t.Helper()
	tree, err := feed.NewTree(w.roots[from])
	if err != nil {
		t.Fatal(err)
	}
	s := feed.State{Key: w.key, Manifest: w.manifest, Head: tree.Head(w.fork), Roots: w.roots[from]}
	p := w.prove(t, h, req)
	b, err := s.Verify(rootNodes(w.roots[from]), p)
	if err != nil {
		t.Fatalf("from %d of %d: Verify(%s): %v", from, h.Length, show(req), err)
	}
	up := b.Upgraded
	if up == nil || !sameHead(up.Head, h) || b.Reorg {
		t.Fatalf("from %d of %d: Verify(%s) = %+v", from, h.Length, show(req), up)
	}
	b.Upgraded = nil
	w.checkHonest(t, show(req), b)
	if (b.Block != nil) != (req.Block != nil) || b.Block != nil && b.Block.Index != req.Block.Index {
		t.Fatalf("Verify(%s) brought block %v", show(req), b.Block)
	}
	// All new roots are there for the next proof.
	held := rootNodes(w.roots[from])
	held.add(b.Nodes...)
	for _, root := range up.Roots {
		if held[root.Index] != root {
			t.Fatalf("Verify(%s) does not bring root %d", show(req), root.Index)
		}
	}
}

// Every block of every tree, fetched one by one in a scattered order by one who
// has the roots, with the number of nodes that are asked for.
func TestEveryBlock(t *testing.T) {
	w := newWriter(4).fill(100)
	for length := range 101 {
		s := w.at(length)
		nodes := rootNodes(s.Roots)
		for k := range length {
			i := uint64(k) * 37 % uint64(length)
			if length%37 == 0 {
				i = uint64(k)
			}
			n, ok := feed.NodesToProve(nodes, 2*i, s.Head.Length)
			if !ok {
				t.Fatalf("NodesToProve(block %d of %d): none", i, length)
			}
			p := w.prove(t, s.Head, feed.Request{Block: &feed.BlockRequest{Index: i, Nodes: n}})
			if uint64(len(p.Block.Nodes)) != n {
				t.Fatalf("block %d of %d: %d nodes, asked for %d", i, length, len(p.Block.Nodes), n)
			}
			if k%2 == 0 {
				p.Block.HashBlock()
			}
			b, err := s.Verify(nodes, p)
			if err != nil {
				t.Fatalf("block %d of %d: %v", i, length, err)
			}
			w.checkHonest(t, "block", b)
			if b.Block == nil || b.Block.Index != i || !bytes.Equal(b.Block.Value, w.blocks[i]) || b.Upgraded != nil {
				t.Fatalf("block %d of %d: batch %+v", i, length, b)
			}
			nodes.add(b.Nodes...)
			// One level less is not enough, unless the level below is stored by now.
			if n > 0 {
				p = w.prove(t, s.Head, feed.Request{Block: &feed.BlockRequest{Index: i, Nodes: n - 1}})
				if _, err := s.Verify(rootNodes(s.Roots), p); !errors.Is(err, feed.ErrMissing) {
					t.Fatalf("block %d of %d with %d levels: %v, want ErrMissing", i, length, n-1, err)
				}
			}
		}
		for i := range w.nodes {
			if feed.RightSpan(i) < 2*uint64(length) && nodes[i] != w.nodes[i] {
				t.Fatalf("tree of %d: node %d is %v after all blocks, want %v", length, i, nodes[i], w.nodes[i])
			}
		}
	}
}

// Every node of a tree as a hash request, up to the root.
func TestEveryHash(t *testing.T) {
	w := newWriter(5).fill(40)
	for length := 1; length <= 40; length++ {
		s := w.at(length)
		nodes := rootNodes(s.Roots)
		for i := range uint64(2 * length) {
			n, ok := feed.NodesToProve(nodes, i, s.Head.Length)
			if inside := feed.RightSpan(i) < s.Head.Length*2; ok != inside {
				t.Fatalf("NodesToProve(node %d of %d) = %d, %v", i, length, n, ok)
			}
			if !ok {
				continue
			}
			p := w.prove(t, s.Head, feed.Request{Hash: &feed.HashRequest{Index: i, Nodes: n}})
			b, err := s.Verify(nodes, p)
			if err != nil {
				t.Fatalf("node %d of %d: %v", i, length, err)
			}
			w.checkHonest(t, "hash", b)
		}
	}
}

// Every byte of a feed, sought by one who has the roots and together with an
// upgrade and a block: the proof verifies, and its nodes lead to the byte.
func TestEverySeek(t *testing.T) {
	w := newWriter(6).fill(24)
	for _, length := range []int{1, 2, 3, 7, 8, 13, 24} {
		s := w.at(length)
		var block, start uint64 // that holds the byte
		for at := range s.Head.Bytes {
			for at >= start+uint64(len(w.blocks[block])) {
				start += uint64(len(w.blocks[block]))
				block++
			}
			req := feed.Request{Seek: &feed.SeekRequest{Bytes: at}, Upgrade: &feed.UpgradeRequest{Length: s.Head.Length}}
			p := w.prove(t, s.Head, req)
			empty := feed.State{Key: w.key, Manifest: w.manifest}
			b, err := empty.Verify(nodeMap{}, p)
			if err != nil {
				t.Fatalf("byte %d of %d blocks: %v", at, length, err)
			}
			w.checkHonest(t, "seek", b)
			if p.Seek == nil || len(p.Seek.Nodes) == 0 {
				t.Fatalf("byte %d of %d blocks: no seek nodes", at, length)
			}
			// The first node holds the byte, or ends where it begins.
			n := p.Seek.Nodes[0].Index
			if lo, hi := feed.LeftSpan(n)/2, feed.RightSpan(n)/2; block < lo || at > start && block > hi || block > hi+8 {
				t.Fatalf("byte %d of %d blocks is in block %d, the seek leads to blocks %d to %d", at, length, block, lo, hi)
			}
			w.seekWithBlock(t, s, at)
		}
	}
}

// seekWithBlock asks for each block and a byte below the same root.
func (w *writer) seekWithBlock(t *testing.T, s feed.State, at uint64) {
	nodes := rootNodes(s.Roots)
	for i := range s.Head.Length {
		n, _ := feed.NodesToProve(nodes, 2*i, s.Head.Length)
		req := feed.Request{Block: &feed.BlockRequest{Index: i, Nodes: n}, Seek: &feed.SeekRequest{Bytes: at}}
		p, err := feed.Prove(s.Head, w.manifest, w.nodes, req)
		if errors.Is(err, feed.ErrRequest) {
			continue // the byte is below another root
		}
		if err != nil {
			t.Fatalf("Prove(%s): %v", show(req), err)
		}
		p.Block.Value = w.blocks[i]
		b, err := s.Verify(nodes, p)
		if err != nil {
			t.Fatalf("Verify(%s): %v", show(req), err)
		}
		w.checkHonest(t, show(req), b)
	}
}
