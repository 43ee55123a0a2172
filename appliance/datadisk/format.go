package datadisk

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"cobox/appliance/ext4"
)

// tag begins the first sector of a disk while it is being made: after a power cut the
// box knows that what is on it is its own half work.
const tag = "cobox making "

const sector = 512

// edge is how much of a disk's beginning and end is made blank, where partition tables
// and other file systems have what they are known by.
const edge = 1 << 20

// begun reports whether a disk is half made, or made, for an ID.
func begun(device, id string) bool {
	f, err := os.Open(device)
	if err != nil {
		return false
	}
	defer func() { _ = f.Close() }()
	b := make([]byte, sector)
	if _, err := io.ReadFull(f, b); err != nil {
		return false
	}
	if strings.HasPrefix(string(b), tag+id+"\n") {
		return true
	}
	super, err := ext4.Read(f)
	return err == nil && uuidText(super.UUID) == id
}

// format makes an empty file system of a whole disk of size bytes. Everything on it is lost.
func format(device string, size int64, id string, o ext4.Options) (err error) {
	f, err := openAlone(device)
	if err != nil {
		return fmt.Errorf("making the data disk: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	first := make([]byte, sector)
	copy(first, tag+id+"\n")
	blank := make([]byte, edge)
	steps := []func() error{
		func() error { return writeAt(f, first, 0) },
		func() error { return writeAt(f, blank[sector:], sector) },
		func() error { return writeAt(f, blank, size-edge) },
		func() error { forgetPartitions(f); return nil },
		func() error { return ext4.Format(f, 0, size, o) },
		func() error { return check(f, o) },
		func() error { return writeAt(f, blank[:sector], 0) },
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("making the data disk: %w", err)
		}
	}
	return nil
}

// writeAt writes and syncs.
func writeAt(f *os.File, b []byte, at int64) error {
	if _, err := f.WriteAt(b, at); err != nil {
		return err
	}
	return f.Sync()
}

// check reads back what was made.
func check(f *os.File, o ext4.Options) error {
	super, err := ext4.Read(f)
	if err == nil && (super.Label != o.Label || super.UUID != o.UUID || !super.Clean) {
		err = errors.New("what was written to it does not come back: it is broken, or smaller than it says")
	}
	return err
}

func superOf(device string) (_ ext4.SuperBlock, err error) {
	f, err := os.Open(device)
	if err != nil {
		return ext4.SuperBlock{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return ext4.Read(f)
}

func uuidText(id [16]byte) string {
	h := hex.EncodeToString(id[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}
