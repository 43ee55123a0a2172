package shelf

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// dataAfter returns the next part of a file, from a place on, that is no hole; at the
// end both are size.
func dataAfter(f *os.File, at, size int64) (begin, end int64, err error) {
	begin, err = unix.Seek(int(f.Fd()), at, unix.SEEK_DATA)
	if errors.Is(err, unix.ENXIO) { // nothing but a hole is left
		return size, size, nil
	}
	if err != nil {
		return 0, 0, &os.PathError{Op: "looking for data", Path: f.Name(), Err: err}
	}
	if end, err = unix.Seek(int(f.Fd()), begin, unix.SEEK_HOLE); err != nil {
		return 0, 0, &os.PathError{Op: "looking for holes", Path: f.Name(), Err: err}
	}
	return begin, min(end, size), nil
}
