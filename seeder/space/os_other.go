//go:build !linux && !darwin

package space

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"time"
)

// On other platforms we know neither inodes nor holes nor owners: changes are
// found by size and time alone.

func (s *stat) fillSystem(fs.FileInfo) {}

func openToRead(path string) (*os.File, error) { return os.Open(path) }

func nextData(f *os.File, offset, size int64) (start, end int64, err error) {
	_, err = f.Seek(offset, io.SeekStart)
	return offset, size, err
}

func setLinkTime(root *os.Root, name string, t time.Time) error {
	if info, err := root.Lstat(name); err != nil || info.Mode()&fs.ModeSymlink != 0 {
		return err
	}
	return root.Chtimes(name, t, t)
}

func (f *openFolder) setTime(base string, t time.Time) error { return setLinkTime(f.root, base, t) }

func (f *openFolder) move(base string, to *openFolder, name string) error {
	return f.moveByPath(base, to, name)
}

func makeFifo(*os.Root, string, uint32) error { return errors.ErrUnsupported }

func syncFiles(*os.Root) error { return nil }

func syncNames(*os.Root, []string) error { return nil }

func syncFile(f *os.File) error { return f.Sync() }

func getuid() int { return -1 }

// startSync does nothing: [syncFile] syncs each file.
func startSync(*os.File, int64, int64) {}
