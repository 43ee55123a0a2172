package label

import (
	"math"

	"rsc.io/qr"
	"rsc.io/qr/coding"
)

// masks are the eight patterns that a QR's data may be inverted by.
const masks = 8

// encodeQR returns the QR of text at level Q, in the smallest version, with the
// first mask under which nothing in it looks like a finder, or the fewest things.
//
// The package qr takes mask 0 always. Then one label or invite in 150 has data
// that ZXing's way of looking takes for one of the three finders, and is not read,
// however well it is printed: 13 of 2000, with gozxing. The rules by which
// ISO/IEC 18004 weighs masks look at rows and columns singly: 10 of 2000. With
// this rule, none of 4000.
func encodeQR(text string) (*coding.Code, error) {
	plain, err := qr.Encode(text, qr.Q) // for the version
	if err != nil {
		return nil, err
	}
	version := coding.Version((plain.Size - 17) / 4)
	var best *coding.Code
	fewest := 0
	for mask := range coding.Mask(masks) {
		plan, err := coding.NewPlan(version, coding.Q, mask)
		if err != nil {
			return nil, err
		}
		code, err := plan.Encode(encoding(text))
		if err != nil {
			return nil, err
		}
		n := lookAlikes(code)
		if best == nil || n < fewest {
			best, fewest = code, n
		}
		if n == 0 {
			break
		}
	}
	return best, nil
}

// encoding returns the mode that takes the fewest bits, as the package qr does.
func encoding(text string) coding.Encoding {
	if coding.Num(text).Check() == nil {
		return coding.Num(text)
	}
	if coding.Alpha(text).Check() == nil {
		return coding.Alpha(text)
	}
	return coding.String(text)
}

// lookAlikes counts the places, those of the finders left out, that
// ZXing's readers may take for a finder. It goes the reader's way: from the
// middle of a run in a row to the middle of the run in that column, and from there
// to the middle of the run in that row. The reader then looks along the diagonal
// too; that is left out, because pixels decide it, not modules.
func lookAlikes(c *coding.Code) int {
	n := 0
	for y := range c.Size {
		for x := range c.Size {
			row, ok := middle(c, x, y, 1, 0)
			if !ok || row != 0 {
				continue
			}
			column, ok := middle(c, x, y, 0, 1)
			if !ok {
				continue
			}
			row, ok = middle(c, x, y+column, 1, 0)
			if ok && !inFinder(c.Size, x+row, y+column) {
				n++
			}
		}
	}
	return n
}

// inFinder reports whether the module at x, y is of one of the three finders.
func inFinder(size, x, y int) bool {
	const side = 7
	left, top := x < side, y < side
	right, bottom := x >= size-side, y >= size-side
	return left && top || right && top || left && bottom
}

// middle looks from the module at x, y both ways in steps of dx, dy. It reports
// whether there are runs of black, white, black, white, black around it in the
// proportion 1:1:3:1:1, each off by less than a half, as readers allow it for
// photographs taken at an angle, and how many steps ahead the middle of the third is.
func middle(c *coding.Code, x, y, dx, dy int) (steps int, ok bool) {
	if !c.Black(x, y) {
		return 0, false
	}
	back, ahead := runs(c, x, y, -dx, -dy), runs(c, x, y, dx, dy)
	five := [...]int{back[2], back[1], back[0] + 1 + ahead[0], ahead[1], ahead[2]}
	all := 0
	for _, n := range five {
		all += n
	}
	for i, want := range [...]float64{1, 1, 3, 1, 1} {
		want *= float64(all) / 7
		if math.Abs(float64(five[i])-want) >= want/2 {
			return 0, false
		}
	}
	return (ahead[0] + 1 - back[0]) >> 1, true // rounded down, also below zero
}

// runs returns the lengths of the runs of black, white and black that follow the
// module at x, y, itself left out. Outside is white; a run longer than any of
// interest is cut.
func runs(c *coding.Code, x, y, dx, dy int) (n [3]int) {
	const longest = 8
	for i := range n {
		for n[i] < longest && c.Black(x+dx, y+dy) == (i != 1) {
			n[i]++
			x, y = x+dx, y+dy
		}
	}
	return n
}
