package feed

import (
	"errors"
	"fmt"
	"slices"
)

// A ForkError is evidence that a writer signed two different trees on one
// fork. Both heads are validly signed. Have is ours; where one is longer than
// the other, it was built on another tree of the shorter one's length.
type ForkError struct {
	Key  Key
	Have Head // what was verified first
	Got  Head // what contradicts it
	// HaveProof and GotProof lead to the two heads, and are all that [CheckFork]
	// needs: who has the feed key can check them. They carry no block. Both are nil
	// when nodes were missing to make them.
	HaveProof, GotProof *Proof
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
		if !s.beginningDiffers(p.Upgrade) {
			return nil
		}
		return s.forkError(nodes, p, got, nil)
	}
	return s.compare(nodes, p, got)
}

// beginningDiffers reports whether a longer tree did not grow out of
// ours. up is the verified way to it: where it goes by our length, its nodes
// are the full roots of that length, and their hashes are signed with the rest.
// (Their sizes are not, see FORMAT.md section 8, and are not looked at.)
func (s *State) beginningDiffers(up *UpgradeProof) bool {
	if up.Length != s.Head.Length || len(up.Nodes) != len(s.Roots) {
		return false
	}
	for i, root := range s.Roots {
		if up.Nodes[i].Hash != root.Hash {
			return true
		}
	}
	return false
}

// compare returns a ForkError if our tree did not grow out of got's, which p
// proves, and which is not longer and on the same fork.
func (s *State) compare(nodes Nodes, p *Proof, got *State) error {
	missing := false
	for _, root := range got.Roots {
		n, err := s.node(nodes, root.Index)
		switch {
		case errors.Is(err, ErrNoNode):
			missing = true
		case err != nil:
			return fmt.Errorf("comparing heads: %w", err)
		case n != root:
			return s.forkError(nodes, p, got, &root)
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

// forkError returns what is known of a fork: our head, and got, which p proves.
// differs is a node of got's tree that ours has otherwise, nil when any of our
// roots is.
func (s *State) forkError(nodes Nodes, p *Proof, got *State, differs *Node) *ForkError {
	theirs := p.WithoutBlock()
	for _, ours := range s.proofs(nodes, got, differs) {
		if ours.Manifest = got.Manifest; ours.Manifest == nil {
			ours.Manifest = s.Manifest
		}
		if e, err := CheckFork(s.Key, ours, theirs); err == nil {
			return e
		}
	}
	return &ForkError{Key: s.Key, Have: s.Head, Got: got.Head}
}

// proofs returns the proofs of our head, the shortest first, of which one shows
// how it contradicts got. Those for which nodes are missing are left out.
func (s *State) proofs(nodes Nodes, got *State, differs *Node) []*Proof {
	list := []*Proof{{Fork: s.Head.Fork, Upgrade: &UpgradeProof{Length: s.Head.Length, Nodes: slices.Clone(s.Roots), Signature: slices.Clone(s.Head.Signature)}}}
	if differs == nil || s.Head.Length == got.Head.Length {
		return list
	}
	for _, req := range []Request{
		{Upgrade: &UpgradeRequest{Length: got.Head.Length}},
		{Upgrade: &UpgradeRequest{Length: s.Head.Length}, Hash: &HashRequest{Index: differs.Index}},
	} {
		if p, err := Prove(s.Head, s.Manifest, nodes, req); err == nil {
			list = append(list, p)
		}
	}
	return list
}

// WithoutBlock returns a copy of a proof that shares nothing with p, and in which
// a block is replaced by its hash.
func (p *Proof) WithoutBlock() *Proof {
	c := &Proof{Fork: p.Fork, Manifest: p.Manifest.Clone()}
	if b := p.Block; b != nil {
		leaf := Leaf(b.Index, b.Value)
		c.Hash = &HashProof{Index: leaf.Index, Nodes: append([]Node{leaf}, b.Nodes...)}
	}
	if h := p.Hash; h != nil {
		c.Hash = &HashProof{h.Index, slices.Clone(h.Nodes)}
	}
	if k := p.Seek; k != nil {
		c.Seek = &SeekProof{k.Bytes, slices.Clone(k.Nodes)}
	}
	if up := p.Upgrade; up != nil {
		c.Upgrade = &UpgradeProof{up.Start, up.Length, slices.Clone(up.Nodes), slices.Clone(up.Additional), slices.Clone(up.Signature)}
	}
	return c
}

// ErrNoFork says that two proofs do not contradict each other.
var ErrNoFork = errors.New("feed: the two proofs do not contradict each other")

// CheckFork checks evidence of a fork (FORMAT.md section 9) from the feed key alone:
// two proofs with an upgrade from 0, of which the second may do without the
// manifest. If both verify, are on one fork, and show one node of the tree with
// two hashes, or two tree hashes for one length, it returns the fork, with the two
// proofs without blocks in it; nobody but the feed's writer can make such a pair.
//
// Errors wrap [ErrNoFork], or, when a proof is not valid, [ErrProof],
// [ErrSignature] or [ErrManifest].
func CheckFork(key Key, have, got *Proof) (*ForkError, error) {
	if have.Upgrade == nil || got.Upgrade == nil {
		return nil, fmt.Errorf("%w: no upgrade to compare", ErrProof)
	}
	if have.Fork != got.Fork {
		return nil, fmt.Errorf("%w: one is of fork %d, one of fork %d", ErrNoFork, have.Fork, got.Fork)
	}
	ours, theirs := &grower{hashes: make(map[uint64]Hash)}, &grower{hashes: make(map[uint64]Hash)}
	empty := State{Key: key}
	a, err := empty.verifyFrom(ours, have)
	if err != nil {
		return nil, err
	}
	empty.Manifest = a.Manifest
	b, err := empty.verifyFrom(theirs, got)
	if err != nil {
		return nil, err
	}
	differ := a.Head.Length == b.Head.Length && a.Head.Hash != b.Head.Hash
	for i, h := range ours.hashes {
		other, ok := theirs.hashes[i]
		differ = differ || ok && other != h
	}
	if !differ {
		return nil, fmt.Errorf("%w: trees of %d and %d blocks that may be of one feed", ErrNoFork, a.Head.Length, b.Head.Length)
	}
	e := &ForkError{Key: key, Have: a.Head, Got: b.Head, HaveProof: have.WithoutBlock(), GotProof: got.WithoutBlock()}
	e.HaveProof.Manifest, e.GotProof.Manifest = a.Manifest.Clone(), nil
	return e, nil
}
