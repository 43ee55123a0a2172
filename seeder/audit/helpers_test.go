package audit_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"cobox/seeder/audit"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
)

var (
	boxPrivate   = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{1}, 32))
	otherPrivate = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{2}, 32))
	box          = identity.BoxKeyOf(boxPrivate)
	now          = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
)

// kept is a feed with what a box keeps of it, in memory. What the tests damage
// is in lost and in blocks.
type kept struct {
	state  feed.State
	nodes  map[uint64]feed.Node
	blocks [][]byte
	lost   map[uint64]bool
	torn   map[uint64]bool // the disk gives an error
}

func (k *kept) Durable() feed.State { return k.state }

func (k *kept) Node(i uint64) (feed.Node, error) {
	n, ok := k.nodes[i]
	if !ok {
		return n, feed.ErrNoNode
	}
	return n, nil
}

func (k *kept) Has(i uint64) bool { return i < uint64(len(k.blocks)) && !k.lost[i] }

func (k *kept) Block(i uint64, buf []byte) ([]byte, error) {
	if k.torn[i] {
		return nil, errors.New("input/output error")
	}
	return append(buf[:0], k.blocks[i]...), nil
}

// newKept writes a feed of n blocks of size bytes.
func newKept(t testing.TB, seed byte, n, size int) *kept {
	t.Helper()
	return newStory(t, seed, n, size, n, 0)
}

// newStory is newKept with another content from block from on.
func newStory(t testing.TB, seed byte, n, size, from int, story byte) *kept {
	t.Helper()
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32))
	m := feed.NewManifest(private.Public().(ed25519.PublicKey))
	k := &kept{
		state: feed.State{Key: m.Key(), Manifest: m}, nodes: make(map[uint64]feed.Node),
		lost: make(map[uint64]bool), torn: make(map[uint64]bool),
	}
	var tree feed.Tree
	for i := range n {
		block := bytes.Repeat(binary.LittleEndian.AppendUint64(nil, uint64(i)|uint64(seed)<<32), size/8+1)[:size]
		if i >= from {
			block[0] ^= story
		}
		k.blocks = append(k.blocks, block)
		for _, node := range tree.Append(block) {
			k.nodes[node.Index] = node
		}
	}
	k.state.Head, k.state.Roots = tree.Head(0), tree.Roots
	sign(t, k, seed)
	return k
}

// sign signs the feed's head.
func sign(t testing.TB, k *kept, seed byte) {
	t.Helper()
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32))
	var err error
	if k.state.Head, err = feed.Sign(k.state.Key, k.state.Manifest, private, k.state.Head); err != nil {
		t.Fatal(err)
	}
}

func (k *kept) key() feed.Key { return k.state.Key }

// find gives the feeds.
func find(feeds ...*kept) func(feed.Key) audit.Feed {
	return func(key feed.Key) audit.Feed {
		for _, k := range feeds {
			if k.key() == key {
				return k
			}
		}
		return nil
	}
}

// ask has the box answer and checks the answer.
func ask(t testing.TB, c *audit.Challenge, known audit.Known, feeds ...*kept) *audit.Report {
	t.Helper()
	r, err := audit.Check(bytes.NewReader(answer(t, c, boxPrivate, feeds...)), c, box, known)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func answer(t testing.TB, c *audit.Challenge, box ed25519.PrivateKey, feeds ...*kept) []byte {
	t.Helper()
	var b bytes.Buffer
	if _, err := audit.Answer(&b, c, find(feeds...), box, now); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// all draws every block of a feed.
func all(k *kept) (draws []audit.Draw) {
	for i := range k.blocks {
		draws = append(draws, audit.Draw{Feed: k.key(), Block: uint64(i)})
	}
	return draws
}
