package viewfinder

import (
	"cmp"
	"iter"
	"math"
	"slices"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode/decoder"
	"github.com/makiuchi-d/gozxing/qrcode/detector"
)

// The bounds of the search in one view. gozxing's own readers try every three of
// all places that look like a finder: a picture of many such places, a wall of
// tiles say, would keep them busy for hours.
const (
	maxFinders = 256 // places kept while the rows are gone through
	topFinders = 32  // of those, the ones that most rows agree on
	maxTriples = 64  // threes that are tried, the best shaped first
)

// readQRs yields the texts of the QRs in a view, the best shaped first. A text may
// come twice.
func readQRs(v view) iter.Seq[string] {
	return func(yield func(string) bool) {
		m, ok := v.binarize()
		if !ok {
			return
		}
		for _, t := range triples(finders(m)) {
			if text, ok := decodeAt(m, t); ok && !yield(text) {
				return
			}
		}
	}
}

// binarize returns the view in black and white; not ok when it has too little
// contrast.
func (v view) binarize() (m *gozxing.BitMatrix, ok bool) {
	w, h := v.gray.Rect.Dx(), v.gray.Rect.Dy()
	source, err := gozxing.NewPlanarYUVLuminanceSource(v.gray.Pix, w, h, 0, 0, w, h, false)
	if err != nil {
		return nil, false
	}
	binarizer := gozxing.NewHybridBinarizer
	if v.global {
		binarizer = gozxing.NewGlobalHistgramBinarizer
	}
	m, err = binarizer(source).GetBlackMatrix()
	if err != nil {
		return nil, false
	}
	if v.inverted {
		m.FlipAll()
	}
	return m, true
}

// finders returns the places that look like one of a QR's three finders: through
// which row, column and diagonal run black, white, black, white, black in the
// proportion 1:1:3:1:1. They are ordered by how many rows agree on them.
func finders(m *gozxing.BitMatrix) []*detector.FinderPattern {
	const step = 2 // rows; a finder's middle is at least three high
	f := detector.NewFinderPatternFinder(m, nil)
	width := m.GetWidth()
	for y := 0; y < m.GetHeight() && len(f.GetPossibleCenters()) < maxFinders; y += step {
		runs := make([]int, 5) // the last five runs of one colour, from black to black
		at := 0
		for x := range width {
			black := m.Get(x, y)
			if black == (at%2 == 0) {
				runs[at]++
				continue
			}
			switch {
			case at < 4:
				at++
				if at == 1 && runs[0] == 0 {
					at = 0 // white at the beginning of the row
					continue
				}
				runs[at]++
				continue
			case detector.FinderPatternFinder_foundPatternCross(runs):
				f.HandlePossibleCenter(runs, y, x)
			}
			detector.FinderPatternFinder_ShiftCounts2(runs)
			at = 3
		}
		if at == 4 && detector.FinderPatternFinder_foundPatternCross(runs) {
			f.HandlePossibleCenter(runs, y, width)
		}
	}
	found := slices.Clone(f.GetPossibleCenters())
	slices.SortStableFunc(found, func(a, b *detector.FinderPattern) int {
		return cmp.Compare(b.GetCount(), a.GetCount())
	})
	return found[:min(len(found), topFinders)]
}

// A triple is three finders that may be those of one QR.
type triple struct {
	bottomLeft, topLeft, topRight *detector.FinderPattern
	crooked                       float64 // 0 for a square seen from the front
}

// What a QR may look like at an angle; seen flatter, its modules cannot be told
// apart any more.
const (
	maxModuleRatio = 1.8 // of the largest finder's modules to the smallest's
	maxSideRatio   = 1.8 // of the longer side to the shorter
	maxCosine      = 0.6 // of the angle between them, which is then 53 to 127 degrees
	minModules     = 9   // between two finders' middles; 14 in the smallest QR
	maxModules     = 220 // 170 in the largest
)

// triples returns the threes of found that may be a QR's, the best shaped first.
func triples(found []*detector.FinderPattern) []triple {
	var all []triple
	for i, a := range found {
		for j, b := range found[:i] {
			for _, c := range found[:j] {
				if t, ok := newTriple(a, b, c); ok {
					all = append(all, t)
				}
			}
		}
	}
	slices.SortStableFunc(all, func(a, b triple) int { return cmp.Compare(a.crooked, b.crooked) })
	return all[:min(len(all), maxTriples)]
}

// newTriple tells which finder is which, and whether they can be one QR's.
func newTriple(a, b, c *detector.FinderPattern) (t triple, ok bool) {
	sizes := []float64{a.GetEstimatedModuleSize(), b.GetEstimatedModuleSize(), c.GetEstimatedModuleSize()}
	smallest, largest := slices.Min(sizes), slices.Max(sizes)
	if largest > maxModuleRatio*smallest {
		return t, false
	}
	bl, tl, tr := gozxing.ResultPoint_OrderBestPatterns(a, b, c)
	rightX, rightY := tr.GetX()-tl.GetX(), tr.GetY()-tl.GetY()
	downX, downY := bl.GetX()-tl.GetX(), bl.GetY()-tl.GetY()
	right, down := math.Hypot(rightX, rightY), math.Hypot(downX, downY)
	shorter, longer := min(right, down), max(right, down)
	cosine := math.Abs(rightX*downX+rightY*downY) / (right * down)
	switch {
	case shorter < minModules*smallest, longer > maxModules*largest:
		return t, false
	case longer > maxSideRatio*shorter, cosine > maxCosine:
		return t, false
	}
	return triple{
		bl.(*detector.FinderPattern), tl.(*detector.FinderPattern), tr.(*detector.FinderPattern),
		math.Log(longer/shorter) + cosine + math.Log(largest/smallest),
	}, true
}

// decodeAt reads the QR between three finders. A panic in the library is as good
// as nothing found: what it works on is anything that stands before a camera.
func decodeAt(m *gozxing.BitMatrix, t triple) (text string, ok bool) {
	defer func() {
		if recover() != nil {
			text, ok = "", false
		}
	}()
	info := detector.NewFinderPatternInfo(t.bottomLeft, t.topLeft, t.topRight)
	found, err := detector.NewDetector(m).ProcessFinderPatternInfo(info)
	if err != nil {
		return "", false
	}
	read, err := decoder.NewDecoder().Decode(found.GetBits(), nil)
	if err != nil {
		return "", false
	}
	return read.GetText(), true
}
