package feed

import (
	"encoding/binary"
)

// A Head is a feed's tree head: what the writer signs with every append.
// The zero Head is that of an empty feed, which nobody signs.
type Head struct {
	Fork   uint64 // how many times the writer truncated the feed
	Length uint64 // blocks
	Bytes  uint64 // bytes of all blocks; follows from the roots, not signed by itself
	Hash   Hash   // the tree hash over the full roots
	// Signature is the head signature as it travels: a list of proofs for
	// manifests of version 1 and later, 64 bytes for older feeds, nil for
	// static feeds.
	Signature []byte
}

// signable returns what is signed for h (FORMAT.md section 6). The context is
// what keeps the signature to one feed; compat feeds have none (nil), since
// there the public key is the feed key.
func (h *Head) signable(context *Hash) []byte {
	b := make([]byte, 0, 32+32+32+8+8)
	b = append(b, nsTree[:]...)
	if context != nil {
		b = append(b, context[:]...)
	}
	b = append(b, h.Hash[:]...)
	b = binary.LittleEndian.AppendUint64(b, h.Length)
	return binary.LittleEndian.AppendUint64(b, h.Fork)
}
