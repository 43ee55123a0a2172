package space

import (
	"container/list"
	"sync"

	"cobox/seeder/feed"
)

// maxCachedPacks bounds the opened packs that a Reader keeps: 16 MiB.
const maxCachedPacks = 16

// blockAt is a block of a feed.
type blockAt struct {
	feed  feed.Key
	index uint64
}

// A packCache keeps the packs that were used last. The zero value is empty.
type packCache struct {
	mu    sync.Mutex
	order list.List // of cachedPack, last used in front; mu
	byAt  map[blockAt]*list.Element
}

type cachedPack struct {
	at   blockAt
	pack *pack
}

// get returns a pack, or nil.
func (c *packCache) get(at blockAt) *pack {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.byAt[at]
	if !ok {
		return nil
	}
	c.order.MoveToFront(e)
	return e.Value.(cachedPack).pack
}

func (c *packCache) put(at blockAt, p *pack) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.byAt[at]; ok {
		return
	}
	if c.byAt == nil {
		c.byAt = make(map[blockAt]*list.Element)
	}
	c.byAt[at] = c.order.PushFront(cachedPack{at, p})
	if c.order.Len() > maxCachedPacks {
		oldest := c.order.Back()
		delete(c.byAt, oldest.Value.(cachedPack).at)
		c.order.Remove(oldest)
	}
}
