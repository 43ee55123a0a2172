package durable

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// Mkdir makes the folder at path and all folders above it that are missing,
// with the permissions perm (less the umask). When it returns nil, the folders
// that it made are on the disk. A folder that is there already is left as it
// is; anything else at path is an error.
func Mkdir(path string, perm fs.FileMode) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return nil
	case err == nil:
		return fmt.Errorf("making folder %s: a file of that name is in the way", path)
	case !errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("making folder %s: %w", path, plain(err))
	}
	parent := filepath.Dir(filepath.Clean(path))
	if parent != path {
		if err := Mkdir(parent, perm); err != nil {
			return err
		}
	}
	// Somebody else may have made it meanwhile: that is as good.
	if err := os.Mkdir(path, perm); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("making folder %s: %w", path, plain(err))
	}
	return SyncDir(parent)
}
