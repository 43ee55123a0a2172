package ext4

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/diskfs/go-diskfs/backend"
	"github.com/diskfs/go-diskfs/filesystem/ext4"
	"github.com/google/uuid"
)

const (
	sector = 512
	block  = 8 * sector
	// blocksPerGroup is ext4's own number for blocks of 4 KiB: one block of bitmap.
	blocksPerGroup = 32768
)

// perInode is how many bytes of the disk there are to an inode unless somebody says
// otherwise: a box keeps few and large files. With more inodes the tables take long to
// write; and with the library's own number the kernel found the file system damaged on
// the second mount.
const perInode = 64 << 10

// An Options says what a file system is to be called. The zero UUID is for a random one.
type Options struct {
	Label string // at most 16 bytes
	UUID  [16]byte
	// PerInode is how many bytes of the disk there are to an inode, a file or a folder;
	// 0 means 64 KiB. All tables are written when the file system is made.
	PerInode int64
	// Progress hears how much of the size has its tables, now and then; nil for nobody.
	Progress func(done, total int64)
}

// Format makes an empty file system in the bytes of f from start on, and syncs it.
func Format(f *os.File, start, size int64, o Options) error {
	if len(o.Label) > labelSize {
		return fmt.Errorf("making a file system: its label %q is longer than %d bytes", o.Label, labelSize)
	}
	if o.PerInode == 0 {
		o.PerInode = perInode
	}
	groups := (size/block + blocksPerGroup - 1) / blocksPerGroup
	var id *uuid.UUID
	if o.UUID != [16]byte{} {
		id = (*uuid.UUID)(&o.UUID)
	}
	_, err := ext4.Create(&keepOpen{f: f, start: start, size: size, progress: o.Progress}, size, start, sector, &ext4.Params{
		UUID:            id,
		SectorsPerBlock: block / sector,
		InodeCount:      uint32(groups * (blocksPerGroup * block / o.PerInode)),
		Checksum:        true,
		VolumeName:      o.Label,
		Features: []ext4.FeatureOpt{
			ext4.WithFeatureMetadataChecksums(true),
			ext4.WithFeatureReservedGDTBlocksForExpansion(false),
		},
	})
	if err := errors.Join(err, f.Sync()); err != nil {
		return fmt.Errorf("making a file system: %w", err)
	}
	return nil
}

// keepOpen lends a file to go-diskfs, which would close it, and tells how far that is:
// it writes the tables from the beginning to the end.
type keepOpen struct {
	f           *os.File
	start, size int64
	told        int64
	progress    func(done, total int64)
}

func (k *keepOpen) WriteAt(p []byte, at int64) (int, error) {
	if done := at - k.start; k.progress != nil && done-k.told >= k.size/100 {
		k.told = done
		k.progress(done, k.size)
	}
	return k.f.WriteAt(p, at)
}

func (k *keepOpen) Stat() (fs.FileInfo, error)               { return k.f.Stat() }
func (k *keepOpen) Read(p []byte) (int, error)               { return k.f.Read(p) }
func (k *keepOpen) ReadAt(p []byte, at int64) (int, error)   { return k.f.ReadAt(p, at) }
func (k *keepOpen) Seek(at int64, whence int) (int64, error) { return k.f.Seek(at, whence) }
func (k *keepOpen) Sys() (*os.File, error)                   { return k.f, nil }
func (k *keepOpen) Writable() (backend.WritableFile, error)  { return k, nil }
func (k *keepOpen) Path() string                             { return k.f.Name() }
func (k *keepOpen) Close() error                             { return nil }
