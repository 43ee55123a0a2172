//go:build !amd64

package secretstream

// fast is what xor keeps for a key.
type fast struct{}

func newFast(*[32]byte) fast { return fast{} }

// xor encrypts or decrypts buf[blockSize:]. It may overwrite buf[:blockSize], and
// macSize bytes behind buf.
func (h *half) xor(buf []byte) { h.xorGeneric(buf) }
