package feed_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"testing"

	"golang.org/x/crypto/blake2b"

	"cobox/seeder/feed"
)

type merkleVectors struct {
	Set   string
	Feeds []struct {
		Seed, Key          hexBytes
		Length, ByteLength uint64
		Fork               uint64
		Blocks             []hexBytes
		BlockRule          *struct{ Sizes []int } // how to make them, when they are not written out
		AllNodes           []vectorNode
		RootIndexes        []uint64
		Roots              []vectorNode
		TreeHash           hexBytes
		HeadSignature      hexBytes
		History            []struct {
			Length                  uint64
			TreeHash, HeadSignature hexBytes
		}
	}
	Compat, ManifestV0 struct {
		Seed, Key, TreeHash, Signature hexBytes
		Length                         uint64
		Blocks                         []hexBytes
	}
	Forked struct {
		Seed, Key                    hexBytes
		AppendedFirst, AppendedAfter []hexBytes
		TruncateTo                   int
		AfterTruncate, AfterAppend   vectorHead
	}
	FlatTree []struct {
		Index               uint64
		Depth               int
		Parent, Sibling     uint64
		LeftSpan, RightSpan uint64
		Children            []uint64
	}
	FullRoots []struct {
		Blocks uint64
		Roots  []uint64
	}
}

type vectorHead struct {
	Length, Fork            uint64
	TreeHash, HeadSignature hexBytes
}

func (v *vectorHead) check(t *testing.T, what string, key feed.Key, m *feed.Manifest, h feed.Head) {
	t.Helper()
	if h.Length != v.Length || h.Fork != v.Fork || h.Hash != v.TreeHash.b32() || !bytes.Equal(h.Signature, v.HeadSignature) {
		t.Errorf("%s: head %+v, want %+v", what, h, *v)
	}
	if err := feed.VerifyHead(key, m, h, nil); err != nil {
		t.Errorf("%s: VerifyHead: %v", what, err)
	}
}

func merkleVector(t *testing.T) *merkleVectors {
	var v merkleVectors
	load(t, "03-merkle.json", &v)
	if len(v.Feeds) == 0 || len(v.FlatTree) == 0 || len(v.FullRoots) == 0 {
		t.Fatal("vectors are missing")
	}
	return &v
}

func TestFlatTreeVectors(t *testing.T) {
	v := merkleVector(t)
	for _, n := range v.FlatTree {
		i := n.Index
		if feed.Depth(i) != n.Depth || feed.ParentIndex(i) != n.Parent || feed.SiblingIndex(i) != n.Sibling ||
			feed.LeftSpan(i) != n.LeftSpan || feed.RightSpan(i) != n.RightSpan {
			t.Errorf("node %d: depth %d, parent %d, sibling %d, spans %d to %d; want %+v", i, feed.Depth(i),
				feed.ParentIndex(i), feed.SiblingIndex(i), feed.LeftSpan(i), feed.RightSpan(i), n)
		}
		if n.Children != nil && (feed.LeftChild(i) != n.Children[0] || feed.RightChild(i) != n.Children[1]) {
			t.Errorf("node %d: children %d and %d, want %d", i, feed.LeftChild(i), feed.RightChild(i), n.Children)
		}
	}
	for _, r := range v.FullRoots {
		if got := feed.RootIndexes(r.Blocks); !slices.Equal(got, r.Roots) {
			t.Errorf("RootIndexes(%d) = %d, want %d", r.Blocks, got, r.Roots)
		}
	}
}

func TestFlatTreeLaws(t *testing.T) {
	for i := range uint64(4096) {
		p := feed.ParentIndex(i)
		if feed.Depth(p) != feed.Depth(i)+1 || feed.ParentIndex(feed.SiblingIndex(i)) != p || feed.SiblingIndex(feed.SiblingIndex(i)) != i {
			t.Errorf("node %d: parent %d, sibling %d", i, p, feed.SiblingIndex(i))
		}
		if l, r := feed.LeftChild(p), feed.RightChild(p); (l != i && r != i) || l >= r || feed.LeftSpan(p) != feed.LeftSpan(l) ||
			feed.RightSpan(p) != feed.RightSpan(r) || feed.RightSpan(l)+2 != feed.LeftSpan(r) {
			t.Errorf("node %d: children %d and %d", p, l, r)
		}
	}
	// No index is a reason to panic, whatever its results mean.
	for _, i := range []uint64{1<<63 - 1, 1 << 63, 1<<64 - 2, 1<<64 - 1} {
		_, _, _, _ = feed.ParentIndex(i), feed.SiblingIndex(i), feed.LeftSpan(i), feed.RightSpan(i)
	}
	defer func() {
		if recover() == nil {
			t.Error("LeftChild of a leaf does not panic")
		}
	}()
	feed.LeftChild(4)
}

// ruledBlock makes block i of a feed of length blocks by the rule in the vectors.
func ruledBlock(set string, length uint64, i, size int) []byte {
	seed := blake2b.Sum256(fmt.Appendf(nil, "cobox-vectors/%s/bytes/blk%d/%d", set, length, i))
	var block []byte
	for counter := uint64(0); len(block) < size; counter++ {
		chunk := blake2b.Sum512(binary.LittleEndian.AppendUint64(bytes.Clone(seed[:]), counter))
		block = append(block, chunk[:]...)
	}
	return block[:size]
}

func TestTreeVectors(t *testing.T) {
	vectors := merkleVector(t)
	for _, v := range vectors.Feeds {
		private := ed25519.NewKeyFromSeed(v.Seed)
		m := feed.NewManifest(private.Public().(ed25519.PublicKey))
		if v.BlockRule != nil {
			for i, size := range v.BlockRule.Sizes {
				v.Blocks = append(v.Blocks, ruledBlock(vectors.Set, v.Length, i, size))
			}
		}
		var tree feed.Tree
		nodes := nodeMap{}
		for i, block := range v.Blocks {
			if leaf := feed.Leaf(uint64(i), block); leaf.Size != uint64(len(block)) || leaf.Index != uint64(2*i) {
				t.Errorf("Leaf(%d) = %v", i, leaf)
			}
			nodes.add(tree.Append(block)...)
			if i >= len(v.History) {
				continue
			}
			h, err := feed.Sign(v.Key.b32(), m, private, tree.Head(0))
			if err != nil {
				t.Fatal(err)
			}
			past := vectorHead{Length: v.History[i].Length, TreeHash: v.History[i].TreeHash, HeadSignature: v.History[i].HeadSignature}
			past.check(t, "history", v.Key.b32(), m, h)
		}
		if len(v.AllNodes) > 0 && len(nodes) != len(v.AllNodes) {
			t.Errorf("feed of %d blocks: %d nodes, want %d", v.Length, len(nodes), len(v.AllNodes))
		}
		for _, want := range nodesOf(v.AllNodes) {
			if got := nodes[want.Index]; got != want {
				t.Errorf("feed of %d blocks: node %v, want %v", v.Length, got, want)
			}
		}
		h := tree.Head(v.Fork)
		if !slices.Equal(tree.Roots, nodesOf(v.Roots)) || !slices.Equal(feed.RootIndexes(v.Length), v.RootIndexes) ||
			h.Length != v.Length || h.Bytes != v.ByteLength || h.Hash != v.TreeHash.b32() {
			t.Errorf("feed of %d blocks: roots %v, head %+v", v.Length, tree.Roots, h)
		}
		if v.HeadSignature != nil {
			h.Signature = v.HeadSignature
			if err := feed.VerifyHead(v.Key.b32(), m, h, nil); err != nil {
				t.Errorf("feed of %d blocks: %v", v.Length, err)
			}
		}
	}
}

// Forks, feeds without a manifest and manifests of version 0.
func TestOtherHeadVectors(t *testing.T) {
	v := merkleVector(t)
	for _, old := range []struct {
		name   string
		compat bool
	}{{"compat", true}, {"version 0", false}} {
		feedVector := v.ManifestV0
		if old.compat {
			feedVector = v.Compat
		}
		private := ed25519.NewKeyFromSeed(feedVector.Seed)
		m := feed.NewManifest(private.Public().(ed25519.PublicKey))
		m.Version = 0
		if old.compat {
			m = nil
		}
		var tree feed.Tree
		for _, block := range feedVector.Blocks {
			tree.Append(block)
		}
		h, err := feed.Sign(feedVector.Key.b32(), m, private, tree.Head(0))
		if err != nil {
			t.Fatalf("%s: %v", old.name, err)
		}
		want := vectorHead{Length: feedVector.Length, TreeHash: feedVector.TreeHash, HeadSignature: feedVector.Signature}
		want.check(t, old.name, feedVector.Key.b32(), m, h)
	}

	w := newWriter(0)
	w.private = ed25519.NewKeyFromSeed(v.Forked.Seed)
	w.manifest = feed.NewManifest(w.private.Public().(ed25519.PublicKey))
	w.key = w.manifest.Key()
	if w.key != v.Forked.Key.b32() {
		t.Errorf("key of forked feed = %s", w.key)
	}
	for _, block := range v.Forked.AppendedFirst {
		w.append(block)
	}
	w.truncate(v.Forked.TruncateTo)
	v.Forked.AfterTruncate.check(t, "after truncation", w.key, w.manifest, w.head())
	for _, block := range v.Forked.AppendedAfter {
		w.append(block)
	}
	v.Forked.AfterAppend.check(t, "after appending to a fork", w.key, w.manifest, w.head())
}

// The tree does not know that its blocks are encrypted.
func TestEncryptedFeedVectors(t *testing.T) {
	var v struct {
		Core struct {
			Seed, Key hexBytes
			Blocks    []struct{ Stored hexBytes }
			State     struct {
				Length, ByteLengthPadded uint64
				TreeHash, HeadSignature  hexBytes
			}
			AfterTruncate3AppendOne struct {
				Fork                            uint64
				Stored, TreeHash, HeadSignature hexBytes
			}
		}
	}
	load(t, "05-encryption.json", &v)
	core := v.Core
	w := newWriter(0)
	w.private = ed25519.NewKeyFromSeed(core.Seed)
	w.manifest = feed.NewManifest(w.private.Public().(ed25519.PublicKey))
	w.key = core.Key.b32()
	for _, block := range core.Blocks {
		w.append(block.Stored)
	}
	want := vectorHead{Length: core.State.Length, TreeHash: core.State.TreeHash, HeadSignature: core.State.HeadSignature}
	want.check(t, "encrypted feed", w.key, w.manifest, w.head())
	if w.tree.Bytes != core.State.ByteLengthPadded {
		t.Errorf("feed has %d bytes, want %d", w.tree.Bytes, core.State.ByteLengthPadded)
	}
	after := core.AfterTruncate3AppendOne
	w.truncate(3)
	w.append(after.Stored)
	want = vectorHead{Length: 4, Fork: after.Fork, TreeHash: after.TreeHash, HeadSignature: after.HeadSignature}
	want.check(t, "encrypted fork", w.key, w.manifest, w.head())
}

func TestByteOffset(t *testing.T) {
	w := newWriter(1).fill(100)
	for length := range 101 {
		var want uint64
		for i := range length + 1 {
			got, err := feed.ByteOffset(w.nodes, w.roots[length], uint64(i))
			if err != nil || got != want {
				t.Fatalf("ByteOffset(%d of %d) = %d, %v; want %d", i, length, got, err, want)
			}
			if i < length {
				want += uint64(len(w.blocks[i]))
			}
		}
		if _, err := feed.ByteOffset(w.nodes, w.roots[length], uint64(length)+1); !errors.Is(err, feed.ErrNoNode) {
			t.Fatalf("ByteOffset(%d of %d) = %v, want ErrNoNode", length+1, length, err)
		}
	}
	if _, err := feed.ByteOffset(nodeMap{}, w.roots[8], 3); !errors.Is(err, feed.ErrNoNode) {
		t.Errorf("ByteOffset without nodes = %v, want ErrNoNode", err)
	}
}

func TestNewTree(t *testing.T) {
	w := newWriter(1).fill(100)
	for length, roots := range w.roots {
		tree, err := feed.NewTree(roots)
		if err != nil || tree.Length != uint64(length) || tree.Head(0).Hash != feed.TreeHash(roots) {
			t.Fatalf("NewTree(roots of %d) = %+v, %v", length, tree, err)
		}
		if length < 100 {
			tree.Append(w.blocks[length])
			if !slices.Equal(tree.Roots, w.roots[length+1]) {
				t.Fatalf("tree of %d grew to other roots", length)
			}
		}
	}
	leaf := func(i uint64) feed.Node { return feed.Node{Index: i} }
	for _, roots := range [][]feed.Node{
		{leaf(2)}, {leaf(0), leaf(2)}, {leaf(4), leaf(1)}, {leaf(1), leaf(1)}, {leaf(1<<42 - 1)},
		{{Index: 1, Size: 1 << 53}}, {{Index: 1, Size: 1<<53 - 1}, {Index: 4, Size: 1}},
	} {
		if tree, err := feed.NewTree(roots); err == nil {
			t.Errorf("NewTree(%v) = %+v, want an error", roots, tree)
		}
	}
}

// Blocks that are appended together make the tree that they make one by one.
func TestAppendAll(t *testing.T) {
	for length := range 40 {
		blocks := make([][]byte, length)
		for i := range blocks {
			blocks[i] = bytes.Repeat([]byte{byte(i)}, 37*i)
		}
		for first := range length + 1 {
			var one, all feed.Tree
			var want []feed.Node
			for i, b := range blocks {
				nodes := one.Append(b)
				if i < first {
					all.Append(b)
				} else {
					want = append(want, nodes...)
				}
			}
			if got := all.AppendAll(blocks[first:]); !slices.Equal(got, want) {
				t.Fatalf("AppendAll of blocks %d to %d = %v, want %v", first, length, got, want)
			}
			if one.Head(3).Hash != all.Head(3).Hash {
				t.Fatalf("AppendAll of blocks %d to %d makes another tree", first, length)
			}
		}
	}
}
