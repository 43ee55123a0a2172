package space

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime"
	"syscall"
	"testing"
)

func TestSyncList(t *testing.T) {
	var l syncList
	for i := range 3 * maxSyncedNames {
		if few := i <= maxSyncedNames; l.all == few {
			t.Fatalf("with %d names all = %v", i, l.all)
		}
		l.add(fmt.Sprint(i))
		l.add(fmt.Sprint(i)) // is one
	}
}

func TestDiskFeeder(t *testing.T) {
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = root.Close() }()
	if err := root.WriteFile("file", []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	var d diskFeeder
	for range 10 {
		d.wrote(root, feedBytes/3)
	}
	var few, many syncList
	few.add("file")
	few.add(".")
	for i := range 2 * maxSyncedNames {
		many.add(fmt.Sprint("not there ", i))
	}
	for _, l := range []*syncList{new(syncList), &few, &many} { // many are not opened
		if err := d.sync(root, l); err != nil {
			t.Error(err)
		}
	}
	if d.syncing != nil || d.written != 0 {
		t.Errorf("after sync: syncing %v, written %d", d.syncing != nil, d.written)
	}
	var missing syncList
	missing.add("not there")
	if err := d.sync(root, &missing); runtime.GOOS == "linux" && !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
	d.err = syscall.EIO // of a sync before: the kernel does not tell it again
	if err := d.sync(root, &few); !errors.Is(err, syscall.EIO) {
		t.Errorf("an error of an earlier sync: %v", err)
	}
	for err, bad := range map[error]bool{fs.ErrPermission: false, syscall.EACCES: false, syscall.EINVAL: false, syscall.ENOTSUP: false, syscall.EIO: true, syscall.ENOSPC: true} {
		if fault(err) != nil != bad {
			t.Errorf("fault(%v) = %v", err, fault(err))
		}
	}
}
