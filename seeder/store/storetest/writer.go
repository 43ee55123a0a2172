package storetest

import (
	"bytes"
	"crypto/ed25519"
	"fmt"
	"slices"

	"cobox/seeder/feed"
)

// A Writer is the writer of a feed, in memory, and the peer who serves it. It is
// not safe for concurrent use while it changes.
type Writer struct {
	Key      feed.Key
	Manifest *feed.Manifest
	Head     feed.Head
	Blocks   [][]byte

	private ed25519.PrivateKey
	tree    *feed.Tree
	nodes   map[uint64]feed.Node
}

// NewWriter returns the writer of an empty feed, the same one for the same seed.
func NewWriter(seed byte) *Writer {
	return NewWriterOf(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, ed25519.SeedSize)))
}

// NewWriterOf returns the writer of an empty feed with this key.
func NewWriterOf(private ed25519.PrivateKey) *Writer {
	m := feed.NewManifest(private.Public().(ed25519.PublicKey))
	w := &Writer{Key: m.Key(), Manifest: m, private: private}
	w.reset()
	return w
}

func (w *Writer) reset() {
	tree, err := feed.NewTree(nil)
	if err != nil {
		panic(err) // an empty tree is always possible
	}
	w.tree, w.nodes, w.Blocks = tree, make(map[uint64]feed.Node), nil
}

// Clone returns a writer that goes on by itself.
func (w *Writer) Clone() *Writer {
	c := &Writer{Key: w.Key, Manifest: w.Manifest, private: w.private}
	c.reset()
	c.grow(w.Blocks...)
	c.Head = w.Head
	return c
}

func (w *Writer) grow(blocks ...[]byte) {
	for _, b := range blocks {
		for _, n := range w.tree.Append(b) {
			w.nodes[n.Index] = n
		}
		w.Blocks = append(w.Blocks, b)
	}
}

// Sign signs a head, as a store wants it.
func (w *Writer) Sign(h feed.Head) (feed.Head, error) {
	return feed.Sign(w.Key, w.Manifest, w.private, h)
}

// Append appends blocks and signs the new head.
func (w *Writer) Append(blocks ...[]byte) {
	w.grow(blocks...)
	w.sign(w.Head.Fork)
}

func (w *Writer) sign(fork uint64) {
	h, err := w.Sign(w.tree.Head(fork))
	if err != nil {
		panic(err) // the key is the writer's own
	}
	w.Head = h
}

// Truncate takes the feed to its first length blocks, and on to others, on a
// higher fork.
func (w *Writer) Truncate(length int, blocks ...[]byte) {
	keep := slices.Clone(w.Blocks[:length])
	w.reset()
	w.grow(keep...)
	w.grow(blocks...)
	w.sign(w.Head.Fork + 1)
}

// Node returns a node of the feed's tree.
func (w *Writer) Node(index uint64) (feed.Node, error) {
	if n, ok := w.nodes[index]; ok {
		return n, nil
	}
	return feed.Node{}, feed.ErrNoNode
}

// Proof proves the writer's head.
func (w *Writer) Proof() (*feed.Proof, error) {
	return feed.Prove(w.Head, w.Manifest, w, feed.Request{Upgrade: &feed.UpgradeRequest{Length: w.Head.Length}, Manifest: true})
}

// Upgrade brings f to the writer's head.
func (w *Writer) Upgrade(f Feed) error {
	st := f.State()
	up := feed.UpgradeRequest{Length: w.Head.Length}
	if st.Head.Fork == w.Head.Fork {
		up = feed.UpgradeRequest{Start: st.Head.Length, Length: w.Head.Length - st.Head.Length}
	}
	return w.serve(f, feed.Request{Upgrade: &up, Manifest: st.Manifest == nil})
}

// Fetch puts block i into f, as it comes from a peer.
func (w *Writer) Fetch(f Feed, i uint64) error {
	n, ok := feed.NodesToProve(f, 2*i, f.State().Head.Length)
	if !ok {
		return fmt.Errorf("block %d cannot be asked for", i)
	}
	return w.serve(f, feed.Request{Block: &feed.BlockRequest{Index: i, Nodes: n}})
}

// Fill brings all of the feed into f. It does not wait until that is durable.
func (w *Writer) Fill(f Feed) error {
	if f.State().Head.Hash != w.Head.Hash {
		if err := w.Upgrade(f); err != nil {
			return err
		}
	}
	for i := range w.Head.Length {
		if f.Known(i) {
			continue
		}
		if err := w.Fetch(f, i); err != nil {
			return err
		}
	}
	return nil
}

// serve answers a request of f, verifies the answer and puts it.
func (w *Writer) serve(f Feed, req feed.Request) error {
	proof, err := feed.Prove(w.Head, w.Manifest, w, req)
	if err != nil {
		return err
	}
	if proof.Block != nil {
		proof.Block.Value = slices.Clone(w.Blocks[proof.Block.Index])
	}
	st := f.State()
	batch, err := st.Verify(f, proof)
	if err != nil {
		return err
	}
	if err := f.Put(batch); err != nil {
		return err
	}
	if proof.Block != nil {
		clear(proof.Block.Value) // a store must not have kept it
	}
	return nil
}
