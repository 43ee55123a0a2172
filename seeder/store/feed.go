package store

import (
	"errors"
	"fmt"
	"slices"
	"sync"

	"cobox/seeder/feed"
)

// A Feed is a feed in a store. It implements feed.Nodes. It is safe for
// concurrent use.
//
// It has two views: what is durable, which may be served and announced, and the
// newest, which includes what was put and is not synced yet, to verify against.
type Feed struct {
	s   *Store
	key feed.Key
	dk  feed.DiscoveryKey

	writing sync.Mutex // one Append at a time

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
	dirtyBits  map[uint64]struct{}   // pages of bits that changed without a block put; mu
	touched    map[uint64]*blockFile // by generation: written, not synced; mu
	changed    bool                  // there is something to commit; mu
	nextBlock  uint64                // block after the one put last, mu
	nextByte   uint64                // and where it lies; mu
	frozen     *feed.ForkError       // mu
	err        error                 // why nothing can be put any more; mu
	watchers   map[int]func()        // mu
	watchID    int                   // mu
}

func newFeed(s *Store, r *record) *Feed {
	f := &Feed{
		s: s, key: r.state.Key, dk: r.state.Key.DiscoveryKey(), rec: r, durable: r.state,
		blocks: r.blocks, bytes: r.bytes,
	}
	f.clearPendingLocked()
	return f
}

func (f *Feed) clearPendingLocked() {
	f.pending = make(map[uint64]uint64)
	f.dirty = make(map[pageID]*page)
	f.dirtyBits = make(map[uint64]struct{})
	f.touched = make(map[uint64]*blockFile)
	f.changed = false
}

// Key returns the feed key.
func (f *Feed) Key() feed.Key { return f.key }

// Node returns a stored tree node, synced or not, or an error that wraps feed.ErrNoNode.
func (f *Feed) Node(index uint64) (feed.Node, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.nodeLocked(index)
}

// lockedNodes is f as feed.Nodes for those who hold f.mu.
type lockedNodes struct{ f *Feed }

func (n lockedNodes) Node(index uint64) (feed.Node, error) { return n.f.nodeLocked(index) }

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

// loadBitsLocked reads the bitfield when it is used for the first time.
func (f *Feed) loadBitsLocked() error {
	if f.bits != nil {
		return nil
	}
	bits := &feed.Bitfield{}
	for n := range len(f.rec.retired) + 1 {
		gen, cut := f.rec.current().number, ^uint64(0)
		if n < len(f.rec.retired) {
			gen, cut = f.rec.retired[n].generation, f.rec.retired[n].common
		}
		prefix := bitsKey(f.dk, gen, 0)
		prefix = prefix[:len(prefix)-8]
		err := f.s.each(prefix, func(key, value []byte) error {
			number := bigEndian(key[len(prefix):])
			page := make([]byte, feed.PageBits/8)
			if copy(page, value) != len(value) {
				return fmt.Errorf("%w: page of a bitfield", ErrDamaged)
			}
			bits.SetPage(number, page)
			return nil
		})
		if err != nil {
			return fmt.Errorf("feed %s: reading the bitfield: %w", f.dk, err)
		}
		if cut != ^uint64(0) {
			truncateBits(bits, cut)
		}
	}
	// A commit that a crash cut in two may have left bits of blocks that its head
	// would have brought.
	truncateBits(bits, f.durable.Head.Length)
	f.bits = bits
	f.blocks = bits.Count()
	f.contiguous = bits.NextUnset(0)
	return nil
}

// truncateBits takes everything from length on out of a set.
func truncateBits(bits *feed.Bitfield, length uint64) {
	for {
		i, ok := bits.NextSet(length)
		if !ok {
			return
		}
		bits.SetRange(i, min(bits.NextUnset(i), (i/feed.PageBits+1)*feed.PageBits), false)
	}
}

// Has reports whether block i is stored and synced.
func (f *Feed) Has(i uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.hasLocked(i)
}

func (f *Feed) hasLocked(i uint64) bool { return f.loadBitsLocked() == nil && f.bits.Get(i) }

// Known reports whether block i is stored, synced or not.
func (f *Feed) Known(i uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.knownLocked(i)
}

func (f *Feed) knownLocked(i uint64) bool {
	if _, ok := f.pending[i]; ok {
		return true
	}
	if _, ok := f.flushing[i]; ok {
		return true
	}
	return f.hasLocked(i)
}

// Contiguous returns the number of synced blocks before the first gap.
func (f *Feed) Contiguous() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.loadBitsLocked() != nil {
		return 0
	}
	return f.contiguous
}

// Bits calls fn with the set of synced blocks, which it must neither keep nor change.
func (f *Feed) Bits(fn func(*feed.Bitfield)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.loadBitsLocked() != nil {
		fn(&feed.Bitfield{})
		return
	}
	fn(f.bits)
}

// Held returns how many blocks are synced, and their bytes.
func (f *Feed) Held() (blocks, bytes uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.blocks, f.bytes
}

// Frozen returns the evidence that the feed's writer forked it, or nil.
func (f *Feed) Frozen() *feed.ForkError {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.frozen
}

// Watch calls fn after each change of what is durable, until stop is called. fn
// must not block, and must not call the store.
func (f *Feed) Watch(fn func()) (stop func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.watchers == nil {
		f.watchers = make(map[int]func())
	}
	f.watchID++
	id := f.watchID
	f.watchers[id] = fn
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.watchers, id)
	}
}

// tell calls the watchers, without locks.
func (f *Feed) tell() {
	f.mu.Lock()
	fns := make([]func(), 0, len(f.watchers))
	for _, fn := range f.watchers {
		fns = append(fns, fn)
	}
	f.mu.Unlock()
	for _, fn := range fns {
		fn()
	}
}

// Block reads a block, synced or not: it appends the stored bytes to buf[:0].
// The error wraps [ErrNoBlock] for one that is not stored.
func (f *Feed) Block(i uint64, buf []byte) ([]byte, error) {
	f.mu.Lock()
	if !f.knownLocked(i) {
		f.mu.Unlock()
		return nil, fmt.Errorf("block %d of feed %s: %w", i, f.dk, ErrNoBlock)
	}
	at, size, err := f.whereLocked(i)
	gen := f.rec.of(i).number
	f.mu.Unlock()
	if err != nil {
		return nil, fmt.Errorf("finding block %d of feed %s: %w", i, f.dk, err)
	}
	buf = slices.Grow(buf[:0], int(size))[:size]
	if size == 0 {
		return buf, nil
	}
	file, err := f.s.files.acquire(f.dk, gen, false)
	if err == nil {
		defer f.s.files.release(file)
		_, err = file.ReadAt(buf, at)
	}
	if err != nil {
		return nil, fmt.Errorf("reading block %d of feed %s: %w", i, f.dk, err)
	}
	return buf, nil
}

// whereLocked returns where in its generation's file a block lies, and its size.
func (f *Feed) whereLocked(i uint64) (at int64, size uint64, err error) {
	leaf, err := f.nodeLocked(2 * i)
	if err != nil {
		return 0, 0, err
	}
	offset, err := f.offsetLocked(i)
	if err != nil {
		return 0, 0, err
	}
	f.nextBlock, f.nextByte = i+1, offset+leaf.Size
	return int64(offset - f.rec.of(i).firstByte), leaf.Size, nil
}

// offsetLocked returns where a block begins in the feed's byte order. Blocks are
// mostly put and read in order: then it is where the last one ended.
func (f *Feed) offsetLocked(i uint64) (uint64, error) {
	if i == f.nextBlock && i > 0 {
		return f.nextByte, nil
	}
	return feed.ByteOffset(lockedNodes{f}, f.rec.state.Roots, i)
}

// cutTail cuts block files to where the newest head ends: what a crash left
// beyond it belongs to nobody.
func (f *Feed) cutTail() error {
	end := f.rec.state.Head.Bytes - f.rec.current().firstByte
	file, err := f.s.files.acquire(f.dk, f.rec.current().number, false)
	if errors.Is(err, errNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.s.files.release(file)
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if info.Size() > int64(end) {
		return file.Truncate(int64(end))
	}
	return nil
}
