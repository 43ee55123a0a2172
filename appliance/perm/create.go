package perm

import (
	"fmt"
	"os"

	"cobox/appliance/ext4"
)

// label is what the file system of /perm is called.
const label = "perm"

// Create makes the file system of /perm on a disk of size bytes, and then the
// partition, in this order; it returns where it lies. It refuses when there is a
// partition 4, whatever that holds.
func Create(f *os.File, size int64) (Extent, error) {
	t, err := ReadTable(f, size)
	if err != nil {
		return Extent{}, err
	}
	if _, ok := t.Partition(Number); ok {
		return Extent{}, fmt.Errorf("making /perm: there is a partition %d already, and it may hold data", Number)
	}
	at, err := t.Free()
	if err != nil {
		return Extent{}, fmt.Errorf("making /perm: %w", err)
	}
	if err := ext4.Format(f, at.Start, at.Size, ext4.Options{Label: label}); err != nil {
		return Extent{}, fmt.Errorf("making the file system of /perm: %w", err)
	}
	if err := t.Add(f, at); err != nil {
		return Extent{}, fmt.Errorf("making /perm: %w", err)
	}
	return at, nil
}
