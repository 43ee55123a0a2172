package feed_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"testing"

	"cobox/seeder/feed"
)

// The verdicts of JavaScript's Hypercore over signatures of every kind of
// manifest, good and bad.
func TestSignatureVerdicts(t *testing.T) {
	b, err := os.ReadFile("testdata/signatures.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Cases []struct {
			Manifest, What                    string
			Encoded, Key, TreeHash, Signature hexBytes
			Length, Fork                      uint64
			OK                                bool
		}
	}
	if err := json.Unmarshal(b, &v); err != nil || len(v.Cases) == 0 {
		t.Fatalf("%d cases, %v", len(v.Cases), err)
	}
	for _, c := range v.Cases {
		var m *feed.Manifest
		if c.Encoded != nil {
			if m, err = feed.ParseManifest(c.Encoded); err != nil {
				t.Fatalf("%s: %v", c.Manifest, err)
			}
			if m.Key() != c.Key.b32() {
				t.Fatalf("%s: key %s, want %x", c.Manifest, m.Key(), []byte(c.Key))
			}
		}
		h := feed.Head{Length: c.Length, Fork: c.Fork, Hash: c.TreeHash.b32(), Signature: c.Signature}
		err := feed.VerifyHead(c.Key.b32(), m, h, nil)
		if (err == nil) != c.OK {
			t.Errorf("%s, %d blocks, signed by %s: VerifyHead = %v, JavaScript says %v", c.Manifest, c.Length, c.What, err, c.OK)
		}
		if err != nil && !errors.Is(err, feed.ErrSignature) {
			t.Errorf("%s, %d blocks, signed by %s: VerifyHead = %v, want ErrSignature", c.Manifest, c.Length, c.What, err)
		}
	}
}

// signers returns n key pairs and a manifest in which quorum of them must sign.
func signers(version, quorum uint64, n int) ([]ed25519.PrivateKey, *feed.Manifest) {
	m := &feed.Manifest{Version: version, Quorum: quorum}
	var keys []ed25519.PrivateKey
	for i := range n {
		key := ed25519.NewKeyFromSeed(append(make([]byte, 31), byte(100+i)))
		keys = append(keys, key)
		m.Signers = append(m.Signers, feed.Signer{Namespace: feed.Hash{byte(i)}, Public: [32]byte(key.Public().(ed25519.PublicKey))})
	}
	return keys, m
}

func TestSeveralSigners(t *testing.T) {
	for version := range uint64(4) {
		keys, m := signers(version, 2, 3)
		key := m.Key()
		h := feed.Head{Fork: 1, Length: 3, Hash: feed.Hash{5}}
		var parts []feed.SignerProof
		for _, i := range []int{2, 0, 1} {
			part, err := feed.SignPart(key, m, keys[i], h)
			if err != nil || part.Signer != uint64(i) {
				t.Fatalf("SignPart(%d) = %+v, %v", i, part, err)
			}
			parts = append(parts, part)
			h.Signature = m.AppendSignature(nil, parts)
			if err := feed.VerifyHead(key, m, h, nil); (err == nil) != (len(parts) >= 2) {
				t.Errorf("version %d: signed by %d of 3: %v", version, len(parts), err)
			}
		}
		if _, err := feed.Sign(key, m, keys[0], h); err == nil {
			t.Error("Sign signs alone for a quorum of two")
		}
		m.Quorum = 1
		h, err := feed.Sign(m.Key(), m, keys[1], h)
		if err != nil {
			t.Fatal(err)
		}
		if err := feed.VerifyHead(m.Key(), m, h, nil); err != nil {
			t.Errorf("version %d: one of three: %v", version, err)
		}
	}
}

// TestPatches holds heads whose signers were ahead of them against JavaScript's
// verdicts, with and without the roots, and with every byte of the field changed.
func TestPatches(t *testing.T) {
	text, err := os.ReadFile("testdata/patches.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Cases []struct {
			Length                             uint64
			Signed                             []uint64
			Manifest, Key, TreeHash, Signature hexBytes
			Verdict                            bool
		}
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Cases) == 0 {
		t.Fatal("vectors are missing")
	}
	for _, c := range v.Cases {
		m, err := feed.ParseManifest(c.Manifest)
		if err != nil {
			t.Fatal(err)
		}
		var tree feed.Tree
		for i := range c.Length {
			tree.Append(fmt.Appendf(nil, "block %d", i))
		}
		h := tree.Head(0)
		h.Signature = c.Signature
		if h.Hash != feed.Hash(c.TreeHash) {
			t.Fatalf("%d blocks: tree hash %s, want %x", c.Length, h.Hash, []byte(c.TreeHash))
		}
		if err := feed.VerifyHead(feed.Key(c.Key), m, h, tree.Roots); (err == nil) != c.Verdict {
			t.Errorf("%d blocks, signed at %v: %v, JavaScript says %v", c.Length, c.Signed, err, c.Verdict)
		}
		if err := feed.VerifyHead(feed.Key(c.Key), m, h, nil); !errors.Is(err, feed.ErrPatch) && slices.Max(c.Signed) > c.Length {
			t.Errorf("%d blocks, signed at %v, without roots: %v, want ErrPatch", c.Length, c.Signed, err)
		}
		for i := range c.Signature {
			h.Signature = bytes.Clone(c.Signature)
			h.Signature[i] ^= 1
			if err := feed.VerifyHead(feed.Key(c.Key), m, h, tree.Roots); err == nil {
				t.Errorf("%d blocks, signed at %v, byte %d changed: it verifies", c.Length, c.Signed, i)
			}
		}
	}
}

// A signer that was further ahead than a feed can be long is refused, not followed.
func TestPatchBeyondAllBounds(t *testing.T) {
	keys, m := signers(1, 1, 1)
	m.AllowPatch = true
	var tree feed.Tree
	tree.Append([]byte("block"))
	h := tree.Head(0)
	part, err := feed.SignPart(m.Key(), m, keys[0], h)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []uint64{1, feed.MaxLength, 1<<53 - 1} {
		part.Patch = n
		h.Signature = m.AppendSignature(nil, []feed.SignerProof{part})
		if err := feed.VerifyHead(m.Key(), m, h, tree.Roots); !errors.Is(err, feed.ErrSignature) {
			t.Errorf("a patch by %d blocks without nodes: %v, want ErrSignature", n, err)
		}
	}
}

func TestSignRefusesStrangers(t *testing.T) {
	keys, m := signers(1, 1, 1)
	stranger := ed25519.NewKeyFromSeed(make([]byte, 32))
	for _, private := range []ed25519.PrivateKey{stranger, nil, keys[0][:32]} {
		if h, err := feed.Sign(m.Key(), m, private, feed.Head{Length: 1}); err == nil {
			t.Errorf("Sign with a stranger's key = %+v", h)
		}
		if h, err := feed.Sign(m.Key(), nil, private, feed.Head{Length: 1}); err == nil {
			t.Errorf("Sign of a compat feed with a stranger's key = %+v", h)
		}
	}
}

func TestVerifyHeadRefuses(t *testing.T) {
	w := newWriter(8).fill(3)
	h := w.head()
	if err := feed.VerifyHead(w.key, w.manifest, h, nil); err != nil {
		t.Fatal(err)
	}
	other := newWriter(9)
	if err := feed.VerifyHead(w.key, other.manifest, h, nil); !errors.Is(err, feed.ErrManifest) {
		t.Errorf("another feed's manifest: %v, want ErrManifest", err)
	}
	if err := feed.VerifyHead(w.key, nil, h, nil); !errors.Is(err, feed.ErrSignature) {
		t.Errorf("no manifest: %v, want ErrSignature", err)
	}
	for _, change := range []func(*feed.Head){
		func(h *feed.Head) { h.Length++ },
		func(h *feed.Head) { h.Fork++ },
		func(h *feed.Head) { h.Hash[0]++ },
		func(h *feed.Head) { h.Signature = nil },
		func(h *feed.Head) { h.Signature = make([]byte, feed.MaxSignature+1) },
		func(h *feed.Head) { h.Length = feed.MaxLength + 1 },
	} {
		forged := h
		change(&forged)
		if err := feed.VerifyHead(w.key, w.manifest, forged, nil); !errors.Is(err, feed.ErrSignature) {
			t.Errorf("VerifyHead(%+v, nil) = %v, want ErrSignature", forged, err)
		}
	}
	// Nobody has a feed that long, even if its writer says so.
	long := feed.Head{Length: feed.MaxLength + 1}
	long, err := feed.Sign(w.key, w.manifest, w.private, long)
	if err == nil {
		err = feed.VerifyHead(w.key, w.manifest, long, nil)
	}
	if !errors.Is(err, feed.ErrSignature) {
		t.Errorf("a head beyond MaxLength: %v, want ErrSignature", err)
	}
}
