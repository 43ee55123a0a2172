package label

import (
	"errors"
	"fmt"
	"strings"
)

// The first characters of the QR texts. They name no scheme that a phone opens:
// a camera must not take a code to a page. The digit is the version.
const (
	labelPrefix   = "COBOX1"
	invitePrefix  = "COBOX1I"
	flashedPrefix = "COBOX1F"
)

const (
	// boxKeySymbols is the length of a box key: 256 bits and four that are zero.
	boxKeySymbols = 52
	// claimIDSymbols is the length of a claim ID: 128 bits and two that are zero.
	claimIDSymbols = 26
)

// A Content is what a text held: a [Label], an [Invite], a [Flashed] or a [Code] alone.
type Content interface {
	// Text returns the form for printing and drawing. It is a secret, but for
	// that of a [Flashed].
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

// A Flashed names a card that was flashed for an operator: by it he knows the box
// that was started from that card. It is no secret, and gives nobody anything.
type Flashed struct {
	Card ClaimID // of the claim of which the card has the seed; never zero in what Parse returns
	Tag  Tag
}

func (Code) content()    {}
func (Label) content()   {}
func (Invite) content()  {}
func (Flashed) content() {}

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

// Text returns COBOX1F:<claim ID>-<tag>, 41 characters. It panics when a part is
// missing.
func (f Flashed) Text() string {
	if f.Card.IsZero() || f.Tag.IsZero() {
		panic("label: a Flashed without its card or tag")
	}
	return flashedPrefix + ":" + encode(f.Card[:], claimIDSymbols) + "-" + f.Tag.text
}

// Parse reads what a person typed, pasted or photographed, and tells by its type
// what it is: a [Label], an [Invite], a [Flashed], or a [Code] alone. It is as tolerant as
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
	case strings.EqualFold(prefix, flashedPrefix):
		return content(readFlashed(rest))
	}
	return nil, betterError(what, text, fmt.Errorf("reading %s: neither %s: nor %s: nor %s: stands at its beginning", what, labelPrefix, invitePrefix, flashedPrefix))
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

// readFlashed reads what follows the prefix.
func readFlashed(text string) (Flashed, error) {
	const what = "flashed card"
	s, err := symbols(what, text, claimIDSymbols+TagSymbols)
	if err != nil {
		return Flashed{}, err
	}
	f := Flashed{Tag: Tag{s[claimIDSymbols:]}}
	if !decode(f.Card[:], s[:claimIDSymbols]) || f.Card.IsZero() {
		return Flashed{}, fmt.Errorf("reading %s: it is %w", what, ErrMistyped)
	}
	return f, nil
}

// ParseFlashed reads the text of a flashed card, as [Parse] does, and refuses the rest.
func ParseFlashed(text string) (Flashed, error) {
	c, err := Parse(text)
	if err != nil {
		return Flashed{}, err
	}
	if f, ok := c.(Flashed); ok {
		return f, nil
	}
	return Flashed{}, errors.New("reading flashed card: this is a code: a text that begins with " + flashedPrefix + ": is for a box whose card names its owner")
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
	case Flashed:
		return Label{}, errFlashed("label")
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
	case Flashed:
		return Invite{}, errFlashed("invite")
	}
	return Invite{}, errors.New("reading invite: this is a code alone: an invite begins with " + invitePrefix + ": and has the box's key, copy all of it")
}

// errFlashed says that a text is that of a flashed card, and not what.
func errFlashed(what string) error {
	return fmt.Errorf("reading %s: this names the card of a box that has an owner, who finds the box by it, and is no %s", what, what)
}
