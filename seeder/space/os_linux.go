package space

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// makeFifo makes a named pipe.
func makeFifo(root *os.Root, name string, mode uint32) error {
	return inFolder(root, name, func(dir int, base string) error {
		return unix.Mkfifoat(dir, base, mode)
	})
}

// syncFiles makes durable all that was written to the file system of a folder:
// one wait for many files.
func syncFiles(root *os.Root) error {
	dir, err := root.Open(".")
	if err != nil {
		return err
	}
	defer func() { _ = dir.Close() }()
	return unix.Syncfs(int(dir.Fd()))
}

// syncNames makes files and folders durable, one after the other.
func syncNames(root *os.Root, names []string) error {
	for _, name := range names {
		f, err := root.Open(name)
		if err != nil {
			return err
		}
		if err := errors.Join(f.Sync(), f.Close()); err != nil {
			return err
		}
	}
	return nil
}

// startSync has the kernel begin to write a part of a file that is in memory. It does not wait.
func startSync(f *os.File, at, n int64) {
	_ = unix.SyncFileRange(int(f.Fd()), at, n, unix.SYNC_FILE_RANGE_WRITE) // syncFiles tells what fails
}

// syncFile is what each file needs before syncFiles: nothing.
func syncFile(*os.File) error { return nil }

// move gives what is in this folder a name in another, which nothing has: otherwise the
// error wraps [fs.ErrExist].
func (f *openFolder) move(base string, to *openFolder, name string) error {
	err := error(unix.EINTR)
	for errors.Is(err, unix.EINTR) {
		err = unix.Renameat2(int(f.dir.Fd()), base, int(to.dir.Fd()), name, unix.RENAME_NOREPLACE)
	}
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOSYS) { // not every file system can
		return f.moveByPath(base, to, name)
	}
	return err
}
