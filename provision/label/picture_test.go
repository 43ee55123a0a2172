package label_test

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"image/png"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/makiuchi-d/gozxing"
	"github.com/makiuchi-d/gozxing/qrcode"

	"cobox/provision/label"
)

// texts returns n labels and n invites.
func texts(t *testing.T, n int) (labels, invites []string) {
	t.Helper()
	source := &counter{}
	for range n {
		code := must[label.Code](t)(label.New(source))
		labels = append(labels, label.Label{Code: code, Tag: must[label.Tag](t)(label.NewTag(source))}.Text())
		invite := label.Invite{Code: code}
		if _, err := source.Read(invite.BoxKey[:]); err != nil {
			t.Fatal(err)
		}
		invites = append(invites, invite.Text())
	}
	return labels, invites
}

// TestPictureSizes: what the printed sizes rest on, version 3 for a label and
// version 5 for an invite. A version more would be a wider label.
func TestPictureSizes(t *testing.T) {
	labels, invites := texts(t, 50)
	for _, text := range labels {
		if p := must[*label.Picture](t)(label.Draw(text)); p.Size() != 29 {
			t.Errorf("a label has %d modules a side, want 29", p.Size())
		}
	}
	for _, text := range invites {
		if p := must[*label.Picture](t)(label.Draw(text)); p.Size() != 37 {
			t.Errorf("an invite has %d modules a side, want 37", p.Size())
		}
	}
}

// TestReadBack: another library reads what was drawn, from the PNG at several
// scales, and finds it to be of level Q. The two labels at the end
// are not found with mask 0, which the encoder takes when it is not told.
func TestReadBack(t *testing.T) {
	labels, invites := texts(t, 40)
	all := slices.Concat(labels, invites, []string{
		"COBOX1:MA1BWJ7RN5AED1GYRAXP-R73W84",
		"COBOX1:9B4HMVHGCVXQMXV3BVD5-WH6T0X",
	})
	for i, text := range all {
		p := must[*label.Picture](t)(label.Draw(text))
		var file bytes.Buffer
		scale := 3 + i%5
		if err := p.PNG(&file, scale); err != nil {
			t.Fatal(err)
		}
		got, level := readQR(t, file.Bytes())
		if got != text || level != "Q" {
			t.Errorf("at %d pixels a module, %q was read as %q, level %s", scale, text, got, level)
		}
		if _, err := label.Parse(got); err != nil {
			t.Error(err)
		}
	}
}

// readQR reads the QR in a PNG.
func readQR(t *testing.T, file []byte) (text, level string) {
	t.Helper()
	img, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	bitmap := must[*gozxing.BinaryBitmap](t)(gozxing.NewBinaryBitmapFromImage(img))
	result, err := qrcode.NewQRCodeReader().Decode(bitmap, map[gozxing.DecodeHintType]any{gozxing.DecodeHintType_TRY_HARDER: true})
	if err != nil {
		t.Fatalf("the QR was not read: %v", err)
	}
	return result.GetText(), fmt.Sprint(result.GetResultMetadata()[gozxing.ResultMetadataType_ERROR_CORRECTION_LEVEL])
}

func TestPNG(t *testing.T) {
	p := must[*label.Picture](t)(label.Draw("COBOX1"))
	side := p.Size() + 2*label.QuietZone
	for scale := 1; scale <= 5; scale++ {
		var file bytes.Buffer
		if err := p.PNG(&file, scale); err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(&file)
		if err != nil {
			t.Fatal(err)
		}
		if b := img.Bounds(); b.Dx() != side*scale || b.Dy() != side*scale {
			t.Fatalf("%v at %d pixels a module, want %d a side", b, scale, side*scale)
		}
		compare(t, p, func(x, y int) bool {
			r, _, _, _ := img.At(x*scale+scale-1, y*scale+scale/2).RGBA()
			return r == 0
		})
	}
	for _, scale := range []int{-1, 0, 8192/side + 1, 1 << 40} {
		if err := p.PNG(&bytes.Buffer{}, scale); err == nil {
			t.Errorf("PNG with %d pixels a module: no error", scale)
		}
	}
}

// TestTerminal takes the lines apart into modules again.
func TestTerminal(t *testing.T) {
	labels, invites := texts(t, 1)
	for _, text := range []string{"1", labels[0], invites[0]} {
		p := must[*label.Picture](t)(label.Draw(text))
		side := p.Size() + 2*label.QuietZone
		for _, inverted := range []bool{false, true} {
			var out bytes.Buffer
			if err := p.Terminal(&out, inverted); err != nil {
				t.Fatal(err)
			}
			lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
			if len(lines) != (side+1)/2 {
				t.Fatalf("%d lines for %d modules", len(lines), side)
			}
			for i, line := range lines {
				if n := utf8.RuneCountInString(line); n != side || strings.Trim(line, " ▀▄█") != "" {
					t.Fatalf("line %d has %d characters, want %d of blocks: %q", i+1, n, side, line)
				}
			}
			ink := func(x, y int) bool {
				r := []rune(lines[y/2])[x]
				return r == '█' || r == '▀' && y%2 == 0 || r == '▄' && y%2 == 1
			}
			compare(t, p, func(x, y int) bool { return ink(x, y) != inverted })
			for x := range side { // below an odd last row there is nothing
				if side%2 == 1 && ink(x, side) {
					t.Fatal("ink below the quiet zone")
				}
			}
		}
	}
}

var run = regexp.MustCompile(`M(\d+) (\d+)h(\d+)v1h-(\d+)z`)

// TestSVG fills the path's rectangles and compares them with the modules.
func TestSVG(t *testing.T) {
	labels, invites := texts(t, 1)
	for _, text := range []string{labels[0], invites[0]} {
		p := must[*label.Picture](t)(label.Draw(text))
		var out bytes.Buffer
		if err := p.SVG(&out); err != nil {
			t.Fatal(err)
		}
		var svg struct {
			Width   string `xml:"width,attr"`
			ViewBox string `xml:"viewBox,attr"`
			Paths   []struct {
				Fill string `xml:"fill,attr"`
				D    string `xml:"d,attr"`
			} `xml:"path"`
		}
		if err := xml.Unmarshal(out.Bytes(), &svg); err != nil {
			t.Fatal(err)
		}
		side := p.Size() + 2*label.QuietZone
		if len(svg.Paths) != 2 || svg.ViewBox != fmt.Sprintf("0 0 %d %d", side, side) || svg.Paths[0].Fill != "#fff" {
			t.Fatalf("not white ground and black modules: %.300s", out.String())
		}
		if p.Size() == 29 && svg.Width != "22.2mm" {
			t.Errorf("a label is %s wide, want 22.2mm", svg.Width)
		}
		black := make(map[[2]int]bool)
		for _, m := range run.FindAllStringSubmatch(svg.Paths[1].D, -1) {
			x, y, n, back := number(t, m[1]), number(t, m[2]), number(t, m[3]), number(t, m[4])
			if n != back {
				t.Fatalf("a run of %d goes back %d", n, back)
			}
			for i := range n {
				black[[2]int{x + i, y}] = true
			}
		}
		if rest := run.ReplaceAllString(svg.Paths[1].D, ""); rest != "" {
			t.Errorf("the path has more than runs: %q", rest)
		}
		compare(t, p, func(x, y int) bool { return black[[2]int{x, y}] })
		if strings.Contains(out.String(), text[7:12]) {
			t.Error("the SVG holds the code as text")
		}
	}
}

func number(t *testing.T, text string) int {
	t.Helper()
	return must[int](t)(strconv.Atoi(text))
}

// compare compares a drawing, quiet zone included, with the modules of p.
func compare(t *testing.T, p *label.Picture, drawn func(x, y int) bool) {
	t.Helper()
	for y := range p.Size() + 2*label.QuietZone {
		for x := range p.Size() + 2*label.QuietZone {
			if want := p.Black(x-label.QuietZone, y-label.QuietZone); drawn(x, y) != want {
				t.Fatalf("at column %d, row %d: black is %v, want %v", x, y, !want, want)
			}
		}
	}
}

func TestBlackOutside(t *testing.T) {
	p := must[*label.Picture](t)(label.Draw("COBOX1"))
	for _, at := range [][2]int{{-1, 0}, {0, -1}, {p.Size(), 0}, {0, p.Size()}, {1 << 40, 0}, {-1 << 40, -1 << 40}} {
		if p.Black(at[0], at[1]) {
			t.Errorf("black outside, at %v", at)
		}
	}
	if !p.Black(0, 0) || p.Black(1, 1) { // the corner of a finder
		t.Error("the finder is not where it should be")
	}
}

func TestDrawErrors(t *testing.T) {
	for _, text := range []string{"", strings.Repeat("A", 513), strings.Repeat("é", 257)} {
		if p, err := label.Draw(text); err == nil || p != nil {
			t.Errorf("Draw of %d bytes: no error", len(text))
		}
	}
	p := must[*label.Picture](t)(label.Draw(strings.Repeat("\xff", 512))) // the largest
	for name, write := range map[string]func() error{
		"Terminal": func() error { return p.Terminal(fullDisk{}, false) },
		"PNG":      func() error { return p.PNG(fullDisk{}, 1) },
		"SVG":      func() error { return p.SVG(fullDisk{}) },
	} {
		if err := write(); !errors.Is(err, errFull) {
			t.Errorf("%s on a full disk: %v", name, err)
		}
	}
}

var errFull = errors.New("disk full")

type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, errFull }
