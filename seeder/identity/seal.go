package identity

import (
	"crypto/ecdh"
	"crypto/ed25519"
	"crypto/hpke"
	"crypto/sha512"
	"errors"
	"fmt"

	"filippo.io/edwards25519"
)

// ErrSealed says that bytes were not sealed to this key for this purpose, or
// were changed since.
var ErrSealed = errors.New("sealed for another key, or damaged")

// SealTo seals plaintext so that only the device with this key can open it. The
// purpose, such as "cobox/parcel/v1", keeps uses apart: it must be the same at
// both ends. Whoever has the key can seal: what is sealed must say by itself
// whose word it is. The error wraps [ErrKey] when the key is no point of the curve.
//
// It is HPKE (RFC 9180), base mode, with DHKEM(X25519, HKDF-SHA256), HKDF-SHA256
// and ChaCha20-Poly1305; the device's X25519 key is the ed25519 key carried over
// to the Montgomery form (RFC 7748, section 4.1). STATEMENTS.md has it in full.
func SealTo(to DeviceKey, purpose string, plaintext []byte) ([]byte, error) {
	x, err := montgomery(to)
	if err != nil {
		return nil, fmt.Errorf("sealing to %s: %w", to, err)
	}
	public, err := hpke.NewDHKEMPublicKey(x)
	if err != nil {
		return nil, fmt.Errorf("sealing to %s: %w", to, err)
	}
	sealed, err := hpke.Seal(public, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), []byte(purpose), plaintext)
	if err != nil {
		return nil, fmt.Errorf("sealing to %s: %w", to, err)
	}
	return sealed, nil
}

// OpenSealed opens what [SealTo] sealed for the device with this private key.
// The error wraps [ErrSealed].
func OpenSealed(device ed25519.PrivateKey, purpose string, sealed []byte) ([]byte, error) {
	hash := sha512.Sum512(device.Seed())
	x, err := ecdh.X25519().NewPrivateKey(hash[:32]) // X25519 clamps it, as ed25519 does
	if err != nil {
		return nil, fmt.Errorf("opening what is sealed: %w", err)
	}
	private, err := hpke.NewDHKEMPrivateKey(x)
	if err != nil {
		return nil, fmt.Errorf("opening what is sealed: %w", err)
	}
	plaintext, err := hpke.Open(private, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), []byte(purpose), sealed)
	if err != nil {
		return nil, fmt.Errorf("opening what is sealed: %w", ErrSealed)
	}
	return plaintext, nil
}

// montgomery returns the X25519 key of a device's ed25519 key.
func montgomery(k DeviceKey) (*ecdh.PublicKey, error) {
	p, err := new(edwards25519.Point).SetBytes(k[:])
	if err != nil {
		return nil, fmt.Errorf("%w: it is no point of the curve", ErrKey)
	}
	return ecdh.X25519().NewPublicKey(p.BytesMontgomery())
}
