package sheet

import (
	"cobox/provision/label"
)

// The face of a label, in millimetres. It is made for die-cut labels of 62 x 29,
// of which label printers reach all but 1.5 at the sides and 3 above and below.
// At other sizes all of it is enlarged or made smaller.
const (
	faceWidth  = 62
	faceHeight = 29
	module     = 0.6 // of the QR; it is read down to 0.4 at 150 dpi
	qrLeft     = 1.5 // the QR's quiet zone begins here
	textLeft   = 25
)

// face draws a label.
func face(t typefaces, l label.Label) (o outline, err error) {
	qr, err := label.Draw(l.Text())
	if err != nil {
		return nil, err
	}
	side := float64(qr.Size()+2*label.QuietZone) * module
	o.qr(qr, qrLeft+label.QuietZone*module, (faceHeight-side)/2+label.QuietZone*module)

	code := l.Code.Text() // five groups of four, with dashes between them
	const firstLine = 3 * 5
	x, err := o.write(t.regular, "CoBox ", 4.8, textLeft, 7)
	if err == nil {
		_, err = o.write(t.mono, l.Tag.String(), 4.8, x, 7)
	}
	for _, line := range []struct {
		face  *typeface
		text  string
		em, y float64
	}{
		{t.mono, code[:firstLine], 3.9, 12.6},
		{t.mono, code[firstLine:], 3.9, 17},
		{t.regular, "This code makes you its owner, once.", 2.1, 20.6},
		{t.regular, "Scan with coboxctl pair, no other app.", 2.1, 23},
		{t.regular, "http://" + l.Tag.HostName() + ".local", 2.1, 25.4},
	} {
		if err == nil {
			_, err = o.write(line.face, line.text, line.em, textLeft, line.y)
		}
	}
	return o, err
}

// qr adds the black modules of a QR. Neighbours in a row are one rectangle, and all
// are parts of one outline, so that no hairline shows between them.
func (o *outline) qr(p *label.Picture, left, top float64) {
	for y := range p.Size() {
		for x := 0; x < p.Size(); x++ {
			run := 0
			for p.Black(x+run, y) {
				run++
			}
			if run > 0 {
				o.rectangle(left+float64(x)*module, top+float64(y)*module, float64(run)*module, module)
				x += run
			}
		}
	}
}
