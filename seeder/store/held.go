package store

import (
	"fmt"

	"cobox/seeder/feed"
)

// loadBitsLocked reads the bitfield when it is used for the first time.
func (f *Feed) loadBitsLocked() error {
	if f.bits != nil {
		return nil
	}
	bits := &feed.Bitfield{}
	for i := range f.rec.retired {
		o := &f.rec.retired[i]
		if err := f.readBits(bits, o.layer); err != nil {
			return err
		}
		dropFrom(bits, o.common)
	}
	if err := f.readBits(bits, f.rec.layer); err != nil {
		return err
	}
	// A commit that a crash cut in two may have left bits of blocks that its head
	// would have brought. They must not come back when the head grows.
	for _, number := range dropFrom(bits, f.durable.Head.Length) {
		note(&f.dirtyBits, number, struct{}{})
	}
	f.bits = bits
	f.contiguous = bits.NextUnset(0)
	if n := bits.Count(); n != f.blocks {
		f.s.log.Warn("counting the blocks of a feed anew", "feed", f.dk, "counted", n, "noted", f.blocks)
		f.recountLocked()
	}
	return nil
}

// readBits overwrites bits with the pages of one layer.
func (f *Feed) readBits(bits *feed.Bitfield, layer uint64) error {
	prefix := layerKey(keyBits, f.dk, layer)
	err := f.s.index.each(prefix, nil, func(key, value []byte) error {
		number, ok := parseBitsKey(key[len(prefix):])
		page := make([]byte, feed.PageBits/8)
		if !ok || number > feed.MaxLength/feed.PageBits || copy(page, value) != len(value) {
			return fmt.Errorf("%w: page of a bitfield", ErrDamaged)
		}
		bits.SetPage(number, page)
		return nil
	})
	if err != nil {
		return fmt.Errorf("feed %s: reading the bitfield: %w", f.dk, err)
	}
	return nil
}

// dropFrom takes everything from length on out of a set, and returns the numbers
// of the pages that this changed.
func dropFrom(bits *feed.Bitfield, length uint64) (pages []uint64) {
	for i, ok := bits.NextSet(length); ok; i, ok = bits.NextSet(length) {
		number := i / feed.PageBits
		bits.SetRange(i, (number+1)*feed.PageBits, false)
		pages = append(pages, number)
	}
	return pages
}

// recountLocked counts the held blocks and their bytes.
func (f *Feed) recountLocked() {
	f.blocks, f.bytes = f.bits.Count(), 0
	for i, ok := f.bits.NextSet(0); ok; i, ok = f.bits.NextSet(i + 1) {
		n, err := f.nodeLocked(2 * i)
		if err != nil {
			continue // a scrub finds it
		}
		f.bytes += n.Size
	}
}

// dropLocked takes a block of n bytes out of the durable view.
func (f *Feed) dropLocked(i, n uint64) {
	f.bits.Set(i, false)
	note(&f.dirtyBits, i/feed.PageBits, struct{}{})
	f.contiguous = min(f.contiguous, i)
	f.blocks--
	f.bytes -= min(n, f.bytes)
	f.changed = true
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

// Bits calls fn with the set of synced blocks, which it must neither keep nor
// change. fn must not call the feed.
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
