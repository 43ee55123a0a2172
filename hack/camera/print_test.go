package camera_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cobox/provision/label"
	"cobox/provision/viewfinder"
)

// texts returns n labels and n invites, other ones at each run.
func texts(t *testing.T, n int) []string {
	t.Helper()
	var all []string
	for range n {
		code, err := label.New(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		tag, err := label.NewTag(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		invite := label.Invite{Code: code}
		_, _ = rand.Read(invite.BoxKey[:]) // never fails
		all = append(all, label.Label{Code: code, Tag: tag}.Text(), invite.Text())
	}
	return all
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

// TestPrinted: every label and invite is read from what is printed of it: the PNG
// from the smallest scale on, the SVG, and a PDF at the resolution of a poor scan.
func TestPrinted(t *testing.T) {
	ctx := begin(t)
	for i, text := range texts(t, 12) {
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
