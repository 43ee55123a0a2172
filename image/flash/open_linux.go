package flash

import (
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/sys/unix"
)

// A File is a device that was opened to be written to by this program alone.
type File struct {
	*os.File
	Size int64
}

// Open opens a device, after it was checked. The kernel refuses it while anything of
// it is in use.
func (d Device) Open() (*File, error) {
	f, err := os.OpenFile(d.Path, os.O_RDWR|unix.O_EXCL, 0)
	if err != nil {
		return nil, fmt.Errorf("opening %s: %w", d.Path, err)
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err == nil && size != d.Size {
		err = fmt.Errorf("it has %d bytes, and had %d when it was looked at", size, d.Size)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("opening %s: %w", d.Path, err), f.Close())
	}
	return &File{f, size}, nil
}

// Forget implements [Target].
func (f *File) Forget() error { return unix.IoctlSetInt(int(f.Fd()), unix.BLKFLSBUF, 0) }

// Reread has the kernel look at the new partitions.
func (f *File) Reread() error { return unix.IoctlSetInt(int(f.Fd()), unix.BLKRRPART, 0) }
