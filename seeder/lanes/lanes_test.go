package lanes

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"

	"golang.org/x/crypto/blake2b"
)

// kinds are the ways to hash that this processor has.
func kinds() (list []vector) {
	for v := widest(); v > 1; v /= 2 {
		if v == 2 && widest() > 2 {
			break // amd64 has no two lanes
		}
		list = append(list, v)
	}
	return append(list, 1)
}

// check compares with x/crypto.
func check(t *testing.T, v vector, messages []Message) {
	t.Helper()
	sums := make([][Size]byte, len(messages))
	sum(v, sums, messages)
	for i, m := range messages {
		if want := blake2b.Sum256(append(bytes.Clone(m.Prefix), m.Data...)); sums[i] != want {
			t.Fatalf("%d lanes: message %d of %d, %d+%d bytes: %x, want %x", v, i, len(messages), len(m.Prefix), len(m.Data), sums[i], want)
		}
	}
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(b) // never fails
	return b
}

// Every length around the ends of the first blocks, with every length of prefix
// in question, in every number of lanes.
func TestLengths(t *testing.T) {
	data := random(5*128 + 8)
	for _, v := range kinds() {
		for count := 1; count <= 2*int(v)+1; count++ {
			for n := range len(data) - count {
				for _, prefix := range []int{0, 1, 9, 127, 128} {
					messages := make([]Message, count)
					for i := range messages {
						messages[i] = Message{data[i : i+prefix], data[i : i+n]}
					}
					check(t, v, messages)
				}
			}
		}
	}
}

// Messages of very different lengths, in any order.
func TestMixed(t *testing.T) {
	data := random(1 << 16)
	r := rand.New(rand.NewPCG(1, 2))
	for _, v := range kinds() {
		for range 300 {
			messages := make([]Message, r.IntN(40))
			for i := range messages {
				at := r.IntN(len(data))
				n := r.IntN(min(1<<r.IntN(17), len(data)-at))
				messages[i] = Message{data[:r.IntN(MaxPrefix+1)], data[at : at+n]}
			}
			check(t, v, messages)
		}
	}
}

// With a key, messages of all lengths around the ends of blocks, and none at all.
func TestKeyed(t *testing.T) {
	data := random(1 << 12)
	for _, v := range kinds() {
		for _, n := range []int{1, 32, 63, 64} {
			key := data[:n]
			h, err := blake2b.New256(key)
			if err != nil {
				t.Fatal(err)
			}
			for length := range 3 * 128 {
				messages := make([][]byte, 2*int(v)+1)
				for i := range messages {
					messages[i] = data[i : i+length*(i%3)]
				}
				sums := make([][Size]byte, len(messages))
				keyedSum(v, sums, key, messages)
				for i, m := range messages {
					h.Reset()
					h.Write(m)
					if want := h.Sum(nil); !bytes.Equal(sums[i][:], want) {
						t.Fatalf("%d lanes, key of %d bytes, message of %d: %x, want %x", v, n, len(m), sums[i], want)
					}
				}
			}
		}
	}
}

func TestPrefixTooLong(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a prefix that is too long was hashed")
		}
	}()
	Sum256(make([][Size]byte, 1), []Message{{Prefix: make([]byte, MaxPrefix+1)}})
}

func FuzzSum256(f *testing.F) {
	f.Add([]byte("some text that is hashed in pieces"), uint64(1))
	f.Add(random(1000), uint64(2))
	f.Fuzz(func(t *testing.T, data []byte, seed uint64) {
		r := rand.New(rand.NewPCG(seed, 0))
		messages := make([]Message, r.IntN(20))
		for i := range messages {
			from := r.IntN(len(data) + 1)
			to := from + r.IntN(len(data)-from+1)
			messages[i] = Message{data[:r.IntN(min(len(data), MaxPrefix)+1)], data[from:to]}
		}
		for _, v := range kinds() {
			check(t, v, messages)
		}
	})
}

func BenchmarkSum256(b *testing.B) {
	for _, v := range kinds() {
		for _, size := range []int{100, 64 << 10} {
			b.Run(fmt.Sprintf("lanes=%d/size=%d", v, size), func(b *testing.B) {
				messages := make([]Message, 8)
				for i := range messages {
					messages[i] = Message{make([]byte, 9), random(size)}
				}
				sums := make([][Size]byte, len(messages))
				b.SetBytes(int64(8 * size))
				b.ReportAllocs()
				for b.Loop() {
					sum(v, sums, messages)
				}
			})
		}
	}
}
