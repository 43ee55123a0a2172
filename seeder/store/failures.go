package store

import (
	"errors"
	"io/fs"
	"sync/atomic"
)

// failures count what the disk did not do. What is refused for want of room, before
// it was tried, and what was closed meanwhile, are no failures.
type failures struct {
	read, write, index atomic.Uint64
}

// count counts an error of the disk, and returns it.
func count(n *atomic.Uint64, err error) error {
	if err != nil && !errors.Is(err, fs.ErrClosed) && !errors.Is(err, ErrClosed) {
		n.Add(1)
	}
	return err
}
