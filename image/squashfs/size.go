package squashfs

import (
	"errors"
	"fmt"
	"io"
)

// Size returns how many bytes the file system in r takes, as [Make] returned it.
func Size(r io.ReaderAt) (int64, error) {
	b := make([]byte, superSize)
	if _, err := r.ReadAt(b, 0); err != nil {
		return 0, fmt.Errorf("reading the root file system: %w", err)
	}
	used := le.Uint64(b[40:])
	if le.Uint32(b) != magic || used < superSize || used > 1<<40 {
		return 0, errors.New("there is no root file system")
	}
	return int64(used+padding-1) / padding * padding, nil
}
