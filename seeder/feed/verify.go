package feed

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
)

// A State is what a holder of a feed knows to be true: the base that proofs are
// checked against. The zero State plus Key is that of one who has only the key.
type State struct {
	Key      Key
	Manifest *Manifest // nil until known, and for compat feeds for ever
	Head     Head
	Roots    []Node // the full roots of Head, left to right
}

// A Batch is what a verified proof establishes, for the store to keep in one piece.
type Batch struct {
	// Nodes are newly verified nodes, in any order, without duplicates. Nodes
	// of the proof whose hash is sure but whose size is not are left out: see
	// FORMAT.md section 8.
	Nodes []Node
	// Upgraded is the state after the proof, nil when there was no upgrade.
	Upgraded *State
	// Common is, for an upgrade to a higher fork, how many blocks of the old
	// fork are blocks of the new one for sure; all after it must be dropped.
	Common uint64
	Reorg  bool // Upgraded has a higher fork than the state had, and the state was not empty
	// Block is the verified block, nil when there was none. Value is the
	// caller's slice of the proof.
	Block *Block
}

// A Block is a verified block.
type Block struct {
	Index uint64
	Value []byte
}

// Verify checks a proof against the state and the stored nodes (FORMAT.md section
// 8) and returns what it newly establishes. It changes nothing. It does not
// retain p's slices other than the block's value in the Batch that it returns.
// It does not look whether p is what was asked for.
//
// When p carries an upgrade whose fork is higher than the state's, the upgrade
// must start at 0; it is checked from an empty tree, and the Batch replaces the
// state's head (see [Batch.Common]). On the state's own fork an upgrade starts
// at the state's length, or at 0: then it establishes nothing, but may turn out
// to contradict the state.
//
// Errors wrap [ErrProof] (cut the peer off), [ErrMissing] (which is also that
// of a proof for another fork or length than ours, as a late answer is),
// [ErrSignature], [ErrManifest], or are a [*ForkError]. Errors of
// nodes other than [ErrNoNode] are returned as they are.
func (s *State) Verify(nodes Nodes, p *Proof) (*Batch, error) {
	if p.Upgrade == nil {
		return s.verifyParts(nodes, p)
	}
	ours, theirs := s.Head.Fork, p.Fork
	switch {
	case theirs < ours:
		return nil, fmt.Errorf("%w: it is for fork %d, and we have %d", ErrMissing, theirs, ours)
	case theirs > ours || s.Head.Length == 0:
		return s.verifyNew(nodes, p)
	case p.Upgrade.Start == s.Head.Length:
		return s.verifyGrowth(nodes, p)
	case p.Upgrade.Start == 0:
		return s.verifyAgain(nodes, p)
	}
	return nil, fmt.Errorf("%w: an upgrade from %d blocks, and we have %d", ErrMissing, p.Upgrade.Start, s.Head.Length)
}

// verifyParts checks a proof without an upgrade.
func (s *State) verifyParts(nodes Nodes, p *Proof) (*Batch, error) {
	if p.Fork != s.Head.Fork {
		return nil, fmt.Errorf("%w: it is for fork %d, and we have %d", ErrMissing, p.Fork, s.Head.Fork)
	}
	if _, err := s.manifestFor(p); err != nil {
		return nil, err
	}
	var g grower
	sub, err := g.verifyPath(p)
	if err != nil {
		return nil, err
	}
	if err := s.checkStored(nodes, sub); err != nil {
		return nil, err
	}
	return &Batch{Nodes: g.made, Block: p.block()}, nil
}

// verifyGrowth checks an upgrade of the tree that we have.
func (s *State) verifyGrowth(nodes Nodes, p *Proof) (*Batch, error) {
	var g grower
	for _, root := range s.Roots {
		g.roots = append(g.roots, vnode{Node: root, sure: true, stored: true})
	}
	sub, err := g.verifyPath(p)
	if err != nil {
		return nil, err
	}
	upgraded, sub, err := s.upgrade(&g, p, sub)
	if err != nil {
		return nil, err
	}
	if err := s.checkStored(nodes, sub); err != nil {
		return nil, err
	}
	return &Batch{Nodes: g.made, Upgraded: upgraded, Block: p.block()}, nil
}

// verifyEmpty checks an upgrade from the empty tree, whatever we have.
func (s *State) verifyEmpty(p *Proof) (*State, *grower, error) {
	g := new(grower)
	upgraded, err := s.verifyFrom(g, p)
	return upgraded, g, err
}

// verifyFrom is verifyEmpty with a grower, which must be empty.
func (s *State) verifyFrom(g *grower, p *Proof) (*State, error) {
	if p.Upgrade.Start != 0 {
		return nil, fmt.Errorf("%w: an upgrade from %d blocks of a fork of which we have none", ErrProof, p.Upgrade.Start)
	}
	sub, err := g.verifyPath(p)
	if err != nil {
		return nil, err
	}
	upgraded, sub, err := s.upgrade(g, p, sub)
	if err != nil {
		return nil, err
	}
	if sub != nil {
		return nil, fmt.Errorf("%w: tree node %d is not part of the upgrade", ErrProof, sub.Index)
	}
	return upgraded, nil
}

// verifyNew checks the first head that we see of a feed or of a higher fork.
func (s *State) verifyNew(nodes Nodes, p *Proof) (*Batch, error) {
	upgraded, g, err := s.verifyEmpty(p)
	if err != nil {
		return nil, err
	}
	b := &Batch{Nodes: g.made, Upgraded: upgraded, Block: p.block()}
	if s.Head.Length > 0 {
		b.Reorg = true
		b.Common, err = s.common(nodes, upgraded.Roots)
		if err != nil {
			return nil, err
		}
	}
	return b, nil
}

// verifyAgain checks an upgrade from the empty tree on the fork that we have
// blocks of. Nobody needs it, but it may be proof that the writer signed two trees.
func (s *State) verifyAgain(nodes Nodes, p *Proof) (*Batch, error) {
	upgraded, g, err := s.verifyEmpty(p)
	if err != nil {
		return nil, err
	}
	if upgraded.Head.Length > s.Head.Length {
		return nil, fmt.Errorf("%w: an upgrade from 0 blocks, and we have %d", ErrMissing, s.Head.Length)
	}
	if err := s.compare(nodes, p, upgraded); err != nil {
		return nil, err
	}
	return &Batch{Nodes: g.made, Block: p.block()}, nil
}

// block returns the block of a proof, for a batch.
func (p *Proof) block() *Block {
	if p.Block == nil {
		return nil
	}
	return &Block{Index: p.Block.Index, Value: p.Block.Value}
}

// common returns how many blocks before the first root that differs from what
// is stored a new fork shares with ours. Within that root there may be more.
func (s *State) common(nodes Nodes, roots []Node) (uint64, error) {
	for _, root := range roots {
		if RightSpan(root.Index) >= 2*s.Head.Length {
			return LeftSpan(root.Index) / 2, nil
		}
		n, err := nodes.Node(root.Index)
		if err != nil && !errors.Is(err, ErrNoNode) {
			return 0, fmt.Errorf("comparing forks: %w", err)
		}
		if err != nil || n != root {
			return LeftSpan(root.Index) / 2, nil
		}
	}
	return rootsLength(roots), nil
}

// checkStored checks the top of a path that the upgrade did not use, if any,
// against the stored node. Only nodes of the tree that s knows count: beyond
// it, a store may hold what is left of another fork.
func (s *State) checkStored(nodes Nodes, sub *vnode) error {
	if sub == nil {
		return nil
	}
	if RightSpan(sub.Index) >= 2*s.Head.Length {
		return fmt.Errorf("%w: tree node %d in a feed of %d blocks", ErrMissing, sub.Index, s.Head.Length)
	}
	n, err := nodes.Node(sub.Index)
	switch {
	case errors.Is(err, ErrNoNode):
		return fmt.Errorf("%w: tree node %d", ErrMissing, sub.Index)
	case err != nil:
		return fmt.Errorf("verifying a proof: %w", err)
	case n != sub.Node:
		return fmt.Errorf("%w: tree node %d differs from the one that is stored", ErrProof, sub.Index)
	}
	return nil
}

// upgrade grows g's tree by the upgrade in p and checks the signature over the
// result. sub is the top of the path in p, nil for none; it is returned unless
// it became part of the tree.
func (s *State) upgrade(g *grower, p *Proof, sub *vnode) (*State, *vnode, error) {
	manifest, err := s.manifestFor(p)
	if err != nil {
		return nil, nil, err
	}
	up := p.Upgrade
	sub, err = g.grow(up, sub, manifest)
	if err != nil {
		return nil, nil, err
	}
	roots, size, err := g.finish()
	if err != nil {
		return nil, nil, err
	}
	head := Head{Fork: p.Fork, Length: rootsLength(roots), Bytes: size, Hash: TreeHash(roots), Signature: up.Signature}
	if err := s.checkHead(manifest, head, roots); err != nil {
		return nil, nil, err
	}
	head.Signature = slices.Clone(head.Signature)
	if manifest.inPrologue(head.Length) {
		head.Signature = nil // nobody looked at it, and so a stranger may have made it up
	}
	return &State{Key: s.Key, Manifest: manifest, Head: head, Roots: roots}, sub, nil
}

// manifestFor returns the manifest to check p's upgrade with, nil for a compat feed.
func (s *State) manifestFor(p *Proof) (*Manifest, error) {
	switch {
	case s.Manifest != nil || s.Head.Length > 0:
		return s.Manifest, nil // known for good
	case p.Manifest == nil || p.Manifest.isKeyOf(s.Key):
		return nil, nil
	case p.Manifest.Key() != s.Key:
		return nil, fmt.Errorf("%w: its hash is not the feed key", ErrManifest)
	}
	return p.Manifest.Clone(), nil
}

// checkHead checks a head's signature with a manifest that is known to be the feed's.
func (s *State) checkHead(m *Manifest, h Head, roots []Node) error {
	if m != nil {
		return m.verifySignature(s.Key, h, roots)
	}
	if len(h.Signature) != ed25519.SignatureSize {
		return fmt.Errorf("%w: none came with the first head", ErrManifest)
	}
	return VerifyHead(s.Key, nil, h, roots)
}
