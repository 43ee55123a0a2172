package secretstream

import (
	"crypto/cipher"

	"golang.org/x/crypto/chacha20poly1305"
)

// fast is what xor keeps for a key.
type fast struct{ aead cipher.AEAD }

func newFast(key *[32]byte) fast {
	aead, err := chacha20poly1305.New(key[:])
	if err != nil {
		panic("secretstream: " + err.Error()) // the length is right
	}
	return fast{aead}
}

// xor encrypts or decrypts buf[blockSize:]. It overwrites buf[:blockSize], and
// may overwrite macSize bytes behind buf.
//
// x/crypto has ChaCha20 for AVX2 only inside its AEAD, whose keystream is the one
// that we need: its block 1 falls on the room for the tag, and the message begins
// at block 2. Its MAC is not ours and is thrown away. That is three times as fast
// as chacha20 on amd64, the unused MAC included.
func (h *half) xor(buf []byte) {
	if cap(buf) < len(buf)+macSize {
		h.xorGeneric(buf)
		return
	}
	h.fast.aead.Seal(buf[:0], h.nonce[:], buf, nil)
}
