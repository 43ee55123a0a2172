package main

import (
	"fmt"
	"os"
	"path/filepath"
)

// levelFactor is how many times a load's bytes a run may take of fresh memory:
// host and peers each keep them, and databases write them more than once.
const levelFactor = 4

// level makes the kernel's free memory the same before each run, by writing a file
// and deleting it again. On a virtual machine the first use of a page of memory is
// paid for, five times the cost of writing it, by whoever comes to it first: the
// host that happens to be measured then would look slow.
func level(dir string, l load) (err error) {
	path := filepath.Join(dir, "level")
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = firstError(err, f.Close(), os.Remove(path)) }()
	chunk := make([]byte, 1<<20)
	for n := 0.0; n < levelFactor*l.bytes(); n += float64(len(chunk)) {
		if _, err := f.Write(chunk); err != nil {
			return fmt.Errorf("levelling the memory: %w", err)
		}
	}
	return f.Sync()
}
