package store

import (
	"container/list"
	"errors"
	"fmt"
	"sync"

	"cobox/seeder/feed"
)

// maxCachedPages bounds the pages kept in memory that are the same as in the
// index. One takes 20 KB.
const maxCachedPages = 128

// A pageCache keeps the pages used last, of all feeds. Pages in it may be read
// and changed only under their feed's mutex.
type pageCache struct {
	mu    sync.Mutex
	pages map[cacheKey]*list.Element // mu
	used  *list.List                 // of cached, last used first; mu
}

type cacheKey struct {
	feed *Feed
	gen  uint64
	id   pageID
}

type cached struct {
	key  cacheKey
	page *page
}

func (c *pageCache) init() {
	c.pages = make(map[cacheKey]*list.Element)
	c.used = list.New()
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
		old := c.used.Remove(c.used.Back()).(cached)
		delete(c.pages, old.key)
	}
}

// forget drops all pages of a feed.
func (c *pageCache) forget(f *Feed) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for k, e := range c.pages {
		if k.feed == f {
			c.used.Remove(e)
			delete(c.pages, k)
		}
	}
}

// pageLocked returns a page of the feed's tree as it is now: changed and not
// committed, being committed, or as in the index. The page is there even when
// no node of it is stored: it is empty then.
func (f *Feed) pageLocked(id pageID) (*page, error) {
	if p := f.dirty[id]; p != nil {
		return p, nil
	}
	if p := f.committing[id]; p != nil {
		return p, nil
	}
	k := cacheKey{f, f.rec.current().number, id}
	if p := f.s.pages.get(k); p != nil {
		return p, nil
	}
	p, err := f.loadPageLocked(id)
	if err != nil {
		return nil, err
	}
	f.s.pages.put(k, p)
	return p, nil
}

// loadPageLocked reads a page from the index: from the current generation, or
// from the youngest before it that has the page, without what was truncated since.
func (f *Feed) loadPageLocked(id pageID) (*page, error) {
	gen, cut := f.rec.current().number, ^uint64(0)
	for n := len(f.rec.retired); ; n-- {
		data, err := f.s.get(nodesKey(f.dk, gen, id))
		if err == nil {
			p, err := parsePage(id, data)
			if err != nil {
				return nil, fmt.Errorf("feed %s: %w", f.dk, err)
			}
			if cut != ^uint64(0) {
				p.cut(cut)
			}
			return p, nil
		}
		if !errors.Is(err, ErrNotFound) {
			return nil, fmt.Errorf("feed %s: reading tree nodes: %w", f.dk, err)
		}
		if n == 0 {
			return &page{id: id}, nil
		}
		o := &f.rec.retired[n-1]
		gen, cut = o.generation, min(cut, o.common)
	}
}

// nodeLocked returns a stored node.
func (f *Feed) nodeLocked(index uint64) (feed.Node, error) {
	id, slot := place(index)
	p, err := f.pageLocked(id)
	if err != nil {
		return feed.Node{}, err
	}
	if !p.has(slot) {
		return feed.Node{}, fmt.Errorf("feed %s: tree node %d: %w", f.dk, index, feed.ErrNoNode)
	}
	return p.node(slot), nil
}
