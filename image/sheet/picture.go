package sheet

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"io"
	"math"

	"golang.org/x/image/vector"
)

// dotsPerMM returns the resolution of a PNG: 508 dpi, and half of it for large
// paper, whose pictures would take much memory. A module of the QR is then 12 or 6
// dots wide at the standard size, without a remainder.
func (p *Page) dotsPerMM() float64 {
	if p.size.Width*p.size.Height > 150*150 {
		return 10
	}
	return 20
}

// PNG writes p as a PNG that knows its size on paper.
func (p *Page) PNG(w io.Writer) error {
	scale := p.dotsPerMM()
	dots := func(mm float64) int { return int(math.Round(mm * scale)) }
	width, height := dots(p.size.Width), dots(p.size.Height)
	img := image.NewGray(image.Rect(0, 0, width, height))
	draw.Draw(img, img.Bounds(), image.White, image.Point{}, draw.Src)
	r := vector.NewRasterizer(width, height)
	at := func(q point) (x, y float32) { return float32(q.x * scale), float32(q.y * scale) }
	for _, c := range p.black() {
		r.MoveTo(at(c.start))
		for _, s := range c.steps {
			x, y := at(s.to)
			if s.curve {
				ax, ay := at(s.a)
				bx, by := at(s.b)
				r.CubeTo(ax, ay, bx, by, x, y)
			} else {
				r.LineTo(x, y)
			}
		}
		r.ClosePath()
	}
	r.Draw(img, img.Bounds(), image.NewUniform(color.Black), image.Point{})

	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		return fmt.Errorf("writing labels as PNG: %w", err)
	}
	if _, err := w.Write(withResolution(b.Bytes(), uint32(scale*1000))); err != nil {
		return fmt.Errorf("writing labels as PNG: %w", err)
	}
	return nil
}

// withResolution puts the chunk pHYs into a PNG, behind its header (PNG, section
// 11.3.4.3): without it a label prints at any size.
func withResolution(file []byte, dotsPerMetre uint32) []byte {
	const header = 8 + 4 + 4 + 13 + 4 // signature and IHDR
	chunk := []byte("pHYs")
	chunk = binary.BigEndian.AppendUint32(chunk, dotsPerMetre)
	chunk = binary.BigEndian.AppendUint32(chunk, dotsPerMetre)
	chunk = append(chunk, 1) // dots a metre
	out := append([]byte{}, file[:header]...)
	out = binary.BigEndian.AppendUint32(out, uint32(len(chunk)-4))
	out = append(out, chunk...)
	out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(chunk))
	return append(out, file[header:]...)
}

// SVG writes p as an SVG in millimetres.
func (p *Page) SVG(w io.Writer) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" width="%gmm" height="%gmm" viewBox="0 0 %g %g">`,
		p.size.Width, p.size.Height, p.size.Width, p.size.Height)
	fmt.Fprintf(&b, "\n<path fill=\"#fff\" d=\"M0 0H%gV%gH0z\"/>\n<path d=\"", p.size.Width, p.size.Height)
	for _, c := range p.black() {
		fmt.Fprintf(&b, "M%s", c.start)
		for _, s := range c.steps {
			if s.curve {
				fmt.Fprintf(&b, "C%s %s %s", s.a, s.b, s.to)
			} else {
				fmt.Fprintf(&b, "L%s", s.to)
			}
		}
		b.WriteString("z\n")
	}
	b.WriteString("\"/>\n</svg>\n")
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("writing labels as SVG: %w", err)
	}
	return nil
}

// String returns p for an SVG, to a micrometre.
func (p point) String() string {
	round := func(v float64) float64 { return math.Round(v*1000) / 1000 }
	return fmt.Sprintf("%g %g", round(p.x), round(p.y))
}
