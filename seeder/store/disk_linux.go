package store

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// fdatasync brings a file's bytes, and what is needed to find them, to the disk.
func fdatasync(f *os.File) error {
	for {
		if err := unix.Fdatasync(int(f.Fd())); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// punchHole gives the space of a part of a file back; the part reads as zeros
// then. Where the file system cannot, the space stays taken: that is no error.
func punchHole(f *os.File, at, n int64) error {
	err := unix.Fallocate(int(f.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, at, n)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return nil
	}
	return err
}

// allocate takes n bytes of the disk for a file. ok is false when the file
// system cannot do that, or has no room.
func allocate(f *os.File, n int64) (ok bool) {
	return unix.Fallocate(int(f.Fd()), 0, 0, n) == nil
}
