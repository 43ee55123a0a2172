package release

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/mod/sumdb/note"
)

// ErrNoKeys says that a box was made without release keys. It wraps [ErrUnsigned].
var ErrNoKeys = fmt.Errorf("%w: its image was made without any, and takes no updates", ErrUnsigned)

// ErrUnsigned says that too few of the release keys have signed a manifest.
var ErrUnsigned = errors.New("it is not signed by enough of the release keys that this box knows")

// MaxKeys bounds how many release keys there are.
const MaxKeys = 16

// enough is how many keys have to sign: a stolen one is of no use alone.
const enough = 2

// Keys are the public release keys. The zero value knows none, and takes no release.
type Keys struct{ verifiers []note.Verifier }

// ParseKeys reads release keys, one a line.
func ParseKeys(text []byte) (Keys, error) {
	var k Keys
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		v, err := note.NewVerifier(line)
		if err != nil {
			return Keys{}, fmt.Errorf("reading the release key %.40q: %w", line, err)
		}
		for _, other := range k.verifiers {
			if other.Name() == v.Name() {
				return Keys{}, fmt.Errorf("reading the release keys: %.40q is there twice", v.Name())
			}
		}
		k.verifiers = append(k.verifiers, v)
	}
	if len(k.verifiers) == 0 || len(k.verifiers) > MaxKeys {
		return Keys{}, fmt.Errorf("reading the release keys: there are %d, want 1 to %d", len(k.verifiers), MaxKeys)
	}
	return k, nil
}

// Needs returns how many of the keys have to sign.
func (k Keys) Needs() int { return max(1, min(enough, len(k.verifiers))) }

// Open returns the manifest in a signed note, once enough keys have signed it. The
// error wraps [ErrUnsigned] ([ErrNoKeys] when none could) or [ErrMalformed].
func (k Keys) Open(signed []byte) (Manifest, error) {
	if len(k.verifiers) == 0 {
		return Manifest{}, ErrNoKeys
	}
	n, err := note.Open(signed, note.VerifierList(k.verifiers...))
	if _, ok := errors.AsType[*note.UnverifiedNoteError](err); ok {
		return Manifest{}, ErrUnsigned
	}
	if e, ok := errors.AsType[*note.InvalidSignatureError](err); ok {
		return Manifest{}, fmt.Errorf("%w: the signature by %.40q is false", ErrUnsigned, e.Name)
	}
	if err != nil {
		return Manifest{}, malformed("%v", err)
	}
	// Open has dropped a second signature by the same key.
	if len(n.Sigs) < k.Needs() {
		return Manifest{}, fmt.Errorf("%w: %d of %d", ErrUnsigned, len(n.Sigs), k.Needs())
	}
	// A signature has one form: the last symbol of base64 has bits that count for
	// nothing, and package note does not look at them.
	for _, sig := range n.Sigs {
		if _, err := base64.StdEncoding.Strict().DecodeString(sig.Base64); err != nil {
			return Manifest{}, malformed("the signature by %.40q: %v", sig.Name, err)
		}
	}
	return ParseManifest([]byte(n.Text))
}

// Sign returns m signed, as a note.
func Sign(m Manifest, signers ...note.Signer) ([]byte, error) {
	if _, err := ParseManifest(m.Text()); err != nil {
		return nil, fmt.Errorf("signing the manifest: %w", err)
	}
	signed, err := note.Sign(&note.Note{Text: string(m.Text())}, signers...)
	if err != nil {
		return nil, fmt.Errorf("signing the manifest: %w", err)
	}
	return signed, nil
}

// Unverified reads the manifest in a signed note without looking at the signatures:
// for people who want to know what a file says that it is.
func Unverified(signed []byte) (Manifest, error) {
	// A note's text ends at the last empty line, see package note.
	text, _, ok := strings.Cut(string(signed), "\n\n")
	if !ok {
		return Manifest{}, malformed("its manifest has no signatures")
	}
	return ParseManifest([]byte(text + "\n"))
}
