package store

import (
	"encoding/binary"
	"fmt"
	"math/bits"

	"cobox/seeder/compact"
	"cobox/seeder/feed"
)

// Tree nodes are kept in pages. A page of level l covers a subtree of 8 levels:
// the nodes of depth 8l to 8l+7 that have one node of depth 8l+8 above them; that
// node is a leaf of the level above. A page's own nodes have places in a flat
// tree of 256 leaves, 0 to 510, without its root, 255.
//
// Stored is only what cannot be computed: a node whose children are both in the
// page is not written. A full page of leaves takes about 35 bytes a block.
const (
	pageDepth  = 8
	pageLeaves = 1 << pageDepth
	pageSlots  = 2*pageLeaves - 1
	pageRoot   = pageLeaves - 1 // not in the page
	pageBitmap = pageSlots/8 + 1
	maxLevel   = 40 / pageDepth // of the highest node of feed.MaxLength blocks
)

// A pageID names a page of a feed's tree.
type pageID struct {
	level  uint8
	number uint64
}

// place returns the page of a tree node and its slot there.
func place(index uint64) (pageID, int) {
	depth := bits.TrailingZeros64(^index)
	offset := index >> (depth + 1)
	level := depth / pageDepth
	d := depth % pageDepth
	width := pageDepth - d // of the offset within the page
	slot := (offset&(1<<width-1))<<(d+1) + 1<<d - 1
	return pageID{uint8(level), offset >> width}, int(slot)
}

// index returns the tree node in a slot of a page.
func (id pageID) index(slot int) uint64 {
	d := bits.TrailingZeros64(^uint64(slot))
	offset := uint64(slot)>>(d+1) | id.number<<(pageDepth-d)
	depth := int(id.level)*pageDepth + d
	return offset<<(depth+1) + 1<<depth - 1
}

// root returns the tree node above all nodes of a page.
func (id pageID) root() uint64 { return id.index(pageRoot) }

// A page holds tree nodes in memory. It is guarded by its feed's mutex.
//
// The hashes of nodes that were not written are computed when somebody asks for them:
// who only looks for where a block lies asks for none.
type page struct {
	id      pageID
	present slots
	owed    slots // present, with a hash that is not computed yet
	sizes   [pageSlots]uint64
	hashes  [pageSlots]feed.Hash
}

// slots is a set of a page's slots.
type slots [pageLeaves / 32]uint64

func (s *slots) has(slot int) bool { return s[slot>>6]>>(slot&63)&1 == 1 }
func (s *slots) add(slot int)      { s[slot>>6] |= 1 << (slot & 63) }
func (s *slots) remove(slot int)   { s[slot>>6] &^= 1 << (slot & 63) }

func (p *page) has(slot int) bool { return p.present.has(slot) }

func (p *page) node(slot int) feed.Node {
	if p.owed.has(slot) {
		half := halfOf(slot)
		p.hashes[slot] = feed.Parent(p.node(slot-half), p.node(slot+half)).Hash
		p.owed.remove(slot)
	}
	return feed.Node{Index: p.id.index(slot), Size: p.sizes[slot], Hash: p.hashes[slot]}
}

// halfOf returns how far a node's children are from it; 0 for a leaf.
func halfOf(slot int) int { return 1 << bits.TrailingZeros64(^uint64(slot)) >> 1 }

// settle computes the hashes that are owed, before a node that they depend on changes.
func (p *page) settle() {
	for word := range p.owed {
		for p.owed[word] != 0 {
			p.node(word<<6 + bits.TrailingZeros64(p.owed[word]))
		}
	}
}

// holds reports whether just this node is in the page.
func (p *page) holds(slot int, n *feed.Node) bool {
	return p.has(slot) && p.sizes[slot] == n.Size && p.node(slot).Hash == n.Hash
}

func (p *page) set(slot int, n feed.Node) {
	p.settle()
	p.present.add(slot)
	p.sizes[slot], p.hashes[slot] = n.Size, n.Hash
}

func (p *page) unset(slot int) {
	p.settle()
	p.present.remove(slot)
}

// cut takes the nodes out that reach beyond the first length blocks.
func (p *page) cut(length uint64) {
	if length > feed.MaxLength || feed.RightSpan(p.id.root()) < 2*length {
		return
	}
	for slot := range pageSlots {
		if p.has(slot) && feed.RightSpan(p.id.index(slot)) >= 2*length {
			p.unset(slot)
		}
	}
}

// derived reports whether a node follows from its children in the page.
func (p *page) derived(slot int) bool {
	half := halfOf(slot)
	return half > 0 && p.has(slot-half) && p.has(slot+half)
}

// appendTo appends the stored form: a bitmap of the nodes that are written, 64
// bytes, then size (a varint) and hash of each in the order of their slots.
func (p *page) appendTo(b []byte) []byte {
	start := len(b)
	b = append(b, make([]byte, pageBitmap)...)
	for slot := range pageSlots {
		if !p.has(slot) || p.derived(slot) {
			continue
		}
		b[start+slot>>3] |= 1 << (slot & 7)
		b = binary.AppendUvarint(b, p.sizes[slot])
		b = append(b, p.hashes[slot][:]...)
	}
	return b
}

// parsePage reads what appendTo wrote, and nothing else.
func parsePage(id pageID, data []byte) (*page, error) {
	damaged := func(what string) error {
		return fmt.Errorf("%w: page %d of level %d of the tree: %s", ErrDamaged, id.number, id.level, what)
	}
	if len(data) < pageBitmap || data[pageSlots>>3]>>(pageSlots&7) != 0 {
		return nil, damaged("no bitmap of its nodes")
	}
	p := &page{id: id}
	bitmap, rest := data[:pageBitmap], data[pageBitmap:]
	for slot := range pageSlots {
		if bitmap[slot>>3]>>(slot&7)&1 == 0 {
			continue
		}
		size, n := binary.Uvarint(rest)
		if n <= 0 || n > 1 && rest[n-1] == 0 || size > compact.MaxUint || len(rest)-n < len(feed.Hash{}) {
			return nil, damaged("it ends too early, or a size is impossible")
		}
		p.set(slot, feed.Node{Size: size, Hash: feed.Hash(rest[n : n+len(feed.Hash{})])})
		rest = rest[n+len(feed.Hash{}):]
	}
	if len(rest) > 0 || p.has(pageRoot) {
		return nil, damaged("bytes after its end")
	}
	if !p.derive() {
		return nil, damaged("nodes that do not fit together")
	}
	return p, nil
}

// derive adds the nodes that were not written, lower ones first; their hashes are owed.
// It reports whether the page is as appendTo writes it.
func (p *page) derive() bool {
	for d := 1; d < pageDepth; d++ {
		half := 1 << (d - 1)
		for slot := 1<<d - 1; slot < pageSlots; slot += 2 << d {
			if !p.has(slot-half) || !p.has(slot+half) {
				continue
			}
			if p.has(slot) || p.sizes[slot-half]+p.sizes[slot+half] > compact.MaxUint {
				return false
			}
			p.present.add(slot)
			p.owed.add(slot)
			p.sizes[slot] = p.sizes[slot-half] + p.sizes[slot+half]
		}
	}
	return true
}
