package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Temporary files are named so that [Clean] can tell them from all others. The
// name does not grow with the target's, which may be as long as a name can be.
const (
	tempPrefix = ".durable-"
	tempSuffix = ".tmp"
)

// WriteFile makes data the whole content of the file at path, with exactly the
// permissions perm (the umask is not applied). When it returns nil, the new
// content is on the disk. After an error or a power cut at any moment the file
// holds the old content or the new, whole; which of them, only reading tells.
//
// A symbolic link at path is replaced, not followed. The folder must exist, see
// [Mkdir]. Of several concurrent calls for one path one wins.
func WriteFile(path string, data []byte, perm fs.FileMode) (err error) {
	dir := filepath.Dir(path)
	// CreateTemp opens with 0600: a secret is never readable by others, not even
	// while it is being written.
	f, err := os.CreateTemp(dir, tempPrefix+"*"+tempSuffix)
	if err != nil {
		return fmt.Errorf("writing %s: %w", path, plain(err))
	}
	temp := f.Name()
	defer func() {
		if err != nil {
			// The write's own error matters more; a file that stays is for Clean.
			_ = os.Remove(temp)
		}
	}()
	if err := fill(f, data, perm); err != nil {
		return fmt.Errorf("writing %s: %w", path, plain(err))
	}
	if err := os.Rename(temp, path); err != nil {
		return fmt.Errorf("replacing %s: %w", path, plain(err))
	}
	return SyncDir(dir)
}

// fill writes, syncs and closes f.
func fill(f *os.File, data []byte, perm fs.FileMode) error {
	_, err := f.Write(data)
	if err == nil {
		err = f.Chmod(perm)
	}
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
}

// Remove takes the file at path away. When it returns nil, the file will not
// come back after a power cut. A file that is not there is an error wrapping
// [fs.ErrNotExist].
func Remove(path string) error {
	if err := os.Remove(path); err != nil {
		return fmt.Errorf("removing %s: %w", path, plain(err))
	}
	return SyncDir(filepath.Dir(path))
}

// Clean removes from dir what writes left behind that were cut off by a power
// cut or a kill, and returns how many files that were. Call it when nobody
// else can be writing: at start, with the folder's [Lock] held. It does not
// look into folders below dir.
func Clean(dir string) (removed int, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, fmt.Errorf("looking for leftover files: %w", err)
	}
	for _, e := range entries {
		name := e.Name()
		if !e.Type().IsRegular() || !strings.HasPrefix(name, tempPrefix) || !strings.HasSuffix(name, tempSuffix) {
			continue
		}
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			return removed, fmt.Errorf("removing a leftover file: %w", err)
		}
		removed++
	}
	return removed, nil
}

// plain strips the temporary file's name from an error: the caller asked for
// another file, and names that one.
func plain(err error) error {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err
	}
	if e, ok := errors.AsType[*os.LinkError](err); ok {
		return e.Err
	}
	return err
}
