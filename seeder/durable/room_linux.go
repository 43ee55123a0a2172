package durable

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// FreeBytes returns what a user without privileges can still write below a folder; ok
// is false when nobody knows.
func FreeBytes(dir string) (n uint64, ok bool) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, false
	}
	return st.Bavail * uint64(st.Bsize), true
}

// DiskBytes returns the space that a file takes on the disk: less than its size when it
// has holes.
func DiskBytes(info os.FileInfo) uint64 {
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(st.Blocks) * 512
	}
	return uint64(info.Size())
}
