package camera_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"cobox/image/sheet"
	"cobox/provision/label"
	"cobox/provision/viewfinder"
)

// labelsFrom makes n labels.
func labelsFrom(t *testing.T, random io.Reader, n int) (all []label.Label) {
	t.Helper()
	for range n {
		code, err := label.New(random)
		if err != nil {
			t.Fatal(err)
		}
		tag, err := label.NewTag(random)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, label.Label{Code: code, Tag: tag})
	}
	return all
}

// inviteWith returns an invite to some box, always the same for a code.
func inviteWith(code label.Code) label.Invite {
	return label.Invite{Code: code, BoxKey: sha256.Sum256([]byte(code.Text()))}
}

// texts returns n labels and n invites, other ones at each run.
func texts(t *testing.T, n int) (all []string) {
	t.Helper()
	for _, l := range labelsFrom(t, rand.Reader, n) {
		all = append(all, l.Text(), inviteWith(l.Code).Text())
	}
	return all
}

// printed returns a label as it is printed, as PNG, 12 pixels a module of its QR.
func printed(t *testing.T, l label.Label) []byte {
	t.Helper()
	pages, err := sheet.Labels(sheet.Standard, []label.Label{l})
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := pages[0].PNG(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// drawn returns the QR of text as PNG, with so many pixels a module.
func drawn(t *testing.T, text string, pixels int) []byte {
	t.Helper()
	p, err := label.Draw(text)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := p.PNG(&b, pixels); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// zbar returns what zbarimg reads in a picture, nothing when that is nothing.
func zbar(ctx context.Context, picture []byte) string {
	out, err := command(ctx, picture, "zbarimg", "--quiet", "--nodbus", "--raw", "--oneshot", "-")
	if err != nil {
		return ""
	}
	return strings.TrimSuffix(string(out), "\n")
}

// readBoth has zbarimg and viewfinder read a picture.
func readBoth(ctx context.Context, t *testing.T, what string, picture []byte, want string) {
	t.Helper()
	if got := zbar(ctx, picture); got != want {
		t.Errorf("%s: zbarimg reads %q, want %q", what, got, want)
	}
	if got, err := viewfinder.ReadPhoto(bytes.NewReader(picture)); got != want {
		t.Errorf("%s: ReadPhoto reads %q, %v, want %q", what, got, err, want)
	}
}

// TestLabelsOnPaper: what mkimage label writes is read: of every label the PNG, the
// SVG, and the PDF as a poor scan and as label printers see it, and a whole sheet.
func TestLabelsOnPaper(t *testing.T) {
	ctx := begin(t)
	labels := labelsFrom(t, rand.Reader, 20)
	for _, size := range []string{"62x29", "50x25"} {
		s, err := sheet.ParseSize(size)
		if err != nil {
			t.Fatal(err)
		}
		pages, err := sheet.Labels(s, labels[:4])
		if err != nil {
			t.Fatal(err)
		}
		var pdf bytes.Buffer
		if err := sheet.PDF(&pdf, pages); err != nil {
			t.Fatal(err)
		}
		for i, l := range labels[:4] {
			var svg, png bytes.Buffer
			if err := errors.Join(pages[i].SVG(&svg), pages[i].PNG(&png)); err != nil {
				t.Fatal(err)
			}
			readBoth(ctx, t, "label of "+size+" as PNG", png.Bytes(), l.Text())
			readBoth(ctx, t, "label of "+size+" as SVG", output(ctx, t, svg.Bytes(), "rsvg-convert", "--dpi-x=150", "--dpi-y=150"), l.Text())
			for _, dpi := range []string{"150", "203", "300"} {
				page := strconv.Itoa(i + 1)
				picture := output(ctx, t, pdf.Bytes(), "pdftoppm", "-r", dpi, "-f", page, "-l", page, "-png", "-singlefile", "-")
				readBoth(ctx, t, "label of "+size+" as PDF at "+dpi+" dpi", picture, l.Text())
			}
		}
	}

	pages, err := sheet.A4(labels, 1, true)
	if err != nil || len(pages) != 1 {
		t.Fatalf("%d sheets for 20 labels, %v", len(pages), err)
	}
	var pdf bytes.Buffer
	if err := sheet.PDF(&pdf, pages); err != nil {
		t.Fatal(err)
	}
	scan := filepath.Join(t.TempDir(), "scan.png")
	picture := output(ctx, t, pdf.Bytes(), "pdftoppm", "-r", "150", "-png", "-singlefile", "-")
	if err := os.WriteFile(scan, picture, 0o600); err != nil {
		t.Fatal(err)
	}
	// Label by label, as people do: among many zbarimg overlooks one in fifty.
	for i, l := range labels {
		const dot = 25.4 / 150
		at := fmt.Sprintf("%.0fx%.0f+%.0f+%.0f", 63.5/dot, 38.1/dot, (7.25+66*float64((i+1)%3))/dot, (15.15+38.1*float64((i+1)/3))/dot)
		readBoth(ctx, t, "label at "+at+" of a sheet", output(ctx, t, nil, "convert", scan, "-crop", at, "+repage", "png:-"), l.Text())
	}
}

// TestPrinted: every label's QR and every invite is read from what is drawn of it:
// the PNG from the smallest scale on, the SVG, and a PDF at the resolution of a
// poor scan.
func TestPrinted(t *testing.T) {
	ctx := begin(t)
	for i, text := range texts(t, 7) {
		kind, _, _ := strings.Cut(text, ":")
		scale := 2 + i/2%7
		readBoth(ctx, t, kind+" as PNG", drawn(t, text, scale), text)

		p, err := label.Draw(text)
		if err != nil {
			t.Fatal(err)
		}
		var svg bytes.Buffer
		if err := p.SVG(&svg); err != nil {
			t.Fatal(err)
		}
		readBoth(ctx, t, kind+" as SVG", output(ctx, t, svg.Bytes(), "rsvg-convert", "--dpi-x=150", "--dpi-y=150"), text)

		pdf := filepath.Join(t.TempDir(), "label.pdf")
		if err := os.WriteFile(pdf, output(ctx, t, svg.Bytes(), "rsvg-convert", "--format=pdf"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, dpi := range []string{"150", "203", "300"} { // a poor scan; label printers
			readBoth(ctx, t, kind+" as PDF at "+dpi+" dpi", output(ctx, t, nil, "pdftoppm", "-r", dpi, "-png", "-singlefile", pdf), text)
		}
	}
}
