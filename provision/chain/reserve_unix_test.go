//go:build unix

package chain_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"cobox/provision/chain"
)

// The reserve of a real folder takes room on the disk, and gives it back.
func TestReserveFile(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "chain")
	if err := openLog(t, dir).Close(); err != nil {
		t.Fatal(err)
	}
	d, err := chain.OpenFolder(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, n := range []int64{chain.Reserve, chain.Reserve - chain.ReservePiece, 0, 2 * chain.ReservePiece, chain.Reserve} {
		if err := d.SetReserved(n); err != nil {
			t.Fatal(err)
		}
		info, err := os.Stat(filepath.Join(dir, "reserve"))
		if err != nil {
			t.Fatal(err)
		}
		if held, err := d.Reserved(); err != nil || held != n || info.Size() != n {
			t.Errorf("SetReserved(%d): %d are held, %v; the file has %d", n, held, err, info.Size())
		}
		if sys, ok := info.Sys().(*syscall.Stat_t); ok && n > 0 && sys.Blocks*512 < n {
			t.Errorf("a reserve of %d bytes takes %d on the disk", n, sys.Blocks*512)
		}
	}
}
