package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"cobox/seeder/feed"

	"github.com/dgraph-io/badger/v4"
)

// When a commit begins, and how much may wait for one. A sync costs about as
// much as writing some MiB, so commits are gathered; a feed that trickles is
// synced soon all the same.
const (
	commitBytes = 4 << 20
	commitPages = 128 // 20 KB each
	commitDelay = 50 * time.Millisecond
	maxPending  = 16 << 20 // Put waits above this
	maxDirty    = 512      // pages; Put waits above this
)

// A committer brings what was put to the disk, for all feeds together.
type committer struct {
	s *Store

	mu      sync.Mutex
	changed *sync.Cond         // mu
	dirty   map[*Feed]struct{} // with something to commit; mu
	waits   size               // put since the last commit began; mu
	running size               // in the commit under way; mu
	begun   uint64             // commits that have begun; mu
	done    uint64             // commits that have ended; mu
	urgent  bool               // somebody waits; mu
	timer   *time.Timer        // commitDelay after the first change; mu
	due     bool               // it has fired; mu
	closing bool               // mu
	err     error              // of the disk: nothing is committed any more; mu
	ended   chan struct{}
}

func (c *committer) init(s *Store) {
	c.s = s
	c.changed = sync.NewCond(&c.mu)
	c.dirty = make(map[*Feed]struct{})
	c.ended = make(chan struct{})
}

func (c *committer) start() { go c.run() }

// added notes that a feed has something to commit, and waits while there is too much.
func (c *committer) added(f *Feed, n size) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.dirty[f] = struct{}{}
	c.waits.bytes += n.bytes
	c.waits.pages += n.pages
	if c.timer == nil {
		c.timer = time.AfterFunc(commitDelay, c.nowDue)
	}
	c.changed.Broadcast()
	for c.err == nil && (c.waits.bytes+c.running.bytes > maxPending || c.waits.pages+c.running.pages > maxDirty) {
		c.changed.Wait()
	}
	return c.err
}

func (c *committer) nowDue() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.due = true
	c.changed.Broadcast()
}

// flush waits until all that was put before is committed.
func (c *committer) flush(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.changed.Broadcast()
	})
	defer stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	want := c.begun // a commit under way may hold what was put
	if len(c.dirty) > 0 {
		c.urgent = true
		c.changed.Broadcast()
		want++
	}
	for c.err == nil && c.done < want && ctx.Err() == nil {
		c.changed.Wait()
	}
	if c.err != nil {
		return c.err
	}
	if c.done < want {
		return ctx.Err()
	}
	return nil
}

func (c *committer) pending() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return uint64(c.waits.bytes + c.running.bytes)
}

// stop commits what there is and ends the committer.
func (c *committer) stop() error {
	c.mu.Lock()
	c.closing = true
	c.changed.Broadcast()
	c.mu.Unlock()
	<-c.ended
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.err
	if c.err == nil {
		c.err = ErrClosed
	}
	return err
}

func (c *committer) run() {
	defer close(c.ended)
	for {
		feeds := c.next()
		if feeds == nil {
			return
		}
		err := c.s.commit(feeds)
		c.mu.Lock()
		c.done++
		c.running = size{}
		if err != nil && c.err == nil {
			c.err = fmt.Errorf("the store cannot be written any more until it is opened anew: %w", err)
			c.s.log.Error("committing to the store", "error", err)
		}
		failed := c.err != nil
		c.changed.Broadcast()
		c.mu.Unlock()
		if failed {
			return
		}
		for _, f := range feeds {
			f.tell()
		}
	}
}

// next waits for a commit to be due and returns its feeds; nil at the end.
func (c *committer) next() []*Feed {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		enough := c.waits.bytes >= commitBytes || c.waits.pages >= commitPages || c.due || c.urgent || c.closing
		if len(c.dirty) > 0 && enough {
			break
		}
		if c.closing {
			return nil
		}
		c.changed.Wait()
	}
	feeds := make([]*Feed, 0, len(c.dirty))
	for f := range c.dirty {
		feeds = append(feeds, f)
	}
	clear(c.dirty)
	c.running, c.waits = c.waits, size{}
	c.begun++
	c.due, c.urgent = false, false
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
	return feeds
}

// A change is what one feed has to commit.
type change struct {
	f     *Feed
	rec   record
	pages map[pageID][]byte // encoded
	bits  map[uint64][]byte // encoded
	files map[uint64]*blockFile
}

// commit brings the changes of feeds to the disk: first the bytes of blocks,
// then tree nodes, then, in one transaction a feed, bits and record. A crash in
// between leaves bytes and nodes that nothing names.
func (s *Store) commit(feeds []*Feed) error {
	changes := make([]*change, 0, len(feeds))
	var errs []error
	for _, f := range feeds {
		ch, err := f.beginCommit()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		if ch != nil {
			changes = append(changes, ch)
		}
	}
	err := errors.Join(errs...)
	for _, ch := range changes {
		for _, file := range ch.files {
			if err == nil {
				err = s.files.sync(file)
			}
			s.files.release(file)
		}
	}
	if err == nil {
		err = s.writeChanges(changes)
	}
	for _, ch := range changes {
		ch.f.endCommit(ch, err)
	}
	return err
}

// beginCommit takes what the feed has to commit; nil when there is nothing.
func (f *Feed) beginCommit() (*change, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.changed || errors.Is(f.err, ErrClosed) {
		return nil, nil
	}
	if err := f.loadBitsLocked(); err != nil {
		return nil, err
	}
	ch := &change{f: f, pages: make(map[pageID][]byte, len(f.dirty)), bits: make(map[uint64][]byte), files: f.touched}
	for id, p := range f.dirty {
		ch.pages[id] = p.appendTo(nil)
	}
	var bytes uint64
	numbers := f.dirtyBits
	for i, n := range f.pending {
		bytes += n
		numbers[i/feed.PageBits] = struct{}{}
	}
	for number := range numbers {
		ch.bits[number] = f.bits.Page(number)
		if ch.bits[number] == nil {
			ch.bits[number] = make([]byte, feed.PageBits/8)
		}
	}
	for i := range f.pending {
		ch.bits[i/feed.PageBits][i%feed.PageBits/8] |= 1 << (i % 8)
	}
	for number, page := range ch.bits {
		ch.bits[number] = trimZeros(page)
	}
	ch.rec = *f.rec
	ch.rec.blocks = f.blocks + uint64(len(f.pending))
	ch.rec.bytes = f.bytes + bytes
	f.committing, f.flushing = f.dirty, f.pending
	f.clearPendingLocked()
	return ch, nil
}

func trimZeros(b []byte) []byte {
	for len(b) > 0 && b[len(b)-1] == 0 {
		b = b[:len(b)-1]
	}
	return b
}

// endCommit makes a committed change the durable view.
func (f *Feed) endCommit(ch *change, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err == nil {
		f.durable = ch.rec.state
		for i, n := range f.flushing {
			if f.bits.Set(i, true) {
				f.blocks++
				f.bytes += n
			}
		}
		f.contiguous = f.bits.NextUnset(f.contiguous)
		gen := f.rec.current().number
		for id, p := range f.committing {
			f.s.pages.put(cacheKey{f, gen, id}, p)
		}
		f.flushing, f.committing = nil, nil
		return
	}
	// The newest view stays as it is for those who read; nothing more comes in.
	if f.err == nil {
		f.err = err
	}
}

// writeChanges writes the index.
func (s *Store) writeChanges(changes []*change) error {
	w := &indexWriter{s: s}
	for _, ch := range changes {
		gen := ch.rec.current().number
		for id, data := range ch.pages {
			if err := w.set(nodesKey(ch.f.dk, gen, id), data); err != nil {
				return err
			}
		}
	}
	for _, ch := range changes {
		gen := ch.rec.current().number
		entries := make([]entry, 0, len(ch.bits)+1)
		for number, data := range ch.bits {
			entries = append(entries, entry{bitsKey(ch.f.dk, gen, number), data})
		}
		entries = append(entries, entry{feedKey(keyFeed, ch.f.dk), ch.rec.append(nil)})
		if err := w.setTogether(entries); err != nil {
			return err
		}
	}
	return w.commit()
}

// An indexWriter writes to the index in as few synced transactions as fit.
type indexWriter struct {
	s *Store
	t *badger.Txn
}

type entry struct{ key, value []byte }

// set adds one entry; the transaction so far is committed when there is no room.
func (w *indexWriter) set(key, value []byte) error {
	if w.t == nil {
		w.t = w.s.db.NewTransaction(true)
	}
	err := w.t.Set(key, value)
	if !errors.Is(err, badger.ErrTxnTooBig) {
		return err
	}
	if err := w.commit(); err != nil {
		return err
	}
	w.t = w.s.db.NewTransaction(true)
	return w.t.Set(key, value)
}

// setTogether adds entries that must come in one transaction. When they do not
// fit into what is left of this one, what they were added to is committed with
// the part that fits: so entries are given in the order in which a part is
// harmless, the one that counts last.
func (w *indexWriter) setTogether(entries []entry) error {
	if len(entries) > 1 && w.t != nil {
		if err := w.commit(); err != nil {
			return err
		}
	}
	for _, e := range entries {
		if err := w.set(e.key, e.value); err != nil {
			return err
		}
	}
	return nil
}

func (w *indexWriter) commit() error {
	if w.t == nil {
		return nil
	}
	t := w.t
	w.t = nil
	defer t.Discard()
	if err := w.s.fault("index"); err != nil {
		return err
	}
	return explain(t.Commit())
}
