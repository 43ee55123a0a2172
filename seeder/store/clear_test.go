package store_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"cobox/seeder/store"
	"cobox/seeder/store/storetest"
)

// What could not be committed to be cleared is held when the store is opened anew, and so its
// space must not be given back.
func TestClearUncommitted(t *testing.T) {
	dir := storeDir(t)
	s := openStore(t, dir)
	w, _ := filled(t, s, 1, 64, 16<<10)
	w2 := storetest.NewWriter(2)
	w2.Append(bigBlocks(2, 8)...)
	create(t, s, w2.Key)
	must(t, s.Close())

	broken := false
	bad := errors.New("bad disk")
	s, err := store.Open(dir, store.Config{Step: func(step, path string) error {
		if broken && step == "sync" && strings.Contains(path, w2.Key.DiscoveryKey().String()) {
			return bad
		}
		return nil
	}})
	must(t, err)
	f, err := s.Feed(w.Key)
	must(t, err)
	f2, err := s.Feed(w2.Key)
	must(t, err)
	before, err := f.Block(5, nil)
	must(t, err)
	broken = true
	_ = w2.Fill(f2)
	if err := f2.Flush(t.Context()); err == nil {
		t.Fatal("a disk that fails was synced")
	}
	if err := f.Clear(0, 60); err == nil {
		t.Error("blocks were cleared in a store that cannot commit")
	}
	if err := f.Reclaim(); err == nil {
		t.Error("space of blocks was given back whose clearing is not on the disk")
	}
	_ = s.Close() // says again what has failed
	s = openStore(t, dir)
	f, err = s.Feed(w.Key)
	must(t, err)
	after, err := f.Block(5, nil)
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("a block whose clearing is not on the disk: %d bytes, %v", len(after), err)
	}
}
