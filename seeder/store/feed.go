package store

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"cobox/seeder/feed"
)

// A Feed is a feed in a store. It implements feed.Nodes. It is safe for
// concurrent use.
//
// It has two views: what is durable, which may be served and announced, and the
// newest, which includes what was put and is not synced yet, to verify against.
//
// Locks, in the order in which they may be taken: Store.making, writing, putting,
// mu, and then those of the index, the files, the page cache and the committer.
type Feed struct {
	s   *Store
	key feed.Key
	dk  feed.DiscoveryKey

	// putting is held for reading by each Put, and alone by what needs a moment
	// without: see quiet.
	putting sync.RWMutex

	// writing makes one of what changes a feed's shape at a time: Append, Clear,
	// Freeze, expiry, deletion, a truncation. Put does without.
	writing sync.Mutex

	drops  atomic.Uint64 // how often blocks were dropped: what was read meanwhile may be holes
	recent recentPages   // changed under mu, and by the page cache

	mu         sync.Mutex
	rec        *record               // newest; mu
	durable    feed.State            // mu
	bits       *feed.Bitfield        // durable blocks; nil until loaded; mu
	contiguous uint64                // of bits; mu
	blocks     uint64                // durable; mu
	bytes      uint64                // durable; mu
	pending    map[uint64]uint64     // blocks put since the last commit began, with their sizes; mu
	flushing   map[uint64]uint64     // blocks of the commit under way; mu
	dirty      map[pageID]*page      // changed since the last commit began; mu
	committing map[pageID]*page      // of the commit under way; mu
	dirtyBits  map[uint64]struct{}   // pages of bits to write; mu
	touched    map[uint64]*blockFile // by generation: written to, not synced; mu
	changed    bool                  // there is something to commit; mu
	busy       bool                  // a commit is under way; mu
	putAt      hint                  // mu
	readAt     hint                  // mu
	frozen     *feed.ForkError       // mu
	err        error                 // why nothing can be put any more; mu
	watchers   []*func()             // mu
}

// A hint remembers where a block begins: blocks are mostly put and read in order.
type hint struct{ block, offset uint64 }

func newFeed(s *Store, r *record) *Feed {
	f := &Feed{
		s: s, key: r.state.Key, dk: r.state.Key.DiscoveryKey(), rec: r, durable: r.state,
		blocks: r.blocks, bytes: r.bytes,
	}
	f.clearPendingLocked()
	return f
}

// clearPendingLocked forgets what is to be committed. There are no maps then: a
// store has very many feeds to which nothing comes.
func (f *Feed) clearPendingLocked() {
	f.pending, f.dirty, f.dirtyBits, f.touched = nil, nil, nil, nil
	f.changed = false
}

// note puts something into a map that is made when it is needed.
func note[K comparable, V any](m *map[K]V, key K, value V) {
	if *m == nil {
		*m = make(map[K]V)
	}
	(*m)[key] = value
}

// Key returns the feed key.
func (f *Feed) Key() feed.Key { return f.key }

// Node returns a stored tree node, synced or not, or an error that wraps feed.ErrNoNode.
func (f *Feed) Node(index uint64) (feed.Node, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.nodeLocked(index)
}

// lockedSizes is f as feed.Nodes, without the hashes, for those who hold f.mu and look for
// where a block lies.
type lockedSizes struct{ f *Feed }

func (n lockedSizes) Node(index uint64) (feed.Node, error) {
	size, err := n.f.sizeLocked(index)
	return feed.Node{Index: index, Size: size}, err
}

// State returns the newest verified state, synced or not: what to verify
// against. The caller must not change the roots.
func (f *Feed) State() feed.State {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.rec.state
}

// Durable returns the newest state that is synced. The caller must not change the roots.
func (f *Feed) Durable() feed.State {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.durable
}

// Frozen returns the evidence that the feed's writer forked it, or nil.
func (f *Feed) Frozen() *feed.ForkError {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.frozen
}

// Watch calls fn after each change of what is durable, until stop is called; a
// call under way then may still go on. fn must not block, and must not call
// what waits for the store to sync: it is called by who does that.
func (f *Feed) Watch(fn func()) (stop func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.watchers = append(f.watchers, &fn)
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.watchers = slices.DeleteFunc(f.watchers, func(w *func()) bool { return w == &fn })
	}
}

// tell calls the watchers, without locks.
func (f *Feed) tell() {
	f.mu.Lock()
	watchers := slices.Clone(f.watchers)
	f.mu.Unlock()
	for _, fn := range watchers {
		(*fn)()
	}
}

// refusesLocked returns why the feed takes nothing in, or nil.
func (f *Feed) refusesLocked() error {
	switch {
	case f.err != nil:
		return f.err
	case f.frozen != nil:
		return fmt.Errorf("%w: %w", ErrFrozen, f.frozen)
	}
	return nil
}
