package sheet

import (
	"fmt"
	"strconv"
	"strings"

	"cobox/provision/label"
)

// A Size is of a label or a page, in millimetres.
type Size struct{ Width, Height float64 }

// Standard is the size for which labels are made: 62 x 29 mm, which is sold for
// all label printers.
var Standard = Size{faceWidth, faceHeight}

// The bounds of a size. The lower is where a QR and letters are still read well.
const (
	minScale = 0.8
	maxSide  = 300
)

// ParseSize reads a size such as "62x29", in millimetres.
func ParseSize(text string) (s Size, err error) {
	w, h, ok := strings.Cut(text, "x")
	s.Width, err = strconv.ParseFloat(w, 64)
	if err == nil {
		s.Height, err = strconv.ParseFloat(h, 64)
	}
	if !ok || err != nil {
		return Size{}, fmt.Errorf("the size %q is not like 62x29, in millimetres", text)
	}
	if scale := s.scale(); !(scale >= minScale) || !(s.Width <= maxSide && s.Height <= maxSide) {
		return Size{}, fmt.Errorf("a label of %s mm: want at least %.0fx%.0f, and at most %d a side", s, minScale*faceWidth, minScale*faceHeight, maxSide)
	}
	return s, nil
}

func (s Size) String() string { return fmt.Sprintf("%gx%g", s.Width, s.Height) }

// scale returns by how much a label is enlarged to fill s.
func (s Size) scale() float64 { return min(s.Width/faceWidth, s.Height/faceHeight) }

// A Page is what is printed on a piece of paper.
type Page struct {
	size  Size
	black func() outline // a function, so that fmt cannot get at it
}

// Size returns the size of the paper.
func (p *Page) Size() Size { return p.size }

// Format writes a word in place of the page, whatever the verb.
func (Page) Format(s fmt.State, _ rune) { fmt.Fprint(s, "(page of codes)") }

// Labels returns a page of this size for each label.
func Labels(size Size, labels []label.Label) ([]*Page, error) {
	return layOut(size, []place{{0, 0}}, size, labels, 0, false)
}

// The common sheet of labels: 3 columns and 7 rows of 63.5 x 38.1 mm on A4,
// sold as L7160 among other names.
var (
	a4     = Size{210, 297}
	a4Cell = Size{63.5, 38.1}
)

const (
	a4Columns, a4Rows   = 3, 7
	a4Left, a4Top       = 7.25, 15.15
	a4PitchX            = 66.0
	cutLine             = 0.1
	A4Labels            = a4Columns * a4Rows // labels on a sheet of A4
	maxOverStandardSize = 1.0
)

// A place is where the top left of a label is.
type place struct{ x, y float64 }

// A4 returns sheets with 21 labels each. The first skip places of the first sheet
// stay empty, for a sheet that was used in part; cut draws lines along which plain
// paper is cut.
func A4(labels []label.Label, skip int, cut bool) ([]*Page, error) {
	if skip < 0 || skip >= A4Labels {
		return nil, fmt.Errorf("a sheet has %d labels: %d of them cannot be left out", A4Labels, skip)
	}
	var places []place
	for row := range a4Rows {
		for column := range a4Columns {
			places = append(places, place{a4Left + float64(column)*a4PitchX, a4Top + float64(row)*a4Cell.Height})
		}
	}
	return layOut(a4, places, a4Cell, labels, skip, cut)
}

func layOut(paper Size, places []place, cell Size, labels []label.Label, skip int, cut bool) ([]*Page, error) {
	t, err := openTypefaces()
	if err != nil {
		return nil, err
	}
	var sheets []outline
	for i, l := range labels {
		at := skip + i
		if sheet := at / len(places); sheet >= len(sheets) {
			sheets = append(sheets, nil)
		}
		drawn, err := face(t, l)
		if err != nil {
			return nil, err
		}
		sheet, p := &sheets[len(sheets)-1], places[at%len(places)]
		scale := cell.scale()
		if len(places) > 1 {
			scale = min(scale, maxOverStandardSize) // leaves room for sheets that are fed askew
		}
		*sheet = append(*sheet, drawn.placed(scale, p.x+(cell.Width-faceWidth*scale)/2, p.y+(cell.Height-faceHeight*scale)/2)...)
		if cut {
			sheet.frame(p.x, p.y, cell)
		}
	}
	var pages []*Page
	for _, o := range sheets {
		pages = append(pages, &Page{paper, func() outline { return o }})
	}
	return pages, nil
}

// frame adds a thin line around a cell.
func (o *outline) frame(x, y float64, s Size) {
	o.rectangle(x, y, s.Width, cutLine)
	o.rectangle(x, y+s.Height, s.Width, cutLine)
	o.rectangle(x, y, cutLine, s.Height)
	o.rectangle(x+s.Width, y, cutLine, s.Height)
}
