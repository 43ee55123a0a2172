package seal_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"cobox/provision/chain"
	"cobox/provision/seal"
	"cobox/seeder/identity"
)

var write = flag.Bool("write", false, "write the vectors anew")

func key(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

func operators(n int) (keys []identity.OperatorKey) {
	for i := range n {
		keys = append(keys, identity.OperatorKeyOf(key(byte(i))))
	}
	return keys
}

// TestName seals to all numbers of readers: each of them can open it, and no other.
func TestName(t *testing.T) {
	for n := 1; n <= seal.MaxReaders+2; n++ {
		sealed, err := seal.Name("Food Coop", operators(n), nil)
		if err != nil {
			t.Fatal(err)
		}
		if len(sealed) > chain.MaxSealed {
			t.Errorf("%d readers: %d bytes", n, len(sealed))
		}
		for i := range seal.MaxReaders + 3 {
			name, err := seal.Open(sealed, key(byte(i)))
			if i < min(n, seal.MaxReaders) {
				if err != nil || name != "Food Coop" {
					t.Errorf("reader %d of %d: %q, %v", i, n, name, err)
				}
			} else if !errors.Is(err, seal.ErrOthers) {
				t.Errorf("somebody else than the %d readers opens %q, %v", n, name, err)
			}
		}
	}
}

// TestLength: sealed names of one set of readers have one length.
func TestLength(t *testing.T) {
	want := 0
	for _, name := range []string{"x", "Bücherei", strings.Repeat("n", seal.MaxName)} {
		sealed, err := seal.Name(name, operators(3), nil)
		if err != nil {
			t.Fatal(err)
		}
		if want == 0 {
			want = len(sealed)
		}
		if len(sealed) != want {
			t.Errorf("%q takes %d bytes, not %d", name, len(sealed), want)
		}
		if got, err := seal.Open(sealed, key(1)); err != nil || got != name {
			t.Errorf("%q comes back as %q, %v", name, got, err)
		}
	}
}

func TestNoNames(t *testing.T) {
	for _, name := range []string{"", strings.Repeat("n", seal.MaxName+1), "two\nlines", "\xff", "a\x1b[2Jb"} {
		if _, err := seal.Name(name, operators(1), nil); !errors.Is(err, seal.ErrName) {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := seal.Name("x", nil, nil); err == nil {
		t.Error("sealed to nobody")
	}
	low := identity.OperatorKey{1} // the neutral point: everybody shares the zero secret with it
	if _, err := seal.Name("x", []identity.OperatorKey{low}, nil); err == nil {
		t.Error("sealed to a key of low order")
	}
}

// TestChanged flips each bit and cuts at each length: never another name.
func TestChanged(t *testing.T) {
	sealed, err := seal.Name("Food Coop", operators(2), nil)
	if err != nil {
		t.Fatal(err)
	}
	for i := range sealed {
		for bit := range 8 {
			b := bytes.Clone(sealed)
			b[i] ^= 1 << bit
			if name, err := seal.Open(b, key(0)); err == nil {
				t.Errorf("bit %d of byte %d is flipped, and it opens: %q", bit, i, name)
			}
		}
		if _, err := seal.Open(sealed[:i], key(0)); !errors.Is(err, seal.ErrForm) {
			t.Errorf("cut at %d: %v", i, err)
		}
	}
}

func TestSealedTo(t *testing.T) {
	ops := operators(3)
	sealed, err := seal.Name("Food Coop", ops, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !seal.SealedTo(sealed, []identity.OperatorKey{ops[2], ops[0], ops[1]}) {
		t.Error("the order of operators counts")
	}
	if seal.SealedTo(sealed, ops[:2]) || seal.SealedTo(nil, ops) {
		t.Error("another set of operators is taken for this one")
	}
}

// A vector has all that is random given.
type vector struct {
	Name    string   `json:"name"`
	Readers []string `json:"readerSeeds"` // hex
	Random  string   `json:"random"`      // hex: sender's private key, name's key
	Sealed  string   `json:"sealed"`      // hex
}

func TestVectors(t *testing.T) {
	const file = "testdata/vectors.json"
	if *write {
		writeVectors(t, file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(text, &vectors); err != nil || len(vectors) < 3 {
		t.Fatalf("%d vectors, %v", len(vectors), err)
	}
	for _, v := range vectors {
		var readers []identity.OperatorKey
		for _, s := range v.Readers {
			readers = append(readers, identity.OperatorKeyOf(ed25519.NewKeyFromSeed(unhex(t, s))))
		}
		sealed, err := seal.Name(v.Name, readers, bytes.NewReader(unhex(t, v.Random)))
		if err != nil || hex.EncodeToString(sealed) != v.Sealed {
			t.Errorf("%q: %x, %v", v.Name, sealed, err)
		}
		for _, s := range v.Readers {
			if name, err := seal.Open(unhex(t, v.Sealed), ed25519.NewKeyFromSeed(unhex(t, s))); err != nil || name != v.Name {
				t.Errorf("%q opens as %q, %v", v.Name, name, err)
			}
		}
	}
}

func writeVectors(t *testing.T, file string) {
	t.Helper()
	var vectors []vector
	for i, name := range []string{"Food Coop", "Bücherei Süd", strings.Repeat("n", seal.MaxName)} {
		a, b := sha256.Sum256([]byte{byte(i)}), sha256.Sum256([]byte{byte(i), 1})
		v := vector{Name: name, Random: hex.EncodeToString(append(a[:], b[:16]...))}
		for r := range i + 1 {
			v.Readers = append(v.Readers, hex.EncodeToString(key(byte(r)).Seed()))
		}
		sealed, err := seal.Name(name, operators(i+1), bytes.NewReader(unhex(t, v.Random)))
		if err != nil {
			t.Fatal(err)
		}
		v.Sealed = hex.EncodeToString(sealed)
		vectors = append(vectors, v)
	}
	text, err := json.MarshalIndent(vectors, "", "  ")
	if err == nil {
		err = os.WriteFile(file, append(text, '\n'), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func FuzzOpen(f *testing.F) {
	sealed, err := seal.Name("Food Coop", operators(2), nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add([]byte{1})
	f.Fuzz(func(t *testing.T, b []byte) {
		if name, err := seal.Open(b, key(0)); err == nil && seal.CheckName(name) != nil {
			t.Errorf("it opens as %q", name)
		}
	})
}
