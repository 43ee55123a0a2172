package chain

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"cobox/seeder/feed"
	"cobox/seeder/identity"
)

// maxNumber is the largest number in a body, as in all statements.
const maxNumber = 1<<53 - 1

// An ID names a code: the claim ID of a label, a reset card or an invite. It is
// derived from the code's claim key (see provision/pairing), which is not done
// here. Its text form is 32 characters of lower-case hex.
type ID [16]byte

// A Hash is a statement's SHA-256, or that of a transcript. Its text form is 64
// characters of lower-case hex.
type Hash [32]byte

// A PublicKey is an ed25519 key that is none of identity's four kinds: a claim
// key or a recovery key. Its text form is 64 characters of lower-case hex.
type PublicKey [32]byte

// A Signature is one of ed25519, kept as evidence. Its text form is 128
// characters of lower-case hex.
type Signature [64]byte

// A FeedKey is a feed's key. Its text form is z-base-32.
type FeedKey feed.Key

// Sealed is what only operators' tools can open, such as an operator's own word
// for a partner: a stolen card does not name partners. It is opaque here, at
// most [MaxSealed] bytes; empty for none. Its text form is base64 with padding.
type Sealed string

// MaxSealed bounds a [Sealed] in bytes: a name sealed to a handful of operators,
// and no more than a twelfth of a statement.
const MaxSealed = 512

// String returns the text form.
func (x ID) String() string { return hex.EncodeToString(x[:]) }

// MarshalText returns the text form.
func (x ID) MarshalText() ([]byte, error) { return appendHex(x[:]), nil }

// UnmarshalText reads the text form.
func (x *ID) UnmarshalText(text []byte) error { return readHex(x[:], text) }

// String returns the text form.
func (x Hash) String() string { return hex.EncodeToString(x[:]) }

// MarshalText returns the text form.
func (x Hash) MarshalText() ([]byte, error) { return appendHex(x[:]), nil }

// UnmarshalText reads the text form.
func (x *Hash) UnmarshalText(text []byte) error { return readHex(x[:], text) }

// String returns the text form.
func (x PublicKey) String() string { return hex.EncodeToString(x[:]) }

// MarshalText returns the text form.
func (x PublicKey) MarshalText() ([]byte, error) { return appendHex(x[:]), nil }

// UnmarshalText reads the text form.
func (x *PublicKey) UnmarshalText(text []byte) error { return readHex(x[:], text) }

// MarshalText returns the text form.
func (x Signature) MarshalText() ([]byte, error) { return appendHex(x[:]), nil }

// UnmarshalText reads the text form.
func (x *Signature) UnmarshalText(text []byte) error { return readHex(x[:], text) }

// String returns the text form.
func (x FeedKey) String() string { return feed.Key(x).String() }

// MarshalText returns the text form.
func (x FeedKey) MarshalText() ([]byte, error) { return []byte(x.String()), nil }

// UnmarshalText reads the text form.
func (x *FeedKey) UnmarshalText(text []byte) error {
	key, err := feed.ParseKey(string(text))
	*x = FeedKey(key)
	return err
}

// MarshalText returns the text form.
func (x Sealed) MarshalText() ([]byte, error) {
	return base64.StdEncoding.AppendEncode(nil, []byte(x)), nil
}

// UnmarshalText reads the text form.
func (x *Sealed) UnmarshalText(text []byte) error {
	b, err := base64.StdEncoding.Strict().DecodeString(string(text))
	*x = Sealed(b)
	return err
}

func (x Sealed) check() error {
	if len(x) > MaxSealed {
		return malformed("a sealed name of %d bytes, more than %d", len(x), MaxSealed)
	}
	return nil
}

func appendHex(b []byte) []byte { return hex.AppendEncode(nil, b) }

func readHex(dst, text []byte) error {
	if len(text) != hex.EncodedLen(len(dst)) {
		return fmt.Errorf("%.24q is not %d bytes in hex", text, len(dst))
	}
	_, err := hex.Decode(dst, text)
	return err
}

// encode returns the one form of v: keys in the order of its fields, no white
// space, nothing escaped that need not be. It is the form of all statements'
// bodies, see identity's STATEMENTS.md.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("%w: %w", identity.ErrStatement, err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// decode reads into v what encode writes, and refuses every other text even if
// it means the same.
func decode(text []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return malformed("%s", strings.TrimPrefix(err.Error(), "json: "))
	}
	again, err := encode(v)
	if err != nil {
		return err
	}
	if !bytes.Equal(again, text) {
		return malformed("the body is not in the form that CHAIN.md asks for")
	}
	return nil
}

// malformed returns an error that wraps identity.ErrStatement.
func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: %s", identity.ErrStatement, fmt.Sprintf(format, args...))
}

// inSeconds drops what a body does not hold of t.
func inSeconds(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Second)
}

// checkTime tells whether t has the one form of times: UTC, whole seconds. The
// encoding of time.Time is that form for such times, and no other.
func checkTime(what string, t time.Time) error {
	if t.Year() < 1 || t.Year() > 9999 || t != inSeconds(t) {
		return malformed("%s: not a time in UTC with whole seconds", what)
	}
	return nil
}
