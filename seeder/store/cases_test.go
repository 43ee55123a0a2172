package store_test

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"

	"cobox/seeder/store"
)

// Case 48: the disk is full in the middle of a block. The error says so, what is
// there is read as before, and the block comes when there is room. (The authority's
// log has room of its own: TestCase48DiskFull of provision/chain.)
func TestCase48FullInABlock(t *testing.T) {
	var full atomic.Bool
	dir := storeDir(t)
	s, err := store.Open(dir, store.Config{MemTable: 1 << 20, Step: func(step, _ string) error {
		if full.Load() && (step == "write block" || step == "create") {
			return syscall.ENOSPC
		}
		return nil
	}})
	must(t, err)
	w, f := filled(t, s, 1, 20, 500)
	other := w.Clone()
	other.Append([]byte("more"), []byte("and more"))
	full.Store(true)
	if err := other.Fill(f); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("Fill of a full disk = %v", err)
	}
	for i, b := range w.Blocks {
		if got, err := f.Block(uint64(i), nil); err != nil || !bytes.Equal(got, b) {
			t.Fatalf("block %d cannot be read from a full disk: %v", i, err)
		}
	}
	full.Store(false)
	must(t, other.Fill(f))
	must(t, f.Flush(t.Context()))
	check(t, s, other)
	must(t, s.Close())
	check(t, openStore(t, dir), other)
}

// Case 49: the disk becomes read-only, as worn cards do. What is there is given out;
// nothing is acknowledged that is not on it.
func TestCase49ReadOnly(t *testing.T) {
	var broken atomic.Bool
	dir := storeDir(t)
	s, err := store.Open(dir, store.Config{MemTable: 1 << 20, Step: func(string, string) error {
		if broken.Load() {
			return syscall.EROFS
		}
		return nil
	}})
	must(t, err)
	w, f := filled(t, s, 1, 20, 500)
	more := w.Clone()
	more.Append([]byte("more"))
	broken.Store(true)
	if err := errors.Join(more.Fill(f), f.Flush(t.Context())); !errors.Is(err, syscall.EROFS) {
		t.Errorf("Fill of a read-only disk = %v", err)
	}
	if h := f.Durable().Head; h.Length != 20 || f.Has(20) {
		t.Errorf("length %d is shown as durable", h.Length)
	}
	for i, b := range w.Blocks {
		if got, err := f.Block(uint64(i), nil); err != nil || !bytes.Equal(got, b) {
			t.Fatalf("block %d cannot be read from a read-only disk: %v", i, err)
		}
	}
	_ = s.Close() // cannot commit
	s = openStore(t, dir)
	if f, err = s.Feed(w.Key); err != nil || f.Durable().Head.Length < 20 {
		t.Errorf("on a disk that can be written again: %v", err)
	}
}

// Case 50: bytes of the index change while the box is off. Either the store says
// that it is damaged, or it goes on, and then no block is other than it was. What
// was there of blocks stays: the store repairs nothing by deleting.
func TestCase50FlippedBytes(t *testing.T) {
	whole := storeDir(t)
	s := openStore(t, whole)
	w, _ := filled(t, s, 1, 300, 60)
	must(t, s.Close())
	files, err := filepath.Glob(filepath.Join(whole, "index", "*"))
	must(t, err)
	r := rand.New(rand.NewPCG(50, 50))
	refused, lost := 0, 0
	const rounds = 20
	for range rounds {
		dir := storeDir(t)
		must(t, os.CopyFS(dir, os.DirFS(whole)))
		for range 1 + r.IntN(4) {
			name := filepath.Join(dir, "index", filepath.Base(files[r.IntN(len(files))]))
			info, err := os.Stat(name)
			must(t, err)
			if info.Size() > 0 {
				flip(t, name, r.Int64N(min(info.Size(), 40_000)))
			}
		}
		s, err := store.Open(dir, store.Config{MemTable: 1 << 20})
		if err != nil {
			refused++
		} else {
			if f, err := s.Feed(w.Key); err != nil {
				lost++
			} else {
				for i := range uint64(300) {
					got, err := f.Block(i, nil)
					if err == nil && f.Has(i) && !bytes.Equal(got, w.Blocks[i]) {
						// The index says where a block begins: what comes of it must not
						// pass a scrub, nor the reader's check.
						lost++
						break
					}
				}
				if err := s.Scrub(t.Context(), 0, func(store.Damage) {}); err != nil {
					lost++
				}
				for i := range uint64(300) {
					if got, err := f.Block(i, nil); err == nil && f.Has(i) && !bytes.Equal(got, w.Blocks[i]) {
						t.Fatalf("block %d is other than it was, after a scrub", i)
					}
				}
			}
			_ = s.Close()
		}
		if blocks := blockFiles(t, dir, w.Key); len(blocks) != 1 {
			t.Fatal("the blocks are gone")
		}
	}
	t.Logf("%d of %d refused, %d with losses", refused, rounds, lost)
	if refused == 0 && lost == 0 {
		t.Error("no flipped byte was noticed")
	}
}

// TestCase50DamagedTable: a store whose index has a table that is damaged anywhere is not opened. Badger
// would end the program for the one, and leave the table out, and with it what is newest, for
// the other.
func TestCase50DamagedTable(t *testing.T) {
	whole := storeDir(t)
	s := openStore(t, whole)
	w, _ := filled(t, s, 1, 300, 60)
	must(t, s.Close())
	tables, err := filepath.Glob(filepath.Join(whole, "index", "*.sst"))
	must(t, err)
	if len(tables) == 0 {
		t.Fatal("the store has no table")
	}
	for _, table := range tables {
		info, err := os.Stat(table)
		must(t, err)
		for at := int64(0); at < info.Size(); at += 1 + info.Size()/12 {
			for what, hurt := range map[string]func(name string){
				"a flipped bit at": func(name string) { flip(t, name, at) },
				"nothing from":     func(name string) { must(t, os.Truncate(name, at)) },
			} {
				dir := storeDir(t)
				must(t, os.CopyFS(dir, os.DirFS(whole)))
				hurt(filepath.Join(dir, "index", filepath.Base(table)))
				if s, err := store.Open(dir, store.Config{MemTable: 1 << 20}); !errors.Is(err, store.ErrDamaged) {
					t.Errorf("%s with %s %d of %d: %v, want ErrDamaged", filepath.Base(table), what, at, info.Size(), err)
					if err == nil {
						must(t, s.Close())
					}
				}
				if len(blockFiles(t, dir, w.Key)) != 1 {
					t.Fatal("the blocks are gone")
				}
			}
		}
	}
}

// Case 53: an index that another key encrypts is not opened, and is left as it is.
// (Ours is not encrypted: what it holds of a partner's is encrypted already.)
func TestCase53ForeignKey(t *testing.T) {
	dir := storeDir(t)
	s := openStore(t, dir)
	w, _ := filled(t, s, 1, 10, 100)
	must(t, s.Close())
	must(t, os.RemoveAll(filepath.Join(dir, "index")))
	store.MakeEncryptedIndex(t, dir)
	before := contents(t, dir)
	for range 2 {
		if s, err := store.Open(dir, store.Config{}); err == nil {
			_ = s.Close()
			t.Fatal("it was opened")
		}
	}
	after := contents(t, dir)
	for name, text := range before {
		if after[name] != text {
			t.Errorf("%s was changed", name)
		}
	}
	if len(blockFiles(t, dir, w.Key)) == 0 {
		t.Error("the blocks are gone")
	}
}

// contents returns the files of a folder, without locks.
func contents(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	must(t, fs.WalkDir(os.DirFS(dir), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || filepath.Base(name) == "lock" || filepath.Base(name) == "LOCK" {
			return err
		}
		text, err := os.ReadFile(filepath.Join(dir, name))
		all[name] = string(text)
		return err
	}))
	return all
}
