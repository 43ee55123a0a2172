package store_test

import (
	"errors"
	"flag"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"cobox/seeder/identity"
	"cobox/seeder/pin"
	"cobox/seeder/store"
	"cobox/seeder/store/storetest"
)

var mounts = flag.Bool("mounts", false, "run the tests that mount file systems, as root")

// mount mounts a small file system on dir.
func mount(t *testing.T, options string, flags uintptr) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", flags, options); err != nil {
		t.Fatalf("mounting a file system, which takes root: %v", err)
	}
	t.Cleanup(func() { must(t, syscall.Unmount(dir, 0)) })
	return dir
}

func TestReadOnlyDisk(t *testing.T) {
	if !*mounts {
		t.Skip("mounts file systems: run as root with -mounts")
	}
	dir := mount(t, "size=300m", 0)
	s := openStore(t, dir)
	w, _ := filled(t, s, 1, 10, 100)
	must(t, s.Close())
	must(t, syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""))
	if _, err := store.Open(dir, store.Config{}); !errors.Is(err, store.ErrReadOnly) {
		t.Errorf("Open = %v", err)
	}
	must(t, syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=300m"))
	s = openStore(t, dir)
	check(t, s, w)
	must(t, s.Close())
}

// A disk is filled by blocks, and then, to the last byte, by somebody else.
func TestFullDisk(t *testing.T) {
	if !*mounts {
		t.Skip("mounts file systems: run as root with -mounts")
	}
	dir := mount(t, "size=400m", 0)
	s := openStore(t, dir)
	w := storetest.NewWriter(1)
	w.Append(bigBlocks(1, 30_000)...)
	f := create(t, s, w.Key)
	must(t, w.Upgrade(f))
	put := uint64(0)
	for ; put < w.Head.Length; put++ {
		if err := w.Fetch(f, put); err != nil {
			if !errors.Is(err, store.ErrNoSpace) {
				t.Fatalf("Put = %v", err)
			}
			break
		}
	}
	must(t, f.Flush(t.Context()))
	if blocks, _ := f.Held(); blocks != put || put < 1000 || put == w.Head.Length {
		t.Fatalf("%d of %d blocks are held, of %d", blocks, put, w.Head.Length)
	}
	fill(t, filepath.Join(dir, ".rest"))
	// The spare room lets what matters be written, and space be given back.
	must(t, s.PutPin(pin.Pin{Feed: w.Key, Partner: identity.PartnerKey{1}, Created: time.Unix(1, 0)}))
	must(t, s.Close())
	s = openStore(t, dir)
	f, err := s.Feed(w.Key)
	must(t, err)
	if blocks, _ := f.Held(); blocks != put {
		t.Errorf("%d of %d blocks are held after opening a full disk", blocks, put)
	}
	must(t, s.Delete(w.Key))
	small, _ := filled(t, s, 2, 10, 1000)
	check(t, s, small)
	must(t, s.Close())
}

// fill takes what is left of a disk.
func fill(t *testing.T, path string) {
	t.Helper()
	f, err := os.Create(path)
	must(t, err)
	chunk := make([]byte, 4<<10)
	for err == nil {
		_, err = f.Write(chunk)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("filling the disk: %v", err)
	}
	must(t, f.Close())
}
