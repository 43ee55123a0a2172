package main

import (
	"errors"
	"os"
	"path/filepath"
	"time"

	"cobox/hack/usage"
)

// syncEvery is how much the plain file writes between two syncs, as the store does.
const syncEvery = 4 << 20

// plainFile writes the job's bytes to a file, synced in groups: what the disk
// and the kernel take by themselves.
func plainFile(j job) (_ result, err error) {
	dir, err := os.MkdirTemp("", "cobox-bench-")
	if err != nil {
		return result{}, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	f, err := os.Create(filepath.Join(dir, "blocks"))
	if err != nil {
		return result{}, err
	}
	data := randomBlocks(1, j.block)[0]
	watch, err := usage.Sample(os.Getpid())
	if err != nil {
		return result{}, err
	}
	began := time.Now()
	for i := range j.blocks {
		if _, err := f.WriteAt(data, int64(i)*int64(j.block)); err != nil {
			return result{}, err
		}
		if (i+1)*j.block%syncEvery == 0 {
			if err := f.Sync(); err != nil {
				return result{}, err
			}
		}
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return result{}, err
	}
	took := time.Since(began)
	u, err := watch.End()
	return result{took: took, host: u}, err
}
