package pin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"cobox/seeder/feed"
	"cobox/seeder/identity"
)

// MaxLabel bounds a label in bytes: enough for a sealed name in base64.
const MaxLabel = 256

// MaxEncoded bounds an encoded [Pin] in bytes. A label may be escaped sixfold.
const MaxEncoded = 512 + 6*MaxLabel

// version is that of the encoding of a [Pin]. Raise it when the meaning of a
// field changes or one is added, and keep reading the older ones.
const version = 1

// ErrPin says that bytes are not an encoded pin, or that a pin cannot be encoded.
var ErrPin = errors.New("not a well-formed pin")

// A Pin is a box's promise to keep a feed for a partner.
type Pin struct {
	Feed    feed.Key
	Partner identity.PartnerKey
	Created time.Time // in UTC and whole seconds when it has been stored
	// Open lets stock Hypercore peers that prove the feed key read the feed.
	Open bool
	// Drive says that the feed is the database of a Hyperdrive: once its manifest is
	// known, the drive's blobs feed, whose key follows from it, is pinned with it.
	Drive bool
	// Label is the partner's own, opaque to the box: plain text or, better,
	// sealed bytes in base64. At most [MaxLabel] bytes of UTF-8.
	Label string
	// Frozen is set when the feed's writer has contradicted himself: nothing is
	// taken in or deleted until a person has looked at the evidence.
	Frozen bool
}

// Check returns nil, or an error wrapping [ErrPin] that says what in p is not
// as it must be. Pins from strangers are checked before they are used.
func (p Pin) Check() error {
	switch {
	case p.Feed == feed.Key{}:
		return fmt.Errorf("%w: no feed", ErrPin)
	case p.Partner.IsZero():
		return fmt.Errorf("%w: no partner", ErrPin)
	case p.Created.IsZero() || p.Created.UTC().Year() < 1 || p.Created.UTC().Year() > 9999:
		return fmt.Errorf("%w: created %v", ErrPin, p.Created)
	case len(p.Label) > MaxLabel:
		return fmt.Errorf("%w: a label of %d bytes, at most %d are kept", ErrPin, len(p.Label), MaxLabel)
	case !utf8.ValidString(p.Label):
		return fmt.Errorf("%w: the label is not text (seal or encode it in base64)", ErrPin)
	case strings.ContainsFunc(p.Label, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return fmt.Errorf("%w: the label has control characters in it", ErrPin)
	}
	return nil
}

// pinJSON is the encoding of a [Pin], in the store and, with other fields
// around it, in a [Status].
type pinJSON struct {
	Feed    feedText            `json:"feed"`
	Partner identity.PartnerKey `json:"partner"`
	Created seconds             `json:"created"`
	Open    bool                `json:"open,omitempty"`
	Drive   bool                `json:"drive,omitempty"`
	Label   string              `json:"label,omitempty"`
	Frozen  bool                `json:"frozen,omitempty"`
}

func (p Pin) toJSON() pinJSON {
	return pinJSON{feedText(p.Feed), p.Partner, inSeconds(p.Created), p.Open, p.Drive, p.Label, p.Frozen}
}

func (j pinJSON) pin() Pin {
	return Pin{feed.Key(j.Feed), j.Partner, j.Created.Time, j.Open, j.Drive, j.Label, j.Frozen}
}

// MarshalJSON writes p as JSON, with the feed key and the partner key as text.
func (p Pin) MarshalJSON() ([]byte, error) { return json.Marshal(p.toJSON()) }

// UnmarshalJSON reads what MarshalJSON writes. Fields that it does not know it
// passes over: the other side may be newer. What comes from a stranger is to be
// checked with [Pin.Check].
func (p *Pin) UnmarshalJSON(b []byte) error {
	var j pinJSON
	if err := json.Unmarshal(b, &j); err != nil {
		return fmt.Errorf("reading pin: %w: %w", ErrPin, err)
	}
	*p = j.pin()
	return nil
}

// storedPin is a [Pin] in the store.
type storedPin struct {
	Version int `json:"v"`
	pinJSON
}

// Append appends the encoding of p to b: JSON on one line, at most [MaxEncoded]
// bytes. The time is cut to whole seconds. The error is that of [Pin.Check].
func (p Pin) Append(b []byte) ([]byte, error) {
	if err := p.Check(); err != nil {
		return b, fmt.Errorf("encoding pin: %w", err)
	}
	text, err := json.Marshal(storedPin{version, p.toJSON()})
	if err != nil {
		return b, fmt.Errorf("encoding pin: %w: %w", ErrPin, err)
	}
	return append(b, text...), nil
}

// Parse reads what [Pin.Append] appended, and nothing else: what it reads,
// Append writes again byte for byte. Errors wrap [ErrPin].
func Parse(b []byte) (Pin, error) {
	p, err := parse(b)
	if err != nil {
		return Pin{}, fmt.Errorf("reading pin: %w", err)
	}
	return p, nil
}

func parse(b []byte) (Pin, error) {
	if len(b) > MaxEncoded {
		return Pin{}, fmt.Errorf("%w: %d bytes", ErrPin, len(b))
	}
	// The version comes before all else, to say of a newer box's pin that it is that.
	var v struct {
		Version int `json:"v"`
	}
	if err := json.Unmarshal(b, &v); err != nil {
		return Pin{}, fmt.Errorf("%w: %w", ErrPin, err)
	}
	if v.Version != version {
		return Pin{}, fmt.Errorf("%w: version %d, this program reads %d: use a newer one", ErrPin, v.Version, version)
	}
	var s storedPin
	if err := json.Unmarshal(b, &s); err != nil {
		return Pin{}, fmt.Errorf("%w: %w", ErrPin, err)
	}
	p := s.pin()
	again, err := p.Append(nil)
	if err != nil {
		return Pin{}, err
	}
	// Anything unknown, missing, doubled or out of order comes out differently.
	if !bytes.Equal(again, b) {
		return Pin{}, fmt.Errorf("%w: a field is unknown, missing, doubled or out of order", ErrPin)
	}
	return p, nil
}
