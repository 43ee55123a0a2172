package perm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

// What the super block of an ext4 file system says of it.
type superBlock struct {
	clean  bool // it was unmounted, or its journal needs no replay
	errors bool // the kernel found damage in it and nobody has repaired it
}

// ErrForeign says that partition 4 holds something that is not ext4. It is left
// as it is: it may be somebody's data.
var ErrForeign = errors.New("partition 4 holds no ext4 file system")

// The places in the super block, from the kernel's documentation of ext4
// ("The Super Block").
const (
	superOffset  = 1024
	superSize    = 1024
	magicOffset  = 0x38
	magic        = 0xef53
	stateOffset  = 0x3a
	stateValid   = 1
	stateErrors  = 2
	incompatible = 0x60
	needsReplay  = 0x4
)

func readSuperBlock(r io.ReaderAt) (superBlock, error) {
	var b [superSize]byte
	if _, err := r.ReadAt(b[:], superOffset); err != nil {
		return superBlock{}, fmt.Errorf("reading the super block of /perm: %w", err)
	}
	le := binary.LittleEndian
	if le.Uint16(b[magicOffset:]) != magic {
		return superBlock{}, ErrForeign
	}
	state := le.Uint16(b[stateOffset:])
	return superBlock{
		clean:  state&stateValid != 0 && le.Uint32(b[incompatible:])&needsReplay == 0,
		errors: state&stateErrors != 0,
	}, nil
}
