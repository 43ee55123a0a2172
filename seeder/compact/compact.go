// Package compact reads and writes compact-encoding, the byte format of all
// Hypercore messages and manifests (FORMAT.md in seeder/feed, section 1).
//
// Writing appends to a slice, as encoding/binary does. Reading goes through a
// [Decoder], which remembers its first error, so that a message is read field
// by field and checked once. Nothing here allocates by a number from the wire.
package compact

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// MaxUint is the largest integer of the format, 2^53-1: JavaScript has no
// larger ones, so a larger number on the wire is an error.
const MaxUint = 1<<53 - 1

// MaxArray bounds the items of an array, as JavaScript does.
const MaxArray = 0x100000

var (
	// ErrShort says that the bytes ended inside a value.
	ErrShort = errors.New("compact: message ends too early")
	// ErrRange says that a number is larger than the format or the field allows.
	ErrRange = errors.New("compact: number out of range")
)

// AppendUint appends n in its shortest form. It panics when n > [MaxUint]:
// our own lengths are bounded far below.
func AppendUint(b []byte, n uint64) []byte {
	switch {
	case n <= 0xfc:
		return append(b, byte(n))
	case n <= 0xffff:
		return binary.LittleEndian.AppendUint16(append(b, 0xfd), uint16(n))
	case n <= 0xffffffff:
		return binary.LittleEndian.AppendUint32(append(b, 0xfe), uint32(n))
	case n <= MaxUint:
		return binary.LittleEndian.AppendUint64(append(b, 0xff), n)
	}
	panic(fmt.Sprintf("compact: %d is more than 2^53-1", n))
}

// UintSize returns how many bytes [AppendUint] appends for n.
func UintSize(n uint64) int {
	switch {
	case n <= 0xfc:
		return 1
	case n <= 0xffff:
		return 3
	case n <= 0xffffffff:
		return 5
	}
	return 9
}

// AppendBuffer appends a length and the bytes. A nil buffer is written like an
// empty one: the format does not tell them apart.
func AppendBuffer(b, value []byte) []byte {
	return append(AppendUint(b, uint64(len(value))), value...)
}

// AppendString appends a byte length and the text.
func AppendString(b []byte, s string) []byte {
	return append(AppendUint(b, uint64(len(s))), s...)
}

// AppendBool appends one byte.
func AppendBool(b []byte, v bool) []byte {
	if v {
		return append(b, 1)
	}
	return append(b, 0)
}

// A Decoder reads values from the front of a message. After the first error
// all reads return zero values; [Decoder.Err] tells. The slices that it returns
// are parts of the message, not copies.
type Decoder struct {
	rest []byte
	err  error
}

// NewDecoder returns a Decoder of b.
func NewDecoder(b []byte) *Decoder { return &Decoder{rest: b} }

// Err returns the first error, or nil.
func (d *Decoder) Err() error { return d.err }

// Rest returns what has not been read yet; nil after an error.
func (d *Decoder) Rest() []byte { return d.rest }

// Len returns the number of bytes not read yet.
func (d *Decoder) Len() int { return len(d.rest) }

// Fail makes err the decoder's error, unless there is one already.
func (d *Decoder) Fail(err error) {
	if d.err == nil {
		d.err = err
	}
	d.rest = nil
}

// Bytes reads the next n bytes.
func (d *Decoder) Bytes(n uint64) []byte {
	if n > uint64(len(d.rest)) {
		d.Fail(ErrShort)
		return nil
	}
	b := d.rest[:n:n]
	d.rest = d.rest[n:]
	return b
}

// Uint reads an integer. Longer forms than needed are read too, as in JavaScript.
func (d *Decoder) Uint() uint64 {
	first := d.Bytes(1)
	if first == nil {
		return 0
	}
	var n uint64
	switch first[0] {
	default:
		return uint64(first[0])
	case 0xfd:
		if b := d.Bytes(2); b != nil {
			n = uint64(binary.LittleEndian.Uint16(b))
		}
	case 0xfe:
		if b := d.Bytes(4); b != nil {
			n = uint64(binary.LittleEndian.Uint32(b))
		}
	case 0xff:
		if b := d.Bytes(8); b != nil {
			n = binary.LittleEndian.Uint64(b)
		}
	}
	if n > MaxUint {
		d.Fail(ErrRange)
		return 0
	}
	return n
}

// Uint64 reads 8 bytes, low byte first.
func (d *Decoder) Uint64() uint64 {
	if b := d.Bytes(8); b != nil {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

// Uint32 reads 4 bytes, low byte first.
func (d *Decoder) Uint32() uint32 {
	if b := d.Bytes(4); b != nil {
		return binary.LittleEndian.Uint32(b)
	}
	return 0
}

// Bool reads one byte; everything but zero is true.
func (d *Decoder) Bool() bool {
	b := d.Bytes(1)
	return b != nil && b[0] != 0
}

// Buffer reads a length and that many bytes. An empty buffer is nil.
func (d *Decoder) Buffer() []byte {
	n := d.Uint()
	if n == 0 {
		return nil
	}
	return d.Bytes(n)
}

// String reads a byte length and that much text.
func (d *Decoder) String() string { return string(d.Buffer()) }

// Fixed32 reads 32 bytes.
func (d *Decoder) Fixed32() (v [32]byte) {
	copy(v[:], d.Bytes(32))
	return v
}

// Count reads the number of items of an array whose items take at least
// itemSize bytes each. A count that the rest of the message cannot hold, or
// above [MaxArray], is an error: the caller may allocate by what it gets.
func (d *Decoder) Count(itemSize int) int {
	n := d.Uint()
	if n > MaxArray {
		d.Fail(ErrRange)
		return 0
	}
	if n*uint64(itemSize) > uint64(len(d.rest)) {
		d.Fail(ErrShort)
		return 0
	}
	return int(n)
}
