package entropy

import (
	"bytes"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"cobox/seeder/durable"
)

// Sources are what a box key is made from.
type Sources struct {
	// Kernel is the kernel's generator, which blocks until it is ready. It is required.
	Kernel io.Reader
	// Hardware is the board's generator; nil where there is none.
	Hardware io.Reader
	// FlashSeed was written to the card when it was flashed; empty where it was not.
	FlashSeed []byte
	// Circumstances add what differs between boards without being secret: serial
	// numbers, times. They never count as a source.
	Circumstances []byte
}

// ErrBroken says that a source gives the same again, or nothing but one byte: no
// key is made from it. A box that fails in this way on every start has a broken generator.
var ErrBroken = errors.New("a source of randomness does not work, and no box key was made: switch the box off and on again; if that does not help, use another board")

// sample is how much is taken of a source, twice.
const sample = 32

// keyContext separates this use of the sources from any other.
const keyContext = "cobox/box key/v1"

// Seed returns the seed of a new box key. Errors wrap [ErrBroken] where a
// source does not work; a hardware generator that cannot be read counts as
// absent, since drivers offer some that are not there.
func Seed(s Sources) ([]byte, error) {
	var all []byte
	add := func(name string, b []byte) { // with its length, so that no two inputs run together
		all = binary.BigEndian.AppendUint32(append(all, name...), uint32(len(b)))
		all = append(all, b...)
	}
	kernel, err := twice(s.Kernel)
	if err != nil {
		return nil, fmt.Errorf("the kernel's randomness: %w", err)
	}
	add("kernel", kernel)
	if s.Hardware != nil {
		hardware, err := twice(s.Hardware)
		switch {
		case errors.Is(err, ErrBroken):
			return nil, fmt.Errorf("the hardware generator: %w", err)
		case err == nil:
			add("hardware", hardware)
		}
	}
	if len(s.FlashSeed) > 0 {
		if constant(s.FlashSeed) {
			return nil, fmt.Errorf("the seed from flashing: %w", ErrBroken)
		}
		add("flash", s.FlashSeed)
	}
	add("circumstances", s.Circumstances)
	return hkdf.Key(sha512.New, all, nil, keyContext, ed25519.SeedSize)
}

// twice reads two samples, which no working source gives alike.
func twice(r io.Reader) ([]byte, error) {
	b := make([]byte, 2*sample)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, err
	}
	if bytes.Equal(b[:sample], b[sample:]) || constant(b[:sample]) || constant(b[sample:]) {
		return nil, ErrBroken
	}
	return b, nil
}

func constant(b []byte) bool { return bytes.Count(b, b[:1]) == len(b) }

// KeyFile is the box key in the state folder, as [cobox/seeder/boxkey] reads it.
const KeyFile = "box.key"

// MakeKey makes the box key of a state folder that has none, and returns whether
// it made one. A key that is there is never touched, not even a damaged one: the box
// would become another box. The file is readable by its owner and group.
func MakeKey(state string, s Sources) (made bool, err error) {
	path := filepath.Join(state, KeyFile)
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	seed, err := Seed(s)
	if err != nil {
		return false, fmt.Errorf("making the box key: %w", err)
	}
	if err := durable.WriteFile(path, seed, 0o640); err != nil {
		return false, fmt.Errorf("making the box key: %w", err)
	}
	return true, nil
}
