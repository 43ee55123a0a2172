package wire

// What a stranger can make us hold (PROTOCOL.md, "Limits"). The JavaScript peers
// set no such limits; honest ones stay far below.
const (
	// MaxFrame is what the 24-bit length of a frame can say, in bytes. The
	// largest useful block, 15 MiB, fits with its proof.
	MaxFrame = 1<<24 - 1

	// MaxChannels bounds the channels of a connection that are open or waiting
	// to be. More are rejected; a partner with more feeds uses more connections.
	MaxChannels = 4096

	// MaxBatchItems bounds the messages of one batch: what they are turned into is
	// many times their size. It is enough for several messages on every channel.
	MaxBatchItems = 1 << 16

	// maxName bounds a channel's protocol name and its id, in bytes; real ones
	// have 15 and 32. Channels with longer ones are rejected.
	maxName = 256

	// maxHandshake bounds a channel's handshake, in bytes; a feed's has 33.
	// Channels with longer ones are rejected.
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
