package provision

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
)

// A Personal is what makes a box of an image: it is written to the card's boot
// volume when that is flashed, and taken in and blanked by the box's first start. It
// can be read by whoever has the card in between: the seed is of use only
// together with what the box finds on its own, and that of an [Owner] makes nobody
// else the owner.
type Personal struct {
	Card Card `json:"card"`
	// Seed is from who flashed the card, for the box key; see appliance/entropy.
	Seed []byte `json:"seed,omitempty"`
}

// PersonalFile is the file's name on the boot volume. It is part of every image,
// with nothing in it, so that it can be overwritten in place.
const PersonalFile = "COBOX.TXT"

// PersonalSize is the file's length, always.
const PersonalSize = 4 << 10

// MaxSeed bounds a seed, in bytes.
const MaxSeed = 512

// What the file says of itself, as a reset card does. A card that names its owner
// has a version of its own, so that a box from before there were any does not take
// it for one with a code that nobody knows.
const (
	personalProduct = resetProduct
	personalVersion = 1
	ownedVersion    = 2
)

var (
	// ErrBlank says that there is nothing in the file: the image was not made a box
	// of yet, or the box has taken it in.
	ErrBlank = errors.New("the card was given to no box: mkimage personalise does that")
	// ErrPersonal says that the file is not as it was written.
	ErrPersonal = errors.New("the card's personalisation is damaged, or for another product: personalise it anew")
)

type personalText struct {
	Product string `json:"product"`
	Version int    `json:"version"`
	Personal
}

// BlankPersonal returns the file with nothing in it.
func BlankPersonal() []byte { return bytes.Repeat([]byte{' '}, PersonalSize) }

// Text returns the file.
func (p Personal) Text() ([]byte, error) {
	if len(p.Seed) > MaxSeed {
		return nil, fmt.Errorf("personalising: a seed of %d bytes, more than %d", len(p.Seed), MaxSeed)
	}
	if err := p.Card.check(true); err != nil {
		return nil, fmt.Errorf("personalising: %w", err)
	}
	text, err := json.Marshal(personalText{personalProduct, p.version(), p})
	if err != nil {
		return nil, fmt.Errorf("personalising: %w", err)
	}
	file := BlankPersonal()
	if whole := append(summed(text), '\n'); copy(file, whole) < len(whole) {
		return nil, fmt.Errorf("personalising: %d bytes are more than the file has", len(whole))
	}
	return file, nil
}

func (p Personal) version() int {
	if p.Card.Owner != (Owner{}) {
		return ownedVersion
	}
	return personalVersion
}

// ParsePersonal reads what [Personal.Text] returns. The error wraps [ErrBlank] when
// there is nothing in it, or [ErrPersonal].
func ParsePersonal(file []byte) (Personal, error) {
	text := bytes.TrimRight(file, " \r\n\x00")
	if len(text) == 0 {
		return Personal{}, ErrBlank
	}
	body, whole := unsummed(text)
	if len(file) > PersonalSize || !whole {
		return Personal{}, ErrPersonal
	}
	var p personalText
	if err := json.Unmarshal(body, &p); err != nil {
		return Personal{}, fmt.Errorf("%w: %w", ErrPersonal, err)
	}
	if p.Product != personalProduct || p.Version != p.version() || len(p.Seed) > MaxSeed {
		return Personal{}, fmt.Errorf("%w: product %.32q, version %d", ErrPersonal, p.Product, p.Version)
	}
	if err := p.Card.check(true); err != nil {
		return Personal{}, fmt.Errorf("%w: %w", ErrPersonal, err)
	}
	return p.Personal, nil
}
