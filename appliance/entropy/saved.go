package entropy

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"cobox/seeder/durable"
)

// savedSize is the length of the seed that is carried from one start to the next.
const savedSize = 64

// Renew puts the seed saved in a file into pool and saves another for the next
// start, before anything relies on the pool. Pool is /dev/urandom on a box: what
// is written there is mixed in and counts for nothing, which is right for bytes
// that lay on a card that others may have read. Kernel is where the next seed
// comes from; it is mixed with the old one by the pool itself.
//
// Without a saved seed, or with one that cannot be read, the next one is saved all the same.
func Renew(file string, pool io.Writer, kernel io.Reader) error {
	old, err := os.ReadFile(file)
	if err == nil && len(old) > 0 {
		_, err = pool.Write(old[:min(len(old), savedSize)])
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	next := make([]byte, savedSize)
	if _, err := io.ReadFull(kernel, next); err != nil {
		return fmt.Errorf("saving a seed for the next start: %w", err)
	}
	if err := errors.Join(err, durable.WriteFile(file, next, 0o600)); err != nil {
		return fmt.Errorf("saving a seed for the next start: %w", err)
	}
	return nil
}

// Mix puts bytes into the kernel's pool without credit, such as the seed from flashing.
func Mix(pool io.Writer, b []byte) error {
	if len(b) == 0 {
		return nil
	}
	if _, err := pool.Write(b); err != nil {
		return fmt.Errorf("mixing a seed into the kernel's pool: %w", err)
	}
	return nil
}
