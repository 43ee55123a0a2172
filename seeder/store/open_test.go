package store_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"cobox/seeder/durable"
	"cobox/seeder/store"
	"cobox/seeder/store/storetest"
)

func TestOpenRefuses(t *testing.T) {
	whole := func(t *testing.T) (string, *storetest.Writer) {
		dir := storeDir(t)
		s := openStore(t, dir)
		w, _ := filled(t, s, 1, 10, 100)
		must(t, s.Close())
		return dir, w
	}
	t.Run("a newer version", func(t *testing.T) {
		dir, w := whole(t)
		store.SetKey(t, dir, store.VersionKey(), store.VersionValue(2))
		if _, err := store.Open(dir, store.Config{}); !errors.Is(err, store.ErrNewerVersion) {
			t.Errorf("Open = %v", err)
		}
		store.SetKey(t, dir, store.VersionKey(), store.VersionValue(1))
		check(t, openStore(t, dir), w) // nothing was changed
	})
	t.Run("a newer feed record", func(t *testing.T) {
		dir, w := whole(t)
		store.SetKey(t, dir, store.RecordKey(w.Key), []byte{200, 1, 2})
		if _, err := store.Open(dir, store.Config{}); !errors.Is(err, store.ErrNewerVersion) {
			t.Errorf("Open = %v", err)
		}
	})
	t.Run("another program's Badger", func(t *testing.T) {
		dir := storeDir(t)
		must(t, os.MkdirAll(filepath.Join(dir, "index"), 0o700))
		store.SetKey(t, dir, []byte("some key"), []byte("some value"))
		if _, err := store.Open(dir, store.Config{}); !errors.Is(err, store.ErrNotStore) {
			t.Errorf("Open = %v", err)
		}
	})
	t.Run("a folder with something else", func(t *testing.T) {
		dir := t.TempDir()
		must(t, os.WriteFile(filepath.Join(dir, "letter.txt"), []byte("dear"), 0o600))
		_, err := store.Open(dir, store.Config{})
		if !errors.Is(err, store.ErrNotStore) || !strings.Contains(err.Error(), "letter.txt") {
			t.Errorf("Open = %v", err)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) != 1 {
			t.Errorf("the folder has %d entries now", len(entries))
		}
	})
	t.Run("a file in the place of the folder", func(t *testing.T) {
		dir := storeDir(t)
		must(t, os.WriteFile(dir, nil, 0o600))
		if _, err := store.Open(dir, store.Config{}); err == nil {
			t.Error("Open: no error")
		}
	})
	t.Run("a store that is open", func(t *testing.T) {
		dir := storeDir(t)
		s := openStore(t, dir)
		_, err := store.Open(dir, store.Config{})
		if !errors.Is(err, durable.ErrLocked) {
			t.Errorf("Open = %v", err)
		}
		filled(t, s, 1, 10, 100) // the first one goes on
	})
}

// A record that cannot be read keeps nobody from the other feeds, and its feed
// can be deleted and made again.
func TestDamagedRecord(t *testing.T) {
	dir := storeDir(t)
	s := openStore(t, dir)
	w, _ := filled(t, s, 1, 10, 100)
	other, _ := filled(t, s, 2, 10, 100)
	must(t, s.Close())
	store.SetKey(t, dir, store.RecordKey(w.Key), []byte{1, 2, 3})
	s = openStore(t, dir)
	check(t, s, other)
	if _, err := s.Feed(w.Key); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("Feed = %v", err)
	}
	if _, err := s.Create(w.Key); !errors.Is(err, store.ErrDamaged) {
		t.Errorf("Create = %v", err)
	}
	must(t, s.Delete(w.Key))
	must(t, w.Fill(create(t, s, w.Key)))
	must(t, s.Close())
	s = openStore(t, dir)
	check(t, s, w)
	check(t, s, other)
}

// A deletion that failed half way must not end by deleting what came in its place.
func TestDeleteFailsAndFeedIsMadeAgain(t *testing.T) {
	dir := storeDir(t)
	fail := false
	s, err := store.Open(dir, store.WithFault(store.Config{}, func(step, _ string) error {
		if fail && step == "remove" {
			return errors.New("cannot be removed just now")
		}
		return nil
	}))
	must(t, err)
	w, _ := filled(t, s, 1, 10, 100)
	fail = true
	if err := s.Delete(w.Key); err == nil {
		t.Fatal("Delete: no error")
	}
	if _, err := s.Create(w.Key); err == nil {
		t.Error("Create over what is left: no error")
	}
	fail = false
	must(t, w.Fill(create(t, s, w.Key)))
	must(t, s.Close())
	check(t, openStore(t, dir), w)
}

// A block that the disk has no room for is refused, and can be put again later.
func TestWriteFailsForTheMoment(t *testing.T) {
	dir := storeDir(t)
	full := false
	s, err := store.Open(dir, store.WithFault(store.Config{}, func(step, _ string) error {
		if full && step == "write block" {
			return fmt.Errorf("%w (%w)", store.ErrNoSpace, syscall.ENOSPC)
		}
		return nil
	}))
	must(t, err)
	w := storetest.NewWriter(1)
	w.Append([]byte("one"), []byte("two"), []byte("three"))
	f := create(t, s, w.Key)
	must(t, w.Upgrade(f))
	must(t, w.Fetch(f, 0))
	full = true
	if err := w.Fetch(f, 1); !errors.Is(err, store.ErrNoSpace) {
		t.Errorf("Put on a full disk = %v", err)
	}
	if f.Known(1) {
		t.Error("a block that was refused is known")
	}
	must(t, f.Flush(t.Context()))
	own := storetest.NewWriter(2)
	g := create(t, s, own.Key)
	must(t, g.SetManifest(own.Manifest))
	if _, err := g.Append(t.Context(), [][]byte{[]byte("a"), []byte("b")}, own.Sign); !errors.Is(err, store.ErrNoSpace) {
		t.Errorf("Append on a full disk = %v", err)
	}
	full = false
	must(t, w.Fill(f))
	own.Append([]byte("c"))
	_, err = g.Append(t.Context(), [][]byte{[]byte("c")}, own.Sign)
	must(t, err)
	must(t, s.Close())
	s = openStore(t, dir)
	check(t, s, w)
	check(t, s, own)
}

// A sync that failed says nothing of what is on the disk: nothing is
// acknowledged any more until the store is opened again.
func TestSyncFails(t *testing.T) {
	dir := storeDir(t)
	broken := false
	s, err := store.Open(dir, store.WithFault(store.Config{}, func(step, _ string) error {
		if broken && step == "sync" {
			return syscall.EIO
		}
		return nil
	}))
	must(t, err)
	w, f := filled(t, s, 1, 5, 100)
	broken = true
	w.Append([]byte("more"))
	must(t, w.Fill(f))
	if err := f.Flush(t.Context()); !errors.Is(err, syscall.EIO) {
		t.Errorf("Flush = %v", err)
	}
	broken = false
	if err := f.Flush(t.Context()); err == nil {
		t.Error("Flush after a sync that failed: no error")
	}
	if err := w.Fetch(f, 5); err == nil && !f.Known(5) {
		t.Error("Put after a sync that failed: no error")
	}
	if f.Has(5) {
		t.Error("a block that was not synced is shown as durable")
	}
	if got, err := f.Block(2, nil); err != nil || string(got) != string(w.Blocks[2]) {
		t.Errorf("reading after a sync that failed: %v", err)
	}
	if err := s.Close(); err == nil {
		t.Error("Close: no error")
	}
	s = openStore(t, dir)
	must(t, w.Fill(create(t, s, w.Key)))
	must(t, s.Close())
	check(t, openStore(t, dir), w)
}

// A box with ten thousand feeds opens and closes its store without a look at each.
func TestOpenLoadsNoBits(t *testing.T) {
	dir := storeDir(t)
	s := openStore(t, dir)
	for seed := range byte(4) {
		filled(t, s, 1+seed, 10, 100)
	}
	must(t, s.Close())
	s = openStore(t, dir)
	if n := store.LoadedBits(s); n != 0 {
		t.Errorf("opening loaded the bits of %d feeds", n)
	}
	must(t, s.Close())
	if n := store.LoadedBits(s); n != 0 {
		t.Errorf("closing loaded the bits of %d feeds", n)
	}
}
