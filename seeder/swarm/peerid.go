package swarm

import (
	"crypto/ed25519"
	"fmt"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
)

// A PeerID names a peer: the multihash of its public key in binary form, as in
// the libp2p peer ID specification. For ed25519, the only keys that we make, the
// hash is the identity, so that the ID holds the key itself. It is comparable;
// the zero value names nobody.
type PeerID string

// String returns the usual text form, base58btc: "12D3Koo...".
func (p PeerID) String() string { return peer.ID(p).String() }

// PublicKey returns the ed25519 key inside p, or an error if p holds none.
func (p PeerID) PublicKey() (ed25519.PublicKey, error) {
	k, err := peer.ID(p).ExtractPublicKey()
	if err != nil {
		return nil, fmt.Errorf("reading the key in peer ID %s: %w", p, err)
	}
	if _, ok := k.(*crypto.Ed25519PublicKey); !ok {
		return nil, fmt.Errorf("reading the key in peer ID %s: it is of type %v, want Ed25519", p, k.Type())
	}
	return k.Raw()
}

// ParsePeerID reads the text form of a peer ID.
func ParsePeerID(s string) (PeerID, error) {
	id, err := peer.Decode(s)
	if err != nil {
		return "", fmt.Errorf("reading peer ID %q: %w", s, err)
	}
	return PeerID(id), nil
}

// PeerIDFromKey returns the peer ID of an ed25519 key.
func PeerIDFromKey(key ed25519.PublicKey) (PeerID, error) {
	k, err := crypto.UnmarshalEd25519PublicKey(key)
	if err != nil {
		return "", fmt.Errorf("making a peer ID: %w", err)
	}
	id, err := peer.IDFromPublicKey(k)
	if err != nil {
		return "", fmt.Errorf("making a peer ID: %w", err)
	}
	return PeerID(id), nil
}
