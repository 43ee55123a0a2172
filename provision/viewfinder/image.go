package viewfinder

import (
	"errors"
	"fmt"
	"image"

	"cobox/provision/label"
)

// The reasons for which a picture holds no text for us.
var (
	// ErrNotFound says that there is no QR in the picture that can be read.
	ErrNotFound = errors.New("no QR code was found: hold it flatter, sharper and with more light, all four corners and some white around it in the picture")

	// ErrSeveral says that two CoBox codes are in one picture: which one is meant
	// is for a person to say.
	ErrSeveral = errors.New("two CoBox codes are in the picture: cover one of them, or photograph the other alone")
)

// ReadImage returns the text of the label's or the invite's QR in img, as
// label.Label.Text and label.Invite.Text write it. QRs of other things beside it
// do not matter. It may be turned, upside down, mirrored, inverted, seen at an
// angle, small or dim, and need not have its quiet zone.
//
// The error wraps [ErrNotFound] or [ErrSeveral], or says what the QR is that was
// found; of its text it says nothing. A picture of 12 megapixels takes a second or
// two when there is nothing to be found in it.
func ReadImage(img image.Image) (text string, err error) {
	return readImage(img, thorough)
}

// readImage looks at img in as many ways as effort has.
func readImage(img image.Image, e effort) (text string, err error) {
	b := img.Bounds()
	if b.Empty() {
		return "", fmt.Errorf("reading a picture: it is empty: %w", ErrNotFound)
	}
	if err := checkSize(b.Dx(), b.Dy(), maxPhotoPixels); err != nil {
		return "", fmt.Errorf("reading a picture: %w", err)
	}
	var f findings
	for view := range e.views(luminance(img)) {
		for text := range readQRs(view) {
			f.add(text)
		}
		if len(f.codes) > 0 {
			break
		}
	}
	return f.result()
}

// findings is what was read from the views of one picture.
type findings struct {
	codes   []string // different texts of ours, those of labels and invites first
	foreign error    // what the first QR is that is not ours
}

func (f *findings) add(text string) {
	c, err := label.Parse(text)
	if err != nil {
		if f.foreign == nil {
			f.foreign = err
		}
		return
	}
	text = c.Text()
	for _, have := range f.codes {
		if have == text {
			return
		}
	}
	f.codes = append(f.codes, text)
}

func (f *findings) result() (string, error) {
	switch {
	case len(f.codes) == 1:
		return f.codes[0], nil
	case len(f.codes) > 1:
		return "", fmt.Errorf("reading a picture: %w", ErrSeveral)
	case f.foreign != nil:
		return "", fmt.Errorf("the QR code in the picture: %w", f.foreign)
	}
	return "", fmt.Errorf("reading a picture: %w", ErrNotFound)
}
