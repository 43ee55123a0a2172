package identity

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"

	"cobox/seeder/feed"
)

// A BoxKey is the public key of a box. Its text form is "box:" and the box ID,
// which is the box's libp2p peer ID: box:12D3KooW...
type BoxKey [32]byte

// An OperatorKey is the public key of an operator. Its text form is "operator:"
// and z-base-32.
type OperatorKey [32]byte

// A PartnerKey is the public key of a partner. Its text form is "partner:" and
// z-base-32.
type PartnerKey [32]byte

// A DeviceKey is the public key of a partner's device. Its text form is
// "device:" and the device's libp2p peer ID: device:12D3KooW...
type DeviceKey [32]byte

// ErrKey says that a text is not a key, or not one of the kind asked for.
var ErrKey = errors.New("not a key of this kind")

// A Kind says whose a key is. It is the first part of the key's text form.
type Kind string

// The kinds of keys.
const (
	Box      Kind = "box"
	Operator Kind = "operator"
	Partner  Kind = "partner"
	Device   Kind = "device"
)

// keyText returns the text form of a key of kind k.
func (k Kind) keyText(key [32]byte) string {
	if k == Box || k == Device {
		return string(k) + ":" + peerID(key).String()
	}
	return string(k) + ":" + feed.Key(key).String() // one alphabet for all keys
}

// parse reads the text form of a key of kind k. The zero key, which stands for
// none, is refused: no key pair has it.
func (k Kind) parse(text string) (key [32]byte, err error) {
	kind, rest, ok := strings.Cut(text, ":")
	if !ok || kind != string(k) {
		return key, fmt.Errorf("reading %s key: %w: it begins with %q, got %.24q", k, ErrKey, string(k)+":", text)
	}
	if k == Box || k == Device {
		var p PeerID
		if p, err = ParsePeerID(rest); err == nil {
			key, err = p.Key()
		}
	} else {
		key, err = parseZ32(rest)
	}
	if err == nil && key == [32]byte{} {
		err = errors.New("it is all zero")
	}
	if err != nil {
		return [32]byte{}, fmt.Errorf("reading %s key: %w: %w", k, ErrKey, err)
	}
	return key, nil
}

// parseZ32 reads a key in z-base-32 only; feed keys may be in hex too.
func parseZ32(text string) (feed.Key, error) {
	if len(text) != 52 {
		return feed.Key{}, fmt.Errorf("%d characters, want 52", len(text))
	}
	return feed.ParseKey(text)
}

// parseAny reads the text form of a key of any kind.
func parseAny(text string) (Kind, [32]byte, error) {
	kind, _, _ := strings.Cut(text, ":")
	switch k := Kind(kind); k {
	case Box, Operator, Partner, Device:
		key, err := k.parse(text)
		return k, key, err
	}
	return "", [32]byte{}, fmt.Errorf("reading key %.24q: %w", text, ErrKey)
}

// publicKey returns the public half of private, which must be a whole key.
func publicKey(private ed25519.PrivateKey) (key [32]byte) {
	if len(private) != ed25519.PrivateKeySize {
		panic(fmt.Sprintf("identity: a private key of %d bytes", len(private)))
	}
	copy(key[:], private[ed25519.SeedSize:])
	return key
}

// BoxKeyOf returns the public half of private as a box's.
func BoxKeyOf(private ed25519.PrivateKey) BoxKey { return publicKey(private) }

// ParseBoxKey reads the text form of a box key. Because people copy box IDs, it
// also reads a box ID alone, "12D3KooW...". Errors wrap [ErrKey].
func ParseBoxKey(text string) (BoxKey, error) {
	if !strings.Contains(text, ":") {
		text = string(Box) + ":" + text
	}
	key, err := Box.parse(text)
	return key, err
}

// PeerID returns the box's libp2p peer ID; its text form is the box ID.
func (k BoxKey) PeerID() PeerID { return peerID(k) }

// String returns the text form.
func (k BoxKey) String() string { return Box.keyText(k) }

// IsZero reports whether k stands for no key.
func (k BoxKey) IsZero() bool { return k == BoxKey{} }

// MarshalText returns the text form.
func (k BoxKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads the text form, with its "box:". Errors wrap [ErrKey].
func (k *BoxKey) UnmarshalText(text []byte) (err error) {
	*k, err = Box.parse(string(text))
	return err
}

// OperatorKeyOf returns the public half of private as an operator's.
func OperatorKeyOf(private ed25519.PrivateKey) OperatorKey { return publicKey(private) }

// ParseOperatorKey reads the text form. Errors wrap [ErrKey].
func ParseOperatorKey(text string) (OperatorKey, error) {
	key, err := Operator.parse(text)
	return key, err
}

// String returns the text form.
func (k OperatorKey) String() string { return Operator.keyText(k) }

// IsZero reports whether k stands for no key.
func (k OperatorKey) IsZero() bool { return k == OperatorKey{} }

// MarshalText returns the text form.
func (k OperatorKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads the text form. Errors wrap [ErrKey].
func (k *OperatorKey) UnmarshalText(text []byte) (err error) {
	*k, err = Operator.parse(string(text))
	return err
}

// PartnerKeyOf returns the public half of private as a partner's.
func PartnerKeyOf(private ed25519.PrivateKey) PartnerKey { return publicKey(private) }

// ParsePartnerKey reads the text form. Errors wrap [ErrKey].
func ParsePartnerKey(text string) (PartnerKey, error) {
	key, err := Partner.parse(text)
	return key, err
}

// String returns the text form.
func (k PartnerKey) String() string { return Partner.keyText(k) }

// IsZero reports whether k stands for no key.
func (k PartnerKey) IsZero() bool { return k == PartnerKey{} }

// MarshalText returns the text form.
func (k PartnerKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads the text form. Errors wrap [ErrKey].
func (k *PartnerKey) UnmarshalText(text []byte) (err error) {
	*k, err = Partner.parse(string(text))
	return err
}

// DeviceKeyOf returns the public half of private as a device's.
func DeviceKeyOf(private ed25519.PrivateKey) DeviceKey { return publicKey(private) }

// ParseDeviceKey reads the text form. Errors wrap [ErrKey].
func ParseDeviceKey(text string) (DeviceKey, error) {
	key, err := Device.parse(text)
	return key, err
}

// PeerID returns the peer ID of an operator's libp2p host, whose key is the
// operator key. What is signed as a statement is signed over a prefix of its own,
// so that the two uses cannot be taken for each other.
func (k OperatorKey) PeerID() PeerID { return peerID(k) }

// PeerID returns the device's libp2p peer ID.
func (k DeviceKey) PeerID() PeerID { return peerID(k) }

// String returns the text form.
func (k DeviceKey) String() string { return Device.keyText(k) }

// IsZero reports whether k stands for no key.
func (k DeviceKey) IsZero() bool { return k == DeviceKey{} }

// MarshalText returns the text form.
func (k DeviceKey) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// UnmarshalText reads the text form. Errors wrap [ErrKey].
func (k *DeviceKey) UnmarshalText(text []byte) (err error) {
	*k, err = Device.parse(string(text))
	return err
}
