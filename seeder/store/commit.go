package store

import (
	"cobox/seeder/feed"

	"golang.org/x/sync/errgroup"
)

// A change is what one feed has to commit.
type change struct {
	f     *Feed
	rec   record
	pages map[pageID][]byte // encoded
	bits  map[uint64][]byte // encoded
	files map[uint64]*blockFile
}

// commit brings the changes of feeds to the disk: first the bytes of blocks,
// then the index. The bits and the record of a feed come in one transaction, and
// its tree nodes with them or, when there are too many, before: a crash in
// between leaves bytes and nodes that nothing names.
func (s *Store) commit(feeds []*Feed) error {
	changes := make([]*change, 0, len(feeds))
	for _, f := range feeds {
		if ch := f.beginCommit(); ch != nil {
			changes = append(changes, ch)
		}
	}
	err := s.syncFiles(changes)
	if err == nil {
		err = s.writeChanges(changes)
	}
	for _, ch := range changes {
		ch.f.endCommit(ch, err)
	}
	return err
}

// beginCommit takes what the feed has to commit; nil when there is nothing.
func (f *Feed) beginCommit() *change {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.changed || f.err != nil {
		return nil // after an error, what is in memory may be half of a change
	}
	if err := f.loadBitsLocked(); err != nil {
		// The other feeds go on.
		f.err = err
		f.s.log.Error("committing a feed", "feed", f.dk, "error", err)
		return nil
	}
	ch := &change{f: f, pages: make(map[pageID][]byte, len(f.dirty)), bits: make(map[uint64][]byte), files: f.touched}
	for id, p := range f.dirty {
		ch.pages[id] = p.appendTo(nil)
	}
	for number := range f.dirtyBits {
		if ch.bits[number] = f.bits.Page(number); ch.bits[number] == nil {
			ch.bits[number] = make([]byte, feed.PageBits/8)
		}
	}
	ch.rec = *f.rec
	ch.rec.blocks, ch.rec.bytes = f.blocks, f.bytes
	for i, n := range f.pending {
		ch.bits[i/feed.PageBits][i%feed.PageBits/8] |= 1 << (i % 8)
		ch.rec.blocks++
		ch.rec.bytes += n
	}
	for number, page := range ch.bits {
		ch.bits[number] = trimZeros(page)
	}
	f.committing, f.flushing, f.busy = f.dirty, f.pending, true
	f.clearPendingLocked()
	return ch
}

func trimZeros(b []byte) []byte {
	n := len(b)
	for n > 0 && b[n-1] == 0 {
		n--
	}
	return b[:n]
}

// endCommit makes a committed change the durable view. After an error the newest
// view stays as it is for those who read; nothing more comes in.
func (f *Feed) endCommit(ch *change, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		if f.err == nil {
			f.err = err
		}
		return
	}
	f.durable = ch.rec.state
	for i, n := range f.flushing {
		if f.bits.Set(i, true) {
			f.blocks++
			f.bytes += n
		}
	}
	f.contiguous = f.bits.NextUnset(f.contiguous)
	for id, p := range f.committing {
		f.s.pages.put(cacheKey{f, id}, p)
	}
	f.flushing, f.committing, f.busy = nil, nil, false
}

// syncsAtOnce is how many files are synced at the same time: file systems gather
// what belongs together.
const syncsAtOnce = 8

// syncFiles brings the bytes of blocks to the disk.
func (s *Store) syncFiles(changes []*change) error {
	var g errgroup.Group
	g.SetLimit(syncsAtOnce)
	for _, ch := range changes {
		for _, file := range ch.files {
			g.Go(func() error {
				defer s.files.release(file)
				return s.files.sync(file)
			})
		}
	}
	return g.Wait()
}

// writeChanges writes the index.
func (s *Store) writeChanges(changes []*change) error {
	w := &writer{x: s.index, need: indexFree}
	for _, ch := range changes {
		var entries []entry
		layer := ch.rec.layer
		for id, data := range ch.pages {
			entries = append(entries, entry{nodesKey(ch.f.dk, layer, id), data})
		}
		last := len(entries)
		for number, data := range ch.bits {
			entries = append(entries, entry{bitsKey(ch.f.dk, layer, number), data})
		}
		entries = append(entries, entry{feedKey(keyFeed, ch.f.dk), ch.rec.append(nil)})
		if err := w.add(entries[:last], entries[last:]); err != nil {
			return err
		}
	}
	return w.flush()
}
