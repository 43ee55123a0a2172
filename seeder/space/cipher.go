package space

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"cobox/seeder/feed"
	"cobox/seeder/salsa"

	"golang.org/x/crypto/blake2b"
)

// CipherOverhead is how much longer a stored block is than its plaintext.
const CipherOverhead = 8

// A Cipher is Hypercore's block encryption: XSalsa20 keyed per feed, with a
// nonce that is made of block index and fork. It gives secrecy alone; that a
// block is the writer's is for the feed's tree and signature to tell, and its
// contents are checked against their chunk IDs besides. It may be used by several goroutines.
type Cipher struct {
	block    [32]byte
	blinding [32]byte
}

// NewCipher returns the cipher of a feed with a manifest, as Hypercore 11 makes
// it from an encryption key.
func NewCipher(encryptionKey [32]byte, key feed.Key) *Cipher {
	namespace := blake2b.Sum256([]byte("hypercore"))
	context := blake2b.Sum256(append(namespace[:], 5)) // DEFAULT_ENCRYPTION
	text := append(context[:], key[:]...)
	return NewBlockCipher(blake2b.Sum256(append(text, encryptionKey[:]...)))
}

// NewCompatCipher returns the cipher of a feed without manifest, as Hypercore 10
// makes it. We write no such feeds.
func NewCompatCipher(encryptionKey [32]byte, key feed.Key) *Cipher {
	h, err := blake2b.New256(key[:])
	if err != nil {
		panic("space: " + err.Error()) // only for a key that is too long
	}
	h.Write(encryptionKey[:])
	return NewBlockCipher([32]byte(h.Sum(nil)))
}

// NewBlockCipher returns the cipher with a given block key.
func NewBlockCipher(blockKey [32]byte) *Cipher {
	return &Cipher{block: blockKey, blinding: blake2b.Sum256(blockKey[:])}
}

// Seal returns the stored form of a block: 8 bytes and the ciphertext. The fork
// is that of the head that the block extends.
//
// The keystream depends on index and fork only. Never seal two plaintexts for
// one index and fork: whoever sees both results learns their difference.
func (c *Cipher) Seal(index, fork uint64, plaintext []byte) []byte {
	stored := make([]byte, CipherOverhead+len(plaintext))
	copy(stored[CipherOverhead:], plaintext)
	c.sealInPlace(index, fork, stored)
	return stored
}

// sealInPlace seals the plaintext in stored[CipherOverhead:].
func (c *Cipher) sealInPlace(index, fork uint64, stored []byte) {
	var nonce [24]byte
	binary.LittleEndian.PutUint64(nonce[:], index)
	padding := stored[:CipherOverhead]
	binary.LittleEndian.PutUint64(padding, fork)
	salsa.XORKeyStream(padding, padding, &nonce, &c.blinding)
	copy(nonce[8:], padding)
	salsa.XORKeyStream(stored[CipherOverhead:], stored[CipherOverhead:], &nonce, &c.block)
}

// Open returns the plaintext of a stored block in a slice of its own. It does not
// notice a wrong key or index: the plaintext is noise then.
func (c *Cipher) Open(index uint64, stored []byte) ([]byte, error) {
	return c.openInPlace(index, bytes.Clone(stored))
}

// openInPlace is Open with the plaintext where the ciphertext was.
func (c *Cipher) openInPlace(index uint64, stored []byte) ([]byte, error) {
	if len(stored) < CipherOverhead {
		return nil, fmt.Errorf("opening block %d: it has %d bytes, fewer than %d: %w", index, len(stored), CipherOverhead, ErrDamaged)
	}
	var nonce [24]byte
	binary.LittleEndian.PutUint64(nonce[:], index)
	copy(nonce[8:], stored[:CipherOverhead])
	plaintext := stored[CipherOverhead:]
	salsa.XORKeyStream(plaintext, plaintext, &nonce, &c.block)
	return plaintext, nil
}
