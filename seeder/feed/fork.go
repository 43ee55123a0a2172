package feed

import (
	"errors"
	"fmt"
)

// A ForkError is evidence that a writer signed two different trees on one
// fork. Both heads are validly signed. Have is ours; where one is longer than
// the other, it was built on another tree of the shorter one's length.
type ForkError struct {
	Key  Key
	Have Head // what was verified first
	Got  Head // what contradicts it
}

func (e *ForkError) Error() string {
	return fmt.Sprintf("feed: the writer of feed %s signed two different trees on fork %d: one of %d blocks (%s) and one of %d blocks (%s)",
		e.Key.DiscoveryKey(), e.Have.Fork, e.Have.Length, e.Have.Hash, e.Got.Length, e.Got.Hash)
}

// CheckConflict compares a validly signed upgrade proof that starts at 0 with
// what we hold. It returns a [*ForkError] when the proof's tree and ours differ
// at the shorter one's length on the same fork, nil when they agree or the
// proof is on another fork, and an error that wraps [ErrProof], [ErrSignature] or
// [ErrManifest] when the proof itself is not valid. [ErrMissing]
// is for when too few nodes are stored to compare.
//
// A longer tree can be compared only if the proof goes by our length, as one
// that was asked for from 0 to our length does: otherwise the result is nil.
func (s *State) CheckConflict(nodes Nodes, p *Proof) error {
	if p.Upgrade == nil {
		return fmt.Errorf("%w: no upgrade to compare", ErrProof)
	}
	got, _, err := s.verifyEmpty(p)
	if err != nil {
		return err
	}
	switch {
	case got.Head.Fork != s.Head.Fork:
		return nil
	case got.Head.Length > s.Head.Length:
		return s.compareBeginning(p.Upgrade, got)
	}
	return s.compare(nodes, got)
}

// compareBeginning returns a ForkError if a longer tree did not grow out of
// ours. up is the verified way to it: where it goes by our length, its nodes
// are the full roots of that length, and their hashes are signed with the rest.
// (Their sizes are not, see FORMAT.md section 8, and are not looked at.)
func (s *State) compareBeginning(up *UpgradeProof, got *State) error {
	if up.Length != s.Head.Length || len(up.Nodes) != len(s.Roots) {
		return nil
	}
	for i, root := range s.Roots {
		if up.Nodes[i].Hash != root.Hash {
			return &ForkError{Key: s.Key, Have: s.Head, Got: got.Head}
		}
	}
	return nil
}

// compare returns a ForkError if our tree did not grow out of got's, which is
// not longer and on the same fork.
func (s *State) compare(nodes Nodes, got *State) error {
	missing := false
	for _, root := range got.Roots {
		n, err := s.node(nodes, root.Index)
		switch {
		case errors.Is(err, ErrNoNode):
			missing = true
		case err != nil:
			return fmt.Errorf("comparing heads: %w", err)
		case n != root:
			return &ForkError{Key: s.Key, Have: s.Head, Got: got.Head}
		}
	}
	if missing {
		return fmt.Errorf("%w: our tree at %d blocks", ErrMissing, got.Head.Length)
	}
	return nil
}

// node returns a root of ours, or a stored node.
func (s *State) node(nodes Nodes, index uint64) (Node, error) {
	for _, root := range s.Roots {
		if root.Index == index {
			return root, nil
		}
	}
	return nodes.Node(index)
}
