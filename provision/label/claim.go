package label

import (
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"

	"golang.org/x/crypto/argon2"
)

// The derivation of a code into a claim key. The salt is fixed: a typed code must
// suffice by itself, and tables are of no use against 90 random bits.
const (
	argonSalt   = "cobox/claim-salt/v1"
	argonTime   = 3
	argonKiB    = 64 << 10 // 64 MiB: a laptop has it, a farm of guessers has to have it per guess
	argonLanes  = 1
	infoClaimID = "cobox/claim-id/v1"
	infoProof   = "cobox/claim-boxproof/v1"
)

// A Claim is the private half of the key pair that a code stands for: who has it
// may claim the box or the invite. Like a [Code] it never prints itself and is
// not written by encoders. The zero Claim is not usable.
type Claim struct {
	key func() ed25519.PrivateKey // a function for the reason given at Code
}

// Claim derives the claim from c by Argon2id. It takes 64 MiB of memory and a
// part of a second, and belongs on the operator's or the partner's computer,
// never on a box. It panics when c is zero.
func (c Code) Claim() Claim {
	seed := argon2.IDKey([]byte(c.symbols()), []byte(argonSalt), argonTime, argonKiB, argonLanes, ed25519.SeedSize)
	key := ed25519.NewKeyFromSeed(seed)
	return Claim{func() ed25519.PrivateKey { return key }}
}

// A ClaimSeed makes a claim without a code: that of a card which names its owner.
// The box uses it once, in its first start, to show which card it was started from.
// Until then whoever has the card has it. Its text form is 64 characters of
// lower-case hex; a program that prints it prints a word in its place.
type ClaimSeed [ed25519.SeedSize]byte

// NewClaimSeed makes a seed of 32 bytes from r; see [New] for what it refuses.
func NewClaimSeed(r io.Reader) (s ClaimSeed, err error) {
	for i := 0; i < len(s); i += drawBytes {
		b, err := draw(r)
		if err != nil {
			return ClaimSeed{}, fmt.Errorf("making a claim: %w", err)
		}
		copy(s[i:], b[:])
	}
	return s, nil
}

// Claim returns the claim of the seed. It panics when the seed is zero.
func (s ClaimSeed) Claim() Claim {
	if s.IsZero() {
		panic("label: a zero ClaimSeed was used")
	}
	key := ed25519.NewKeyFromSeed(s[:])
	return Claim{func() ed25519.PrivateKey { return key }}
}

// IsZero reports whether s stands for no claim.
func (s ClaimSeed) IsZero() bool { return s == ClaimSeed{} }

// String returns a word in place of the seed.
func (s ClaimSeed) String() string { return "(claim seed)" }

// Format writes what String returns, whatever the verb.
func (s ClaimSeed) Format(f fmt.State, _ rune) { fmt.Fprint(f, s.String()) }

// MarshalText returns the text form, for the card's file alone.
func (s ClaimSeed) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, s[:]), nil }

// UnmarshalText reads the text form. It refuses the zero seed.
func (s *ClaimSeed) UnmarshalText(text []byte) error {
	var read ClaimSeed
	if err := readHex(read[:], text); err != nil {
		return fmt.Errorf("reading claim seed: %w", err)
	}
	if read.IsZero() {
		return errors.New("reading claim seed: it is all zero")
	}
	*s = read
	return nil
}

// Sign returns the ed25519 signature of message, 64 bytes. The message begins
// with a context of the caller's own: the package signs nothing itself.
func (c Claim) Sign(message []byte) []byte {
	return ed25519.Sign(c.private(), message)
}

// Public returns the public half.
func (c Claim) Public() ClaimKey {
	return ClaimKey(c.private()[ed25519.SeedSize:])
}

func (c Claim) private() ed25519.PrivateKey {
	if c.key == nil {
		panic("label: a zero Claim was used")
	}
	return c.key()
}

// String returns a word in place of the claim.
func (c Claim) String() string { return "(claim)" }

// Format writes what String returns, whatever the verb.
func (c Claim) Format(s fmt.State, _ rune) { fmt.Fprint(s, c.String()) }

// MarshalText fails: a claim is not kept in files, nor sent.
func (c Claim) MarshalText() ([]byte, error) { return nil, errHidden }

// A ClaimKey is the public half of a claim, an ed25519 key, and all that a card
// or a box has of a code. Its text form is 64 characters of lower-case hex. The
// zero ClaimKey stands for none.
//
// It gives nobody the box. But whoever has it can pass for the box in the
// pairing of its owner ([ClaimKey.BoxProofKey]), so it is neither announced nor
// logged: that is what [ClaimKey.ID] is for.
type ClaimKey [ed25519.PublicKeySize]byte

// A ClaimID names a claim key in public: in announcements on the LAN, in the
// pairing, in logs. It does not give the claim key away. Its text form is 32
// characters of lower-case hex.
type ClaimID [16]byte

// ID returns the claim ID.
func (k ClaimKey) ID() ClaimID { return ClaimID(k.expand(infoClaimID, len(ClaimID{}))) }

// BoxProofKey returns the key of the HMAC by which a box proves that it knows
// the claim key, and so is the box that the label was printed for.
func (k ClaimKey) BoxProofKey() [32]byte { return [32]byte(k.expand(infoProof, 32)) }

// expand is HKDF-SHA256 (RFC 5869) without a salt, which there means 32 zeros.
func (k ClaimKey) expand(info string, n int) []byte {
	b, err := hkdf.Key(sha256.New, k[:], nil, info, n)
	if err != nil {
		panic("label: HKDF: " + err.Error()) // only for outputs longer than 255 hashes
	}
	return b
}

// Verify reports whether signature is the claim's of message. Under the zero
// key nothing is: to ed25519 it is a valid key, for which anybody can sign.
func (k ClaimKey) Verify(message, signature []byte) bool {
	return !k.IsZero() && ed25519.Verify(k[:], message, signature)
}

// IsZero reports whether k stands for no key.
func (k ClaimKey) IsZero() bool { return k == ClaimKey{} }

// String returns the text form.
func (k ClaimKey) String() string { return hex.EncodeToString(k[:]) }

// MarshalText returns the text form.
func (k ClaimKey) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, k[:]), nil }

// UnmarshalText reads the text form. It refuses the zero key.
func (k *ClaimKey) UnmarshalText(text []byte) error {
	var read ClaimKey
	if err := readHex(read[:], text); err != nil {
		return fmt.Errorf("reading claim key: %w", err)
	}
	if read.IsZero() {
		return errors.New("reading claim key: it is all zero")
	}
	*k = read
	return nil
}

// ParseClaimKey reads the text form. It refuses the zero key.
func ParseClaimKey(text string) (k ClaimKey, err error) {
	err = k.UnmarshalText([]byte(text))
	return k, err
}

// IsZero reports whether id stands for none.
func (id ClaimID) IsZero() bool { return id == ClaimID{} }

// String returns the text form.
func (id ClaimID) String() string { return hex.EncodeToString(id[:]) }

// MarshalText returns the text form.
func (id ClaimID) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, id[:]), nil }

// UnmarshalText reads the text form.
func (id *ClaimID) UnmarshalText(text []byte) error {
	var read ClaimID
	if err := readHex(read[:], text); err != nil {
		return fmt.Errorf("reading claim ID: %w", err)
	}
	*id = read
	return nil
}

// ParseClaimID reads the text form.
func ParseClaimID(text string) (id ClaimID, err error) {
	err = id.UnmarshalText([]byte(text))
	return id, err
}

// readHex reads exactly len(b) bytes of lower-case hex.
func readHex(b, text []byte) error {
	if len(text) != 2*len(b) {
		return fmt.Errorf("%d characters of hex, want %d", len(text), 2*len(b))
	}
	if _, err := hex.Decode(b, text); err != nil {
		return err
	}
	if hex.EncodeToString(b) != string(text) {
		return errors.New("hex in upper case")
	}
	return nil
}
