package label

import (
	"errors"
	"fmt"
	"strings"
)

// The first characters of the QR texts. They name no scheme that a phone opens:
// a camera must not take a code to a page. The digit is the version.
const (
	labelPrefix  = "COBOX1"
	invitePrefix = "COBOX1I"
)

// boxKeySymbols is the length of a box key: 256 bits and four that are zero.
const boxKeySymbols = 52

// A Content is what a text held: a [Label], an [Invite] or a [Code] alone.
type Content interface {
	// Text returns the form for printing and drawing. It is a secret.
	Text() string

	content()
}

// A Label is what the QR of a box's label holds.
type Label struct {
	Code Code
	Tag  Tag
}

// An Invite is what the QR of an invite holds. With the box key the partner's
// computer finds the box wherever it is, and no other can answer in its place.
type Invite struct {
	Code   Code
	BoxKey [32]byte // ed25519, see identity.BoxKey; never zero in what Parse returns
}

func (Code) content()   {}
func (Label) content()  {}
func (Invite) content() {}

// Text returns the text of the QR, COBOX1:<code>-<tag>, 34 characters. It panics
// when a part is missing.
func (l Label) Text() string {
	if l.Tag.IsZero() {
		panic("label: a Label without a tag")
	}
	return labelPrefix + ":" + l.Code.symbols() + "-" + l.Tag.text
}

// Text returns the text of the QR, COBOX1I:<code>-<box key>, 81 characters. It
// panics when a part is missing.
func (i Invite) Text() string {
	if i.BoxKey == [32]byte{} {
		panic("label: an Invite without a box key")
	}
	return invitePrefix + ":" + i.Code.symbols() + "-" + encode(i.BoxKey[:], boxKeySymbols)
}

// Parse reads what a person typed, pasted or photographed, and tells by its type
// what it is: a [Label], an [Invite], or a [Code] alone. It is as tolerant as
// [ParseCode]. When the text is something else, such as a web address, the error
// says so; it wraps [ErrMistyped] where ParseCode's does. No error repeats the text.
func Parse(text string) (Content, error) {
	const what = "CoBox code"
	prefix, rest, ok := strings.Cut(text, ":")
	if !ok {
		typed, err := symbols(what, text, CodeSymbols)
		if err != nil {
			return nil, betterError(what, text, err)
		}
		return content(codeOf(what, typed))
	}
	switch prefix = strings.TrimFunc(prefix, isFiller); {
	case strings.EqualFold(prefix, labelPrefix):
		return content(readLabel(rest))
	case strings.EqualFold(prefix, invitePrefix):
		return content(readInvite(rest))
	}
	return nil, betterError(what, text, fmt.Errorf("reading %s: neither %s: nor %s: stands at its beginning", what, labelPrefix, invitePrefix))
}

// content returns no Content at all beside an error, rather than a zero one.
func content[C Content](c C, err error) (Content, error) {
	if err != nil {
		return nil, err
	}
	return c, nil
}

// readLabel reads what follows the prefix.
func readLabel(text string) (Label, error) {
	const what = "label"
	s, err := symbols(what, text, CodeSymbols+TagSymbols)
	if err != nil {
		return Label{}, err
	}
	code, err := codeOf(what, s[:CodeSymbols])
	if err != nil {
		return Label{}, err
	}
	return Label{code, Tag{s[CodeSymbols:]}}, nil
}

// readInvite reads what follows the prefix.
func readInvite(text string) (Invite, error) {
	const what = "invite"
	s, err := symbols(what, text, CodeSymbols+boxKeySymbols)
	if err != nil {
		return Invite{}, err
	}
	code, err := codeOf(what, s[:CodeSymbols])
	if err != nil {
		return Invite{}, err
	}
	i := Invite{Code: code}
	if !decode(i.BoxKey[:], s[CodeSymbols:]) || i.BoxKey == [32]byte{} {
		return Invite{}, fmt.Errorf("reading %s: the box key is %w", what, ErrMistyped)
	}
	return i, nil
}

// ParseLabel reads the text of a label's QR, as [Parse] does, and refuses the rest.
func ParseLabel(text string) (Label, error) {
	c, err := Parse(text)
	if err != nil {
		return Label{}, err
	}
	switch c := c.(type) {
	case Label:
		return c, nil
	case Invite:
		return Label{}, errors.New("reading label: this is an invite for a partner, not the label of a box")
	}
	return Label{}, errors.New("reading label: this is a code alone, without the tag of a box")
}

// ParseInvite reads the text of an invite, as [Parse] does, and refuses the rest.
func ParseInvite(text string) (Invite, error) {
	c, err := Parse(text)
	if err != nil {
		return Invite{}, err
	}
	switch c := c.(type) {
	case Invite:
		return c, nil
	case Label:
		return Invite{}, errors.New("reading invite: this is the label of a box, not an invite: a box's owner pairs with it")
	}
	return Invite{}, errors.New("reading invite: this is a code alone: an invite begins with " + invitePrefix + ": and has the box's key, copy all of it")
}
