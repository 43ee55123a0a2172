package store

import (
	"container/list"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"cobox/seeder/feed"
)

// maxCachedPages bounds the pages kept in memory that are the same as in the
// index. One takes 20 KB, and the nodes of 256 blocks; proofs from a new one take as many
// hashes. JavaScript readers ask for blocks in random order, so that a feed of many
// small blocks is read at the speed of this cache or of those hashes.
const maxCachedPages = 768

// A pageCache keeps the pages used last, of all feeds. Pages in it may be read
// and changed only under their feed's mutex.
type pageCache struct {
	mu    sync.Mutex
	pages map[cacheKey]*list.Element // mu
	used  *list.List                 // of cached, last used first; mu
}

type cacheKey struct {
	feed *Feed
	id   pageID
}

type cached struct {
	key  cacheKey
	page *page
}

func newPageCache() *pageCache {
	return &pageCache{pages: make(map[cacheKey]*list.Element), used: list.New()}
}

func (c *pageCache) get(k cacheKey) *page {
	c.mu.Lock()
	defer c.mu.Unlock()
	e := c.pages[k]
	if e == nil {
		return nil
	}
	c.used.MoveToFront(e)
	return e.Value.(cached).page
}

func (c *pageCache) put(k cacheKey, p *page) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e := c.pages[k]; e != nil {
		e.Value = cached{k, p}
		c.used.MoveToFront(e)
		return
	}
	c.pages[k] = c.used.PushFront(cached{k, p})
	for c.used.Len() > maxCachedPages {
		c.dropLocked(c.used.Back())
	}
}

func (c *pageCache) dropLocked(e *list.Element) {
	old := c.used.Remove(e).(cached)
	delete(c.pages, old.key)
	old.key.feed.recent[old.key.id.level].CompareAndSwap(old.page, nil)
}

// forget drops all pages of a feed.
func (c *pageCache) forget(f *Feed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, e := range c.pages {
		if k.feed == f {
			c.dropLocked(e)
		}
	}
}

// recentPages are the page of each level that was used last: looking for a node
// goes from level to level, mostly in the same pages. They are in memory
// elsewhere too; the cache takes those out that it drops, so that many feeds do
// not keep many pages.
type recentPages [maxLevel + 1]atomic.Pointer[page]

func (r *recentPages) forget() {
	for level := range r {
		r[level].Store(nil)
	}
}

// pageLocked returns a page of the feed's tree as it is now: changed and not
// committed, being committed, or as in the index. The page is there even when
// no node of it is stored: it is empty then.
func (f *Feed) pageLocked(id pageID) (*page, error) {
	if id.level > maxLevel {
		return nil, fmt.Errorf("feed %s: a tree node above all blocks: %w", f.dk, feed.ErrNoNode)
	}
	if p := f.recent[id.level].Load(); p != nil && p.id == id {
		return p, nil
	}
	p := f.dirty[id]
	if p == nil {
		p = f.committing[id]
	}
	if p == nil {
		k := cacheKey{f, id}
		if p = f.s.pages.get(k); p == nil {
			var err error
			if p, err = f.loadPageLocked(f.rec, id); err != nil {
				return nil, err
			}
			f.s.pages.put(k, p)
		}
	}
	f.recent[id.level].Store(p)
	return p, nil
}

// loadPageLocked reads a page from the index: from the record's layer, or from the
// youngest before it that has the page, without what was truncated since. A
// commit that a crash cut in two may have left nodes beyond the head: those
// do not count either, since nobody knows that what comes there is the same.
func (f *Feed) loadPageLocked(rec *record, id pageID) (*page, error) {
	layer, cut := rec.layer, f.durable.Head.Length
	for n := len(rec.retired); ; n-- {
		data, err := f.s.index.get(nodesKey(f.dk, layer, id))
		if err == nil {
			p, err := parsePage(id, data)
			if err != nil {
				return nil, fmt.Errorf("feed %s: %w", f.dk, err)
			}
			p.cut(cut)
			return p, nil
		}
		if !errors.Is(err, ErrNotFound) {
			return nil, fmt.Errorf("feed %s: reading tree nodes: %w", f.dk, err)
		}
		if n == 0 {
			return &page{id: id}, nil
		}
		o := &rec.retired[n-1]
		layer, cut = o.layer, min(cut, o.common)
	}
}

// nodeLocked returns a stored node.
func (f *Feed) nodeLocked(index uint64) (feed.Node, error) {
	p, slot, err := f.slotLocked(index)
	if err != nil {
		return feed.Node{}, err
	}
	return p.node(slot), nil
}

// sizeLocked returns how many bytes are below a stored node.
func (f *Feed) sizeLocked(index uint64) (uint64, error) {
	p, slot, err := f.slotLocked(index)
	if err != nil {
		return 0, err
	}
	return p.sizes[slot], nil
}

// slotLocked returns where in which page a stored node is.
func (f *Feed) slotLocked(index uint64) (*page, int, error) {
	id, slot := place(index)
	p, err := f.pageLocked(id)
	if err == nil && !p.has(slot) {
		err = &noNode{f.dk, index}
	}
	return p, slot, err
}

// noNode is a cheap error: most of those who look for nodes look for where they end.
type noNode struct {
	dk    feed.DiscoveryKey
	index uint64
}

func (e *noNode) Error() string {
	return fmt.Sprintf("feed %s: tree node %d: %v", e.dk, e.index, feed.ErrNoNode)
}

func (e *noNode) Unwrap() error { return feed.ErrNoNode }

// setNodesLocked adds verified nodes. Where there is another one already, it is
// one that a crash or damage left, and goes.
func (f *Feed) setNodesLocked(nodes []feed.Node) error {
	for i := range nodes {
		n := &nodes[i]
		id, slot := place(n.Index)
		p, err := f.pageLocked(id)
		if err != nil {
			return err
		}
		if p.holds(slot, n) {
			continue
		}
		note(&f.dirty, id, p)
		p.set(slot, *n)
	}
	return nil
}
