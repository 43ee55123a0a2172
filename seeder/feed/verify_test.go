package feed_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"reflect"
	"testing"

	"cobox/seeder/feed"
)

func upgrade(start, length uint64) *feed.UpgradeRequest {
	return &feed.UpgradeRequest{Start: start, Length: length}
}

// Case 43: proofs that no honest peer sends: cut short, too long, out of order, with
// numbers beyond all bounds. The receiver has 5 of 13 blocks.
func TestCase43VerifyRefuses(t *testing.T) {
	w := newWriter(10).fill(13)
	h := w.head()
	s := w.at(5)
	nodes := rootNodes(s.Roots)
	const huge = 1<<53 - 1
	up := feed.Request{Upgrade: upgrade(5, 8)}
	part := feed.Request{Upgrade: upgrade(5, 4)} // with additional nodes
	block := feed.Request{Block: &feed.BlockRequest{Index: 1, Nodes: 2}}
	hash := feed.Request{Hash: &feed.HashRequest{Index: 2, Nodes: 2}}
	for _, test := range []struct {
		name   string
		req    feed.Request
		change func(*feed.Proof)
		want   error
	}{
		{"no length", up, func(p *feed.Proof) { p.Upgrade.Length = 0 }, feed.ErrProof},
		{"huge length", up, func(p *feed.Proof) { p.Upgrade.Length = huge }, feed.ErrProof},
		{"overflowing length", up, func(p *feed.Proof) { p.Upgrade.Length = 1<<64 - 3 }, feed.ErrProof},
		{"shorter", up, func(p *feed.Proof) { p.Upgrade.Length-- }, feed.ErrProof},
		{"longer", up, func(p *feed.Proof) { p.Upgrade.Length++ }, feed.ErrProof},
		{"start before ours", up, func(p *feed.Proof) { p.Upgrade.Start-- }, feed.ErrMissing},
		{"start after ours", up, func(p *feed.Proof) { p.Upgrade.Start++ }, feed.ErrMissing},
		{"start at 0", up, func(p *feed.Proof) { p.Upgrade.Start = 0 }, feed.ErrProof},
		{"higher fork from our length", up, func(p *feed.Proof) { p.Fork = 1 }, feed.ErrProof},
		{"a node too many", up, func(p *feed.Proof) { p.Upgrade.Nodes = append(p.Upgrade.Nodes, w.nodes[26]) }, feed.ErrProof},
		{"a node too few", up, func(p *feed.Proof) { p.Upgrade.Nodes = p.Upgrade.Nodes[1:] }, feed.ErrProof},
		{"nodes swapped", up, func(p *feed.Proof) {
			p.Upgrade.Nodes[0], p.Upgrade.Nodes[1] = p.Upgrade.Nodes[1], p.Upgrade.Nodes[0]
		}, feed.ErrProof},
		{"a hundred nodes", up, func(p *feed.Proof) { p.Upgrade.Nodes = make([]feed.Node, 129) }, feed.ErrProof},
		{"a huge signature", up, func(p *feed.Proof) { p.Upgrade.Signature = make([]byte, feed.MaxSignature+1) }, feed.ErrProof},
		{"no signature", up, func(p *feed.Proof) { p.Upgrade.Signature = nil }, feed.ErrSignature},
		{"other hash", up, func(p *feed.Proof) { p.Upgrade.Nodes[0].Hash[0]++ }, feed.ErrSignature},
		{"other size", up, func(p *feed.Proof) { p.Upgrade.Nodes[0].Size++ }, feed.ErrSignature},
		{"overflowing size", up, func(p *feed.Proof) { p.Upgrade.Nodes[0].Size = huge }, feed.ErrProof},
		{"wrapping size", up, func(p *feed.Proof) { p.Upgrade.Nodes[0].Size = 1<<64 - 1 }, feed.ErrProof},
		{"no additional nodes", part, func(p *feed.Proof) { p.Upgrade.Additional = nil }, feed.ErrSignature},
		{"additional nodes backwards", part, func(p *feed.Proof) {
			p.Upgrade.Additional[0], p.Upgrade.Additional[1] = p.Upgrade.Additional[1], p.Upgrade.Additional[0]
		}, feed.ErrProof},
		{"additional node twice", part, func(p *feed.Proof) {
			p.Upgrade.Additional = append(p.Upgrade.Additional, p.Upgrade.Additional[0])
		}, feed.ErrProof},
		{"additional node larger than the last root", part, func(p *feed.Proof) {
			p.Upgrade.Additional[0].Index = 18 + 1<<4 // a tree of 16 cannot start at block 9
		}, feed.ErrProof},
		{"additional node with a huge index", part, func(p *feed.Proof) { p.Upgrade.Additional[0].Index = 1<<64 - 1 }, feed.ErrProof},

		{"block of another fork", block, func(p *feed.Proof) { p.Fork = 1 }, feed.ErrMissing},
		{"other block", block, func(p *feed.Proof) { p.Block.Value = []byte("other") }, feed.ErrProof},
		{"no block", block, func(p *feed.Proof) { p.Block.Value = nil }, feed.ErrProof},
		{"block at another place", block, func(p *feed.Proof) { p.Block.Index = 0 }, feed.ErrProof},
		{"block at a huge place", block, func(p *feed.Proof) { p.Block.Index = huge }, feed.ErrProof},
		{"block with too few nodes", block, func(p *feed.Proof) { p.Block.Nodes = p.Block.Nodes[:1] }, feed.ErrMissing},
		{"block with a node too many", block, func(p *feed.Proof) { p.Block.Nodes = append(p.Block.Nodes, w.nodes[11]) }, feed.ErrMissing},
		{"block with a thousand nodes", block, func(p *feed.Proof) { p.Block.Nodes = make([]feed.Node, 1000) }, feed.ErrProof},
		{"block and hash", block, func(p *feed.Proof) { p.Hash = &feed.HashProof{Nodes: []feed.Node{w.nodes[0]}} }, feed.ErrProof},
		{"block with an overflowing sibling", block, func(p *feed.Proof) { p.Block.Nodes[0].Size = huge }, feed.ErrProof},
		{"block above our length", feed.Request{Block: &feed.BlockRequest{Index: 6}}, func(*feed.Proof) {}, feed.ErrMissing},
		{"hash without nodes", hash, func(p *feed.Proof) { p.Hash.Nodes = nil }, feed.ErrProof},
		{"hash of another node", hash, func(p *feed.Proof) { p.Hash.Index = 0 }, feed.ErrProof},
		{"hash of a huge node", hash, func(p *feed.Proof) { p.Hash.Index, p.Hash.Nodes[0].Index = 1<<63, 1<<63 }, feed.ErrProof},
		{"hash that differs", hash, func(p *feed.Proof) { p.Hash.Nodes[0].Hash[0]++ }, feed.ErrProof},
		{"hash with sibling that differs", hash, func(p *feed.Proof) { p.Hash.Nodes[2].Hash[0]++ }, feed.ErrProof},
		{"stored node with another size", feed.Request{Hash: &feed.HashRequest{Index: 3}}, func(p *feed.Proof) { p.Hash.Nodes[0].Size++ }, feed.ErrProof},
		{"seek that the block does not use", block, func(p *feed.Proof) { p.Seek = &feed.SeekProof{Nodes: []feed.Node{w.nodes[8]}} }, feed.ErrProof},
	} {
		p := w.prove(t, h, test.req)
		test.change(p)
		b, err := s.Verify(nodes, p)
		if !errors.Is(err, test.want) {
			t.Errorf("%s: Verify = %+v, %v, want %v", test.name, b, err, test.want)
		}
		if test.want == feed.ErrProof && errors.Is(err, feed.ErrMissing) {
			t.Errorf("%s: Verify = %v, which is called our fault", test.name, err)
		}
	}
}

// An answer to a request of before the feed moved on is no reason to cut a peer off.
func TestLateAnswers(t *testing.T) {
	w := newWriter(11).fill(9)
	late := w.prove(t, w.head(), feed.Request{Upgrade: upgrade(4, 5)})
	s := w.at(9)
	if _, err := s.Verify(rootNodes(s.Roots), late); !errors.Is(err, feed.ErrMissing) {
		t.Errorf("upgrade of before: %v, want ErrMissing", err)
	}
	s.Head.Fork = 1
	if _, err := s.Verify(rootNodes(s.Roots), late); !errors.Is(err, feed.ErrMissing) {
		t.Errorf("upgrade of a lower fork: %v, want ErrMissing", err)
	}
}

func TestFirstUpgradeBringsManifest(t *testing.T) {
	w := newWriter(12).fill(6)
	p := w.prove(t, w.head(), feed.Request{Upgrade: upgrade(0, 6), Manifest: true})
	p.Manifest = p.Manifest.Clone() // as if it had travelled
	s := feed.State{Key: w.key}
	b, err := s.Verify(nodeMap{}, p)
	if err != nil {
		t.Fatal(err)
	}
	w.checkHonest(t, "first upgrade", b)
	if !reflect.DeepEqual(b.Upgraded.Manifest, w.manifest) || b.Reorg || b.Common != 0 {
		t.Errorf("batch %+v", b)
	}
	// Nothing of the message is retained.
	p.Upgrade.Signature[10]++
	p.Manifest.Signers[0].Public[0]++
	w.checkHonest(t, "first upgrade", b)

	p = w.prove(t, w.head(), feed.Request{Upgrade: upgrade(0, 6)})
	if _, err := s.Verify(nodeMap{}, p); !errors.Is(err, feed.ErrManifest) {
		t.Errorf("without a manifest: %v, want ErrManifest", err)
	}
	p.Manifest = newWriter(13).manifest
	if _, err := s.Verify(nodeMap{}, p); !errors.Is(err, feed.ErrManifest) {
		t.Errorf("with another feed's manifest: %v, want ErrManifest", err)
	}
	if _, err := b.Upgraded.Verify(rootNodes(b.Upgraded.Roots), &feed.Proof{Manifest: p.Manifest}); err != nil {
		t.Errorf("a manifest that is not looked at, since it is known: %v", err)
	}
	if _, err := s.Verify(nodeMap{}, &feed.Proof{Manifest: p.Manifest}); !errors.Is(err, feed.ErrManifest) {
		t.Errorf("another feed's manifest by itself: %v, want ErrManifest", err)
	}
}

func TestCompatFeed(t *testing.T) {
	w := newWriter(14)
	w.key, w.manifest = feed.Key(w.private.Public().(ed25519.PublicKey)), nil
	w.fill(6)
	s := feed.State{Key: w.key}
	p := w.prove(t, w.head(), feed.Request{Upgrade: upgrade(0, 6), Manifest: true})
	b, err := s.Verify(nodeMap{}, p)
	if err != nil {
		t.Fatal(err)
	}
	w.checkHonest(t, "compat feed", b)
	// JavaScript has a manifest for compat feeds too, whose only signer is the key.
	p.Manifest = newWriter(14).manifest
	if b, err = s.Verify(nodeMap{}, p); err != nil || b.Upgraded.Manifest != nil {
		t.Errorf("compat feed with a manifest: %+v, %v", b, err)
	}
	p.Manifest = nil
	p.Upgrade.Signature[0]++
	if _, err := s.Verify(nodeMap{}, p); !errors.Is(err, feed.ErrSignature) {
		t.Errorf("forged compat feed: %v, want ErrSignature", err)
	}
}

// A stranger can send two siblings that took bytes from each other: their
// parent is right, so the proof is. But nobody must place blocks by their sizes.
func TestSizesThatNothingCovers(t *testing.T) {
	w := newWriter(15)
	w.append(make([]byte, 10), make([]byte, 20), make([]byte, 30), make([]byte, 40))
	h := w.head()
	s := feed.State{Key: w.key, Manifest: w.manifest}
	p := w.prove(t, h, feed.Request{Upgrade: upgrade(0, 1)})
	first, second := &p.Upgrade.Nodes[0], &p.Upgrade.Additional[0]
	if first.Index != 0 || second.Index != 2 {
		t.Fatalf("proof %+v", p.Upgrade)
	}
	first.Size, second.Size = first.Size+7, second.Size-7
	b, err := s.Verify(nodeMap{}, p)
	if err != nil {
		t.Fatal(err)
	}
	w.checkHonest(t, "shifted bytes", b)
	if len(b.Nodes) != 3 { // 1, the sent 5 and the root 3
		t.Errorf("nodes %v", b.Nodes)
	}

	root := rootNodes(w.tree.Roots)
	p = w.prove(t, h, feed.Request{Hash: &feed.HashRequest{Index: 4, Nodes: 2}})
	p.Hash.Nodes[0].Size, p.Hash.Nodes[1].Size = 0, 70
	state := w.at(4)
	if b, err = state.Verify(root, p); err != nil {
		t.Fatal(err)
	}
	w.checkHonest(t, "shifted bytes of a hash", b)

	p = w.prove(t, h, feed.Request{Seek: &feed.SeekRequest{Bytes: 75}, Upgrade: upgrade(0, 4)})
	if len(p.Seek.Nodes) != 3 {
		t.Fatalf("seek %+v", p.Seek)
	}
	p.Seek.Nodes[0].Size, p.Seek.Nodes[1].Size = 70, 0
	if b, err = s.Verify(nodeMap{}, p); err != nil {
		t.Fatal(err)
	}
	w.checkHonest(t, "shifted bytes of a seek", b)

	// With the block itself there is nothing to shift.
	p = w.prove(t, h, feed.Request{Block: &feed.BlockRequest{Index: 2, Nodes: 2}})
	p.Block.Nodes[0].Size--
	if _, err := state.Verify(root, p); !errors.Is(err, feed.ErrProof) {
		t.Errorf("shifted bytes beside a block: %v, want ErrProof", err)
	}
}

func TestPrologue(t *testing.T) {
	w := newWriter(16).fill(12)
	w.manifest.Prologue = &feed.Prologue{Hash: feed.TreeHash(w.roots[7]), Length: 7}
	w.key = w.manifest.Key()
	empty := feed.State{Key: w.key}
	for _, length := range []int{7, 8, 12} {
		h := w.at(length).Head
		// Whoever asks for a part of the prologue gets the whole.
		p := w.prove(t, h, feed.Request{Upgrade: upgrade(0, 3), Manifest: true})
		if p.Upgrade.Start != 0 || p.Upgrade.Length != 7 {
			t.Errorf("upgrade %+v", p.Upgrade)
		}
		b, err := empty.Verify(nodeMap{}, p)
		if err != nil {
			t.Fatalf("feed of %d blocks: %v", length, err)
		}
		w.checkHonest(t, "prologue", b)
		if b.Upgraded.Head.Length != uint64(length) || (b.Upgraded.Head.Signature == nil) != (length == 7) {
			t.Errorf("feed of %d blocks: upgraded to %+v", length, b.Upgraded.Head)
		}
		p.Upgrade.Nodes[0].Hash[0]++
		if _, err := empty.Verify(nodeMap{}, p); !errors.Is(err, feed.ErrProof) {
			t.Errorf("feed of %d blocks with another prologue: %v, want ErrProof", length, err)
		}
	}
	if _, err := feed.Prove(w.at(6).Head, w.manifest, w.nodes, feed.Request{Upgrade: upgrade(0, 6)}); !errors.Is(err, feed.ErrRequest) {
		t.Errorf("Prove of a part of the prologue = %v, want ErrRequest", err)
	}

	static := &feed.Manifest{Version: 1, Prologue: w.manifest.Prologue}
	h := w.at(7).Head
	h.Signature = nil
	p, err := feed.Prove(h, static, w.nodes, feed.Request{Upgrade: upgrade(0, 7), Manifest: true})
	if err != nil {
		t.Fatal(err)
	}
	p.Upgrade.Signature = []byte("anything")
	b, err := (&feed.State{Key: static.Key()}).Verify(nodeMap{}, p)
	if err != nil || !sameHead(b.Upgraded.Head, h) {
		t.Errorf("static feed: %+v, %v", b, err)
	}
}

// brokenNodes is a store whose disk fails.
type brokenNodes struct{ err error }

func (n brokenNodes) Node(uint64) (feed.Node, error) { return feed.Node{}, n.err }

// A broken disk is not the peer's fault.
func TestBrokenStore(t *testing.T) {
	w := newWriter(17).fill(8)
	disk := errors.New("input/output error")
	s := w.at(8)
	for name, err := range map[string]error{
		"Verify a block": second(s.Verify(brokenNodes{disk}, w.prove(t, s.Head, feed.Request{Block: &feed.BlockRequest{Index: 1, Nodes: 1}}))),
		"Prove":          second(feed.Prove(s.Head, w.manifest, brokenNodes{disk}, feed.Request{Upgrade: upgrade(0, 8)})),
		"CheckConflict": (&feed.State{Key: s.Key, Manifest: s.Manifest, Head: s.Head}).CheckConflict(brokenNodes{disk},
			w.prove(t, s.Head, feed.Request{Upgrade: upgrade(0, 8)})),
	} {
		if !errors.Is(err, disk) || errors.Is(err, feed.ErrProof) {
			t.Errorf("%s = %v, want the disk's error", name, err)
		}
	}
	w.truncate(4)
	w.append([]byte("other"))
	p := w.prove(t, w.head(), feed.Request{Upgrade: upgrade(0, 5)})
	if _, err := s.Verify(brokenNodes{disk}, p); !errors.Is(err, disk) {
		t.Errorf("Verify a fork = %v, want the disk's error", err)
	}
}

func second[T any](_ T, err error) error { return err }

// Blocks that are hashed together are told apart: of those that came damaged,
// none passes, and of the others all do.
func TestHashBlocks(t *testing.T) {
	w := newWriter(12)
	for i := range 21 {
		w.append(bytes.Repeat([]byte{byte(i)}, 1+97*i))
	}
	s := w.at(21)
	nodes := rootNodes(s.Roots)
	for count := range 22 {
		for bad := range count + 1 {
			proofs := make([]*feed.Proof, count)
			blocks := make([]*feed.BlockProof, count)
			for i := range proofs {
				n, ok := feed.NodesToProve(nodes, 2*uint64(i), 21)
				if !ok {
					t.Fatalf("NodesToProve(block %d): none", i)
				}
				proofs[i] = w.prove(t, s.Head, feed.Request{Block: &feed.BlockRequest{Index: uint64(i), Nodes: n}})
				blocks[i] = proofs[i].Block
			}
			if bad < count {
				blocks[bad].Value = bytes.Clone(blocks[bad].Value)
				blocks[bad].Value[len(blocks[bad].Value)/2]++
			}
			feed.HashBlocks(blocks)
			for i, p := range proofs {
				if _, err := s.Verify(nodes, p); (err == nil) == (i == bad) {
					t.Errorf("block %d of %d, with block %d damaged: %v", i, count, bad, err)
				}
			}
		}
	}
}
