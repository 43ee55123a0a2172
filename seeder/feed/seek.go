package feed

import (
	"errors"
	"fmt"
)

// Seeks find the node under which a byte of the feed is, as far as nodes are
// stored. Bytes are counted without each block's padding, and signed: a
// stranger's padding may be more than a block has.

// unpadded returns a node's size without its blocks' padding.
func (p *prover) unpadded(n Node) int64 {
	return int64(n.Size) - int64(p.req.Seek.Padding*leafCount(n.Index))
}

// seekFromStart finds byte bytes in the tree that was asked for. It returns
// that tree's end for a byte beyond it.
func (p *prover) seekFromStart(bytes int64) (uint64, error) {
	for root := range fullRoots(p.to / 2) {
		n, err := p.nodes.Node(root)
		if err != nil {
			return 0, fmt.Errorf("seek needs tree node %d: %w", root, err)
		}
		size := p.unpadded(n)
		if bytes == size {
			return root, nil
		}
		if bytes < size {
			return p.descend(root, bytes)
		}
		bytes -= size
	}
	return p.to, nil
}

// seekBelow finds the byte that is sought below top, and refuses the request
// when it is not there.
//
// Below any full root but the first, it stops at top, so that the answer has no
// seek nodes: JavaScript loses count there (it adds sizes to nodes), and its
// peers get by without. We answer as it does, to the byte.
func (p *prover) seekBelow(top uint64) (uint64, error) {
	var root uint64
	for root = range fullRoots(p.length) {
		break
	}
	if !contains(root, top) {
		return top, nil
	}
	first := LeftSpan(top) / 2
	padded, err := ByteOffset(p.nodes, []Node{{Index: root}}, first)
	if err != nil {
		return 0, err
	}
	bytes := int64(p.req.Seek.Bytes) - (int64(padded) - int64(p.req.Seek.Padding*first))
	if bytes == 0 {
		return top, nil
	}
	n, err := p.nodes.Node(top)
	if err != nil {
		return 0, fmt.Errorf("seek needs tree node %d: %w", top, err)
	}
	if bytes < 0 || bytes >= p.unpadded(n) {
		return 0, badRequest("byte %d is not below tree node %d", p.req.Seek.Bytes, top)
	}
	return p.descend(top, bytes)
}

// descend goes down from a node that holds byte bytes, counted from its first,
// to the lowest node that is sure to: to the left child whose end the byte is,
// to a leaf, or to where a left child is not stored.
func (p *prover) descend(at uint64, bytes int64) (uint64, error) {
	if bytes == 0 {
		return at, nil
	}
	for Depth(at) > 0 {
		left, err := p.nodes.Node(LeftChild(at))
		if errors.Is(err, ErrNoNode) {
			return at, nil
		}
		if err != nil {
			return 0, fmt.Errorf("seek needs tree node %d: %w", LeftChild(at), err)
		}
		size := p.unpadded(left)
		if size == bytes {
			return left.Index, nil
		}
		if size > bytes {
			at = left.Index
			continue
		}
		bytes -= size
		at = RightChild(at)
	}
	return at, nil
}
