package shelf_test

import (
	"bytes"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"cobox/seeder/shelf"
)

// Holes stay holes: a feed's file is as long as the feed before its blocks are there.
func TestMoveHoles(t *testing.T) {
	s := newShelf(t)
	f, err := os.Create(filepath.Join(s.Card, "feeds/cd/1"))
	must(t, err)
	const size = 64 << 20
	must(t, f.Truncate(size))
	_, err = f.WriteAt(bytes.Repeat([]byte{1}, 100), 32<<20)
	must(t, err)
	must(t, f.Close())
	must(t, shelf.WriteMark(s.Disk, shelf.NewMark(boxID, diskID), nil))
	p, err := s.Find()
	must(t, err)
	must(t, s.Move(t.Context(), p, job(func(string) error { return nil })))
	if p, err = s.Find(); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(p.Dir, "feeds/cd/1"))
	must(t, err)
	if st, ok := info.Sys().(*syscall.Stat_t); info.Size() != size || ok && st.Blocks*512 > size/4 {
		t.Errorf("the copy is %d bytes long and takes %d", info.Size(), st.Blocks*512)
	}
	got, err := os.ReadFile(filepath.Join(p.Dir, "feeds/cd/1"))
	must(t, err)
	if bytes.Count(got, []byte{1}) != 100 || got[32<<20] != 1 {
		t.Error("the copy holds something else")
	}
}
