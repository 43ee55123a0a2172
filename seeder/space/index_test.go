package space_test

import (
	"os"
	"path/filepath"
	"testing"

	"cobox/seeder/feed"
	"cobox/seeder/space"
)

func idOf(n int) space.ChunkID { return space.ChunkID{byte(n), byte(n >> 8), 1} }

// Wherever the file is cut or damaged, it opens, and knows the blocks before.
func TestIndexDamaged(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "index")
	a, b := feed.Key{1}, feed.Key{2}
	x, err := space.OpenIndex(path, space.ID{1})
	must(t, err)
	n := 0
	for block := range uint64(3) {
		for _, key := range []feed.Key{a, b} {
			must(t, x.Add(key, 3, block, []space.ChunkID{idOf(n), idOf(n + 1), idOf(0)}))
			n += 2
		}
	}
	if err := x.Add(a, 3, 7, nil); err == nil {
		t.Error("a block was left out, without an error")
	}
	if err := x.Add(a, 4, 3, nil); err == nil {
		t.Error("another fork, without an error")
	}
	must(t, x.Close())
	whole, err := os.ReadFile(path)
	must(t, err)
	try := func(name string, content []byte) {
		t.Helper()
		must(t, os.WriteFile(path, content, 0o600))
		x, err := space.OpenIndex(path, space.ID{1})
		must(t, err)
		for block := range uint64(3) {
			for i, key := range []feed.Key{a, b} {
				length, _ := x.Covered(key)
				id := idOf(4*int(block) + 2*i + 1)
				at, ok := x.Lookup(id)
				if ok != (block < length) || (ok && at != space.Location{Feed: key, Block: block, Slot: 1}) {
					t.Fatalf("%s: chunk of block %d is at %+v, %v; covered %d", name, block, at, ok, length)
				}
			}
		}
		// It goes on from there, and holds after another opening.
		length, _ := x.Covered(b)
		must(t, x.Add(b, 3, length, []space.ChunkID{idOf(999)}))
		must(t, x.Close())
		x, err = space.OpenIndex(path, space.ID{1})
		must(t, err)
		if at, ok := x.Lookup(idOf(999)); !ok || at.Block != length {
			t.Fatalf("%s: what was added is gone", name)
		}
		must(t, x.Close())
	}
	try("whole", whole)
	for i := range whole {
		try("cut", whole[:i])
		bad := append([]byte(nil), whole...)
		bad[i] ^= 0x20
		if i%3 == 0 {
			try("changed", bad)
		}
	}
	must(t, os.WriteFile(path, whole, 0o600))
	other, err := space.OpenIndex(path, space.ID{2})
	must(t, err)
	defer other.Close()
	if other.Len() != 0 {
		t.Error("another space's index was used")
	}
}

// A feed that is shorter than the index remembers, or on another fork, makes it start anew.
func TestIndexRolledBack(t *testing.T) {
	w := newWorld(t)
	w.write("a", randomBytes(1, 3<<20))
	w.backup()
	blocks := w.log.blocks
	w.log.blocks = blocks[:2]
	w.update()
	for block := 2; block < len(blocks); block++ {
		if _, ok := w.index.Lookup(idOf(0)); ok {
			t.Error("an unknown chunk was found")
		}
	}
	if length, _ := w.index.Covered(w.log.key); length != 2 {
		t.Errorf("covered %d blocks, want 2", length)
	}
	w.log.fork = 1
	w.log.blocks = blocks[:3]
	w.update()
	if length, fork := w.index.Covered(w.log.key); length != 3 || fork != 1 {
		t.Errorf("covered %d blocks of fork %d", length, fork)
	}
	sameListing(t, listing(t, w.source), listing(t, w.restore(w.backup().Snapshot)))
}
