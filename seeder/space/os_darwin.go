package space

import (
	"os"
	"path"

	"golang.org/x/sys/unix"
)

// makeFifo makes a named pipe. macOS knows no mkfifoat; the path cannot lead
// outside, because its folder was made or opened through root just before.
func makeFifo(root *os.Root, name string, mode uint32) error {
	if _, err := root.Stat(path.Dir(name)); err != nil {
		return err
	}
	return unix.Mkfifo(path.Join(root.Name(), name), mode)
}

// syncFiles does nothing: macOS has no call for all files of a folder, so
// syncFile has synced each.
func syncFiles(*os.Root) error { return nil }

func syncNames(*os.Root, []string) error { return nil }

// syncFile makes a file durable.
func syncFile(f *os.File) error { return f.Sync() }

// startSync does nothing: [syncFile] syncs each file.
func startSync(*os.File, int64, int64) {}

func (f *openFolder) move(base string, to *openFolder, name string) error {
	return f.moveByPath(base, to, name)
}
