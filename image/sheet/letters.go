package sheet

import (
	"fmt"

	"golang.org/x/image/font"
	"golang.org/x/image/font/gofont/gomonobold"
	"golang.org/x/image/font/gofont/goregular"
	"golang.org/x/image/font/sfnt"
	"golang.org/x/image/math/fixed"
)

// A typeface gives the outlines of letters. It is not safe for concurrent use.
type typeface struct {
	font *sfnt.Font
	buf  sfnt.Buffer
	unit fixed.Int26_6 // what is an em, in the font's own units
}

// The Go fonts: their zero has a stroke through it, and their 1 a foot.
type typefaces struct{ regular, mono *typeface }

func openTypefaces() (t typefaces, err error) {
	for _, f := range []struct {
		face **typeface
		ttf  []byte
	}{{&t.regular, goregular.TTF}, {&t.mono, gomonobold.TTF}} {
		parsed, err := sfnt.Parse(f.ttf)
		if err != nil {
			return t, fmt.Errorf("opening a typeface: %w", err)
		}
		*f.face = &typeface{font: parsed, unit: fixed.Int26_6(parsed.UnitsPerEm())}
	}
	return t, nil
}

// write adds text that begins at x on the line y, with an em of so many
// millimetres, and returns where the next letter would begin.
func (o *outline) write(t *typeface, text string, em, x, y float64) (end float64, err error) {
	for _, r := range text {
		glyph, err := t.font.GlyphIndex(&t.buf, r)
		if err != nil || glyph == 0 {
			return 0, fmt.Errorf("writing a label: the typeface has no %q: %w", r, err)
		}
		letter, err := t.font.LoadGlyph(&t.buf, glyph, t.unit, nil)
		if err != nil {
			return 0, fmt.Errorf("writing %q: %w", r, err)
		}
		*o = append(*o, contours(letter).placed(em/float64(t.unit), x, y)...)
		advance, err := t.font.GlyphAdvance(&t.buf, glyph, t.unit, font.HintingNone)
		if err != nil {
			return 0, fmt.Errorf("writing %q: %w", r, err)
		}
		x += em * float64(advance) / float64(t.unit)
	}
	return x, nil
}

// contours returns a letter in the font's units.
func contours(letter sfnt.Segments) (o outline) {
	at := func(p fixed.Point26_6) point { return point{float64(p.X), float64(p.Y)} }
	var pen point
	for _, s := range letter {
		if s.Op == sfnt.SegmentOpMoveTo {
			pen = at(s.Args[0])
			o = append(o, contour{start: pen})
			continue
		}
		var next step
		switch s.Op {
		case sfnt.SegmentOpLineTo:
			next = step{to: at(s.Args[0])}
		case sfnt.SegmentOpQuadTo:
			next = quadratic(pen, at(s.Args[0]), at(s.Args[1]))
		case sfnt.SegmentOpCubeTo:
			next = step{true, at(s.Args[0]), at(s.Args[1]), at(s.Args[2])}
		}
		c := &o[len(o)-1]
		c.steps = append(c.steps, next)
		pen = next.to
	}
	return o
}

// quadratic returns the quadratic curve with one control as a cubic one.
func quadratic(from, control, to point) step {
	third := func(end point) point {
		return point{end.x + 2*(control.x-end.x)/3, end.y + 2*(control.y-end.y)/3}
	}
	return step{true, third(from), third(to), to}
}
