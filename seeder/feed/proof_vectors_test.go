package feed_test

import (
	"bytes"
	"crypto/ed25519"
	"testing"

	"cobox/seeder/feed"
)

type proofVectors struct {
	Cores []struct {
		Seed, Key     hexBytes
		Length        uint64
		Blocks        []hexBytes
		Roots         []vectorNode
		HeadSignature hexBytes
		Cases         []proofCase
	}
}

type proofCase struct {
	Name           string
	RequestEncoded hexBytes
	ReceiverLength int
	DataEncoded    hexBytes
	JSVerify       struct {
		OK          bool
		LengthAfter uint64
	}
}

// eachProof calls fn with every case, the feed that it is about and its signed head.
func eachProof(t *testing.T, fn func(t *testing.T, w *writer, h feed.Head, c proofCase)) {
	var v proofVectors
	load(t, "04-proofs.json", &v)
	if len(v.Cores) == 0 {
		t.Fatal("no vectors")
	}
	for _, core := range v.Cores {
		private := ed25519.NewKeyFromSeed(core.Seed)
		m := feed.NewManifest(private.Public().(ed25519.PublicKey))
		w := &writer{private: private, manifest: m, key: m.Key(), nodes: nodeMap{}, roots: [][]feed.Node{nil}}
		for _, block := range core.Blocks {
			w.append(block)
		}
		h := w.head()
		if w.key != core.Key.b32() || h.Length != core.Length || !bytes.Equal(h.Signature, core.HeadSignature) {
			t.Fatalf("feed of %d blocks: key %s, head %+v", core.Length, w.key, h)
		}
		for i, root := range core.Roots {
			if w.tree.Roots[i] != root.node() {
				t.Fatalf("feed of %d blocks: root %d = %v, want %v", core.Length, i, w.tree.Roots[i], root.node())
			}
		}
		for _, c := range core.Cases {
			t.Run(c.Name, func(t *testing.T) { fn(t, w, h, c) })
		}
	}
}

// receiver returns what the case's receiver has: the head, and its roots for nodes.
func (c *proofCase) receiver(w *writer) (feed.State, nodeMap) {
	return w.at(c.ReceiverLength), rootNodes(w.roots[c.ReceiverLength])
}

func TestProveVectors(t *testing.T) {
	eachProof(t, func(t *testing.T, w *writer, h feed.Head, c proofCase) {
		id, fork, req, err := decodeRequest(c.RequestEncoded)
		if err != nil || id != 1 || fork != 0 {
			t.Fatalf("request: id %d, fork %d, %v", id, fork, err)
		}
		if got := encodeData(id, w.prove(t, h, req)); !bytes.Equal(got, c.DataEncoded) {
			t.Errorf("Prove(%s)\n got %x\nwant %x", show(req), got, []byte(c.DataEncoded))
		}
	})
}

func TestVerifyVectors(t *testing.T) {
	eachProof(t, func(t *testing.T, w *writer, h feed.Head, c proofCase) {
		_, p, err := decodeData(c.DataEncoded)
		if err != nil {
			t.Fatal(err)
		}
		s, nodes := c.receiver(w)
		if p.Manifest != nil {
			s.Manifest = nil // it comes with the proof
			if c.ReceiverLength > 0 {
				s.Manifest = w.manifest
			}
		}
		b, err := s.Verify(nodes, p)
		if (err == nil) != c.JSVerify.OK {
			t.Fatalf("Verify = %v, JavaScript accepts: %v", err, c.JSVerify.OK)
		}
		if err != nil {
			return
		}
		w.checkHonest(t, "verified", b)
		after := s.Head.Length
		if b.Upgraded != nil {
			after = b.Upgraded.Head.Length
		}
		if after != c.JSVerify.LengthAfter {
			t.Errorf("length after = %d, want %d", after, c.JSVerify.LengthAfter)
		}
	})
}

// A bit that a stranger flips on the way is noticed, or makes no difference.
func TestFlippedBits(t *testing.T) {
	eachProof(t, func(t *testing.T, w *writer, h feed.Head, c proofCase) {
		if !c.JSVerify.OK {
			return
		}
		s, nodes := c.receiver(w)
		signature := bytes.Index(c.DataEncoded, h.Signature)
		for bit := range 8 * len(c.DataEncoded) {
			// Checking signatures is slow: for larger feeds some of the bits that
			// need it do.
			signed := signature >= 0 && bit/8 >= signature && bit/8 < signature+len(h.Signature)
			if (signed && h.Length > 1 || signature >= 0 && h.Length > 2) && bit%31 != 0 {
				continue
			}
			forged := bytes.Clone(c.DataEncoded)
			forged[bit/8] ^= 1 << (bit % 8)
			_, p, err := decodeData(forged)
			if err != nil {
				continue
			}
			b, err := s.Verify(nodes, p)
			if err != nil {
				continue
			}
			w.checkHonest(t, "flipped bit", b)
		}
	})
}
