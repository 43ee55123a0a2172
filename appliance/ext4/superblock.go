package ext4

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A SuperBlock is what an ext4 file system says of itself.
type SuperBlock struct {
	UUID  [16]byte
	Label string
	Clean bool // it was unmounted, or its journal needs no replay
	// Damaged says that the kernel found damage in it and nobody has repaired it.
	Damaged bool
}

// ErrForeign says that what should hold an ext4 file system holds something else. It
// is left as it is: it may be somebody's data.
var ErrForeign = errors.New("it holds no ext4 file system")

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
	uuidOffset   = 0x68
	labelOffset  = 0x78
	labelSize    = 16
)

// Read reads the super block of the file system that begins where r does. Errors wrap
// [ErrForeign] when there is none.
func Read(r io.ReaderAt) (SuperBlock, error) {
	var b [superSize]byte
	if _, err := r.ReadAt(b[:], superOffset); err != nil {
		return SuperBlock{}, fmt.Errorf("reading a super block: %w", err)
	}
	le := binary.LittleEndian
	if le.Uint16(b[magicOffset:]) != magic {
		return SuperBlock{}, ErrForeign
	}
	state := le.Uint16(b[stateOffset:])
	label, _, _ := strings.Cut(string(b[labelOffset:labelOffset+labelSize]), "\x00")
	return SuperBlock{
		UUID: [16]byte(b[uuidOffset:]), Label: label,
		Clean:   state&stateValid != 0 && le.Uint32(b[incompatible:])&needsReplay == 0,
		Damaged: state&stateErrors != 0,
	}, nil
}
