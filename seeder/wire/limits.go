package wire

// The limits that the JavaScript peers do not set (PROTOCOL.md, "Limits").
const (
	// MaxFrame is what the 24-bit length of a frame can say, in bytes. The
	// largest useful block, 15 MiB, fits with its proof.
	MaxFrame = 1<<24 - 1

	// MaxChannels bounds the channels of a connection that are open or waiting
	// to be, on each side. A partner with more feeds uses more connections.
	MaxChannels = 4096

	// maxName bounds a channel's protocol name and its id, in bytes; real ones
	// have 15 and 32.
	maxName = 256

	// maxHandshake bounds a channel's handshake, in bytes; a real one has 33.
	maxHandshake = 4096

	// maxNodes bounds the nodes of one list in a proof. A tree of 2^40 blocks has
	// paths of 40 nodes; an upgrade between two such trees has twice as many.
	maxNodes = 256

	// MaxSignature bounds the signature field of a head, in bytes: many signers
	// with a proof each.
	MaxSignature = 64 << 10

	// maxWords bounds a Bitfield message, in 32-bit words: one segment of 2097152 blocks.
	maxWords = 1 << 16
)
