package secretstream

// xorGeneric encrypts or decrypts buf[blockSize:], with the keystream from
// block 2 on.
func (h *half) xorGeneric(buf []byte) {
	c := h.stream()
	c.SetCounter(2)
	c.XORKeyStream(buf[blockSize:], buf[blockSize:])
}
