package secretstream

import (
	"crypto/subtle"
	"encoding/binary"
	"errors"

	"golang.org/x/crypto/chacha20"
	//lint:ignore SA1019 Poly1305 with a key of its own for each message is what libsodium's construction is made of; chacha20poly1305 pads otherwise.
	"golang.org/x/crypto/poly1305"
)

const (
	headerSize = 24
	tagSize    = 1
	macSize    = poly1305.TagSize
	// Overhead is what sealing adds to a message, in bytes.
	Overhead = tagSize + macSize
	// blockSize is ChaCha20's. The tag fills the first block of a message's keystream.
	blockSize = 64

	tagRekey = 2 // the bit in a message's tag that asks for a new key
)

// errForged says that a sealed message was not made with the stream's key, or is
// not the next one.
var errForged = errors.New("a message does not verify: the connection was tampered with, or bytes were lost")

// A half is one direction of libsodium's crypto_secretstream_xchacha20poly1305.
type half struct {
	key   [chacha20.KeySize]byte
	nonce [chacha20.NonceSize]byte // counter, u32le, and inonce, 8 bytes
	fast  fast                     // of key; for xor
}

// newHalf starts the direction that a header begins.
func newHalf(key [32]byte, header [headerSize]byte) *half {
	h := new(half)
	sub, err := chacha20.HChaCha20(key[:], header[:16])
	if err != nil {
		panic("secretstream: " + err.Error()) // the lengths are right
	}
	copy(h.key[:], sub)
	h.nonce[0] = 1
	copy(h.nonce[4:], header[16:])
	h.fast = newFast(&h.key)
	return h
}

// stream returns ChaCha20 for the next message, at its first block.
func (h *half) stream() *chacha20.Cipher {
	c, err := chacha20.NewUnauthenticatedCipher(h.key[:], h.nonce[:])
	if err != nil {
		panic("secretstream: " + err.Error())
	}
	return c
}

// seal seals the message in buf[blockSize:], in place, and appends the MAC.
// buf[:blockSize] is room: the sealed tag is left in its last byte, so that
// what goes out is one piece, from there on. buf must have macSize bytes to spare.
func (h *half) seal(buf []byte) []byte {
	key, block := h.first(0)
	h.xor(buf)
	buf[blockSize-1] = block[0]
	mac := authenticate(&key, &block, buf[blockSize:])
	h.next(&mac, 0)
	return append(buf, mac[:]...)
}

// open opens a sealed message, laid out as seal leaves it, in place and returns
// the message. Errors are errForged.
func (h *half) open(buf []byte) ([]byte, error) {
	if len(buf) < blockSize+macSize {
		return nil, errForged
	}
	sealedTag := buf[blockSize-1]
	text, theirs := buf[blockSize:len(buf)-macSize], buf[len(buf)-macSize:]
	key, block := h.first(0)
	tag := block[0] ^ sealedTag
	block[0] = sealedTag
	mac := authenticate(&key, &block, text)
	if subtle.ConstantTimeCompare(mac[:], theirs) != 1 {
		return nil, errForged
	}
	h.xor(buf[:len(buf)-macSize])
	h.next(&mac, tag)
	return text, nil
}

// first returns the message's one-time key for Poly1305, from the first block of
// the keystream, and its second block with tag in it: the tag, sealed.
func (h *half) first(tag byte) (key [32]byte, block [blockSize]byte) {
	var two [2 * blockSize]byte
	two[blockSize] = tag
	h.stream().XORKeyStream(two[:], two[:])
	copy(key[:], two[:])
	copy(block[:], two[blockSize:])
	return key, block
}

// authenticate is Poly1305 over the sealed tag's block and the sealed message,
// with libsodium's padding: as many zero bytes as the message has over a multiple
// of 16, where one would expect the bytes that it lacks (SPEC section 6).
func authenticate(key *[32]byte, block *[blockSize]byte, text []byte) (mac [macSize]byte) {
	m := poly1305.New(key)
	_, _ = m.Write(block[:])
	_, _ = m.Write(text)
	var tail [16 + 16]byte
	pad := len(text) % 16
	binary.LittleEndian.PutUint64(tail[pad+8:], uint64(blockSize+len(text)))
	_, _ = m.Write(tail[:pad+16])
	m.Sum(mac[:0])
	return mac
}

// next moves on to the next message.
func (h *half) next(mac *[macSize]byte, tag byte) {
	subtle.XORBytes(h.nonce[4:], h.nonce[4:], mac[:8])
	counter := binary.LittleEndian.Uint32(h.nonce[:]) + 1
	binary.LittleEndian.PutUint32(h.nonce[:], counter)
	if counter == 0 || tag&tagRekey != 0 {
		h.rekey()
	}
}

// rekey replaces key and inonce by themselves, encrypted.
func (h *half) rekey() {
	var both [len(h.key) + 8]byte
	copy(both[:], h.key[:])
	copy(both[len(h.key):], h.nonce[4:])
	h.stream().XORKeyStream(both[:], both[:])
	copy(h.key[:], both[:])
	copy(h.nonce[4:], both[len(h.key):])
	binary.LittleEndian.PutUint32(h.nonce[:], 1)
	h.fast = newFast(&h.key)
}
