package feed_test

import (
	"crypto/ed25519"
	"fmt"
	"testing"

	"cobox/seeder/feed"
)

// nodeMap is a store of tree nodes.
type nodeMap map[uint64]feed.Node

func (m nodeMap) Node(index uint64) (feed.Node, error) {
	n, ok := m[index]
	if !ok {
		return feed.Node{}, fmt.Errorf("node %d: %w", index, feed.ErrNoNode)
	}
	return n, nil
}

func (m nodeMap) add(nodes ...feed.Node) {
	for _, n := range nodes {
		m[n.Index] = n
	}
}

// A writer holds a whole feed and can sign it.
type writer struct {
	private  ed25519.PrivateKey
	manifest *feed.Manifest
	key      feed.Key
	fork     uint64
	tree     feed.Tree
	nodes    nodeMap
	blocks   [][]byte
	roots    [][]feed.Node // by length
}

func newWriter(seed byte) *writer {
	private := ed25519.NewKeyFromSeed(append(make([]byte, 31), seed))
	m := feed.NewManifest(private.Public().(ed25519.PublicKey))
	return &writer{private: private, manifest: m, key: m.Key(), nodes: nodeMap{}, roots: [][]feed.Node{nil}}
}

func (w *writer) append(blocks ...[]byte) {
	for _, block := range blocks {
		w.nodes.add(w.tree.Append(block)...)
		w.blocks = append(w.blocks, block)
		w.roots = append(w.roots, append([]feed.Node(nil), w.tree.Roots...))
	}
}

// fill appends n blocks of small, different sizes, some of them empty.
func (w *writer) fill(n int) *writer {
	for i := range n {
		block := make([]byte, (i*7+3)%11)
		for j := range block {
			block[j] = byte(i + j)
		}
		w.append(block)
	}
	return w
}

// truncate forks the feed at length.
func (w *writer) truncate(length int) {
	tree, err := feed.NewTree(w.roots[length])
	if err != nil {
		panic(err)
	}
	for i := range w.nodes {
		if feed.RightSpan(i) >= 2*uint64(length) {
			delete(w.nodes, i)
		}
	}
	w.tree, w.blocks, w.roots = *tree, w.blocks[:length:length], w.roots[:length+1:length+1]
	w.fork++
}

func (w *writer) head() feed.Head {
	h, err := feed.Sign(w.key, w.manifest, w.private, w.tree.Head(w.fork))
	if err != nil {
		panic(err)
	}
	return h
}

// at returns the signed head that the feed had at an older length.
func (w *writer) at(length int) feed.State {
	tree, err := feed.NewTree(w.roots[length])
	if err != nil {
		panic(err)
	}
	s := feed.State{Key: w.key, Manifest: w.manifest, Head: tree.Head(w.fork), Roots: tree.Roots}
	if length > 0 {
		if s.Head, err = feed.Sign(w.key, w.manifest, w.private, s.Head); err != nil {
			panic(err)
		}
	}
	return s
}

// prove answers a request with the block filled in.
func (w *writer) prove(t testing.TB, h feed.Head, req feed.Request) *feed.Proof {
	t.Helper()
	p, err := feed.Prove(h, w.manifest, w.nodes, req)
	if err != nil {
		t.Fatalf("Prove(%s): %v", show(req), err)
	}
	if p.Block != nil {
		p.Block.Value = w.blocks[p.Block.Index]
	}
	return p
}

// rootNodes is the store of one who has only a head.
func rootNodes(roots []feed.Node) nodeMap {
	m := nodeMap{}
	m.add(roots...)
	return m
}

func show(req feed.Request) string {
	s := ""
	if req.Block != nil {
		s += fmt.Sprintf(" block %+v", *req.Block)
	}
	if req.Hash != nil {
		s += fmt.Sprintf(" hash %+v", *req.Hash)
	}
	if req.Seek != nil {
		s += fmt.Sprintf(" seek %+v", *req.Seek)
	}
	if req.Upgrade != nil {
		s += fmt.Sprintf(" upgrade %+v", *req.Upgrade)
	}
	return s
}

// checkHonest fails if a batch says anything that is not so in w's feed.
func (w *writer) checkHonest(t testing.TB, what string, b *feed.Batch) {
	t.Helper()
	seen := map[uint64]bool{}
	for _, n := range b.Nodes {
		if seen[n.Index] {
			t.Fatalf("%s: node %d comes twice", what, n.Index)
		}
		seen[n.Index] = true
		if want := w.nodes[n.Index]; n != want {
			t.Fatalf("%s: stores node %v, the honest one is %v", what, n, want)
		}
	}
	if b.Block != nil && string(b.Block.Value) != string(w.blocks[b.Block.Index]) {
		t.Fatalf("%s: stores block %d as %x", what, b.Block.Index, b.Block.Value)
	}
	if up := b.Upgraded; up != nil {
		h := up.Head
		tree, err := feed.NewTree(up.Roots)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		want := tree.Head(w.fork)
		want.Signature = h.Signature
		if h.Length >= uint64(len(w.roots)) || feed.TreeHash(w.roots[h.Length]) != h.Hash || !sameHead(h, want) {
			t.Fatalf("%s: upgraded to %+v", what, h)
		}
		if err := feed.VerifyHead(w.key, up.Manifest, h, nil); err != nil || up.Key != w.key {
			t.Fatalf("%s: upgraded to a head that does not verify: %v", what, err)
		}
	}
}

func sameHead(a, b feed.Head) bool {
	return a.Fork == b.Fork && a.Length == b.Length && a.Bytes == b.Bytes && a.Hash == b.Hash &&
		string(a.Signature) == string(b.Signature)
}
