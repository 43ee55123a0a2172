package label

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// TagSymbols is the length of a tag: 30 bits, so that two boxes of one workshop
// hardly ever share one.
const TagSymbols = 6

// hostPrefix begins the host name of every box.
const hostPrefix = "cobox-"

// A Tag is a box's short name, printed on its label and part of its host name. It
// is no secret and proves nothing. Its text form is 6 symbols in upper case. The
// zero Tag stands for none; its text is empty.
type Tag struct {
	text string // 6 symbols of the alphabet, or empty
}

// NewTag returns a new tag from rand, which should be crypto/rand.Reader. It
// refuses a source that gives zeros or repeats itself.
func NewTag(rand io.Reader) (Tag, error) {
	b, err := draw(rand)
	if err != nil {
		return Tag{}, fmt.Errorf("making a tag: %w", err)
	}
	return Tag{encode(b[:], TagSymbols)}, nil
}

// ParseTag reads a tag as people type it, in the ways that [ParseCode] reads a
// code. It also reads the host name of a box, with or without ".local".
func ParseTag(text string) (Tag, error) {
	name := text
	if lower := strings.ToLower(strings.TrimSpace(text)); strings.HasPrefix(lower, hostPrefix) {
		name = strings.TrimSuffix(lower[len(hostPrefix):], ".")
		name = strings.TrimSuffix(name, ".local")
	}
	s, err := symbols("tag", name, TagSymbols)
	if err != nil {
		return Tag{}, err
	}
	return Tag{s}, nil
}

// HostName returns the name that the box has on its network until it is renamed:
// "cobox-" and the tag in lower case. It panics when t is zero.
func (t Tag) HostName() string {
	if t.IsZero() {
		panic("label: a zero Tag has no host name")
	}
	return hostPrefix + strings.ToLower(t.text)
}

// IsZero reports whether t stands for no tag.
func (t Tag) IsZero() bool { return t == Tag{} }

// String returns the text form.
func (t Tag) String() string { return t.text }

// MarshalText returns the text form.
func (t Tag) MarshalText() ([]byte, error) { return []byte(t.text), nil }

// UnmarshalText reads the text form alone, and the empty text as the zero Tag.
func (t *Tag) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*t = Tag{}
		return nil
	}
	read, err := ParseTag(string(text))
	if err != nil {
		return err
	}
	if read.text != string(text) {
		return errors.New("reading tag: want 6 symbols in upper case")
	}
	*t = read
	return nil
}
