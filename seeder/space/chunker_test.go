package space

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	chunkers "github.com/PlakarKorp/go-cdc-chunkers"
)

// libraryCuts returns the sizes of the chunks that go-cdc-chunkers makes.
func libraryCuts(tb testing.TB, key, data []byte) (sizes []int) {
	tb.Helper()
	c, err := chunkers.NewChunker("fastcdc-v1.0.0", bytes.NewReader(data), &chunkers.ChunkerOpts{
		MinSize: minChunk, NormalSize: normalChunk, MaxSize: maxChunk, Key: key,
	})
	if err != nil {
		tb.Fatal(err)
	}
	for {
		chunk, err := c.Next()
		if len(chunk) > 0 {
			sizes = append(sizes, len(chunk))
		}
		if errors.Is(err, io.EOF) {
			return sizes
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
}

// ourCuts returns the sizes of the chunks that a chunker makes, and checks their bytes
// where flush says that they are still good.
func ourCuts(tb testing.TB, c *chunker, r io.Reader, data []byte) (sizes []int) {
	tb.Helper()
	var waiting [][]byte
	err := c.chunks(r, func(chunk []byte) error {
		waiting = append(waiting, chunk)
		sizes = append(sizes, len(chunk))
		return nil
	}, func() error {
		for _, chunk := range waiting {
			if !bytes.HasPrefix(data, chunk) {
				tb.Fatalf("a chunk of %d bytes has other bytes than the data %d bytes before its end", len(chunk), len(data))
			}
			data = data[len(chunk):]
		}
		waiting = nil
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	if len(data) > 0 {
		tb.Fatalf("%d bytes are in no chunk", len(data))
	}
	return sizes
}

func testKeys(tb testing.TB, key byte) (*Keys, *chunker) {
	tb.Helper()
	keys := &Keys{chunker: [32]byte{key}}
	c, err := newChunker(keys)
	if err != nil {
		tb.Fatal(err)
	}
	return keys, c
}

// samePlaces checks that we cut where the library does.
func samePlaces(tb testing.TB, keys *Keys, c *chunker, r io.Reader, data []byte) {
	tb.Helper()
	want, got := libraryCuts(tb, keys.chunker[:], data), ourCuts(tb, c, r, data)
	if len(got) != len(want) {
		tb.Fatalf("%d chunks, the library makes %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			tb.Fatalf("chunk %d of %d has %d bytes, the library's %d", i, len(want), got[i], want[i])
		}
	}
}

func TestChunker(t *testing.T) {
	random := make([]byte, 40<<20)
	rand.NewChaCha8([32]byte{7}).Read(random)
	few := make([]byte, 20<<20) // of which there are not many different ones
	for i := range few {
		few[i] = "cobox\n"[random[i]%6]
	}
	runs := make([]byte, 20<<20)
	for i, n := 0, 0; i < len(runs); i += n + 1 {
		n = int(random[i]) << 8
		copy(runs[i:min(len(runs), i+n)], bytes.Repeat(random[i:i+1], n))
	}
	for name, data := range map[string][]byte{
		"random": random, "few": few, "runs": runs, "zeros": make([]byte, 5<<20+3), "nothing": nil,
		"one": random[:1], "min": random[:minChunk], "min and one": random[:minChunk+1], "window": random[:minChunk+gearWindow],
		"normal": random[:normalChunk], "max": few[:maxChunk], "max and one": few[:maxChunk+1], "buffer": random[:chunkerBytes],
		"buffer and one": random[:chunkerBytes+1],
	} {
		t.Run(name, func(t *testing.T) {
			for key := range byte(3) {
				keys, c := testKeys(t, key)
				samePlaces(t, keys, c, bytes.NewReader(data), data)
				samePlaces(t, keys, c, iotest.HalfReader(bytes.NewReader(data)), data) // and a chunker can be used again
			}
		})
	}
}

func TestChunkerErrors(t *testing.T) {
	_, c := testKeys(t, 1)
	data := make([]byte, 10<<20)
	rand.NewChaCha8([32]byte{7}).Read(data)
	mine := errors.New("mine")
	fine := func([]byte) error { return nil }
	flushed := func() error { return nil }
	if err := c.chunks(io.MultiReader(bytes.NewReader(data), iotest.ErrReader(mine)), fine, flushed); !errors.Is(err, mine) {
		t.Errorf("reading: %v", err)
	}
	if err := c.chunks(bytes.NewReader(data), func([]byte) error { return mine }, flushed); !errors.Is(err, mine) {
		t.Errorf("yield: %v", err)
	}
	if err := c.chunks(bytes.NewReader(data), fine, func() error { return mine }); !errors.Is(err, mine) {
		t.Errorf("flush: %v", err)
	}
}

// FuzzChunker cuts what a generator makes of the input: chunks are larger than inputs are.
func FuzzChunker(f *testing.F) {
	f.Add(uint64(1), uint32(maxChunk+1), []byte("ab"))
	f.Add(uint64(2), uint32(700_000), []byte{})
	f.Add(uint64(3), uint32(maxChunk), []byte{0, 0, 0, 0, 0, 0, 0, 1})
	keys, c := testKeys(f, 9)
	f.Fuzz(func(t *testing.T, seed uint64, size uint32, alphabet []byte) {
		data := make([]byte, size%(maxChunk+maxChunk/4))
		var key [32]byte
		for i := range 8 {
			key[i] = byte(seed >> (8 * i))
		}
		rand.NewChaCha8(key).Read(data)
		if len(alphabet) > 0 {
			for i, b := range data {
				data[i] = alphabet[int(b)%len(alphabet)]
			}
		}
		samePlaces(t, keys, c, bytes.NewReader(data), data)
	})
}

func BenchmarkChunker(b *testing.B) {
	data := make([]byte, 32<<20)
	rand.NewChaCha8([32]byte{7}).Read(data)
	keys, c := testKeys(b, 1)
	b.Run("ours", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			if err := c.chunks(bytes.NewReader(data), func([]byte) error { return nil }, func() error { return nil }); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("library", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			libraryCuts(b, keys.chunker[:], data)
		}
	})
}
