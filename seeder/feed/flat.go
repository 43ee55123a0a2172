package feed

import "math/bits"

// MaxLength is the largest number of blocks of a feed, 2^40. The format allows
// more, but no feed has them, and below this bound flat-tree indexes, spans and
// jumps cannot overflow, whatever a stranger writes. [Prove], [State.Verify]
// and [VerifyHead] refuse longer feeds.
const MaxLength = 1 << 40

// Flat-tree arithmetic (FORMAT.md section 4). Block i is node 2i; odd nodes are
// parents: a node's trailing one bits are its height. The results mean something
// for the nodes of trees up to [MaxLength]; for other indexes they are some
// number, never a panic.

// Depth returns the height of a node above the leaves.
func Depth(index uint64) int { return bits.TrailingZeros64(^index) }

// ParentIndex returns the node above index.
func ParentIndex(index uint64) uint64 {
	d := Depth(index)
	return (index | 1<<d) &^ (1 << (d + 1))
}

// SiblingIndex returns the other child of index's parent.
func SiblingIndex(index uint64) uint64 { return index ^ 1<<(Depth(index)+1) }

// LeftChild returns the lower child of an odd node. It panics for a leaf,
// which has none; so does [RightChild].
func LeftChild(index uint64) uint64 {
	d := Depth(index)
	if d == 0 {
		panic("feed: a leaf has no children")
	}
	return index &^ (1 << (d - 1))
}

// RightChild returns the higher child of an odd node: see [LeftChild].
func RightChild(index uint64) uint64 { return SiblingIndex(LeftChild(index)) }

// LeftSpan returns the first leaf below a node, or the leaf itself: a node
// index, even. Its block is half of that.
func LeftSpan(index uint64) uint64 { return index + 1 - 1<<Depth(index) }

// RightSpan returns the last leaf below a node: see [LeftSpan].
func RightSpan(index uint64) uint64 { return index - 1 + 1<<Depth(index) }

// RootIndexes returns the full roots of a tree of length blocks, left to right:
// the largest perfect trees that cover it, one for each one bit of length.
func RootIndexes(length uint64) []uint64 {
	roots := make([]uint64, 0, bits.OnesCount64(length))
	for root := range fullRoots(length) {
		roots = append(roots, root)
	}
	return roots
}

// fullRoots yields what RootIndexes returns, without a slice.
func fullRoots(length uint64) func(yield func(uint64) bool) {
	return func(yield func(uint64) bool) {
		for start := uint64(0); start < length; {
			leaves := uint64(1) << (63 - bits.LeadingZeros64(length-start))
			if !yield(2*start + leaves - 1) {
				return
			}
			start += leaves
		}
	}
}

// leafCount returns how many leaves a node spans.
func leafCount(index uint64) uint64 { return 1 << Depth(index) }

// contains reports whether node other is below node index, or is it.
func contains(index, other uint64) bool {
	return LeftSpan(index) <= other && other <= RightSpan(index)
}
