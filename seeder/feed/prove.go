package feed

import (
	"fmt"
	"slices"
)

// maxPadding bounds the bytes of a block that a seek leaves out. Hypercore's
// encryption has 8; the bound keeps padding times blocks within 63 bits.
const maxPadding = 1 << 20

// Prove answers req from a feed with this head (signature included), manifest
// and nodes (FORMAT.md section 7), byte for byte as JavaScript's Hypercore does.
// The block's value is left for the caller to fill in. The manifest goes into
// the proof when it was asked for and is not nil. An error wraps [ErrRequest]
// (the request makes no sense) or [ErrNoNode] (a node that is needed is not stored).
func Prove(h Head, m *Manifest, nodes Nodes, req Request) (*Proof, error) {
	p, err := newProver(h, m, nodes, req)
	if err != nil {
		return nil, err
	}
	if err := p.prove(); err != nil {
		return nil, err
	}
	return p.proof(h, m)
}

// A prover walks one request's proof. Positions are node indexes: leaf 2n is
// the first that a tree of n blocks does not have.
type prover struct {
	nodes Nodes
	req   Request

	length         uint64 // blocks of the tree that is served
	head, from, to uint64 // ends of that tree, of the asker's, and of the one asked for

	wanted bool   // a block or a hash was asked for
	target uint64 // its node
	climb  uint64 // how many levels above it the asker has a node
	// sub is the node whose proof takes the place of the upgrade node above it;
	// head when there is none.
	sub uint64

	path, seek, upgrade, additional []Node
	hasPath, hasSeek                bool
}

func newProver(h Head, m *Manifest, nodes Nodes, req Request) (*prover, error) {
	p := &prover{nodes: nodes, req: req, length: h.Length, head: 2 * h.Length, to: 2 * h.Length, sub: 2 * h.Length}
	if h.Length == 0 || h.Length > MaxLength {
		return nil, badRequest("a feed of %d blocks has nothing to prove", h.Length)
	}
	if req.Upgrade != nil {
		up := *req.Upgrade
		if m != nil && m.Prologue != nil && up.Start < m.Prologue.Length {
			// Nothing is provable within a prologue: only its whole is fixed.
			up = UpgradeRequest{Start: 0, Length: m.Prologue.Length}
		}
		if up.Length == 0 || up.Start > h.Length || up.Length > h.Length-up.Start {
			return nil, badRequest("upgrade from %d by %d blocks in a feed of %d", up.Start, up.Length, h.Length)
		}
		p.req.Upgrade = &up
		p.from, p.to = 2*up.Start, 2*(up.Start+up.Length)
	}
	switch {
	case req.Block != nil && req.Hash != nil:
		return nil, badRequest("both a block and a hash")
	case req.Block != nil:
		if req.Block.Index >= h.Length {
			return nil, badRequest("block %d of %d", req.Block.Index, h.Length)
		}
		p.wanted, p.target, p.climb = true, 2*req.Block.Index, req.Block.Nodes
	case req.Hash != nil:
		if req.Hash.Index >= p.head {
			return nil, badRequest("tree node %d in a feed of %d blocks", req.Hash.Index, h.Length)
		}
		p.wanted, p.target, p.climb = true, req.Hash.Index, req.Hash.Nodes
	}
	if req.Seek != nil {
		if req.Seek.Padding > maxPadding || req.Seek.Bytes > maxBytes {
			return nil, badRequest("seek to byte %d with padding %d", req.Seek.Bytes, req.Seek.Padding)
		}
		if req.Upgrade != nil && p.wanted && RightSpan(p.target) >= p.from {
			return nil, badRequest("a seek together with a block or hash inside an upgrade")
		}
		if req.Upgrade == nil && !p.wanted {
			return nil, badRequest("a seek by itself")
		}
	}
	return p, nil
}

func badRequest(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrRequest, fmt.Sprintf(format, args...))
}

func (p *prover) prove() error {
	up := p.req.Upgrade
	switch {
	case p.wanted && (up == nil || RightSpan(p.target) < p.from):
		// The asker has the node where the path ends.
		if err := p.proveKnown(); err != nil {
			return err
		}
	case p.wanted:
		p.sub = p.target
	case p.req.Seek != nil:
		sub, err := p.seekFromStart(int64(p.req.Seek.Bytes))
		if err != nil {
			return err
		}
		p.sub = sub
	}
	if up == nil {
		return nil
	}
	if err := p.proveUpgrade(p.from, p.to, &p.upgrade, true); err != nil {
		return err
	}
	if p.head > p.to {
		return p.proveUpgrade(p.to, p.head, &p.additional, false)
	}
	return nil
}

// proof puts together what was found.
func (p *prover) proof(h Head, m *Manifest) (*Proof, error) {
	proof := &Proof{Fork: h.Fork}
	if p.wanted && !p.hasPath {
		return nil, badRequest("tree node %d is not part of the upgrade", p.target)
	}
	if p.req.Block != nil {
		proof.Block = &BlockProof{Index: p.req.Block.Index, Nodes: p.path}
	}
	if p.req.Hash != nil {
		proof.Hash = &HashProof{Index: p.req.Hash.Index, Nodes: p.path}
	}
	if p.hasSeek {
		proof.Seek = &SeekProof{Bytes: p.req.Seek.Bytes, Nodes: p.seek}
	}
	if up := p.req.Upgrade; up != nil {
		proof.Upgrade = &UpgradeProof{Start: up.Start, Length: up.Length,
			Nodes: p.upgrade, Additional: p.additional, Signature: slices.Clone(h.Signature)}
	}
	if p.req.Manifest {
		proof.Manifest = m
	}
	return proof, nil
}

// proveKnown proves the target up to the ancestor that the asker said it has.
func (p *prover) proveKnown() error {
	top := p.target
	for range p.climb {
		top = ParentIndex(top)
		if contains(top, p.to) {
			return badRequest("%d levels above tree node %d are outside of the tree", p.climb, p.target)
		}
	}
	seekRoot := p.head
	if p.req.Seek != nil {
		var err error
		if seekRoot, err = p.seekBelow(top); err != nil {
			return err
		}
	}
	return p.provePath(top, seekRoot)
}

// provePath collects the siblings from the target up to top and, in the place
// of the one that seekRoot is under, the way from seekRoot to that one.
func (p *prover) provePath(top, seekRoot uint64) error {
	p.hasPath = true
	if p.req.Hash != nil {
		if err := p.take(&p.path, p.target); err != nil {
			return err
		}
	}
	for at := p.target; at != top; at = ParentIndex(at) {
		sibling := SiblingIndex(at)
		var err error
		if p.req.Seek != nil && sibling != seekRoot && contains(sibling, seekRoot) {
			err = p.proveSeek(seekRoot, sibling)
		} else {
			err = p.take(&p.path, sibling)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// proveSeek collects seekRoot and the siblings from there up to top.
func (p *prover) proveSeek(seekRoot, top uint64) error {
	p.hasSeek = true
	if err := p.take(&p.seek, seekRoot); err != nil {
		return err
	}
	for at := seekRoot; at != top; at = ParentIndex(at) {
		if err := p.take(&p.seek, SiblingIndex(at)); err != nil {
			return err
		}
	}
	return nil
}

// proveUpgrade collects into out what takes a tree that ends at from to one
// that ends at to. With substitute, the proof of sub takes the place of the
// node above it.
func (p *prover) proveUpgrade(from, to uint64, out *[]Node, substitute bool) error {
	emit := func(index uint64) error {
		if !substitute || p.hasPath || p.hasSeek || !contains(index, p.sub) {
			return p.take(out, index)
		}
		if p.wanted {
			return p.provePath(index, p.head)
		}
		return p.proveSeek(p.sub, index)
	}
	for root := range fullRoots(to / 2) {
		switch {
		case RightSpan(root) < from:
			continue // the asker has it
		case from > 0 && contains(root, from-2):
			// It grew out of the asker's roots: what they lack on the right of them.
			for at := from - 2; at != root; at = ParentIndex(at) {
				if sibling := SiblingIndex(at); sibling > from-2 {
					if err := emit(sibling); err != nil {
						return err
					}
				}
			}
		default:
			if err := emit(root); err != nil {
				return err
			}
		}
	}
	return nil
}

// take reads a node into out.
func (p *prover) take(out *[]Node, index uint64) error {
	n, err := p.nodes.Node(index)
	if err != nil {
		return fmt.Errorf("proof needs tree node %d: %w", index, err)
	}
	*out = append(*out, n)
	return nil
}
