package feed

import (
	"crypto/ed25519"
	"crypto/subtle"
	"encoding/base32"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"

	"golang.org/x/crypto/blake2b"
)

// A Key is a feed's public name and the root of trust in it: the hash of its
// manifest or, for compat feeds, the writer's ed25519 public key. Who has it
// can verify every block, and can ask for them; it opens nothing.
type Key [32]byte

// A DiscoveryKey names a feed to those who know its key, without giving the key away.
type DiscoveryKey [32]byte

// A Hash is a BLAKE2b-256 hash.
type Hash [32]byte

// zbase32 is the alphabet of the text form of keys.
var zbase32 = base32.NewEncoding("ybndrfg8ejkmcpqxot1uwisza345h769").WithPadding(base32.NoPadding)

// ParseKey reads a key in z-base-32 (52 characters, lower case) or hex (64 characters).
func ParseKey(text string) (Key, error) {
	var b []byte
	var err error
	switch len(text) {
	case 52:
		b, err = zbase32.DecodeString(text)
		// The last character has four bits to spare. Only zero will do, or
		// one feed would have sixteen names.
		if err == nil && zbase32.EncodeToString(b) != text {
			err = errors.New("the last character is not one that a key can end in")
		}
	case 64:
		b, err = hex.DecodeString(text)
	default:
		return Key{}, fmt.Errorf("feed key has %d characters, want 52 (z-base-32) or 64 (hex)", len(text))
	}
	if err != nil {
		return Key{}, fmt.Errorf("reading feed key: %w", err)
	}
	return Key(b), nil
}

// String returns the key in z-base-32, 52 characters.
func (k Key) String() string { return zbase32.EncodeToString(k[:]) }

// DiscoveryKey returns the feed's discovery key.
func (k Key) DiscoveryKey() DiscoveryKey {
	var h Hash
	hash256(&h, k[:], []byte("hypercore"))
	return DiscoveryKey(h)
}

// String returns the discovery key in hex, 64 characters; safe to log.
func (k DiscoveryKey) String() string { return hex.EncodeToString(k[:]) }

// ParseDiscoveryKey reads 64 hex characters.
func ParseDiscoveryKey(text string) (DiscoveryKey, error) {
	b, err := hex.DecodeString(text)
	if err != nil {
		return DiscoveryKey{}, fmt.Errorf("reading discovery key: %w", err)
	}
	if len(b) != 32 {
		return DiscoveryKey{}, fmt.Errorf("discovery key has %d characters, want 64", len(text))
	}
	return DiscoveryKey(b), nil
}

// String returns the hash in hex.
func (h Hash) String() string { return hex.EncodeToString(h[:]) }

// Equal compares in constant time.
func (h Hash) Equal(o Hash) bool { return subtle.ConstantTimeCompare(h[:], o[:]) == 1 }

// Capability returns the proof that the opener of a stream (initiator) or the
// other side of it knows k, bound to the stream by its handshake hash (FORMAT.md
// section 3). Each side sends its own; compare with [Hash.Equal].
func (k Key) Capability(initiator bool, handshakeHash *[64]byte) Hash {
	side := &nsReplicateResponder
	if initiator {
		side = &nsReplicateInitiator
	}
	var h Hash
	hash256(&h, handshakeHash[:], side[:], k[:])
	return h
}

// StreamHash is the handshake hash of a stream that is secured by other means
// (libp2p): BLAKE2b-512("cobox/hypercore/1" ‖ nonces ‖ peer IDs), initiator first.
func StreamHash(nonceInitiator, nonceResponder [32]byte, initiator, responder []byte) [64]byte {
	b := []byte("cobox/hypercore/1")
	b = append(b, nonceInitiator[:]...)
	b = append(b, nonceResponder[:]...)
	b = append(b, initiator...)
	b = append(b, responder...)
	return blake2b.Sum512(b)
}

// NewKeyPair derives the signing key that corestore gives a named feed:
// seed = BLAKE2b-256 keyed with primary over (NS_corestore ‖ namespace ‖ name).
// The default namespace is all zero; see [SubNamespace] for others.
func NewKeyPair(primary, namespace [32]byte, name string) ed25519.PrivateKey {
	var seed Hash
	hash256(&seed, primary[:], nsCorestore[:], namespace[:], []byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

// SubNamespace returns the corestore namespace called name within parent, for
// [NewKeyPair].
func SubNamespace(parent [32]byte, name string) [32]byte {
	var h Hash
	hash256(&h, nil, parent[:], []byte(name))
	return h
}

// Namespace returns constant i of a named purpose, BLAKE2b-256(BLAKE2b-256(name) ‖ i):
// what keeps a signature or hash made for one purpose from meaning anything in another.
func Namespace(name string, i byte) Hash {
	h := blake2b.Sum256([]byte(name))
	return blake2b.Sum256(append(h[:], i))
}

// The namespaces that feeds use.
var (
	nsTree               = Namespace("hypercore", 0)
	nsReplicateInitiator = Namespace("hypercore", 1)
	nsReplicateResponder = Namespace("hypercore", 2)
	nsManifest           = Namespace("hypercore", 3)
	nsDefault            = Namespace("hypercore", 4)
	nsCorestore          = Namespace("corestore", 0)
	nsBlobs              = Namespace("hyperdrive", 0)
)

// hash256 sets out to the BLAKE2b-256 hash of the parts, keyed unless key is nil.
func hash256(out *Hash, key []byte, parts ...[]byte) {
	h := newHash(key)
	for _, part := range parts {
		h.Write(part) // a hash never returns an error
	}
	h.Sum(out[:0])
}

func newHash(key []byte) hash.Hash {
	h, err := blake2b.New256(key)
	if err != nil {
		panic("feed: " + err.Error()) // only for keys over 64 bytes, and we have none
	}
	return h
}
