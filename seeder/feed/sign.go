package feed

import (
	"crypto/ed25519"
	"errors"
	"fmt"

	"cobox/seeder/compact"
)

// MaxSignature bounds the bytes of a head signature: room for some five
// hundred signers with patches, and no more to hold for a stranger.
const MaxSignature = 64 << 10

// A SignerProof is one signer's signature over a head, as it stands in the
// head signature of feeds with several signers.
type SignerProof struct {
	Signer    uint64 // place in the manifest
	Signature [ed25519.SignatureSize]byte
	Patch     uint64 // how many blocks longer the tree is that was signed
}

// Sign returns h with the signature of the manifest's signer whose key is private.
// It is for feeds with a quorum of one; see [SignPart] for others. The manifest
// is nil for a compat feed. An error says that private is no signer of the
// manifest or that more than one must sign.
func Sign(key Key, m *Manifest, private ed25519.PrivateKey, h Head) (Head, error) {
	if m != nil && m.Quorum != 1 {
		return Head{}, fmt.Errorf("signing head of feed %s: %d signers must sign it", key.DiscoveryKey(), m.Quorum)
	}
	part, err := SignPart(key, m, private, h)
	if err != nil {
		return Head{}, err
	}
	h.Signature = part.Signature[:]
	if m != nil && !m.bareSignature() {
		h.Signature = m.AppendSignature(nil, []SignerProof{part})
	}
	return h, nil
}

// SignPart returns the signature over h of the manifest's signer whose key is
// private. [Manifest.AppendSignature] makes a head signature of several.
func SignPart(key Key, m *Manifest, private ed25519.PrivateKey, h Head) (SignerProof, error) {
	if len(private) != ed25519.PrivateKeySize {
		return SignerProof{}, fmt.Errorf("signing head of feed %s: private key has %d bytes, want %d",
			key.DiscoveryKey(), len(private), ed25519.PrivateKeySize)
	}
	public := [32]byte(private.Public().(ed25519.PublicKey))
	if m == nil {
		if public != key {
			return SignerProof{}, fmt.Errorf("signing head of feed %s: not the feed's key pair", key.DiscoveryKey())
		}
		return SignerProof{Signature: [64]byte(ed25519.Sign(private, h.signable(nil)))}, nil
	}
	for i, signer := range m.Signers {
		if signer.Public == public {
			signed := h.signable(m.context(key, i))
			return SignerProof{Signer: uint64(i), Signature: [64]byte(ed25519.Sign(private, signed))}, nil
		}
	}
	return SignerProof{}, fmt.Errorf("signing head of feed %s: not the key pair of one of its %d signers",
		key.DiscoveryKey(), len(m.Signers))
}

// VerifyHead checks h's signature (FORMAT.md section 6) under the feed key and
// its manifest. A nil manifest means a compat feed: key is the signer. The
// manifest must belong to the key (see [Manifest.Key]); this is checked too.
// h.Bytes is not looked at: it follows from the roots that h.Hash is over.
//
// roots are the full roots of the head's tree. They are needed only where a
// signer signed a longer tree than the head's, as the manifest may allow
// (patches): it is grown out of them. Errors wrap [ErrSignature], [ErrManifest]
// or, for want of roots, [ErrPatch].
func VerifyHead(key Key, m *Manifest, h Head, roots []Node) error {
	if h.Length > MaxLength {
		return fmt.Errorf("%w: a length of %d blocks is more than a feed can have", ErrSignature, h.Length)
	}
	if m == nil {
		if len(h.Signature) != ed25519.SignatureSize || !ed25519.Verify(key[:], h.signable(nil), h.Signature) {
			return ErrSignature
		}
		return nil
	}
	if m.Key() != key {
		return fmt.Errorf("%w: its hash is not the feed key", ErrManifest)
	}
	return m.verifySignature(key, h, roots)
}

// verifySignature is VerifyHead for a manifest that is known to be the feed's.
func (m *Manifest) verifySignature(key Key, h Head, roots []Node) error {
	if m.inPrologue(h.Length) {
		if h.Length != m.Prologue.Length || h.Hash != m.Prologue.Hash {
			return fmt.Errorf("%w: differs from the prologue in the manifest", ErrSignature)
		}
		return nil
	}
	if m.bareSignature() {
		if len(h.Signature) != ed25519.SignatureSize {
			return fmt.Errorf("%w: signature has %d bytes, want %d", ErrSignature, len(h.Signature), ed25519.SignatureSize)
		}
		return m.verifyPart(key, &h, SignerProof{Signature: [64]byte(h.Signature)})
	}
	if m.Quorum == 0 {
		return fmt.Errorf("%w: nobody can sign it", ErrSignature)
	}
	parts, patch, err := m.parseSignature(h.Signature)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	if uint64(len(parts)) < m.Quorum {
		return fmt.Errorf("%w: %d have signed, %d must", ErrSignature, len(parts), m.Quorum)
	}
	// Like JavaScript: the first ones must all be good, the others are not looked at.
	signed := make(map[uint64]bool)
	for _, part := range parts[:m.Quorum] {
		if signed[part.Signer] {
			return fmt.Errorf("%w: signer %d counts once only", ErrSignature, part.Signer)
		}
		signed[part.Signer] = true
		signedHead := &h
		if part.Patch != 0 && m.AllowPatch {
			if signedHead, err = patched(h, roots, part.Patch, patch); err != nil {
				return fmt.Errorf("%w (signer %d)", err, part.Signer)
			}
		}
		if err := m.verifyPart(key, signedHead, part); err != nil {
			return err
		}
	}
	return nil
}

// patched returns the head that a signer signed who was more blocks ahead of h:
// its tree is h's, grown by the nodes of the patch.
func patched(h Head, roots []Node, more uint64, patch map[uint64]Node) (*Head, error) {
	if len(roots) == 0 && h.Length > 0 {
		return nil, ErrPatch
	}
	if more > MaxLength || h.Length > MaxLength-more {
		return nil, fmt.Errorf("%w: a patch by %d blocks", ErrSignature, more)
	}
	g := &grower{roots: make([]vnode, len(roots))}
	for i, n := range roots {
		g.roots[i] = vnode{Node: n, sure: true, stored: true}
	}
	if err := g.growTo(h.Length+more, &queue{byIndex: patch}); err != nil {
		return nil, fmt.Errorf("%w: growing the tree by the patch: %w", ErrSignature, err)
	}
	grown, _, err := g.view()
	if err != nil {
		return nil, fmt.Errorf("%w: growing the tree by the patch: %w", ErrSignature, err)
	}
	return &Head{Fork: h.Fork, Length: h.Length + more, Hash: TreeHash(grown)}, nil
}

// inPrologue reports whether a head of this length is fixed by the manifest
// instead of being signed. Version 0 has prologues by name only.
func (m *Manifest) inPrologue(length uint64) bool {
	return m != nil && m.Version > 0 && m.Prologue != nil && length <= m.Prologue.Length
}

// verifyPart checks one signer's signature.
func (m *Manifest) verifyPart(key Key, h *Head, part SignerProof) error {
	if part.Signer >= uint64(len(m.Signers)) {
		return fmt.Errorf("%w: there is no signer %d", ErrSignature, part.Signer)
	}
	i := int(part.Signer)
	if !ed25519.Verify(m.Signers[i].Public[:], h.signable(m.context(key, i)), part.Signature[:]) {
		return fmt.Errorf("%w (signer %d)", ErrSignature, i)
	}
	return nil
}

// context returns what binds signer i's signatures to this feed.
func (m *Manifest) context(key Key, i int) *Hash {
	if m.Version == 0 {
		return &m.Signers[i].Namespace
	}
	return (*Hash)(&key)
}

// bareSignature reports whether a head signature is the one signer's 64 bytes
// and nothing else.
func (m *Manifest) bareSignature() bool {
	return m.Version == 0 && len(m.Signers) == 1 && !m.AllowPatch
}

// AppendSignature appends the head signature that consists of these signers'
// parts, for feeds whose signature is a list. patch holds the nodes that lead
// from the head's tree to the longer ones that were signed; none without patches.
// Version 0 is written without patches.
func (m *Manifest) AppendSignature(b []byte, parts []SignerProof, patch ...Node) []byte {
	b = compact.AppendUint(b, uint64(len(parts)))
	for _, part := range parts {
		if m.Version == 0 {
			b = compact.AppendUint(b, 0) // flags: no patch
		}
		b = compact.AppendUint(b, part.Signer)
		b = append(b, part.Signature[:]...)
		if m.Version > 0 {
			b = compact.AppendUint(b, part.Patch)
		}
	}
	b = compact.AppendUint(b, uint64(len(patch)))
	for _, n := range patch {
		b = compact.AppendUint(compact.AppendUint(b, n.Index), n.Size)
		b = append(b, n.Hash[:]...)
	}
	return b
}

// parseSignature reads a list of signatures and the nodes of their patches, by
// number; the last of several with one number counts.
func (m *Manifest) parseSignature(signature []byte) ([]SignerProof, map[uint64]Node, error) {
	if len(signature) > MaxSignature {
		return nil, nil, fmt.Errorf("signature has %d bytes, more than %d", len(signature), MaxSignature)
	}
	if len(signature) == 0 {
		return nil, nil, errors.New("no signature")
	}
	d := compact.NewDecoder(signature)
	parts := make([]SignerProof, d.Count(1+ed25519.SignatureSize+1))
	for i := range parts {
		p := &parts[i]
		var flags uint64
		if m.Version == 0 {
			flags = d.Uint()
		}
		p.Signer = d.Uint()
		copy(p.Signature[:], d.Bytes(ed25519.SignatureSize))
		switch {
		case m.Version > 0:
			p.Patch = d.Uint()
		case flags&1 != 0:
			d.Uint() // start
			p.Patch = d.Uint()
			for range d.Count(1) {
				d.Uint() // which of the nodes: it follows from the lengths
			}
		}
	}
	patch := make(map[uint64]Node)
	for range d.Count(1 + 1 + 32) {
		n := Node{Index: d.Uint(), Size: d.Uint(), Hash: d.Fixed32()}
		patch[n.Index] = n
	}
	if err := d.Err(); err != nil {
		return nil, nil, fmt.Errorf("reading signature: %w", err)
	}
	return parts, patch, nil
}
