package space

import (
	"bytes"
	"math/rand/v2"
	"testing"
)

// Many small chunks that do not compress have a longer directory than there is room for.
func TestPackInPlace(t *testing.T) {
	random := make([]byte, 1<<20)
	rand.NewChaCha8([32]byte{3}).Read(random)
	for _, n := range []int{1, 4, 40, 52, 53, 54, 55, 56, 60, 64, 65, 200} {
		size := len(random) / n
		buf := append(make([]byte, frontRoom), random[:n*size]...)
		slots := make([]slot, n)
		for i := range slots {
			slots[i] = slot{ChunkID{byte(i)}, uint32(size)}
		}
		want := appendPack(beginBlock(nil), 1<<40, slots, buf[frontRoom:])
		got := packInPlace(buf, 1<<40, slots)
		if got == nil && n > 52 {
			continue
		}
		if !bytes.Equal(got, want) {
			t.Errorf("a pack of %d chunks is another one in place (%d bytes, want %d)", n, len(got), len(want))
		}
	}
}
