package sheet

// A point of a page, in millimetres from its top left.
type point struct{ x, y float64 }

// An outline is what is black: all that its contours enclose, whatever lies over
// each other (by the nonzero rule: contours that run the other way are holes).
type outline []contour

// A contour is a closed line. Its last step ends where it begins.
type contour struct {
	start point
	steps []step
}

// A step leads to a point: straight, or as the cubic curve with the controls a and b.
type step struct {
	curve bool
	a, b  point
	to    point
}

// rectangle adds a rectangle.
func (o *outline) rectangle(x, y, w, h float64) {
	*o = append(*o, contour{point{x, y}, []step{
		{to: point{x + w, y}}, {to: point{x + w, y + h}}, {to: point{x, y + h}}, {to: point{x, y}},
	}})
}

// placed returns o enlarged, and then moved.
func (o outline) placed(scale, dx, dy float64) outline {
	move := func(p point) point { return point{p.x*scale + dx, p.y*scale + dy} }
	out := make(outline, len(o))
	for i, c := range o {
		out[i] = contour{move(c.start), make([]step, len(c.steps))}
		for j, s := range c.steps {
			out[i].steps[j] = step{s.curve, move(s.a), move(s.b), move(s.to)}
		}
	}
	return out
}
