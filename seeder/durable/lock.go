package durable

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// ErrLocked says that another process, or another part of this one, uses a folder.
var ErrLocked = errors.New("the folder is in use")

// lockName is the file in a folder that [Lock] locks. It stays when the lock is
// given up: removing it would let two processes lock two files of that name.
const lockName = "lock"

// Lock takes dir for the caller alone until unlock is called or the process
// ends, however it ends. When dir is taken already, the error wraps [ErrLocked]
// and names the folder and, where it is known, the process. Lock never waits.
//
// The lock is advisory: it keeps off only those who call Lock too.
func Lock(dir string) (unlock func() error, err error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("locking folder %s: %w", dir, plain(err))
	}
	if err := lockFile(f); err != nil {
		holder := readHolder(f)
		_ = f.Close()
		if !errors.Is(err, ErrLocked) {
			return nil, fmt.Errorf("locking folder %s: %w", dir, err)
		}
		return nil, fmt.Errorf("locking folder %s: %w by %s; end that first, or use another folder", dir, err, holder)
	}
	// The number is for the error text above only; the lock holds without it,
	// on a full disk too.
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	}
	return f.Close, nil
}

// readHolder returns who has the lock, as far as the file tells.
func readHolder(f *os.File) string {
	text := make([]byte, 32)
	n, _ := f.ReadAt(text, 0)
	pid, err := strconv.Atoi(string(bytes.TrimSpace(text[:n])))
	if err != nil {
		return "another process"
	}
	if pid == os.Getpid() {
		return "this process"
	}
	return fmt.Sprintf("process %d", pid)
}
