package replicate

import "time"

// What one peer can make a session hold or do. Memory is bounded by bytes under
// way, not by the number of blocks.
const (
	// maxQueuedRequests bounds the requests of a peer that wait for their
	// answer. A peer that sends more is not read from until some are answered.
	// JavaScript peers keep 48 under way for each feed.
	maxQueuedRequests = 1024

	// maxParked bounds the requests of a peer that wait for what we are about to have.
	maxParked = 64

	// maxQueuedFrames bounds the bytes of small frames (everything but blocks)
	// that wait to be written, before the peer is no longer read from.
	maxQueuedFrames = 1 << 20

	// maxWants bounds the windows that a peer may subscribe to for each feed;
	// later ones replace earlier ones.
	maxWants = 64

	// maxRemoteRanges bounds the ranges kept of what a peer announced beyond the
	// length that we have verified.
	maxRemoteRanges = 64

	// maxMissing bounds the blocks that a peer announced and then did not have;
	// one that reaches it is not asked for blocks of that feed any more.
	maxMissing = 1024

	// maxShunned bounds the blocks that a peer sent and that did not verify; one that
	// reaches it is not asked for blocks of that feed any more. Each costs it a connection.
	maxShunned = 1 << 16

	// maxGaps bounds the ranges by which a peer is told what is gone; the last one
	// then takes back all that follows, of which the peer can ask for windows.
	maxGaps = 64

	// maxUnverifiable is how many answers in a row may lack the nodes to check
	// them (which can be our own doing, after a fork) before it counts as an invalid proof.
	maxUnverifiable = 8

	// maxReopens bounds how often a channel that the peer closes is opened again.
	maxReopens = 3

	// wantWindow is the largest window of a Want message, in blocks (PROTOCOL.md).
	wantWindow = 1 << 21

	// Requests under way to one peer, in number and in bytes. The window in
	// bytes follows the link (flow.go); minRequests keeps a link busy when blocks are large.
	minRequests = 4
	maxRequests = 1024
	minWindow   = 1 << 20
	maxWindow   = 16 << 20

	// quantum is how many requests one feed may send before another feed of the
	// same session has its turn.
	quantum = 16
)

// Of a feed that is more than tipFirst blocks behind, the newest tipBlocks are
// fetched before the others: a reader that follows the feed needs them first, and
// would else wait until all of it has come.
const (
	tipFirst  = 4096
	tipBlocks = 64
)

// Defaults of [Config].
const (
	defaultRequestTimeout = 20 * time.Second
	defaultWriteTimeout   = 60 * time.Second
)

// lookEvery is how often a session looks at all its feeds, whether or not
// something happened.
const lookEvery = 10 * time.Second
