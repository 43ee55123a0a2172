package label

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"io"
)

// QuietZone is the white border that readers need around a QR, in modules
// (ISO/IEC 18004).
const QuietZone = 4

// The bounds of a picture. They stop a slip of the caller's from taking all memory.
const (
	maxDrawn  = 512  // bytes of text
	maxPixels = 8192 // of a PNG's side
)

// moduleMM is the side of a module in an SVG, in millimetres. A box's label with
// its quiet zone is then 22.2 mm wide and fits the common label printers.
const moduleMM = 0.6

// A Picture is the QR of a text, at error correction level Q: at L and M a few
// damaged modules made it unreadable. It is as secret as the text, and does not
// print itself in fmt. Pictures are made by [Draw] and never change.
type Picture struct {
	size  int
	black func(x, y int) bool // a function for the reason given at Code
}

// Draw returns the QR of text, such as [Label.Text] or [Invite.Text]. Texts in
// upper case take the fewest modules: 29 a side for a label, 37 for an invite.
func Draw(text string) (*Picture, error) {
	if text == "" {
		return nil, errors.New("drawing a QR: there is no text")
	}
	if len(text) > maxDrawn {
		return nil, fmt.Errorf("drawing a QR: the text has %d bytes, more than the %d that can be read from a label", len(text), maxDrawn)
	}
	code, err := encodeQR(text)
	if err != nil {
		return nil, fmt.Errorf("drawing a QR of %d bytes: %w", len(text), err)
	}
	return &Picture{code.Size, code.Black}, nil
}

// Size returns the modules of a side, without the quiet zone.
func (p *Picture) Size() int { return p.size }

// Black reports whether the module in column x and row y is black; both count
// from 0 at the top left. Everything outside is white.
func (p *Picture) Black(x, y int) bool { return p.black(x, y) }

// Format writes a word in place of the picture, whatever the verb.
func (Picture) Format(s fmt.State, _ rune) { fmt.Fprint(s, "(picture of a code)") }

// Terminal writes p as text with its quiet zone: two rows of modules a line, in
// half blocks. Black modules are ink, as on paper and in terminals with dark
// text on a light ground; when inverted, white ones are, for terminals with light
// text on a dark ground.
func (p *Picture) Terminal(w io.Writer, inverted bool) error {
	halves := [...]string{" ", "▄", "▀", "█"} // upper half 2, lower half 1
	end := p.Size() + QuietZone
	ink := func(x, y int) int {
		if y < end && p.Black(x, y) != inverted { // the last line may have no lower half
			return 1
		}
		return 0
	}
	var text bytes.Buffer
	for y := -QuietZone; y < end; y += 2 {
		for x := -QuietZone; x < end; x++ {
			text.WriteString(halves[2*ink(x, y)+ink(x, y+1)])
		}
		text.WriteByte('\n')
	}
	if _, err := w.Write(text.Bytes()); err != nil {
		return fmt.Errorf("writing a QR: %w", err)
	}
	return nil
}

// PNG writes p with its quiet zone as a PNG, black on white, each module
// pixelsPerModule wide. At 300 dpi, 7 give the 0.6 mm of a printed label.
func (p *Picture) PNG(w io.Writer, pixelsPerModule int) error {
	modules := p.Size() + 2*QuietZone
	if pixelsPerModule < 1 || pixelsPerModule > maxPixels/modules {
		return fmt.Errorf("writing a QR as PNG: %d pixels a module, want 1 to %d", pixelsPerModule, maxPixels/modules)
	}
	side := modules * pixelsPerModule
	img := image.NewPaletted(image.Rect(0, 0, side, side), color.Palette{color.White, color.Black})
	for y := range side {
		for x := range side {
			if p.Black(x/pixelsPerModule-QuietZone, y/pixelsPerModule-QuietZone) {
				img.Pix[y*img.Stride+x] = 1
			}
		}
	}
	if err := png.Encode(w, img); err != nil {
		return fmt.Errorf("writing a QR as PNG: %w", err)
	}
	return nil
}

// SVG writes p with its quiet zone as an SVG, black on white, each module 0.6 mm
// wide. There is no text in it, so that no search over files finds the code.
func (p *Picture) SVG(w io.Writer) error {
	modules := p.Size() + 2*QuietZone
	side := fmt.Sprintf("%.1fmm", float64(modules)*moduleMM)
	var text bytes.Buffer
	fmt.Fprintf(&text, `<svg xmlns="http://www.w3.org/2000/svg" width="%s" height="%s" viewBox="0 0 %d %d" shape-rendering="crispEdges">`,
		side, side, modules, modules)
	text.WriteString("\n" + `<path fill="#fff" d="M0 0h` + fmt.Sprintf("%dv%dH0z", modules, modules) + `"/>` + "\n" + `<path d="`)
	for y := range p.Size() {
		for x := 0; x < p.Size(); x++ {
			run := 0 // of black modules: drawn as one, no hairline shows between them
			for p.Black(x+run, y) {
				run++
			}
			if run > 0 {
				fmt.Fprintf(&text, "M%d %dh%dv1h-%dz", x+QuietZone, y+QuietZone, run, run)
				x += run
			}
		}
	}
	text.WriteString(`"/>` + "\n</svg>\n")
	if _, err := w.Write(text.Bytes()); err != nil {
		return fmt.Errorf("writing a QR as SVG: %w", err)
	}
	return nil
}
