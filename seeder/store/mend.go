package store

import (
	"errors"
	"fmt"

	"cobox/seeder/feed"
)

// A mender finds out what is wrong on the way from a root to a block, and sets
// it right as far as that can be done with what is here: a tree node follows
// from the nodes below it, and a leaf from its block. What cannot be set right no
// longer counts as stored, nodes and blocks, and comes again from a peer with its
// proof. Its methods are called with the feed's mutex held.
type mender struct {
	f     *Feed
	st    *feed.State
	block uint64
	found []Damage
	err   error // why it could not go on
}

// mend looks into what is wrong with a held block. It happens while nothing waits
// for a commit: a commit must not bring back what is dropped.
func (f *Feed) mend(st *feed.State, i uint64) ([]Damage, error) {
	f.writing.Lock()
	defer f.writing.Unlock()
	m := mender{f: f, st: st, block: i}
	err := f.quiet(func() error {
		if err := f.refusesLocked(); err != nil && !errors.Is(err, ErrFrozen) {
			return err
		}
		if !f.passedLocked(st, i) {
			m.mend()
		}
		return m.err
	})
	return m.found, err
}

// mend goes from the root above the block to its leaf, and then to the block.
// Everything above where it stands fits the signed head.
func (m *mender) mend() {
	at := m.root()
	for feed.Depth(at) > 0 && m.err == nil {
		if !m.fits(at) && !m.repair(at) {
			m.drop(at)
			return
		}
		if at = feed.LeftChild(at); feed.RightSpan(at) < 2*m.block {
			at = feed.SiblingIndex(at)
		}
	}
	if m.err == nil {
		m.checkBlock()
	}
}

// checkBlock drops the block if its bytes do not fit its leaf, which is right.
func (m *mender) checkBlock() {
	leaf, _ := m.node(2 * m.block)
	what := "the block's bytes do not fit its hash"
	p, err := m.f.findLocked(m.block)
	if err == nil {
		buf := make([]byte, p.size)
		if err = m.f.read(p, buf); err == nil && feed.Leaf(m.block, buf) == leaf {
			return
		}
	}
	if err != nil {
		if !isDamage(err) {
			m.err = err
			return
		}
		what = fmt.Sprintf("the block cannot be read: %v", err)
	}
	m.f.dropLocked(m.block, leaf.Size)
	m.f.forgetPlacesLocked()
	m.found = append(m.found, Damage{Feed: m.f.key, Block: m.block, Lost: 1, What: what})
}

// root returns the root above the block, which is as the signed head has it.
func (m *mender) root() uint64 {
	for _, root := range m.st.Roots {
		if feed.RightSpan(root.Index) >= 2*m.block {
			if m.set(root) {
				m.report(root.Index, 0, true, "tree node %d was damaged, and has been taken from the head")
			}
			return root.Index
		}
	}
	panic("store: a held block beyond the head")
}

// page returns a page, an empty one in the place of one that cannot be read.
func (m *mender) page(id pageID) *page {
	p, err := m.f.pageLocked(id)
	switch {
	case err == nil:
	case errors.Is(err, ErrDamaged):
		p = &page{id: id}
		note(&m.f.dirty, id, p)
		m.f.changed = true
		m.f.recent.forget()
	default:
		p, m.err = &page{id: id}, err
	}
	return p
}

func (m *mender) node(index uint64) (feed.Node, bool) {
	id, slot := place(index)
	p := m.page(id)
	if !p.has(slot) {
		return feed.Node{}, false
	}
	return p.node(slot), true
}

// set sets a node right, and reports whether it was wrong.
func (m *mender) set(n feed.Node) bool {
	id, slot := place(n.Index)
	p := m.page(id)
	if m.err != nil || p.holds(slot, &n) {
		return false
	}
	p.set(slot, n)
	note(&m.f.dirty, id, p)
	m.f.changed = true
	return true
}

// fits reports whether a node, which is right, is the parent of its children.
// Below the way to a held block both are there.
func (m *mender) fits(at uint64) bool {
	n, ok := m.node(at)
	left, okLeft := m.node(feed.LeftChild(at))
	right, okRight := m.node(feed.RightChild(at))
	return ok && okLeft && okRight && n == feed.Parent(left, right)
}

// repair computes the nodes below at, as far as its page goes, from what is
// below the page. It changes them only when they are right then.
func (m *mender) repair(at uint64) bool {
	right, _ := m.node(at)
	rebuilt := make(map[uint64]feed.Node)
	n, ok := m.rebuild(at, m.floor(at), rebuilt)
	if !ok || n != right || m.err != nil {
		return false
	}
	for _, n := range rebuilt {
		m.set(n)
	}
	m.f.forgetPlacesLocked() // sizes may be others now
	m.report(at, 0, true, "tree nodes below %d were damaged, and have been computed anew")
	return true
}

// floor returns the depth of the lowest nodes in the page of at's children.
func (m *mender) floor(at uint64) int {
	id, _ := place(feed.LeftChild(at))
	return int(id.level) * pageDepth
}

// rebuild computes a node from those at the depth floor, and these from below.
func (m *mender) rebuild(at uint64, floor int, rebuilt map[uint64]feed.Node) (n feed.Node, ok bool) {
	switch {
	case feed.Depth(at) > floor:
		left, okLeft := m.rebuild(feed.LeftChild(at), floor, rebuilt)
		right, okRight := m.rebuild(feed.RightChild(at), floor, rebuilt)
		if !okLeft || !okRight {
			if n, ok = m.node(at); !ok {
				return n, false
			}
			break
		}
		n, ok = feed.Parent(left, right), true
	case floor == 0:
		n, ok = m.leaf(at / 2)
	default:
		n, ok = m.fromBelow(at)
	}
	if ok {
		rebuilt[at] = n
	}
	return n, ok
}

// fromBelow computes a node from its children, which are in another page.
func (m *mender) fromBelow(at uint64) (feed.Node, bool) {
	left, okLeft := m.node(feed.LeftChild(at))
	right, okRight := m.node(feed.RightChild(at))
	if !okLeft || !okRight {
		return m.node(at)
	}
	return feed.Parent(left, right), true
}

// leaf computes a leaf from its block, if that is held.
func (m *mender) leaf(i uint64) (feed.Node, bool) {
	stored, ok := m.node(2 * i)
	if !ok || !m.f.hasLocked(i) {
		return stored, ok
	}
	p, err := m.f.findLocked(i)
	if err != nil {
		return stored, true
	}
	buf := make([]byte, p.size)
	if err := m.f.read(p, buf); err != nil {
		return stored, true
	}
	return feed.Leaf(i, buf), true
}

// drop takes everything below a node out of what is stored.
func (m *mender) drop(at uint64) {
	if m.err != nil {
		return
	}
	first, last := feed.LeftSpan(at)/2, feed.RightSpan(at)/2
	lost := uint64(0)
	for i, ok := m.f.bits.NextSet(first); ok && i <= last; i, ok = m.f.bits.NextSet(i + 1) {
		n, _ := m.node(2 * i)
		m.f.dropLocked(i, n.Size)
		lost++
	}
	top, _ := place(feed.LeftChild(at))
	for level := range top.level + 1 {
		from, _ := place(nodeAt(level, first))
		to, _ := place(nodeAt(level, last))
		for number := from.number; number <= to.number; number++ {
			m.empty(pageID{level, number}, at)
		}
	}
	m.f.forgetPlacesLocked()
	m.report(at, lost, false, "tree nodes below %d are damaged")
}

// empty takes the nodes below at out of a page.
func (m *mender) empty(id pageID, at uint64) {
	p := m.page(id)
	for slot := range pageSlots {
		index := id.index(slot)
		if p.has(slot) && index != at && feed.LeftSpan(index) >= feed.LeftSpan(at) && feed.RightSpan(index) <= feed.RightSpan(at) && feed.Depth(index) < feed.Depth(at) {
			p.unset(slot)
			note(&m.f.dirty, id, p)
		}
	}
}

func (m *mender) report(at, lost uint64, mended bool, format string) {
	m.found = append(m.found, Damage{
		Feed: m.f.key, Block: feed.LeftSpan(at) / 2, Lost: lost, What: fmt.Sprintf(format, at), Mended: mended,
	})
}
