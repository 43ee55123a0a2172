package space_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cobox/seeder/feed"
	"cobox/seeder/space"

	"github.com/klauspost/compress/zstd"
)

// hostile makes a snapshot of root's nodes by hand: block 1 has the chunks and
// tree objects, block 2 the snapshot.
func (w *world) hostile(totals space.Totals, chunks [][]byte, nodes func(refs []space.Ref) []space.Node) *space.Snapshot {
	w.t.Helper()
	key := w.log.key
	block, refs := space.SealPack(w.keys, key, 1, space.KindData, append(chunks, []byte("a chunk"))...)
	tree, dir := space.SealPack(w.keys, key, 2, space.KindTree, space.EncodeDir(nodes(refs)))
	s := &space.Snapshot{Space: w.keys.Space, Time: time.Unix(1, 0), Root: space.Node{Type: space.TypeDir, Mode: 0o755, Tree: dir[0]}, Totals: totals, Feeds: []feed.Key{key}}
	w.log.blocks = [][]byte{nil, block, tree, space.SealSnapshot(w.keys, key, 3, s)}
	got, err := w.reader().Snapshot(w.t.Context(), space.SnapshotRef{Feed: key, Block: 3})
	must(w.t, err)
	return got
}

var plenty = space.Totals{Files: 1000, Dirs: 1000, Others: 1000, Bytes: 1 << 40}

// tryRestore restores into an inner folder and checks that nothing outside of it changed.
func (w *world) tryRestore(s *space.Snapshot, prepare func(dest string)) error {
	w.t.Helper()
	outside := w.t.TempDir()
	dest := filepath.Join(outside, "in/here")
	must(w.t, os.MkdirAll(dest, 0o755))
	must(w.t, os.WriteFile(filepath.Join(outside, "victim"), []byte("untouched"), 0o644))
	if prepare != nil {
		prepare(dest)
	}
	_, err := space.Restore(w.t.Context(), w.reader(), s, dest, space.RestoreOptions{Overwrite: true})
	if b, err := os.ReadFile(filepath.Join(outside, "victim")); err != nil || string(b) != "untouched" {
		w.t.Errorf("the victim: %q, %v", b, err)
	}
	for name := range listing(w.t, outside) {
		if name != "." && name != "victim" && name != "in" && !strings.HasPrefix(name, "in/here") {
			w.t.Errorf("outside the folder: %q", name)
		}
	}
	return err
}

func file(name string, ref space.Ref) space.Node {
	return space.Node{Name: name, Type: space.TypeFile, Mode: 0o644, Size: uint64(ref.Length),
		Content: []space.Item{{Kind: space.ItemChunk, Ref: ref, Span: uint64(ref.Length)}}}
}

func TestHostileNames(t *testing.T) {
	for _, name := range []string{"", ".", "..", "../victim", "../../victim", "/etc/cobox-test", "a/b", "a/../../victim", "nul\x00", "..\x00", strings.Repeat("x", 5000)} {
		w := newWorld(t)
		s := w.hostile(plenty, nil, func(refs []space.Ref) []space.Node { return []space.Node{file(name, refs[0])} })
		if err := w.tryRestore(s, nil); err == nil {
			t.Errorf("name %q was restored", name)
		}
		if _, err := space.Check(t.Context(), w.reader(), []*space.Snapshot{s}, space.CheckOptions{Feeds: w.memory.all(w.log)}); !errors.Is(err, space.ErrDamaged) {
			t.Errorf("name %q: Check: %v", name, err)
		}
	}
}

// Neither links in the snapshot nor links that are there already lead outside.
func TestHostileLinks(t *testing.T) {
	link := func(name, target string) space.Node {
		return space.Node{Name: name, Type: space.TypeSymlink, Mode: 0o777, Target: target}
	}
	for name, nodes := range map[string]func(refs []space.Ref) []space.Node{
		"a link and a file of one name": func(refs []space.Ref) []space.Node {
			return []space.Node{link("x", "../../victim"), file("x", refs[0])}
		},
		"a link and a folder of one name": func(refs []space.Ref) []space.Node {
			_, dir := space.SealPack(space.Secret{1, 2, 3}.Keys(space.ID{9}), refs[0].Feed, 1, space.KindTree, space.EncodeDir([]space.Node{file("victim", refs[0])}))
			return []space.Node{link("x", "../.."), {Name: "x", Type: space.TypeDir, Mode: 0o755, Tree: dir[0]}}
		},
		"entries out of order": func(refs []space.Ref) []space.Node {
			return []space.Node{file("b", refs[0]), file("a", refs[0])}
		},
		"a link without target": func([]space.Ref) []space.Node { return []space.Node{link("x", "")} },
	} {
		w := newWorld(t)
		if err := w.tryRestore(w.hostile(plenty, nil, nodes), nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}

	// The folder holds links to outside where the snapshot has a folder or a file.
	w := newWorld(t)
	w.write("x/victim", []byte("overwritten"))
	w.write("victim", []byte("overwritten"))
	s := w.backup().Snapshot
	err := w.tryRestore(s, func(dest string) {
		must(t, os.Symlink("../..", filepath.Join(dest, "x")))
		must(t, os.Symlink("../../victim", filepath.Join(dest, "victim")))
	})
	must(t, err)
}

func TestHostileContent(t *testing.T) {
	tree := []byte("not a tree object")
	for name, nodes := range map[string]func(refs []space.Ref) []space.Node{
		"wrong hash":         func(r []space.Ref) []space.Node { r[1].ID[5] ^= 1; return []space.Node{file("x", r[1])} },
		"wrong length":       func(r []space.Ref) []space.Node { r[1].Length++; return []space.Node{file("x", r[1])} },
		"no such slot":       func(r []space.Ref) []space.Node { r[1].Slot = 77; return []space.Node{file("x", r[1])} },
		"header as a pack":   func(r []space.Ref) []space.Node { r[1].Block = 0; return []space.Node{file("x", r[1])} },
		"snapshot as a pack": func(r []space.Ref) []space.Node { r[1].Block = 3; return []space.Node{file("x", r[1])} },
		"not a tree": func(r []space.Ref) []space.Node {
			return []space.Node{{Name: "x", Type: space.TypeDir, Mode: 0o755, Tree: r[0]}}
		},
		"content larger than the file": func(r []space.Ref) []space.Node {
			n := file("x", r[1])
			n.Size--
			return []space.Node{n}
		},
		"a list that is none": func(r []space.Ref) []space.Node {
			return []space.Node{{Name: "x", Type: space.TypeFile, Size: 10, Content: []space.Item{{Kind: space.ItemList, Ref: r[0], Span: 10}}}}
		},
		"unknown type": func([]space.Ref) []space.Node { return []space.Node{{Name: "x", Type: 99}} },
		"strange mode": func([]space.Ref) []space.Node {
			return []space.Node{{Name: "x", Type: space.TypeFifo, Mode: 1 << 20}}
		},
		"more bytes than the totals say": func(r []space.Ref) []space.Node {
			return []space.Node{{Name: "x", Type: space.TypeFile, Size: 1 << 41, Content: []space.Item{{Kind: space.ItemZeros, Span: 1 << 41}}}}
		},
		"size that wraps around": func(r []space.Ref) []space.Node {
			zeros := space.Item{Kind: space.ItemZeros, Span: 1<<53 - 1}
			n := space.Node{Name: "x", Type: space.TypeFile, Size: 1}
			for range 60 {
				n.Content = append(n.Content, zeros)
			}
			return []space.Node{n}
		},
	} {
		w := newWorld(t)
		if err := w.tryRestore(w.hostile(plenty, [][]byte{tree}, nodes), nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// A tree whose folders all hold the same folder twice, and so on, has more
// entries than atoms: the totals stop it.
func TestHostileTreeWithoutEnd(t *testing.T) {
	w := newWorld(t)
	key := w.log.key
	block, refs := space.SealPack(w.keys, key, 1, space.KindTree, space.EncodeDir([]space.Node{{Name: "x", Type: space.TypeFifo}}))
	w.log.blocks = [][]byte{nil, block}
	for i := range 60 {
		var nodes []space.Node
		for n := range 10 {
			nodes = append(nodes, space.Node{Name: fmt.Sprint(n), Type: space.TypeDir, Mode: 0o755, Tree: refs[0]})
		}
		block, refs = space.SealPack(w.keys, key, uint64(i+2), space.KindTree, space.EncodeDir(nodes))
		w.log.blocks = append(w.log.blocks, block)
	}
	s := &space.Snapshot{Root: space.Node{Type: space.TypeDir, Mode: 0o755, Tree: refs[0]}, Totals: space.Totals{Dirs: 200, Others: 1000}}
	visited := 0
	err := w.reader().Walk(t.Context(), s, func(string, *space.Node) error { visited++; return nil })
	if !errors.Is(err, space.ErrDamaged) || visited > 1200 {
		t.Errorf("Walk: %v after %d entries", err, visited)
	}
	if err := w.tryRestore(s, nil); !errors.Is(err, space.ErrDamaged) {
		t.Errorf("Restore: %v", err)
	}
}

// A pack that decompresses to more than it says costs no more than it may hold.
func TestHostilePack(t *testing.T) {
	w := newWorld(t)
	encoder, err := zstd.NewWriter(nil)
	must(t, err)
	bomb := encoder.EncodeAll(make([]byte, 64<<20), nil)
	zeros := make([]byte, space.MaxChunk)
	id := w.keys.ChunkID(zeros)
	for name, payload := range map[string][]byte{
		"bomb":             space.EncodePack(1, []space.ChunkID{id}, []uint64{space.MaxChunk}, bomb),
		"bomb that admits": space.EncodePack(1, []space.ChunkID{id}, []uint64{64 << 20}, bomb),
		"too many chunks":  space.EncodePack(1, make([]space.ChunkID, 5000), make([]uint64, 5000), bomb),
		"too much in all":  space.EncodePack(1, []space.ChunkID{id, id}, []uint64{space.MaxChunk, space.MaxChunk}, bomb),
		"length wraps":     space.EncodePack(1, []space.ChunkID{id, id}, []uint64{1<<53 - 1, 1<<53 - 1}, bomb),
		"no chunks":        space.EncodePack(0, nil, nil, nil),
		"unknown encoding": space.EncodePack(2, []space.ChunkID{id}, []uint64{1}, []byte{1}),
		"too short":        space.EncodePack(0, []space.ChunkID{id}, []uint64{100}, []byte("short")),
		"not zstd":         space.EncodePack(1, []space.ChunkID{id}, []uint64{100}, []byte("no frame")),
	} {
		if _, err := space.RoundTripPayload(byte(space.KindData), payload); !errors.Is(err, space.ErrDamaged) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Every byte of a stored feed is changed once: reading gives an error or what was there.
func TestEveryByteOfASnapshot(t *testing.T) {
	w := newWorld(t)
	w.write("a/b", []byte("content"))
	w.write("c", []byte("more content"))
	s := w.backup().Snapshot
	want := ""
	list := func() (string, error) {
		r := w.reader()
		s, err := r.Snapshot(t.Context(), s.Ref)
		if err != nil {
			return "", err
		}
		text := s.Source
		err = r.Walk(t.Context(), s, func(path string, n *space.Node) error {
			text += fmt.Sprintf("%s %v %d %v\n", path, n.Perm(), n.Size, n.Content)
			return nil
		})
		return text, err
	}
	want, err := list()
	must(t, err)
	tree := s.Root.Tree.Block
	for i := range w.log.blocks[tree] {
		w.log.blocks[tree][i] ^= 0x11
		if got, err := list(); err == nil && got != want {
			t.Errorf("byte %d of the tree changed: %q", i, got)
		}
		w.log.blocks[tree][i] ^= 0x11
	}
	for i := range w.log.blocks[s.Ref.Block] {
		w.log.blocks[s.Ref.Block][i] ^= 0x11
		_, _ = list() // the feed's tree vouches for the block; here it only must not panic
		w.log.blocks[s.Ref.Block][i] ^= 0x11
	}
}

// A folder of many entries and a file of many chunks (with its holes, 120 GB) are
// split into objects that fit, and read back whole; a new entry makes few new objects.
func TestLarge(t *testing.T) {
	w := newWorld(t)
	stored := map[space.ChunkID]space.Ref{}
	added := 0
	key := w.log.key
	w.log.blocks = [][]byte{nil}
	store := func(_ context.Context, b []byte) (space.Ref, error) {
		if len(b) > space.MaxChunk {
			return space.Ref{}, fmt.Errorf("object of %d bytes", len(b))
		}
		id := w.keys.ChunkID(b)
		if _, ok := stored[id]; !ok {
			added += len(b)
			block, refs := space.SealPack(w.keys, key, uint64(len(w.log.blocks)), space.KindTree, b)
			w.log.blocks = append(w.log.blocks, block)
			stored[id] = refs[0]
		}
		return stored[id], nil
	}
	const count = 60_000
	nodes := func(extra string) func(func(space.Node) bool) {
		return func(yield func(space.Node) bool) {
			for i := range count {
				name := fmt.Sprintf("file %08d", i)
				if !yield(space.Node{Name: name, Type: space.TypeFifo, ModTime: time.Unix(int64(i), 0)}) {
					return
				}
				if i == count/2 && extra != "" && !yield(space.Node{Name: name + extra, Type: space.TypeFifo}) {
					return
				}
			}
		}
	}
	root, err := space.BuildDir(t.Context(), w.keys, store, nodes(""))
	must(t, err)
	read := 0
	s := &space.Snapshot{Root: root, Totals: space.Totals{Dirs: 1, Others: count}}
	must(t, w.reader().Walk(t.Context(), s, func(path string, n *space.Node) error {
		if path != "." {
			if want := fmt.Sprintf("file %08d", read); path != want {
				return fmt.Errorf("entry %d is %q", read, path)
			}
			read++
		}
		return nil
	}))
	if read != count {
		t.Errorf("read %d entries", read)
	}
	added = 0
	_, err = space.BuildDir(t.Context(), w.keys, store, nodes(" and one more"))
	must(t, err)
	if added > 300<<10 {
		t.Errorf("one more entry made %d bytes of new objects", added)
	}

	const chunks = 60_000
	items, err := space.BuildContent(t.Context(), store, func(yield func(space.Item) bool) {
		for i := range chunks {
			id := w.keys.ChunkID(fmt.Append(nil, i))
			it := space.Item{Kind: space.ItemChunk, Span: 1 << 20, Ref: space.Ref{Location: space.Location{Feed: key, Block: uint64(1 + i/4), Slot: uint32(i % 4)}, ID: id, Length: 1 << 20}}
			if i%1000 == 7 {
				it = space.Item{Kind: space.ItemZeros, Span: 1 << 30}
			}
			if !yield(it) {
				return
			}
		}
	})
	must(t, err)
	n := space.Node{Type: space.TypeFile, Content: items}
	seen, next := 0, uint64(0)
	must(t, w.reader().Content(t.Context(), &n, func(offset uint64, it space.Item) error {
		if offset != next || (seen%1000 == 7) != (it.Kind == space.ItemZeros) {
			return fmt.Errorf("item %d of kind %d at %d, want %d", seen, it.Kind, offset, next)
		}
		next += it.Span
		seen++
		return nil
	}))
	if want := uint64(chunks-chunks/1000)<<20 + chunks/1000<<30; seen != chunks || next != want {
		t.Errorf("read %d items with %d bytes, want %d", seen, next, want)
	}
}

func TestCheckOptions(t *testing.T) {
	w := newWorld(t)
	w.write("a", []byte("a"))
	s := w.backup().Snapshot
	for _, percent := range []float64{-1, 101, math.NaN()} {
		if _, err := space.Check(t.Context(), w.reader(), nil, space.CheckOptions{ReadData: percent}); err == nil {
			t.Errorf("ReadData %v: no error", percent)
		}
	}
	short := w.memory.all(w.log)
	short[0].Length = 1
	if _, err := space.Check(t.Context(), w.reader(), []*space.Snapshot{s}, space.CheckOptions{Feeds: short}); !errors.Is(err, space.ErrDamaged) {
		t.Errorf("blocks that are not there: %v", err)
	}
	if _, err := space.Check(t.Context(), w.reader(), []*space.Snapshot{s}, space.CheckOptions{}); !errors.Is(err, space.ErrDamaged) {
		t.Errorf("a feed that is not there: %v", err)
	}
	if _, err := space.Check(t.Context(), w.reader(), []*space.Snapshot{s}, space.CheckOptions{Feeds: w.memory.all(w.log), Index: space.NewMemoryIndex()}); !errors.Is(err, space.ErrDamaged) {
		t.Errorf("an index that knows nothing: %v", err)
	}
}

// TestHostileLongNames: the longest names that a snapshot may hold are too long for the file
// system. What has one is missed, and all else is restored.
func TestHostileLongNames(t *testing.T) {
	long := func(c string) string { return strings.Repeat(c, 4096) }
	w := newWorld(t)
	s := w.hostile(plenty, nil, func(refs []space.Ref) []space.Node {
		return []space.Node{
			file("before", refs[0]),
			{Name: long("f"), Type: space.TypeDir, Mode: 0o755},
			{Name: long("l"), Type: space.TypeSymlink, Mode: 0o777, Target: "before"},
			file(long("x"), refs[0]),
			file("z", refs[0]),
		}
	})
	dest := filepath.Join(t.TempDir(), "restored")
	_, err := space.Restore(t.Context(), w.reader(), s, dest, space.RestoreOptions{})
	if e, ok := errors.AsType[*space.PartialError](err); !ok || e.Missing != 3 {
		t.Errorf("names of 4,096 bytes: %v", err)
	}
	for _, name := range []string{"before", "z"} {
		if text, err := os.ReadFile(filepath.Join(dest, name)); err != nil || string(text) != "a chunk" {
			t.Errorf("%s: %q, %v", name, text, err)
		}
	}
	w = newWorld(t)
	s = w.hostile(plenty, nil, func(refs []space.Ref) []space.Node { return []space.Node{file(strings.Repeat("x", 4097), refs[0])} })
	if _, err := space.Check(t.Context(), w.reader(), []*space.Snapshot{s}, space.CheckOptions{Feeds: w.memory.all(w.log)}); !errors.Is(err, space.ErrDamaged) {
		t.Errorf("a name of 4,097 bytes: %v", err)
	}
}

// TestHostileHardLinks: a name that is another name of a file outside is replaced, and not
// written through; and a snapshot has no way to make such a name.
func TestHostileHardLinks(t *testing.T) {
	linked := func(name string, ref space.Ref) space.Node {
		n := file(name, ref)
		n.Linked, n.Inode = true, 7
		return n
	}
	w := newWorld(t)
	s := w.hostile(plenty, nil, func(refs []space.Ref) []space.Node {
		return []space.Node{linked("a", refs[0]), linked("b", refs[0]), file("c", refs[0])}
	})
	err := w.tryRestore(s, func(dest string) {
		for _, name := range []string{"a", "b", "c"} {
			must(t, os.Link(filepath.Join(dest, "../../victim"), filepath.Join(dest, name)))
		}
	})
	must(t, err)

	// Where the first name of a file is, there is a link to outside by then.
	err = w.tryRestore(s, func(dest string) { must(t, os.Symlink("../../victim", filepath.Join(dest, "a"))) })
	must(t, err)

	// Two that say that they are one file, and are not.
	w = newWorld(t)
	s = w.hostile(plenty, [][]byte{[]byte("another chunk")}, func(refs []space.Ref) []space.Node {
		return []space.Node{linked("a", refs[0]), linked("b", refs[1])}
	})
	must(t, w.tryRestore(s, func(dest string) {
		t.Cleanup(func() {
			if text, err := os.ReadFile(filepath.Join(dest, "b")); err != nil || string(text) != "a chunk" {
				t.Errorf("b, which says that it is a: %q, %v", text, err)
			}
		})
	}))
}

// TestHostileDevices: a restore makes no devices and no sockets, with whatever rights.
func TestHostileDevices(t *testing.T) {
	w := newWorld(t)
	s := w.hostile(plenty, nil, func([]space.Ref) []space.Node {
		const sda = 8 << 8
		return []space.Node{
			{Name: "blk", Type: space.TypeBlockDevice, Mode: 0o666, Rdev: sda},
			{Name: "chr", Type: space.TypeCharDevice, Mode: 0o666, Rdev: 1<<8 | 1}, // memory
			{Name: "sock", Type: space.TypeSocket, Mode: 0o666},
		}
	})
	dest := filepath.Join(t.TempDir(), "restored")
	r, err := space.Restore(t.Context(), w.reader(), s, dest, space.RestoreOptions{})
	if err != nil || r.Skipped != 3 {
		t.Errorf("devices and sockets: %+v, %v", r, err)
	}
	if list, err := os.ReadDir(dest); err != nil || len(list) > 0 {
		t.Errorf("there are %v, %v", list, err)
	}
}
