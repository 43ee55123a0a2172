package salsa

import (
	"bytes"
	"math/rand/v2"
	"testing"

	"golang.org/x/crypto/salsa20"
)

func random(seed byte, n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed}).Read(b) // never fails
	return b
}

// check compares with x/crypto, in place and not.
func check(t *testing.T, message []byte, nonce *[24]byte, key *[32]byte) {
	t.Helper()
	want := make([]byte, len(message))
	salsa20.XORKeyStream(want, message, nonce[:], key)
	got := make([]byte, len(message)+1)
	got[len(message)] = 0x55
	XORKeyStream(got, message, nonce, key)
	if !bytes.Equal(got[:len(message)], want) || got[len(message)] != 0x55 {
		t.Fatalf("%d bytes are encrypted as others than by x/crypto", len(message))
	}
	inPlace := bytes.Clone(message)
	XORKeyStream(inPlace, inPlace, nonce, key)
	if !bytes.Equal(inPlace, want) {
		t.Fatalf("%d bytes are encrypted as others in place", len(message))
	}
}

// Every length around the ends of blocks, and unaligned.
func TestLengths(t *testing.T) {
	message := random(1, 4*width*blockSize+70)
	nonce, key := [24]byte(random(2, 24)), [32]byte(random(3, 32))
	for n := range len(message) - 5 {
		check(t, message[n%5:n%5+n], &nonce, &key)
	}
	for _, n := range []int{1 << 16, 1<<20 + 77} {
		check(t, random(4, n), &nonce, &key)
	}
	XORKeyStream(nil, nil, &nonce, &key)
}

// The counter of blocks goes on where 8 and 16 bits of it end, in each lane.
func TestCounter(t *testing.T) {
	message := make([]byte, (1<<16+2*width)*blockSize)
	nonce, key := [24]byte(random(5, 24)), [32]byte(random(6, 32))
	check(t, message, &nonce, &key)
}

func TestShort(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a message was written to less room than it needs")
		}
	}()
	XORKeyStream(make([]byte, 1000), make([]byte, 1001), &[24]byte{}, &[32]byte{})
}

func FuzzXORKeyStream(f *testing.F) {
	f.Add(random(1, 24), random(2, 32), random(3, 1100))
	f.Add([]byte{1}, []byte{2}, []byte{3})
	f.Fuzz(func(t *testing.T, n, k, message []byte) {
		var nonce [24]byte
		var key [32]byte
		copy(nonce[:], n)
		copy(key[:], k)
		check(t, message, &nonce, &key)
	})
}

func BenchmarkXORKeyStream(b *testing.B) {
	message := make([]byte, 1<<20)
	var nonce [24]byte
	var key [32]byte
	b.Run("ours", func(b *testing.B) {
		b.SetBytes(int64(len(message)))
		for b.Loop() {
			XORKeyStream(message, message, &nonce, &key)
		}
	})
	b.Run("x/crypto", func(b *testing.B) {
		b.SetBytes(int64(len(message)))
		for b.Loop() {
			salsa20.XORKeyStream(message, message, nonce[:], &key)
		}
	})
}
