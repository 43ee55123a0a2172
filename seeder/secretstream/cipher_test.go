package secretstream

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"filippo.io/edwards25519"
	"golang.org/x/crypto/chacha20"
)

// sealed returns what seal makes of a message as it goes over the wire.
func sealed(h *half, m []byte) []byte {
	buf := make([]byte, blockSize, blockSize+len(m)+macSize)
	return h.seal(append(buf, m...))[blockSize-1:]
}

// opened opens what came over the wire.
func opened(h *half, wire []byte) ([]byte, error) {
	buf := append(make([]byte, blockSize-1, blockSize+len(wire)+macSize), wire...)
	return h.open(buf)
}

func (h *half) state() []byte { return append(bytes.Clone(h.key[:]), h.nonce[:]...) }

// TestRaw holds the construction against libsodium's, message by message, with
// the state between them.
func TestRaw(t *testing.T) {
	text, err := os.ReadFile("testdata/07-secretstream.json")
	if err != nil {
		t.Fatal(err)
	}
	var v struct {
		Secretstream struct {
			Key, Header, InitState string
			Messages               []struct{ Plaintext, Ciphertext, StateAfter string }
		}
		DH []struct{ SeedA, PublicB, Shared string }
	}
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	unhex := func(s string) []byte {
		b, err := hex.DecodeString(s)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	s := v.Secretstream
	newOne := func() *half { return newHalf([32]byte(unhex(s.Key)), [headerSize]byte(unhex(s.Header))) }
	out, in := newOne(), newOne()
	if !bytes.HasPrefix(unhex(s.InitState), out.state()) {
		t.Errorf("newHalf: state %x, want %s", out.state(), s.InitState)
	}
	for i, m := range s.Messages {
		if got := sealed(out, unhex(m.Plaintext)); hex.EncodeToString(got) != m.Ciphertext {
			t.Fatalf("message %d of %d bytes: seal = %x, want %s", i, len(m.Plaintext)/2, got, m.Ciphertext)
		}
		if got, err := opened(in, unhex(m.Ciphertext)); err != nil || hex.EncodeToString(got) != m.Plaintext {
			t.Fatalf("message %d: open = %x, %v", i, got, err)
		}
		if !bytes.HasPrefix(unhex(m.StateAfter), out.state()) || !bytes.Equal(out.state(), in.state()) {
			t.Fatalf("message %d: state %x and %x, want %s", i, out.state(), in.state(), m.StateAfter)
		}
	}
	for _, d := range v.DH {
		got, err := ed25519DH{}.DH(unhex(d.SeedA), unhex(d.PublicB))
		if err != nil || hex.EncodeToString(got) != d.Shared {
			t.Errorf("DH = %x, %v, want %s", got, err, d.Shared)
		}
	}
}

// TestSizes sends messages of many sizes, so that every padding occurs, and checks
// that the fast way makes the same bytes as the plain one.
func TestSizes(t *testing.T) {
	out, in := newHalf([32]byte{1}, [headerSize]byte{2}), newHalf([32]byte{1}, [headerSize]byte{2})
	for n := range 300 {
		m := bytes.Repeat([]byte{byte(n)}, n)
		if got, err := opened(in, sealed(out, m)); err != nil || !bytes.Equal(got, m) {
			t.Fatalf("%d bytes: %x, %v", n, got, err)
		}
		fast := make([]byte, blockSize+n, blockSize+n+macSize)
		plain := make([]byte, blockSize+n)
		out.xor(fast)
		out.xorGeneric(plain)
		if !bytes.Equal(fast[blockSize:], plain[blockSize:]) {
			t.Fatalf("%d bytes: the two keystreams differ", n)
		}
	}
}

// TestForged changes, drops and repeats what was sealed: nothing of it opens.
func TestForged(t *testing.T) {
	fresh := func() *half { return newHalf([32]byte{3}, [headerSize]byte{4}) }
	out := fresh()
	first, second := sealed(out, []byte("the first message")), sealed(out, []byte("the second"))
	for i := range first {
		for _, bit := range []byte{1, 0x80} {
			bad := bytes.Clone(first)
			bad[i] ^= bit
			if m, err := opened(fresh(), bad); err == nil {
				t.Errorf("byte %d changed: open = %q", i, m)
			}
		}
		if m, err := opened(fresh(), first[:i]); err == nil {
			t.Errorf("cut to %d bytes: open = %q", i, m)
		}
	}
	if m, err := opened(fresh(), second); err == nil {
		t.Errorf("the second message without the first: open = %q", m)
	}
	in := fresh()
	if _, err := opened(in, first); err != nil {
		t.Fatal(err)
	}
	if m, err := opened(in, first); err == nil {
		t.Errorf("the first message again: open = %q", m)
	}
}

// TestRekey goes over the point where the counter wraps: both sides take the new
// key, which is the old one and the inonce encrypted (SPEC section 6).
func TestRekey(t *testing.T) {
	out, in := newHalf([32]byte{5}, [headerSize]byte{6}), newHalf([32]byte{5}, [headerSize]byte{6})
	for _, h := range []*half{out, in} {
		binary.LittleEndian.PutUint32(h.nonce[:], 1<<32-1)
	}
	w := sealed(out, []byte("last under this key"))
	before := append(bytes.Clone(in.key[:]), in.nonce[4:]...)
	if _, err := opened(in, w); err != nil {
		t.Fatal(err)
	}
	mac := w[len(w)-macSize:]
	for i := range 8 {
		before[32+i] ^= mac[i]
	}
	c, err := chacha20.NewUnauthenticatedCipher(before[:32], append(make([]byte, 4), before[32:]...))
	if err != nil {
		t.Fatal(err)
	}
	want := make([]byte, 40)
	c.XORKeyStream(want, before)
	if got := append(bytes.Clone(in.key[:]), in.nonce[4:]...); !bytes.Equal(got, want) || in.nonce[0] != 1 {
		t.Errorf("after the counter wrapped: %x, want %x", got, want)
	}
	if m, err := opened(in, sealed(out, []byte("first under the next"))); err != nil || string(m) != "first under the next" {
		t.Errorf("open = %q, %v", m, err)
	}
}

// TestPoints refuses every public key that would let a peer choose the secret.
func TestPoints(t *testing.T) {
	seed := bytes.Repeat([]byte{7}, 32)
	bad := map[string]string{
		"identity":                  "0100000000000000000000000000000000000000000000000000000000000000",
		"order 2":                   "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"order 4":                   "0000000000000000000000000000000000000000000000000000000000000000",
		"order 8":                   "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
		"not canonical":             "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
		"not on the curve":          "0200000000000000000000000000000000000000000000000000000000000000",
		"sign of a zero coordinate": "0100000000000000000000000000000000000000000000000000000000000080",
	}
	for name, text := range bad {
		p, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		if s, err := (ed25519DH{}).DH(seed, p); err == nil {
			t.Errorf("%s: DH = %x", name, s)
		}
	}
	// A good point with a part of small order added.
	small, err := hex.DecodeString(bad["order 8"])
	if err != nil {
		t.Fatal(err)
	}
	low, err := new(edwards25519.Point).SetBytes(small)
	if err != nil {
		t.Fatal(err)
	}
	mixed := new(edwards25519.Point).Add(edwards25519.NewGeneratorPoint(), low).Bytes()
	if s, err := (ed25519DH{}).DH(seed, mixed); err == nil {
		t.Errorf("outside the subgroup: DH = %x", s)
	}
	if _, err := (ed25519DH{}).DH(seed, edwards25519.NewGeneratorPoint().Bytes()); err != nil {
		t.Errorf("DH with the base point: %v", err)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(sealed(newHalf([32]byte{}, [headerSize]byte{}), []byte("message")))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, wire []byte) {
		m, err := opened(newHalf([32]byte{}, [headerSize]byte{}), wire)
		if err != nil {
			return
		}
		if again := sealed(newHalf([32]byte{}, [headerSize]byte{}), bytes.Clone(m)); wire[0] == again[0] && !bytes.Equal(again, wire) {
			t.Errorf("%x opens and seals again to %x", wire, again)
		}
	})
}

func BenchmarkSeal(b *testing.B) {
	h := newHalf([32]byte{1}, [headerSize]byte{2})
	buf := make([]byte, blockSize+64<<10, blockSize+64<<10+macSize)
	b.SetBytes(64 << 10)
	for b.Loop() {
		h.seal(buf)
	}
}

func BenchmarkOpen(b *testing.B) {
	out := newHalf([32]byte{1}, [headerSize]byte{2})
	wire := sealed(out, make([]byte, 64<<10))
	buf := make([]byte, blockSize-1+len(wire), blockSize+len(wire)+macSize)
	b.SetBytes(64 << 10)
	for b.Loop() {
		in := newHalf([32]byte{1}, [headerSize]byte{2})
		copy(buf[blockSize-1:], wire)
		if _, err := in.open(buf); err != nil {
			b.Fatal(err)
		}
	}
}
