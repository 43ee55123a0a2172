package secretstream

import (
	"crypto/ed25519"
	"crypto/sha512"
	"errors"
	"fmt"
	"io"

	"filippo.io/edwards25519"
	"github.com/flynn/noise"
)

// errPoint says that a peer's public key is none that libsodium takes.
var errPoint = errors.New("the peer's key is not a point of the prime-order group")

// ed25519DH is Noise's DH over Ed25519 key pairs, as noise-curve-ed does it: the
// secret is the clamped scalar that RFC 8032 derives from the seed, and the result
// is the compressed Edwards point, not X25519's coordinate.
type ed25519DH struct{}

func (ed25519DH) DHLen() int     { return 32 }
func (ed25519DH) DHName() string { return "Ed25519" }

// GenerateKeypair makes a key pair whose private part is the seed.
func (ed25519DH) GenerateKeypair(random io.Reader) (noise.DHKey, error) {
	seed := make([]byte, ed25519.SeedSize)
	if _, err := io.ReadFull(random, seed); err != nil {
		return noise.DHKey{}, fmt.Errorf("making a key pair: %w", err)
	}
	return keyPair(ed25519.NewKeyFromSeed(seed)), nil
}

func keyPair(private ed25519.PrivateKey) noise.DHKey {
	return noise.DHKey{Private: private.Seed(), Public: private.Public().(ed25519.PublicKey)}
}

// DH multiplies the point public by the scalar of seed.
func (ed25519DH) DH(seed, public []byte) ([]byte, error) {
	p, err := point(public)
	if err != nil {
		return nil, err
	}
	h := sha512.Sum512(seed)
	s, err := new(edwards25519.Scalar).SetBytesWithClamping(h[:32])
	if err != nil {
		return nil, err
	}
	return new(edwards25519.Point).ScalarMult(s, p).Bytes(), nil
}

// point reads a public key as strictly as libsodium: canonical, not of small
// order, and in the subgroup of prime order. Anything else would let a peer
// choose the shared secret.
func point(public []byte) (*edwards25519.Point, error) {
	p, err := new(edwards25519.Point).SetBytes(public)
	if err != nil || string(p.Bytes()) != string(public) {
		return nil, errPoint
	}
	identity := edwards25519.NewIdentityPoint()
	// [L-1]P + P is [L]P, which is the identity for the points of the subgroup alone.
	sum := new(edwards25519.Point).ScalarMult(minusOne(), p)
	if p.Equal(identity) == 1 || sum.Add(sum, p).Equal(identity) != 1 {
		return nil, errPoint
	}
	return p, nil
}

// minusOne returns L-1, the largest scalar.
func minusOne() *edwards25519.Scalar {
	one := [32]byte{1}
	s, err := new(edwards25519.Scalar).SetCanonicalBytes(one[:])
	if err != nil {
		panic("secretstream: 1 is not a scalar")
	}
	return s.Negate(s)
}
