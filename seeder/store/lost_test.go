package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"cobox/seeder/store"
)

// An index that is gone, or whose list of tables a single bad byte has cut short,
// looks to Badger like an empty one. The blocks must not go for that.
func TestLostIndexLeavesBlocks(t *testing.T) {
	lose := map[string]func(t *testing.T, index string){
		"the folder is gone": func(t *testing.T, index string) {
			must(t, os.RemoveAll(index))
		},
		"the list of tables is cut short": func(t *testing.T, index string) {
			// A length that reaches beyond the end of the file.
			flip(t, filepath.Join(index, "MANIFEST"), 11)
		},
	}
	for name, lose := range lose {
		t.Run(name, func(t *testing.T) {
			dir := storeDir(t)
			s := openStore(t, dir)
			w, _ := filled(t, s, 1, 700, 60)
			must(t, s.Close())
			files := blockFiles(t, dir, w.Key)
			before, err := os.ReadFile(files[0])
			must(t, err)
			lose(t, filepath.Join(dir, "index"))
			for range 2 { // the first attempt must not make the second one believe
				if _, err := store.Open(dir, store.Config{}); !errors.Is(err, store.ErrDamaged) {
					t.Errorf("Open = %v", err)
				}
			}
			after, err := os.ReadFile(files[0])
			if err != nil || string(after) != string(before) {
				t.Errorf("the blocks are not as they were (error %v)", err)
			}
		})
	}
}

// The record of one feed is gone: the others go on, and its blocks stay where
// they are until somebody deletes the feed. It is not made again just so: it may
// be one that is written here.
func TestLostRecordLeavesBlocks(t *testing.T) {
	dir := storeDir(t)
	s := openStore(t, dir)
	w, _ := filled(t, s, 1, 50, 500)
	other, _ := filled(t, s, 2, 50, 500)
	must(t, s.Close())
	store.SetKey(t, dir, store.RecordKey(w.Key), nil)
	s = openStore(t, dir)
	if _, err := s.Feed(w.Key); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("Feed = %v", err)
	}
	if _, err := s.Create(w.Key); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("Create = %v", err)
	}
	if len(blockFiles(t, dir, w.Key)) == 0 {
		t.Error("the blocks of a feed whose record was lost are gone")
	}
	must(t, s.Delete(w.Key))
	if len(blockFiles(t, dir, w.Key)) > 0 {
		t.Error("the blocks of a deleted feed are there")
	}
	check(t, s, other)
	must(t, w.Fill(create(t, s, w.Key)))
	must(t, s.Close())
	s = openStore(t, dir)
	check(t, s, w)
	check(t, s, other)
}
