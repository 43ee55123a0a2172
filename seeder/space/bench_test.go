package space_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"

	"cobox/seeder/space"
)

// sourceTree makes a folder like a source tree: text in many files, small ones
// mostly, a few large. It returns its size.
func sourceTree(b *testing.B, w *world, files int) int64 {
	b.Helper()
	random := rand.New(rand.NewPCG(1, 1))
	words := make([]string, 2000)
	for i := range words {
		words[i] = fmt.Sprintf("%x", random.Uint64()>>(20+random.IntN(40)))
	}
	total := int64(0)
	for i := range files {
		size := int(math.Exp(8.2 + 1.3*random.NormFloat64()))
		var text strings.Builder
		for text.Len() < size {
			text.WriteString(words[int(math.Abs(random.NormFloat64()*400))%len(words)])
			text.WriteByte(" \n\t("[random.IntN(4)])
		}
		w.write(fmt.Sprintf("pkg%d/sub%d/file%d.go", i%50, i%7, i), []byte(text.String()))
		total += int64(text.Len())
	}
	for i := range 4 {
		w.write(fmt.Sprintf("media/picture%d", i), randomBytes(uint64(i), 8<<20))
		total += 8 << 20
	}
	return total
}

func BenchmarkBackup(b *testing.B) {
	w := newWorld(b)
	b.SetBytes(sourceTree(b, w, 4000))
	b.ReportAllocs()
	for b.Loop() {
		w.memory, w.index = newMemory(), space.NewMemoryIndex()
		w.log = w.memory.log("bench")
		w.backup()
	}
}

func BenchmarkBackupUnchanged(b *testing.B) {
	w := newWorld(b)
	b.SetBytes(sourceTree(b, w, 4000))
	w.backup()
	for b.Loop() {
		w.backup()
	}
}

func BenchmarkRestore(b *testing.B) {
	w := newWorld(b)
	b.SetBytes(sourceTree(b, w, 4000))
	s := w.backup().Snapshot
	n := 0
	for b.Loop() {
		n++
		w.restoreTo(s, filepath.Join(b.TempDir(), fmt.Sprint(n)), space.RestoreOptions{})
	}
}
