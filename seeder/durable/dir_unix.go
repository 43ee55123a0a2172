//go:build unix

package durable

import (
	"errors"
	"fmt"
	"os"
)

// SyncDir puts on the disk which files dir holds: the names made, renamed and
// removed in it since. It does not sync what the files contain.
func SyncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("syncing folder %s: %w", dir, plain(err))
	}
	if err := errors.Join(d.Sync(), d.Close()); err != nil {
		return fmt.Errorf("syncing folder %s: %w", dir, plain(err))
	}
	return nil
}
