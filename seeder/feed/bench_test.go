package feed_test

import (
	"testing"

	"cobox/seeder/feed"
)

// benchFeed has 64 KiB blocks, as the box's main load has.
func benchFeed() *writer {
	w := newWriter(40)
	block := make([]byte, 64<<10)
	for range 1000 {
		w.append(block)
	}
	return w
}

// BenchmarkVerifyBlock checks a block with its siblings, hash and all.
func BenchmarkVerifyBlock(b *testing.B) {
	w := benchFeed()
	s := w.at(1000)
	nodes := rootNodes(s.Roots)
	n, _ := feed.NodesToProve(nodes, 2*300, 1000)
	p := w.prove(b, s.Head, feed.Request{Block: &feed.BlockRequest{Index: 300, Nodes: n}})
	b.SetBytes(64 << 10)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Verify(nodes, p); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkVerifyHashedBlock is what remains when the block was hashed before.
func BenchmarkVerifyHashedBlock(b *testing.B) {
	w := benchFeed()
	s := w.at(1000)
	nodes := rootNodes(s.Roots)
	nodes.add(w.nodes[603])
	p := w.prove(b, s.Head, feed.Request{Block: &feed.BlockRequest{Index: 300, Nodes: 2}})
	p.Block.HashBlock()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Verify(nodes, p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkVerifyUpgrade(b *testing.B) {
	w := benchFeed()
	s := w.at(500)
	nodes := rootNodes(s.Roots)
	p := w.prove(b, w.head(), feed.Request{Upgrade: upgrade(500, 500)})
	b.ReportAllocs()
	for b.Loop() {
		if _, err := s.Verify(nodes, p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkProve(b *testing.B) {
	w := benchFeed()
	h := w.head()
	req := feed.Request{Block: &feed.BlockRequest{Index: 300, Nodes: 2}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := feed.Prove(h, w.manifest, w.nodes, req); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	var tree feed.Tree
	block := make([]byte, 64<<10)
	b.SetBytes(64 << 10)
	b.ReportAllocs()
	for b.Loop() {
		tree.Append(block)
	}
}
