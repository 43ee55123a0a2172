package perm

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/diskfs/go-diskfs/backend"
	"github.com/diskfs/go-diskfs/filesystem/ext4"
)

// blocksPerGroup is ext4's own number for blocks of 4 KiB: one block of bitmap.
const blocksPerGroup = 32768

// inodesPerGroup gives an inode for every 64 KiB: a box keeps few and large
// files. With more the tables take long to write; and with the library's own
// number the kernel found the file system damaged on the second mount.
const inodesPerGroup = 2048

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
	if err := format(f, at); err != nil {
		return Extent{}, fmt.Errorf("making the file system of /perm: %w", err)
	}
	if err := t.Add(f, at); err != nil {
		return Extent{}, fmt.Errorf("making /perm: %w", err)
	}
	return at, nil
}

// format makes an empty file system and syncs it.
func format(f *os.File, at Extent) error {
	const block = 8 * sector
	groups := (at.Size/block + blocksPerGroup - 1) / blocksPerGroup
	_, err := ext4.Create(keepOpen{f}, at.Size, at.Start, sector, &ext4.Params{
		SectorsPerBlock: block / sector,
		InodeCount:      uint32(groups * inodesPerGroup),
		Checksum:        true,
		VolumeName:      "perm",
		Features: []ext4.FeatureOpt{
			ext4.WithFeatureMetadataChecksums(true),
			ext4.WithFeatureReservedGDTBlocksForExpansion(false),
		},
	})
	return errors.Join(err, f.Sync())
}

// keepOpen lends a file to go-diskfs, which would close it.
type keepOpen struct{ f *os.File }

func (k keepOpen) Stat() (fs.FileInfo, error)               { return k.f.Stat() }
func (k keepOpen) Read(p []byte) (int, error)               { return k.f.Read(p) }
func (k keepOpen) ReadAt(p []byte, at int64) (int, error)   { return k.f.ReadAt(p, at) }
func (k keepOpen) WriteAt(p []byte, at int64) (int, error)  { return k.f.WriteAt(p, at) }
func (k keepOpen) Seek(at int64, whence int) (int64, error) { return k.f.Seek(at, whence) }
func (k keepOpen) Sys() (*os.File, error)                   { return k.f, nil }
func (k keepOpen) Writable() (backend.WritableFile, error)  { return k, nil }
func (k keepOpen) Path() string                             { return k.f.Name() }
func (k keepOpen) Close() error                             { return nil }

var _ io.ReaderAt = keepOpen{}
