package feed

import (
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"sync"

	"golang.org/x/crypto/blake2b"

	"cobox/seeder/compact"
	"cobox/seeder/lanes"
)

// ErrNoNode says that a tree node is not stored.
var ErrNoNode = errors.New("feed: tree node is not stored")

// maxBytes bounds the bytes of a feed, and so every node's size: the format has
// no larger integers. Sizes come from strangers and are summed, see [addSizes].
const maxBytes = compact.MaxUint

// A Node is a node of a feed's Merkle tree, by its flat-tree index. Size is the
// bytes of all blocks below it.
type Node struct {
	Index, Size uint64
	Hash        Hash
}

// Nodes is where the tree nodes of a feed are kept. Node returns an error that
// wraps [ErrNoNode] for one that is not there.
type Nodes interface {
	Node(index uint64) (Node, error)
}

// What is hashed begins with its kind, so that no leaf can pass for a parent.
const (
	kindLeaf   = 0
	kindParent = 1
	kindRoots  = 2
)

// Leaf returns the node of block i (flat-tree index 2i). i is a block index.
func Leaf(i uint64, block []byte) Node {
	var prefix [9]byte
	prefix[0] = kindLeaf
	binary.LittleEndian.PutUint64(prefix[1:], uint64(len(block)))
	leaf := Node{Index: 2 * i, Size: uint64(len(block))}
	hash256(&leaf.Hash, nil, prefix[:], block)
	return leaf
}

// Leaves returns the nodes of blocks first, first+1 and so on: [Leaf] of each, in
// a fraction of the time where the processor can hash several at once.
func Leaves(first uint64, blocks [][]byte) []Node {
	list := make([]Node, len(blocks))
	for i, block := range blocks {
		list[i] = Node{Index: 2 * (first + uint64(i)), Size: uint64(len(block))}
	}
	hashLeaves(list, func(i int) []byte { return blocks[i] })
	return list
}

// HashWidth is how many blocks are hashed at once by [Leaves] and [HashBlocks]:
// from so many on they are fastest.
func HashWidth() int { return lanes.Width() }

// hashLeaves sets the hashes of leaves, whose sizes are set. More of them than are
// hashed at once are spread over the processor's cores.
func hashLeaves(list []Node, block func(i int) []byte) {
	width := HashWidth()
	if len(list) <= width {
		hashTogether(list, block)
		return
	}
	share := (len(list) + runtime.GOMAXPROCS(0) - 1) / runtime.GOMAXPROCS(0)
	share = (share + width - 1) / width * width
	var wg sync.WaitGroup
	for from := 0; from < len(list); from += share {
		part := list[from:min(from+share, len(list))]
		wg.Go(func() { hashTogether(part, func(i int) []byte { return block(from + i) }) })
	}
	wg.Wait()
}

// hashTogether is hashLeaves on one core.
func hashTogether(list []Node, block func(i int) []byte) {
	prefixes := make([][1 + 8]byte, len(list))
	messages := make([]lanes.Message, len(list))
	sums := make([][lanes.Size]byte, len(list))
	for i := range list {
		prefixes[i][0] = kindLeaf
		binary.LittleEndian.PutUint64(prefixes[i][1:], list[i].Size)
		messages[i] = lanes.Message{Prefix: prefixes[i][:], Data: block(i)}
	}
	lanes.Sum256(sums, messages)
	for i := range list {
		list[i].Hash = sums[i]
	}
}

// Parent returns the node above left and right, which must be siblings, lower
// index left.
func Parent(left, right Node) Node {
	var b [1 + 8 + 32 + 32]byte
	size := left.Size + right.Size
	b[0] = kindParent
	binary.LittleEndian.PutUint64(b[1:], size)
	copy(b[9:], left.Hash[:])
	copy(b[41:], right.Hash[:])
	return Node{Index: ParentIndex(left.Index), Size: size, Hash: blake2b.Sum256(b[:])}
}

// parentOf is Parent of two siblings in any order, whose sizes come from a stranger.
func parentOf(a, b Node) (Node, error) {
	if a.Index > b.Index {
		a, b = b, a
	}
	if _, err := addSizes(a.Size, b.Size); err != nil {
		return Node{}, err
	}
	return Parent(a, b), nil
}

// addSizes returns a+b, or an error when that is more bytes than a feed can
// have: a sum that wrapped around would hash like a small, honest one.
func addSizes(a, b uint64) (uint64, error) {
	if a > maxBytes || b > maxBytes-a {
		return 0, fmt.Errorf("%w: sizes of tree nodes add up to more than 2^53-1 bytes", ErrProof)
	}
	return a + b, nil
}

// TreeHash returns the hash of a whole tree from its full roots, left to right.
func TreeHash(roots []Node) Hash {
	b := make([]byte, 1, 1+len(roots)*(32+8+8))
	b[0] = kindRoots
	for _, root := range roots {
		b = append(b, root.Hash[:]...)
		b = binary.LittleEndian.AppendUint64(b, root.Index)
		b = binary.LittleEndian.AppendUint64(b, root.Size)
	}
	return blake2b.Sum256(b)
}

// ByteOffset returns where block i begins in the feed's byte order, from the
// roots of the tree and the stored nodes left of the block's path. It can be
// computed for every block that is stored, and for the length itself. An error
// wraps [ErrNoNode], also when i is beyond the tree.
func ByteOffset(nodes Nodes, roots []Node, i uint64) (uint64, error) {
	var offset uint64
	target := 2 * i
	for _, root := range roots {
		if RightSpan(root.Index) < target {
			offset += root.Size
			continue
		}
		for at := root.Index; Depth(at) > 0; {
			left := LeftChild(at)
			if target <= RightSpan(left) {
				at = left
				continue
			}
			n, err := nodes.Node(left)
			if err != nil {
				return 0, fmt.Errorf("byte offset of block %d: %w", i, err)
			}
			offset += n.Size
			at = RightChild(at)
		}
		return offset, nil
	}
	if i != rootsLength(roots) {
		return 0, fmt.Errorf("byte offset of block %d in a feed of %d blocks: %w", i, rootsLength(roots), ErrNoNode)
	}
	return offset, nil
}

// rootsLength returns how many blocks the full roots cover.
func rootsLength(roots []Node) uint64 {
	if len(roots) == 0 {
		return 0
	}
	return RightSpan(roots[len(roots)-1].Index)/2 + 1
}

// rootsBytes returns how many bytes the full roots cover.
func rootsBytes(roots []Node) (sum uint64, err error) {
	for _, root := range roots {
		if sum, err = addSizes(sum, root.Size); err != nil {
			return 0, err
		}
	}
	return sum, nil
}

// A Tree is the growing end of a feed as its writer sees it. The zero Tree is
// an empty feed. It is not safe for concurrent use.
type Tree struct {
	Roots  []Node // full roots, left to right
	Length uint64 // blocks
	Bytes  uint64 // of all blocks
}

// NewTree returns the tree with these full roots, which it copies. An error
// says that they are not the roots of any tree.
func NewTree(roots []Node) (*Tree, error) {
	length := rootsLength(roots)
	if length > MaxLength {
		return nil, fmt.Errorf("feed: roots of a tree of %d blocks, more than %d", length, uint64(MaxLength))
	}
	i := 0
	for index := range fullRoots(length) {
		if i >= len(roots) || roots[i].Index != index {
			return nil, fmt.Errorf("feed: root %d of a tree of %d blocks should be node %d", i, length, index)
		}
		i++
	}
	if i != len(roots) {
		return nil, fmt.Errorf("feed: %d roots for a tree of %d blocks, want %d", len(roots), length, i)
	}
	size, err := rootsBytes(roots)
	if err != nil {
		return nil, err
	}
	return &Tree{Roots: append([]Node(nil), roots...), Length: length, Bytes: size}, nil
}

// Append adds a block and returns the nodes that this made: its leaf and the
// parents that it completed, lower first. It panics at [MaxLength].
func (t *Tree) Append(block []byte) []Node { return t.appendLeaf(Leaf(t.Length, block)) }

// AppendAll is [Tree.Append] of several blocks, hashed together.
func (t *Tree) AppendAll(blocks [][]byte) []Node {
	made := make([]Node, 0, 2*len(blocks))
	for _, leaf := range Leaves(t.Length, blocks) {
		made = append(made, t.appendLeaf(leaf)...)
	}
	return made
}

func (t *Tree) appendLeaf(leaf Node) []Node {
	if t.Length >= MaxLength {
		panic("feed: append to a tree of the largest length")
	}
	t.Length++
	t.Bytes += leaf.Size
	made := []Node{leaf}
	t.Roots = append(t.Roots, leaf)
	for n := len(t.Roots); n > 1; n-- {
		left, right := t.Roots[n-2], t.Roots[n-1]
		if SiblingIndex(right.Index) != left.Index {
			break
		}
		parent := Parent(left, right)
		t.Roots = append(t.Roots[:n-2], parent)
		made = append(made, parent)
	}
	return made
}

// Head returns the unsigned head of the tree on a fork.
func (t *Tree) Head(fork uint64) Head {
	return Head{Fork: fork, Length: t.Length, Bytes: t.Bytes, Hash: TreeHash(t.Roots)}
}
