package space

import (
	"context"

	"cobox/seeder/feed"
)

// A Log is this device's own feed of a space, to write. Only one backup at a
// time may use it, and only one Log may ever write the feed.
type Log interface {
	Key() feed.Key
	// Length returns the number of blocks.
	Length() uint64
	// Fork returns the fork of the head that Append extends.
	Fork() uint64
	// Append stores blocks, already sealed for the indexes from first on, which must be
	// the next. They are durable, and count in Length, once durable has returned nil;
	// more may be appended meanwhile. It does not retain the slices.
	Append(ctx context.Context, first uint64, blocks [][]byte) (durable func() error, err error)
}

// Blocks reads stored blocks of feeds, this device's and others; it may fetch
// them from a box. It vouches that a block is the one that the feed's writer
// signed. It must be safe for concurrent use.
type Blocks interface {
	// Block returns the stored bytes of a block; the caller owns the slice. An
	// error that wraps [ErrAbsent] says that it cannot be had now, others that none can.
	Block(ctx context.Context, key feed.Key, index uint64) ([]byte, error)
}

// A Prefetcher is Blocks that want to know which blocks come next. The indexes
// ascend, and are asked for in about this order soon after; Prefetch does not
// wait for them, and may ignore the hint.
type Prefetcher interface {
	Prefetch(ctx context.Context, key feed.Key, indexes []uint64)
}

// A Releaser is Blocks that use slices again which they handed out. Whoever calls
// Release uses the block no more; a block that is not released costs no more than memory.
type Releaser interface {
	Release(block []byte)
}

// A Feed is a feed of a space and how much of it is there to be read.
type Feed struct {
	Key    feed.Key
	Length uint64
	Fork   uint64
}
