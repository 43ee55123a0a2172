package durable_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"cobox/seeder/durable"
)

func TestLockTwice(t *testing.T) {
	dir := t.TempDir()
	for range 3 { // and again after it was given up
		unlock, err := durable.Lock(dir)
		if err != nil {
			t.Fatal(err)
		}
		_, err = durable.Lock(dir)
		if !errors.Is(err, durable.ErrLocked) || !strings.Contains(err.Error(), dir) || !strings.Contains(err.Error(), "this process") {
			t.Errorf("Lock = %v, want ErrLocked with the folder and the holder", err)
		}
		if err := unlock(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLockOfMissingFolder(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "missing")
	if _, err := durable.Lock(dir); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), dir) {
		t.Errorf("Lock = %v, want fs.ErrNotExist with the folder", err)
	}
}
