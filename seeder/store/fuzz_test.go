package store_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"cobox/seeder/store"
	"cobox/seeder/store/storetest"
)

// fuzzBlocks is how many blocks the store of FuzzDamagedFiles has.
const fuzzBlocks = 40

// storeFiles are the files of a store.
type storeFiles struct {
	names []string // in order
	texts map[string][]byte
}

func readStore(t testing.TB, dir string) storeFiles {
	f := storeFiles{texts: make(map[string][]byte)}
	must(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		f.names = append(f.names, name)
		f.texts[name], err = os.ReadFile(path)
		return err
	}))
	return f
}

// write writes the files into a folder. Badger sets aside more than it uses: the zeros at
// the end of a file become a hole.
func (f storeFiles) write(t testing.TB, dir string) {
	for _, name := range f.names {
		path, text := filepath.Join(dir, name), f.texts[name]
		must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		must(t, os.WriteFile(path, bytes.TrimRight(text, "\x00"), 0o600))
		must(t, os.Truncate(path, int64(len(text))))
	}
}

// damage does to a file what six bytes say: which file, how, where, with what.
func damage(t testing.TB, dir string, names []string, op []byte) {
	path := filepath.Join(dir, names[int(op[0])%len(names)])
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return // removed before
	}
	must(t, err)
	used := len(bytes.TrimRight(text, "\x00"))
	if used == 0 {
		return
	}
	at := int(binary.LittleEndian.Uint16(op[2:])) * (1 + used/(1<<16)) % used
	switch op[1] % 6 {
	case 0:
		text[at] ^= op[4] | 1
	case 1:
		text = text[:at]
	case 2:
		clear(text[at:min(at+512, len(text))])
	case 3:
		copy(text[at:], bytes.Repeat(op[4:6], 8))
	case 4:
		must(t, os.Remove(path))
		return
	default:
		text = append(text[:used], bytes.Repeat(op[4:6], at%700)...)
	}
	must(t, os.WriteFile(path, text, 0o600))
}

// inMemory returns a folder, in memory where that is possible: each try syncs often.
func inMemory(t testing.TB) string {
	if info, err := os.Stat("/dev/shm"); err != nil || !info.IsDir() {
		return t.TempDir()
	}
	dir, err := os.MkdirTemp("/dev/shm", "store")
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

// FuzzDamagedFiles: a store whose files are damaged, after it was closed or after a crash,
// is not opened, or opens; and what it says to have after a scrub is what was put into
// it. It never panics, and blocks that are whole are not deleted by opening it.
func FuzzDamagedFiles(f *testing.F) {
	dir := storeDir(f)
	s, err := store.Open(dir, store.WithSmallIndex(store.Config{}))
	must(f, err)
	w, _ := filled(f, s, 1, fuzzBlocks, 300)
	crashed := readStore(f, dir)
	must(f, s.Close())
	closed := readStore(f, dir)

	f.Add([]byte{0})
	f.Add([]byte{1})
	for file := range max(len(crashed.names), len(closed.names)) {
		for how := range 6 {
			f.Add([]byte{byte(file + how), byte(file), byte(how), byte(40 + 7*file), byte(how % 2), 7, 9})
		}
	}
	f.Fuzz(func(t *testing.T, ops []byte) {
		if len(ops) == 0 || len(ops) > 1+6*8 {
			return
		}
		from := closed
		if ops[0]&1 == 1 {
			from = crashed
		}
		dir := filepath.Join(inMemory(t), "store")
		from.write(t, dir)
		for ops = ops[1:]; len(ops) >= 6; ops = ops[6:] {
			damage(t, dir, from.names, ops)
		}
		kept := len(blockFiles(t, dir, w.Key))
		checkDamaged(t, dir, w)
		if got := len(blockFiles(t, dir, w.Key)); got < kept {
			t.Errorf("of %d files with blocks %d are left", kept, got)
		}
	})
}

func checkDamaged(t *testing.T, dir string, w *storetest.Writer) {
	s, err := store.Open(dir, store.WithSmallIndex(store.Config{}))
	if err != nil {
		return
	}
	defer func() { _ = s.Close() }() // what is damaged may not be closed in order
	_ = s.Scrub(t.Context(), 0, func(store.Damage) {})
	f, err := s.Feed(w.Key)
	if err != nil {
		return
	}
	for i := range f.Durable().Head.Length {
		got, err := f.Block(i, nil)
		if err == nil && f.Has(i) && (i >= fuzzBlocks || !bytes.Equal(got, w.Blocks[i])) {
			t.Errorf("block %d is other than it was, after a scrub", i)
		}
	}
}
