//go:build linux || darwin

package space

import (
	"errors"
	"io"
	"os"
	"path"
	"time"

	"golang.org/x/sys/unix"
)

// openToRead opens a file, not through a symbolic link and without waiting for
// the other end of a pipe: the path may have become another thing since it was listed.
func openToRead(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
}

// nextData returns the first extent of data at or after offset: file systems
// that know no holes give one extent to the end. start is size when there is no more data.
func nextData(f *os.File, offset, size int64) (start, end int64, err error) {
	start, err = f.Seek(offset, unix.SEEK_DATA)
	switch {
	case errors.Is(err, unix.ENXIO):
		return size, size, nil
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.ENOTSUP):
		_, err = f.Seek(offset, io.SeekStart)
		return offset, size, err
	case err != nil:
		return 0, 0, err
	}
	if end, err = f.Seek(start, unix.SEEK_HOLE); err != nil {
		return 0, 0, err
	}
	_, err = f.Seek(start, io.SeekStart)
	return start, min(end, size), err
}

// setLinkTime sets the time of an entry itself, also of a symbolic link.
func setLinkTime(root *os.Root, name string, t time.Time) error {
	return inFolder(root, name, func(dir int, base string) error { return setTimeAt(dir, base, t) })
}

// setTime is setLinkTime of what is in an open folder.
func (f *openFolder) setTime(base string, t time.Time) error {
	return setTimeAt(int(f.dir.Fd()), base, t)
}

func setTimeAt(dir int, base string, t time.Time) error {
	ts, err := unix.TimeToTimespec(t)
	if err != nil {
		return err
	}
	return unix.UtimesNanoAt(dir, base, []unix.Timespec{ts, ts}, unix.AT_SYMLINK_NOFOLLOW)
}

// inFolder calls f with the open folder of an entry and the entry's last name.
func inFolder(root *os.Root, name string, f func(dir int, base string) error) error {
	dir, err := root.Open(path.Dir(name))
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	return f(int(dir.Fd()), path.Base(name))
}

func getuid() int { return unix.Getuid() }
