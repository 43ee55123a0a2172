package store

import (
	"context"
	"fmt"
	"slices"
	"time"

	"cobox/seeder/feed"
)

// maxRetired bounds the truncations of a feed that are remembered. A writer that
// truncates more often within the retention time is not followed meanwhile.
const maxRetired = 256

// maxRecord bounds the bytes of a feed's record, which is written with each
// commit: a manifest and signatures of the largest size, and some hundred
// truncations of usual ones.
const maxRecord = 400 << 10

// reorg follows the writer to another fork: from the first block that differs on,
// what is stored goes out of force and is kept until it expires. It is one
// synced transaction, written before anything in memory changes, so that there
// is no state between the forks.
func (f *Feed) reorg(b *feed.Batch) error {
	f.writing.Lock()
	defer f.writing.Unlock()
	// The end of the old generation must be whole in the index.
	err := f.quiet(func() error { return f.reorgLocked(b) })
	if err == nil {
		f.tell()
	}
	return err
}

// quiet calls fn with f.mu held, at a moment when nothing of the feed waits for a
// commit and none is under way. Puts wait meanwhile: where several peers send
// blocks, there is always one more, and the moment would not come. f.writing is
// held.
func (f *Feed) quiet(fn func() error) error {
	f.putting.Lock()
	defer f.putting.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.changed || f.busy {
		if f.err != nil {
			return f.err
		}
		f.mu.Unlock()
		_, err := f.s.commits.added(f, load{})
		if err == nil {
			err = f.s.commits.flush(context.Background())
		}
		f.mu.Lock()
		if err != nil {
			return err
		}
	}
	return fn()
}

func (f *Feed) reorgLocked(b *feed.Batch) error {
	have := f.rec.state.Head
	if err := f.refusesLocked(); err != nil {
		return err
	}
	if b.Upgraded.Head.Fork <= have.Fork || b.Common > have.Length || b.Common > b.Upgraded.Head.Length {
		return ErrStale
	}
	if len(f.rec.retired) >= maxRetired {
		return fmt.Errorf("the writer truncated it %d times within the retention time: no more is followed for now", maxRetired)
	}
	if err := f.loadBitsLocked(); err != nil {
		return err
	}
	rec, err := f.truncatedLocked(b.Common)
	if err != nil {
		return err
	}
	rec.state = *b.Upgraded
	if rec.blocks, rec.bytes, err = f.heldBelowLocked(b.Common, rec.current().firstByte); err != nil {
		return err
	}
	pages, err := f.pagesOfLocked(rec, slices.Concat(b.Nodes, b.Upgraded.Roots))
	if err != nil {
		return err
	}
	entries := make([]entry, 0, len(pages)+1)
	for id, p := range pages {
		entries = append(entries, entry{nodesKey(f.dk, rec.layer, id), p.appendTo(nil)})
	}
	data := rec.append(nil)
	if len(data) > maxRecord {
		return fmt.Errorf("what is to be remembered of its truncations takes %d bytes: no more is followed for now", len(data))
	}
	entries = append(entries, entry{feedKey(keyFeed, f.dk), data})
	if err := f.s.index.write(indexFree, entries...); err != nil {
		return err
	}
	f.rec, f.durable = rec, rec.state
	f.blocks, f.bytes = rec.blocks, rec.bytes
	dropFrom(f.bits, b.Common)
	f.contiguous = min(f.contiguous, b.Common)
	f.forgetLocked()
	return nil
}

// forgetLocked forgets what was remembered of the tree and of where blocks lie.
func (f *Feed) forgetLocked() {
	f.forgetPlacesLocked()
	f.recent.forget()
	f.s.pages.forget(f)
}

// forgetPlacesLocked makes those who are reading look again where to read.
func (f *Feed) forgetPlacesLocked() {
	f.drops.Add(1)
	f.putAt, f.readAt = hint{}, hint{}
}

// truncatedLocked returns the record after a truncation to common blocks, with
// a fresh generation and layer for what comes.
func (f *Feed) truncatedLocked(common uint64) (*record, error) {
	at, err := f.bytesBelowLocked(common)
	if err != nil {
		return nil, err
	}
	rec := *f.rec
	o := retired{
		layer: rec.layer, common: common, commonByte: at,
		head: rec.state.Head, at: time.Now().UTC().Truncate(time.Microsecond),
	}
	n := len(rec.generations)
	for n > 0 && rec.generations[n-1].first >= common {
		n--
	}
	o.dropped = slices.Clone(rec.generations[n:])
	if n > 0 {
		cut := rec.generations[n-1]
		o.cut = &cut
	}
	rec.retired = append(slices.Clip(rec.retired), o)
	rec.generations = append(slices.Clip(rec.generations[:n]), generation{rec.next, common, at})
	rec.layer = rec.next
	rec.next++
	return &rec, nil
}

// bytesBelowLocked returns the bytes of the first blocks of the feed.
func (f *Feed) bytesBelowLocked(length uint64) (sum uint64, err error) {
	if length == f.rec.state.Head.Length {
		return f.rec.state.Head.Bytes, nil
	}
	for _, root := range feed.RootIndexes(length) {
		n, err := f.nodeLocked(root)
		if err != nil {
			return 0, err
		}
		sum += n.Size
	}
	return sum, nil
}

// heldBelowLocked counts the held blocks below common, and their bytes; at is
// where common begins.
func (f *Feed) heldBelowLocked(common, at uint64) (blocks, bytes uint64, err error) {
	blocks = f.bits.CountRange(0, common)
	switch {
	case blocks == common: // all are there
		return blocks, at, nil
	case blocks == f.blocks: // none goes
		return blocks, f.bytes, nil
	}
	for i, ok := f.bits.NextSet(0); ok && i < common; i, ok = f.bits.NextSet(i + 1) {
		n, err := f.nodeLocked(2 * i)
		if err != nil {
			return 0, 0, err
		}
		bytes += n.Size
	}
	return blocks, bytes, nil
}

// pagesOfLocked returns the pages of a record that nodes change, with them.
func (f *Feed) pagesOfLocked(rec *record, nodes []feed.Node) (map[pageID]*page, error) {
	pages := make(map[pageID]*page)
	for _, n := range nodes {
		id, slot := place(n.Index)
		p := pages[id]
		if p == nil {
			var err error
			if p, err = f.loadPageLocked(rec, id); err != nil {
				return nil, err
			}
			pages[id] = p
		}
		p.set(slot, n)
	}
	return pages, nil
}
