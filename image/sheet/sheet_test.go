package sheet_test

import (
	"bytes"
	"compress/zlib"
	"crypto/rand"
	"encoding/xml"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/png"
	"io"
	"math"
	"regexp"
	"strings"
	"testing"

	"cobox/image/sheet"
	"cobox/provision/label"
	"cobox/provision/viewfinder"
)

func newLabels(t *testing.T, n int) (labels []label.Label) {
	t.Helper()
	for range n {
		code, err := label.New(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		tag, err := label.NewTag(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		labels = append(labels, label.Label{Code: code, Tag: tag})
	}
	return labels
}

func picture(t *testing.T, p *sheet.Page) *image.Gray {
	t.Helper()
	var b bytes.Buffer
	if err := p.PNG(&b); err != nil {
		t.Fatal(err)
	}
	img, err := png.Decode(&b) // checks the sums of all chunks
	if err != nil {
		t.Fatal(err)
	}
	return img.(*image.Gray)
}

// ink returns what of a picture is not white.
func ink(img *image.Gray) (all image.Rectangle) {
	white := bytes.Repeat([]byte{255}, img.Rect.Dx())
	for y := img.Rect.Min.Y; y < img.Rect.Max.Y; y++ {
		row := img.Pix[img.PixOffset(img.Rect.Min.X, y):][:len(white)]
		if bytes.Equal(row, white) {
			continue
		}
		for x, grey := range row {
			if grey < 255 {
				x += img.Rect.Min.X
				all = all.Union(image.Rect(x, y, x+1, y+1))
			}
		}
	}
	return all
}

// TestLabels: at every size the picture is as large as the paper, its QR is read,
// nothing is printed where label printers do not reach, and the QR has its margin.
func TestLabels(t *testing.T) {
	const dots = 20 // a millimetre
	labels := newLabels(t, 2)
	wide, err := label.ParseTag("WWWWWW")
	if err != nil {
		t.Fatal(err)
	}
	labels[0].Tag = wide
	for _, size := range []string{"62x29", "50x25", "62x50"} {
		s, err := sheet.ParseSize(size)
		if err != nil {
			t.Fatal(err)
		}
		pages, err := sheet.Labels(s, labels)
		if err != nil || len(pages) != len(labels) {
			t.Fatalf("%s: %d pages, %v", size, len(pages), err)
		}
		for i, p := range pages {
			img := picture(t, p)
			if want := image.Pt(int(s.Width*dots), int(s.Height*dots)); img.Rect.Size() != want {
				t.Errorf("%s: %v dots, want %v", size, img.Rect.Size(), want)
			}
			if text, err := viewfinder.ReadImage(img); text != labels[i].Text() {
				t.Errorf("%s: the QR is not read: %v", size, err)
			}
			scale := min(s.Width/62, s.Height/29) * dots
			left, top := (s.Width*dots-62*scale)/2, (s.Height*dots-29*scale)/2
			within := func(x0, y0, x1, y1 float64) image.Rectangle {
				return image.Rect(int(math.Floor(left+x0*scale)), int(math.Floor(top+y0*scale)), int(math.Ceil(left+x1*scale)), int(math.Ceil(top+y1*scale)))
			}
			if all := ink(img); !all.In(within(1.5, 3, 60.5, 26)) {
				t.Errorf("%s, tag %s: printed at %v, which is too near to the edge", size, labels[i].Tag, all)
			}
			margin := img.SubImage(within(21.35, 3, 23.65, 26)).(*image.Gray)
			if all := ink(margin); !all.Empty() {
				t.Errorf("%s: the QR's margin has something in it at %v", size, all)
			}
		}
	}
}

// TestA4: four labels from the 20th place on are two and two, each in its place.
func TestA4(t *testing.T) {
	const dots, skipped = 10, 19
	labels := newLabels(t, 4)
	pages, err := sheet.A4(labels, skipped, true)
	if err != nil || len(pages) != 2 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	next := 0
	for n, p := range pages {
		img := picture(t, p)
		if img.Rect.Size() != image.Pt(210*dots, 297*dots) {
			t.Errorf("a page of %v dots", img.Rect.Size())
		}
		for place := range sheet.A4Labels {
			x, y := 7.25+66*float64(place%3), 15.15+38.1*float64(place/3)
			cell := image.Rect(0, 0, int(63.5*dots)-6, int(38.1*dots)-6) // without the cutting lines
			cut := image.NewGray(cell)
			draw.Draw(cut, cell, img, image.Pt(int(x*dots)+3, int(y*dots)+3), draw.Src)
			if n == 0 && place < skipped || next == len(labels) {
				if all := ink(cut); !all.Empty() {
					t.Errorf("sheet %d, place %d should be empty: %v", n, place, all)
				}
				continue
			}
			if text, err := viewfinder.ReadImage(cut); text != labels[next].Text() {
				t.Errorf("sheet %d, place %d is not label %d: %v", n, place, next, err)
			}
			next++
		}
	}
	if next != len(labels) {
		t.Errorf("%d of %d labels are on the sheets", next, len(labels))
	}
	for _, skip := range []int{-1, sheet.A4Labels} {
		if _, err := sheet.A4(labels, skip, false); err == nil {
			t.Errorf("skipping %d labels is no error", skip)
		}
	}
}

var streams = regexp.MustCompile(`(?s)stream\n(.*?)\nendstream`)

// TestNoText: what is written holds no text that a search over files finds, says
// nothing of when it was made, and is the same each time.
func TestNoText(t *testing.T) {
	labels := newLabels(t, 2)
	pages, err := sheet.Labels(sheet.Standard, labels)
	if err != nil {
		t.Fatal(err)
	}
	write := func() (pdf, svg string) {
		var p, s bytes.Buffer
		if err := errors.Join(sheet.PDF(&p, pages), pages[0].SVG(&s)); err != nil {
			t.Fatal(err)
		}
		return p.String(), s.String()
	}
	pdf, svg := write()
	again, svgAgain := write()
	if pdf != again || svg != svgAgain {
		t.Error("the same labels make other bytes")
	}
	all := pdf + svg
	drawn := streams.FindAllStringSubmatch(pdf, -1)
	if len(drawn) != len(pages) {
		t.Fatalf("%d streams in the PDF, want one a page", len(drawn))
	}
	for _, m := range drawn {
		r, err := zlib.NewReader(strings.NewReader(m[1]))
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		all += string(text)
	}
	for _, l := range labels {
		for _, secret := range []string{l.Code.Text(), strings.ReplaceAll(l.Code.Text(), "-", ""), l.Tag.HostName(), "COBOX"} {
			if strings.Contains(all, secret) {
				t.Errorf("%s is in a file as text", secret)
			}
		}
	}
	if strings.Count(pdf, "/Type /Page\n") != 2 || !strings.Contains(pdf, "175.75 82.20") {
		t.Error("the PDF is not two pages of 62 x 29 mm")
	}
	if err := xml.Unmarshal([]byte(svg), new(struct{})); err != nil {
		t.Errorf("the SVG: %v", err)
	}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		if text := fmt.Sprintf(verb, pages[0]) + fmt.Sprintf(verb, *pages[0]); text != "(page of codes)(page of codes)" {
			t.Errorf("%s prints %q", verb, text)
		}
	}
	if err := sheet.PDF(io.Discard, nil); err == nil {
		t.Error("a PDF without pages is no error")
	}
}

func TestParseSize(t *testing.T) {
	if s, err := sheet.ParseSize("62x29.5"); err != nil || s != (sheet.Size{Width: 62, Height: 29.5}) || s.String() != "62x29.5" {
		t.Errorf("62x29.5 is read as %v, %v", s, err)
	}
	for _, text := range []string{"", "62", "x", "62x", "axb", "62x29x3", "40x29", "62x20", "NaNx29", "62x301", "1e9x1e9", "+Infx29", "-62x-29"} {
		if s, err := sheet.ParseSize(text); err == nil {
			t.Errorf("%q is read as %v", text, s)
		}
	}
}
