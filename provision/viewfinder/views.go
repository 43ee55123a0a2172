package viewfinder

import (
	"image"
	"image/draw"
	"iter"
)

// A view is a picture as it is looked at: in grey, at some size.
type view struct {
	gray     *image.Gray
	global   bool // one threshold for the whole picture instead of one for each place
	inverted bool // white on black, as terminals show it
}

// An effort says in how many ways a picture is looked at.
type effort int

const (
	// quick is for the frames of a camera: the next one comes soon.
	quick effort = iota
	// thorough is for photos: there is only this one.
	thorough
)

// The sides in pixels that pictures are brought to, the longer side counts. A
// reader that looks at single pixels sees little in a large and noisy picture, and
// in a small one misses a small label.
var (
	quickSides    = []int{1000, 1600}
	thoroughSides = []int{1000, 1800, 600, 3200, 400}
)

// minModulesSide is about what a label's QR with its quiet zone has in modules;
// pictures with fewer than minPixels for each are enlarged, since a finder of one
// pixel a module is not found.
const (
	minModulesSide = 37
	minPixels      = 4
)

// views yields the views of a picture, those that most often show something first.
func (e effort) views(picture *image.Gray) iter.Seq[view] {
	sides := thoroughSides
	if e == quick {
		sides = quickSides
	}
	return func(yield func(view) bool) {
		for i, side := range sides {
			g, ok := resize(picture, side)
			if !ok && i > 0 {
				continue // was looked at before: it is no larger than that
			}
			plain := yield(view{gray: g}) && yield(view{gray: g, inverted: true})
			if !plain {
				return
			}
			if e == quick {
				continue
			}
			soft := soften(g)
			clear, sharp := stretch(soft), sharpen(soft)
			for _, v := range []view{{gray: clear}, {gray: sharp}, {gray: clear, global: true}, {gray: clear, inverted: true}, {gray: sharp, inverted: true}} {
				if !yield(v) {
					return
				}
			}
		}
	}
}

// luminance returns img in grey, on white where it is transparent.
func luminance(img image.Image) *image.Gray {
	const rows = 64 // taken together: the standard library is fast at whole areas
	b := img.Bounds()
	gray := image.NewGray(image.Rect(0, 0, b.Dx(), b.Dy()))
	strip := image.NewRGBA(image.Rect(0, 0, b.Dx(), rows))
	for top := 0; top < b.Dy(); top += rows {
		draw.Draw(strip, strip.Rect, image.White, image.Point{}, draw.Src)
		draw.Draw(strip, strip.Rect, img, image.Pt(b.Min.X, b.Min.Y+top), draw.Over)
		height := min(rows, b.Dy()-top)
		for i := range height * b.Dx() {
			p := strip.Pix[4*i : 4*i+3 : 4*i+3]
			gray.Pix[top*gray.Stride+i] = byte((int(p[0]) + 2*int(p[1]) + int(p[2])) / 4)
		}
	}
	return gray
}

// resize brings the longer side of g to side pixels, or enlarges a tiny picture.
// When g is no larger than that and not tiny, it returns g and false.
func resize(g *image.Gray, side int) (*image.Gray, bool) {
	longer := max(g.Rect.Dx(), g.Rect.Dy())
	switch {
	case longer > side:
		return shrink(g, max(1, g.Rect.Dx()*side/longer), max(1, g.Rect.Dy()*side/longer)), true
	case longer < minModulesSide*minPixels:
		return enlarge(g, minPixels), false
	}
	return g, false
}

// shrink returns g in width x height pixels, each the mean of those it stands for.
func shrink(g *image.Gray, width, height int) *image.Gray {
	small := image.NewGray(image.Rect(0, 0, width, height))
	sums := make([]int, width) // of the rows that one row stands for
	for y := range height {
		top, bottom := y*g.Rect.Dy()/height, (y+1)*g.Rect.Dy()/height
		clear(sums)
		for row := top; row < bottom; row++ {
			line := g.Pix[row*g.Stride : row*g.Stride+g.Rect.Dx()]
			for x := range sums {
				left, right := x*len(line)/width, (x+1)*len(line)/width
				for _, p := range line[left:right] {
					sums[x] += int(p)
				}
			}
		}
		for x, sum := range sums {
			columns := (x+1)*g.Rect.Dx()/width - x*g.Rect.Dx()/width
			small.Pix[y*small.Stride+x] = byte(sum / (columns * (bottom - top)))
		}
	}
	return small
}

// enlarge returns g with times x times pixels for each.
func enlarge(g *image.Gray, times int) *image.Gray {
	large := image.NewGray(image.Rect(0, 0, g.Rect.Dx()*times, g.Rect.Dy()*times))
	for y := range large.Rect.Dy() {
		for x := range large.Rect.Dx() {
			large.SetGray(x, y, g.GrayAt(x/times, y/times))
		}
	}
	return large
}

// soften returns g with each pixel the mean of its nine neighbours: the noise of
// a camera in the dark goes, modules stay.
func soften(g *image.Gray) *image.Gray {
	w, h := g.Rect.Dx(), g.Rect.Dy()
	soft := image.NewGray(g.Rect)
	copy(soft.Pix, g.Pix)
	for y := 1; y < h-1; y++ {
		for x := 1; x < w-1; x++ {
			sum := 0
			for dy := -1; dy <= 1; dy++ {
				i := (y+dy)*g.Stride + x
				sum += int(g.Pix[i-1]) + int(g.Pix[i]) + int(g.Pix[i+1])
			}
			soft.Pix[y*soft.Stride+x] = byte(sum / 9)
		}
	}
	return soft
}

// sharpen returns g with what tells each pixel from those around it made more of:
// modules that have run into each other, out of focus, come apart.
func sharpen(g *image.Gray) *image.Gray {
	const times = 3
	around := soften(soften(soften(soften(g))))
	sharp := image.NewGray(g.Rect)
	for i, p := range g.Pix {
		sharp.Pix[i] = byte(min(max(0, int(p)+times*(int(p)-int(around.Pix[i]))), 255))
	}
	return sharp
}

// stretch returns g with its darkest hundredth black and its lightest hundredth
// white: thresholds of a fixed contrast then fit dim pictures too.
func stretch(g *image.Gray) *image.Gray {
	var histogram [256]int
	for _, p := range g.Pix {
		histogram[p]++
	}
	hundredth := len(g.Pix) / 100
	dark, light := 0, 255
	for n := histogram[dark]; n <= hundredth && dark < 255; n += histogram[dark] {
		dark++
	}
	for n := histogram[light]; n <= hundredth && light > dark; n += histogram[light] {
		light--
	}
	if light <= dark {
		return g // of one colour
	}
	var level [256]byte
	for i := range level {
		level[i] = byte(min(max(0, (i-dark)*255/(light-dark)), 255))
	}
	clear := image.NewGray(g.Rect)
	for i, p := range g.Pix {
		clear.Pix[i] = level[p]
	}
	return clear
}
