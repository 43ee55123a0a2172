package space

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"

	"cobox/seeder/feed"
)

// ErrDamaged says that something read from a feed is not what a writer of this
// format wrote: damaged, hostile, or opened with the wrong recovery phrase.
var ErrDamaged = errors.New("damaged")

// ErrAbsent says that a block cannot be had now: no box has it that was reached. It is
// what [Blocks] give as a reason (and may be had later), and costs what needs the block,
// as damage does.
var ErrAbsent = errors.New("absent")

// lost reports whether an error says that something cannot be had, while what is beside
// it can.
func lost(err error) bool { return errors.Is(err, ErrDamaged) || errors.Is(err, ErrAbsent) }

// damaged returns an error that wraps [ErrDamaged].
func damaged(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, ErrDamaged)...)
}

// A kind says what a block holds.
type kind byte

const (
	kindHeader   kind = 1
	kindData     kind = 2 // a pack of file chunks
	kindTree     kind = 3 // a pack of tree objects
	kindSnapshot kind = 4
)

const (
	// minBlock is the smallest plaintext of a block: snapshots of small and of
	// large spaces shall look the same.
	minBlock = 512
	// maxBlock bounds the plaintext of a block. The largest pack is well below
	// it, and it is well below the 16 MiB of a replication frame.
	maxBlock = 4 << 20

	blockPrefix = 5 // kind and payload length
)

// beginBlock begins a block's plaintext, kind ‖ length ‖ payload ‖ zeros, behind room
// for the cipher's overhead, in buf[:0]: the payload is appended to what it returns,
// and [finishBlock] does the rest.
func beginBlock(buf []byte) []byte {
	return append(buf[:0], make([]byte, CipherOverhead+blockPrefix)...)
}

// finishBlock returns the block, ready for [Cipher.sealInPlace].
func finishBlock(k kind, b []byte) []byte {
	plaintext := b[CipherOverhead:]
	n := paddedSize(len(plaintext))
	if n > maxBlock {
		panic("space: block too large") // packs are cut long before
	}
	plaintext[0] = byte(k)
	binary.LittleEndian.PutUint32(plaintext[1:], uint32(len(plaintext)-blockPrefix))
	return append(b, make([]byte, n-len(plaintext))...)
}

// unframe reads the plaintext of a block. The payload is a part of it.
func unframe(plaintext []byte) (kind, []byte, error) {
	if len(plaintext) < minBlock || len(plaintext) > maxBlock {
		return 0, nil, damaged("block of %d bytes", len(plaintext))
	}
	k := kind(plaintext[0])
	n := uint64(binary.LittleEndian.Uint32(plaintext[1:]))
	if k < kindHeader || k > kindSnapshot {
		return 0, nil, damaged("block of unknown kind %d (another recovery phrase, or a newer version of this program?)", k)
	}
	if n > maxBlock || paddedSize(blockPrefix+int(n)) != len(plaintext) {
		return 0, nil, damaged("block of %d bytes with a payload of %d", len(plaintext), n)
	}
	payload, padding := plaintext[blockPrefix:blockPrefix+n], plaintext[blockPrefix+n:]
	for _, b := range padding {
		if b != 0 {
			return 0, nil, damaged("padding that is not zero")
		}
	}
	return k, payload, nil
}

// open decrypts, in place, and unframes a stored block of a feed. The payload is a part of it.
func (k *Keys) open(key feed.Key, index uint64, stored []byte) (kind, []byte, error) {
	if len(stored) > CipherOverhead+maxBlock {
		return 0, nil, damaged("reading block %d of feed %s: %d bytes", index, feedName(key), len(stored))
	}
	plaintext, err := k.Cipher(key).openInPlace(index, stored)
	if err != nil {
		return 0, nil, err
	}
	kind, payload, err := unframe(plaintext)
	if err != nil {
		return 0, nil, fmt.Errorf("reading block %d of feed %s: %w", index, feedName(key), err)
	}
	return kind, payload, nil
}

// kindOf returns the kind of a stored block, for which it decrypts no more than its
// beginning; that the rest is sound is not checked.
func (k *Keys) kindOf(key feed.Key, index uint64, stored []byte) (kind, error) {
	plaintext, err := k.Cipher(key).Open(index, stored[:min(len(stored), CipherOverhead+minBlock)])
	if err == nil && len(plaintext) < minBlock {
		err = damaged("reading block %d of feed %s: %d bytes", index, feedName(key), len(stored))
	}
	if err != nil {
		return 0, err
	}
	if kind := kind(plaintext[0]); kind >= kindHeader && kind <= kindSnapshot {
		return kind, nil
	}
	return 0, damaged("reading block %d of feed %s: unknown kind %d", index, feedName(key), plaintext[0])
}

// paddedSize returns the size that n bytes are padded to: Padmé, which leaks
// O(log log n) bits of the length and costs at most 12 %, less for larger blocks.
// (Nikitin et al., "Reducing Metadata Leakage from Encrypted Files and
// Communication with PURBs", 2019, section 4.)
func paddedSize(n int) int {
	if n <= minBlock {
		return minBlock
	}
	e := bits.Len(uint(n)) - 1
	s := bits.Len(uint(e))
	mask := 1<<(e-s) - 1
	return (n + mask) &^ mask
}
