package feed

import "fmt"

// Bounds of proofs, so that a stranger's nodes cost little before they are refused.
const (
	// maxPath is more than the siblings between a leaf and the top of the largest tree.
	maxPath = 64
	// maxUpgrade is more than an upgrade ever needs: the siblings on the way
	// up from the old tree's end, and the full roots of the new one.
	maxUpgrade = 2 * maxPath
)

// A vnode is a node while it is being verified. Its hash will be checked, by
// way of its ancestors. Its size is sure when the hash was computed here, since
// hashes cover sizes, or when it was verified before. The size of a node that
// was sent is not: parents cover the sum of two sizes only, so it becomes sure
// when the sibling's is, or by being a root, whose size is signed.
type vnode struct {
	Node
	sure, stored bool
}

// A grower builds trees from the nodes of a proof.
type grower struct {
	roots []vnode // full roots so far, left to right
	made  []Node  // verified if the proof turns out right, and not stored yet
	// hashes are those of all nodes that are part of the tree, by number, when it
	// is not nil: also of those that made lacks, since their size is not sure.
	hashes map[uint64]Hash
}

// note takes nodes into hashes.
func (g *grower) note(nodes ...vnode) {
	if g.hashes == nil {
		return
	}
	for _, n := range nodes {
		g.hashes[n.Index] = n.Hash
	}
}

// keep adds nodes to what the proof establishes.
func (g *grower) keep(nodes ...vnode) {
	for _, n := range nodes {
		if !n.stored {
			g.made = append(g.made, n.Node)
		}
	}
}

// join returns the parent of two siblings, and keeps them.
func (g *grower) join(a, b vnode) (vnode, error) {
	parent, err := parentOf(a.Node, b.Node)
	if err != nil {
		return vnode{}, err
	}
	g.note(a, b)
	// Two nodes that were both sent could have taken bytes from each other:
	// the sum would be right, but every block's place in the feed wrong.
	if a.sure || b.sure {
		g.keep(a, b)
	}
	return vnode{Node: parent, sure: true}, nil
}

// verifyPath hashes the block, hash and seek parts of a proof up to their top,
// which remains to be checked; nil when there are none.
func (g *grower) verifyPath(p *Proof) (*vnode, error) {
	if p.Block != nil && p.Hash != nil {
		return nil, fmt.Errorf("%w: both a block and a hash", ErrProof)
	}
	var extra *vnode
	if p.Seek != nil && len(p.Seek.Nodes) > 0 {
		first, rest := p.Seek.Nodes[0], p.Seek.Nodes[1:]
		top, err := g.climb(vnode{Node: first}, rest, nil)
		if err != nil {
			return nil, err
		}
		extra = &top
	}
	var leaf vnode
	var siblings []Node
	switch {
	case p.Block != nil:
		if p.Block.Index >= MaxLength {
			return nil, fmt.Errorf("%w: block %d", ErrProof, p.Block.Index)
		}
		siblings = p.Block.Nodes
		if pre := p.Block.leaf; pre != nil && pre.Index == 2*p.Block.Index {
			leaf.Node = *pre
		} else {
			leaf.Node = Leaf(p.Block.Index, p.Block.Value)
		}
		leaf.sure = true
	case p.Hash != nil:
		if len(p.Hash.Nodes) == 0 || p.Hash.Nodes[0].Index != p.Hash.Index {
			return nil, fmt.Errorf("%w: does not begin with tree node %d", ErrProof, p.Hash.Index)
		}
		leaf.Node, siblings = p.Hash.Nodes[0], p.Hash.Nodes[1:]
	default:
		return extra, nil
	}
	top, err := g.climb(leaf, siblings, extra)
	if err != nil {
		return nil, err
	}
	return &top, nil
}

// climb hashes a node and its siblings up to the last one's parent. extra, if
// not nil, is a sibling on the way that is not among siblings.
func (g *grower) climb(at vnode, siblings []Node, extra *vnode) (vnode, error) {
	if len(siblings) > maxPath || at.Index >= 2*MaxLength {
		return vnode{}, fmt.Errorf("%w: %d siblings above tree node %d", ErrProof, len(siblings), at.Index)
	}
	if g.made == nil {
		g.made = make([]Node, 0, 2*len(siblings)+2)
	}
	q := queue{nodes: siblings, extra: extra}
	for !q.empty() {
		sibling, err := q.take(SiblingIndex(at.Index))
		if err != nil {
			return vnode{}, err
		}
		if at, err = g.join(at, sibling); err != nil {
			return vnode{}, err
		}
	}
	return at, nil
}

// grow takes the tree to the one that is signed. It returns sub unless that
// became part of the tree.
func (g *grower) grow(up *UpgradeProof, sub *vnode, m *Manifest) (*vnode, error) {
	if up.Length == 0 || up.Start > MaxLength || up.Length > MaxLength-up.Start {
		return nil, fmt.Errorf("%w: an upgrade from %d by %d blocks", ErrProof, up.Start, up.Length)
	}
	if len(up.Nodes) > maxUpgrade || len(up.Additional) > maxUpgrade || len(up.Signature) > MaxSignature {
		return nil, fmt.Errorf("%w: an upgrade of %d and %d nodes and a signature of %d bytes",
			ErrProof, len(up.Nodes), len(up.Additional), len(up.Signature))
	}
	length := up.Start + up.Length
	prologue := m != nil && m.Version > 0 && m.Prologue != nil
	if prologue && up.Start < m.Prologue.Length && (up.Start != 0 || up.Length < m.Prologue.Length) {
		return nil, fmt.Errorf("%w: an upgrade to within the prologue", ErrProof)
	}
	q := queue{nodes: up.Nodes, extra: sub}
	if err := g.growTo(length, &q); err != nil {
		return nil, err
	}
	if len(q.nodes) > 0 {
		return nil, fmt.Errorf("%w: tree node %d is not part of the upgrade", ErrProof, q.nodes[0].Index)
	}
	if prologue && length == m.Prologue.Length {
		if roots, _, err := g.view(); err != nil || TreeHash(roots) != m.Prologue.Hash {
			return nil, fmt.Errorf("%w: differs from the prologue", ErrProof)
		}
	}
	for _, n := range up.Additional {
		last := g.roots[len(g.roots)-1].Index
		// The next root begins where the last one ends, and is not larger.
		if LeftSpan(n.Index) != RightSpan(last)+2 || Depth(n.Index) > Depth(last) || RightSpan(n.Index) >= 2*MaxLength {
			return nil, fmt.Errorf("%w: tree node %d does not follow %d", ErrProof, n.Index, last)
		}
		if err := g.push(vnode{Node: n}); err != nil {
			return nil, err
		}
	}
	return q.extra, nil
}

// growTo takes the tree to length blocks, more than it has, with the nodes of q.
func (g *grower) growTo(length uint64, q *queue) error {
	i := 0
	for root := range fullRoots(length) {
		if i < len(g.roots) && g.roots[i].Index == root {
			i++
			continue
		}
		if i < len(g.roots) {
			// This root is over the rest of ours: add what they lack on the right.
			for last := g.roots[len(g.roots)-1]; last.Index != root; last = g.roots[len(g.roots)-1] {
				n, err := q.take(SiblingIndex(last.Index))
				if err != nil {
					return err
				}
				if err := g.push(n); err != nil {
					return err
				}
			}
		} else {
			n, err := q.take(root)
			if err != nil {
				return err
			}
			if err := g.push(n); err != nil {
				return err
			}
		}
		i = len(g.roots)
	}
	return nil
}

// push adds a root and joins it with those on its left that it completes.
func (g *grower) push(n vnode) error {
	for len(g.roots) > 0 {
		last := g.roots[len(g.roots)-1]
		if SiblingIndex(n.Index) != last.Index {
			break
		}
		var err error
		if n, err = g.join(last, n); err != nil {
			return err
		}
		g.roots = g.roots[:len(g.roots)-1]
	}
	g.roots = append(g.roots, n)
	return nil
}

// view returns the roots and the sum of their sizes.
func (g *grower) view() ([]Node, uint64, error) {
	roots := make([]Node, len(g.roots))
	for i := range roots {
		roots[i] = g.roots[i].Node
	}
	size, err := rootsBytes(roots)
	return roots, size, err
}

// finish is view for the tree that is signed: its roots are kept, sizes and all.
func (g *grower) finish() ([]Node, uint64, error) {
	g.keep(g.roots...)
	g.note(g.roots...)
	return g.view()
}

// A queue hands out a proof's nodes in the order in which they are needed.
type queue struct {
	nodes   []Node
	byIndex map[uint64]Node // when it is set, they are taken from here, in any order
	extra   *vnode          // a node from another part of the proof, for when its turn comes
}

func (q *queue) empty() bool { return len(q.nodes) == 0 && q.extra == nil }

// take returns the node with this index.
func (q *queue) take(index uint64) (vnode, error) {
	if q.extra != nil && q.extra.Index == index {
		n := *q.extra
		q.extra = nil
		return n, nil
	}
	if n, ok := q.byIndex[index]; ok {
		return vnode{Node: n}, nil
	}
	if len(q.nodes) == 0 {
		return vnode{}, fmt.Errorf("%w: lacks tree node %d", ErrProof, index)
	}
	n := q.nodes[0]
	if n.Index != index {
		return vnode{}, fmt.Errorf("%w: tree node %d in the place of %d", ErrProof, n.Index, index)
	}
	q.nodes = q.nodes[1:]
	return vnode{Node: n}, nil
}
