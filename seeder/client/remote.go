package client

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"cobox/seeder/feed"
)

// A remote is a feed of which we keep nothing but the head: blocks pass through
// memory on their way to the reader, at most [window] bytes of them at a time.
// Every block is proved up to the roots, so no node needs to be kept either.
// It implements replicate.Feed.
type remote struct {
	key feed.Key

	mu     sync.Mutex
	state  feed.State           // mu
	roots  map[uint64]feed.Node // mu; of state
	blocks map[uint64][]byte    // mu; arrived and not taken yet
	frozen *feed.ForkError      // mu
	froze  chan struct{}        // closed when frozen is set
	watch  map[int]func()       // mu
	nextID int                  // mu
}

func newRemote(key feed.Key) *remote {
	return &remote{
		key: key, state: feed.State{Key: key},
		roots: make(map[uint64]feed.Node), blocks: make(map[uint64][]byte),
		watch: make(map[int]func()), froze: make(chan struct{}),
	}
}

func (r *remote) Key() feed.Key { return r.key }

// Node knows the roots alone, so that every proof leads up to them.
func (r *remote) Node(i uint64) (feed.Node, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if n, ok := r.roots[i]; ok {
		return n, nil
	}
	return feed.Node{}, fmt.Errorf("node %d: %w", i, feed.ErrNoNode)
}

func (r *remote) State() feed.State {
	r.mu.Lock()
	defer r.mu.Unlock()
	st := r.state
	st.Roots = slices.Clone(st.Roots)
	return st
}

// Durable is the empty state: we have nothing to offer.
func (r *remote) Durable() feed.State { return feed.State{Key: r.key} }

func (r *remote) Known(i uint64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, ok := r.blocks[i]
	return ok
}

func (r *remote) Has(uint64) bool              { return false }
func (r *remote) Contiguous() uint64           { return 0 }
func (r *remote) Bits(fn func(*feed.Bitfield)) { fn(&feed.Bitfield{}) }

func (r *remote) Block(i uint64, _ []byte) ([]byte, error) {
	return nil, fmt.Errorf("block %d of feed %s is not kept here", i, r.key.DiscoveryKey())
}

// Put keeps the block until it is taken, and the head.
func (r *remote) Put(b *feed.Batch) error {
	r.mu.Lock()
	if b.Upgraded != nil {
		r.state = *b.Upgraded
		clear(r.roots)
		for _, n := range b.Upgraded.Roots {
			r.roots[n.Index] = n
		}
	}
	if b.Block != nil {
		r.blocks[b.Block.Index] = b.Block.Value // ours: see replicate.Options.Keeps
	}
	fns := make([]func(), 0, len(r.watch))
	for _, fn := range r.watch {
		fns = append(fns, fn)
	}
	r.mu.Unlock()
	for _, fn := range fns {
		fn()
	}
	return nil
}

func (r *remote) Watch(fn func()) (stop func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.nextID++
	id := r.nextID
	r.watch[id] = fn
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.watch, id)
	}
}

func (r *remote) Freeze(e *feed.ForkError) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.frozen == nil {
		r.frozen = e
		close(r.froze)
	}
	return nil
}

func (r *remote) Frozen() *feed.ForkError {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.frozen
}

// take returns a block that has arrived, and forgets it.
func (r *remote) take(i uint64) ([]byte, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	b, ok := r.blocks[i]
	delete(r.blocks, i)
	return b, ok
}

// waitForHead waits until a head is known that is at least length blocks long. It
// returns errFailed when failed is closed.
func (r *remote) waitForHead(ctx context.Context, length uint64, failed <-chan struct{}) (feed.Head, error) {
	changed := make(chan struct{}, 1)
	defer r.Watch(func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	})()
	for {
		if h := r.State().Head; h.Length >= length {
			return h, nil
		}
		if e := r.Frozen(); e != nil {
			return feed.Head{}, e
		}
		select {
		case <-changed:
		case <-r.froze:
		case <-failed:
			return feed.Head{}, errFailed
		case <-ctx.Done():
			return feed.Head{}, fmt.Errorf("waiting for the head of feed %s: %w", r.key.DiscoveryKey(), context.Cause(ctx))
		}
	}
}
