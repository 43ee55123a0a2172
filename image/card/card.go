// Package card reads and overwrites files on the boot volume of a card, or of an
// image of one, without mounting it and without root's rights.
package card

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"cobox/appliance/perm"
	"cobox/image/fat"
)

// bootPartition is the number of the boot volume.
const bootPartition = 1

// A Disk is a card or an image that is written to.
type Disk interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
}

// boot returns the boot volume of a disk with size bytes, and where it begins.
func boot(d io.ReaderAt, size int64) (*fat.Volume, int64, error) {
	t, err := perm.ReadTable(d, size)
	if err != nil {
		return nil, 0, err
	}
	at, ok := t.Partition(bootPartition)
	if !ok {
		return nil, 0, fmt.Errorf("%w (there is no partition %d)", fat.ErrVolume, bootPartition)
	}
	v, err := fat.Open(io.NewSectionReader(d, at.Start, at.Size))
	return v, at.Start, err
}

// ReadFile returns the content of a file of at most most bytes on the boot volume of
// a disk with size bytes. See [fat.Volume.Find] for errors.
func ReadFile(d io.ReaderAt, size int64, name string, most int64) ([]byte, error) {
	v, _, err := boot(d, size)
	if err != nil {
		return nil, err
	}
	return v.Read(name, most)
}

// Overwrite overwrites a file on the boot volume of a disk with size bytes by as many
// bytes, and reads it back. See [fat.Volume.Find] for errors.
func Overwrite(d Disk, size int64, name string, data []byte) error {
	v, start, err := boot(d, size)
	if err != nil {
		return err
	}
	e, err := v.Find(name)
	if err != nil {
		return err
	}
	if e.Size != int64(len(data)) {
		return fmt.Errorf("%s has %d bytes, and %d are to be written: the card is of another version of mkimage", name, e.Size, len(data))
	}
	_, err = d.WriteAt(data, start+e.Start)
	if err := errors.Join(err, d.Sync()); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	back := make([]byte, len(data))
	if _, err := d.ReadAt(back, start+e.Start); err != nil {
		return fmt.Errorf("reading %s back: %w", name, err)
	}
	if !bytes.Equal(back, data) {
		return fmt.Errorf("reading %s back: it is not what was written; try another card", name)
	}
	return nil
}

// Started reports whether a box has been started with the card: it then has a /perm,
// with a key of its own.
func Started(d io.ReaderAt, size int64) (bool, error) {
	t, err := perm.ReadTable(d, size)
	if err != nil {
		return false, err
	}
	_, started := t.Partition(perm.Number)
	return started, nil
}
