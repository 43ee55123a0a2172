package identity

import (
	"errors"
	"fmt"
)

// A PeerID is a libp2p peer ID in its binary form, as libp2p's own type holds
// it: convert with PeerID(id) and peer.ID(p). Of an ed25519 key it is the key
// itself in an identity multihash. The zero PeerID is nobody's.
type PeerID string

// peerIDPrefix says: an identity multihash (00) of 36 bytes (24), which are the
// protobuf of a public key of type ed25519 (08 01) and 32 bytes (12 20).
const peerIDPrefix = "\x00\x24\x08\x01\x12\x20"

// ErrPeerID says that something is not the peer ID of an ed25519 key, which
// those of boxes and devices are.
var ErrPeerID = errors.New("not a peer ID of a box or a device (12D3KooW and 44 more characters)")

func peerID(key [32]byte) PeerID { return PeerID(peerIDPrefix + string(key[:])) }

// ParsePeerID reads the text form, "12D3KooW...". Only peer IDs of ed25519 keys
// are read; the error wraps [ErrPeerID].
func ParsePeerID(text string) (PeerID, error) {
	b, err := decodeBase58(text)
	if err != nil {
		return "", fmt.Errorf("reading peer ID %.24q: %w", text, ErrPeerID)
	}
	p := PeerID(b)
	if _, err := p.Key(); err != nil {
		return "", fmt.Errorf("reading peer ID %.24q: %w", text, ErrPeerID)
	}
	return p, nil
}

// Key returns the ed25519 key in p, or an error wrapping [ErrPeerID] when p is
// of another kind of key.
func (p PeerID) Key() (key [32]byte, err error) {
	if len(p) != len(peerIDPrefix)+len(key) || p[:len(peerIDPrefix)] != peerIDPrefix {
		return key, ErrPeerID
	}
	copy(key[:], p[len(peerIDPrefix):])
	return key, nil
}

// String returns the text form, base58: 52 characters that begin with
// "12D3KooW" for the peer IDs of boxes and devices.
func (p PeerID) String() string { return encodeBase58([]byte(p)) }

// MarshalText returns the text form.
func (p PeerID) MarshalText() ([]byte, error) { return []byte(p.String()), nil }

// UnmarshalText reads the text form, as [ParsePeerID] does.
func (p *PeerID) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePeerID(string(text))
	return err
}
