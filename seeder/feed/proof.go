package feed

import (
	"errors"
	"fmt"
)

var (
	// ErrRequest says that a request makes no sense for this feed.
	ErrRequest = errors.New("feed: request makes no sense")
	// ErrProof says that a proof does not verify: forged, damaged, or too short.
	ErrProof = errors.New("feed: proof does not verify")
	// ErrMissing says that the proof may be right, but that what to check it
	// against is not there: too few nodes were asked for, or the feed has moved
	// on since. It wraps ErrProof.
	ErrMissing = fmt.Errorf("%w: what it builds on is not stored", ErrProof)
)

// A Request asks for parts of a feed. Nil parts are not asked for.
type Request struct {
	Block    *BlockRequest
	Hash     *HashRequest
	Seek     *SeekRequest
	Upgrade  *UpgradeRequest
	Manifest bool
}

// A BlockRequest asks for block Index and the proof up to Nodes levels above its leaf.
type BlockRequest struct{ Index, Nodes uint64 }

// A HashRequest asks for the tree node Index (a node index) and the proof up to Nodes levels above it.
type HashRequest struct{ Index, Nodes uint64 }

// A SeekRequest asks for the nodes on the way to the block that holds byte
// Bytes, where Padding bytes of each block do not count.
type SeekRequest struct{ Bytes, Padding uint64 }

// An UpgradeRequest asks for the signed head, and for the nodes that take a
// tree of Start blocks to one of Start+Length.
type UpgradeRequest struct{ Start, Length uint64 }

// A Proof answers a [Request]. Nil parts were not asked for.
type Proof struct {
	Fork     uint64
	Block    *BlockProof
	Hash     *HashProof
	Seek     *SeekProof
	Upgrade  *UpgradeProof
	Manifest *Manifest
}

// A BlockProof carries a block and the siblings on its way up.
type BlockProof struct {
	Index uint64
	Value []byte
	Nodes []Node

	leaf *Node // set by HashBlock
}

// HashBlock computes the leaf of the block now, which [State.Verify] otherwise
// does itself: so that the costly hash can be done outside a lock. Value and
// Index must not change afterwards.
func (p *BlockProof) HashBlock() {
	leaf := Leaf(p.Index, p.Value)
	p.leaf = &leaf
}

// HashBlocks is [BlockProof.HashBlock] of several proofs, of any feeds, together.
func HashBlocks(proofs []*BlockProof) {
	list := make([]Node, len(proofs))
	for i, p := range proofs {
		list[i] = Node{Index: 2 * p.Index, Size: uint64(len(p.Value))}
		p.leaf = &list[i]
	}
	hashLeaves(list, func(i int) []byte { return proofs[i].Value })
}

// A HashProof carries the asked node first, then the siblings on its way up.
type HashProof struct {
	Index uint64 // node index
	Nodes []Node
}

// A SeekProof carries the nodes of a seek.
type SeekProof struct {
	Bytes uint64
	Nodes []Node
}

// An UpgradeProof carries the nodes that extend a tree and the head's signature.
// Additional nodes lead on from Start+Length to the length that is signed.
type UpgradeProof struct {
	Start, Length uint64
	Nodes         []Node
	Additional    []Node
	Signature     []byte
}

// NodesToProve returns the nodes count for a [BlockRequest] or, with a node
// index, a [HashRequest]: how many parents to climb from the flat-tree index
// until one is stored, within a tree of length blocks (FORMAT.md section 7).
// ok is false when no ancestor is stored (which cannot be for a block below a
// verified length).
func NodesToProve(nodes Nodes, index, length uint64) (n uint64, ok bool) {
	for length <= MaxLength && RightSpan(index) < 2*length {
		if _, err := nodes.Node(index); err == nil {
			return n, true
		}
		index = ParentIndex(index)
		n++
	}
	return 0, false
}
