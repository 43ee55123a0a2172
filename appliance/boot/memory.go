package boot

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
)

// A Memory is what the programs may use of the board's memory, as soft limits for
// Go's collector. The rest is the kernel's, whose cache of the disk is what makes
// a seeder fast.
type Memory struct {
	Seeder, Authority uint64 // bytes
}

const mebibyte = 1 << 20

// Limits shares out a board's memory of total bytes; 0 when it is not known.
func Limits(total uint64) Memory {
	if total == 0 {
		total = 512 * mebibyte // the smallest board
	}
	return Memory{
		Seeder:    min(max(total*35/100, 128*mebibyte), 1024*mebibyte),
		Authority: min(max(total*8/100, 32*mebibyte), 128*mebibyte),
	}
}

// TotalMemory reads how much memory the board has, as the kernel says in
// /proc/meminfo.
func TotalMemory(file string) (uint64, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, fmt.Errorf("reading the size of the memory: %w", err)
	}
	for line := range bytes.Lines(text) {
		if f := bytes.Fields(line); len(f) == 3 && string(f[0]) == "MemTotal:" && string(f[2]) == "kB" {
			kib, err := strconv.ParseUint(string(f[1]), 10, 54)
			if err != nil {
				return 0, fmt.Errorf("reading the size of the memory: %w", err)
			}
			return kib << 10, nil
		}
	}
	return 0, errors.New("reading the size of the memory: the kernel does not say it")
}
