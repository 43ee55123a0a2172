package wire_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"testing"

	"cobox/seeder/feed"
	"cobox/seeder/wire"
)

// fork returns the evidence that one writer signed two trees of length blocks.
func fork(t testing.TB, length int) *feed.ForkError {
	t.Helper()
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{5}, ed25519.SeedSize))
	m := feed.NewManifest(private.Public().(ed25519.PublicKey))
	var proofs [2]*feed.Proof
	for story := range proofs {
		var tree feed.Tree
		for i := range length {
			tree.Append([]byte{byte(i), byte(story)})
		}
		h, err := feed.Sign(m.Key(), m, private, tree.Head(3))
		if err != nil {
			t.Fatal(err)
		}
		proofs[story] = &feed.Proof{Fork: 3, Manifest: m, Upgrade: &feed.UpgradeProof{Length: h.Length, Nodes: tree.Roots, Signature: h.Signature}}
	}
	e, err := feed.CheckFork(m.Key(), proofs[0], proofs[1])
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestFork(t *testing.T) {
	e := fork(t, 7)
	b := wire.AppendFork(nil, e)
	have, got, err := wire.ParseFork(b)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := feed.CheckFork(e.Key, have, got); err != nil || again.Have.Hash != e.Have.Hash || again.Got.Hash != e.Got.Hash {
		t.Errorf("CheckFork = %+v, %v, want what was written", again, err)
	}
	// What is changed is refused, here or when it is checked, or shows the same fork.
	for i := range b {
		c := bytes.Clone(b)
		c[i] ^= 1
		if have, got, err := wire.ParseFork(c); err == nil {
			// A signature has two bytes that say nothing where there are no patches.
			f, err := feed.CheckFork(e.Key, have, got)
			if err == nil && (f.Have.Hash != e.Have.Hash || f.Got.Hash != e.Got.Hash || f.Have.Fork != e.Have.Fork) {
				t.Errorf("byte %d changed: CheckFork = %+v", i, f)
			}
		} else if !errors.Is(err, wire.ErrFork) {
			t.Errorf("byte %d changed: ParseFork = %v, want ErrFork", i, err)
		}
		if _, _, err := wire.ParseFork(b[:i]); !errors.Is(err, wire.ErrFork) {
			t.Errorf("cut to %d bytes: ParseFork = %v, want ErrFork", i, err)
		}
	}
	for what, c := range map[string][]byte{
		"something after it": append(bytes.Clone(b), 0),
		"too long":           make([]byte, wire.MaxFork+1),
	} {
		if _, _, err := wire.ParseFork(c); !errors.Is(err, wire.ErrFork) {
			t.Errorf("%s: ParseFork = %v, want ErrFork", what, err)
		}
	}
}

// FuzzParseFork: no panic, in reading or checking, and what is read writes as the same.
func FuzzParseFork(f *testing.F) {
	e := fork(f, 7)
	f.Add(wire.AppendFork(nil, e))
	f.Add(wire.AppendFork(nil, fork(f, 1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		have, got, err := wire.ParseFork(b)
		if err != nil {
			return
		}
		if !bytes.Equal(wire.AppendFork(nil, &feed.ForkError{HaveProof: have, GotProof: got}), b) {
			t.Error("it writes as something else")
		}
		_, _ = feed.CheckFork(e.Key, have, got)
	})
}
