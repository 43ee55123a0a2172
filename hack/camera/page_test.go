package camera_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"image"
	_ "image/jpeg"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"cobox/provision/viewfinder"
)

// film writes a film of one picture for the browser's camera to see, in the form
// of mjpegtools' yuv4mpeg, and returns its path.
func film(t *testing.T, photo []byte) string {
	t.Helper()
	img, _, err := image.Decode(bytes.NewReader(photo))
	if err != nil {
		t.Fatal(err)
	}
	w, h := img.Bounds().Dx()&^1, img.Bounds().Dy()&^1
	var b bytes.Buffer
	fmt.Fprintf(&b, "YUV4MPEG2 W%d H%d F10:1 Ip A1:1 C420jpeg\nFRAME\n", w, h)
	for y := range h {
		for x := range w {
			red, green, blue, _ := img.At(x, y).RGBA()
			b.WriteByte(byte((299*red + 587*green + 114*blue) / 1000 >> 8))
		}
	}
	b.Write(bytes.Repeat([]byte{128}, w*h/2)) // without colour
	path := filepath.Join(t.TempDir(), "film.y4m")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// watch has Read wait for a label while a scene is played on its page.
func watch(ctx context.Context, t *testing.T, s scene, meanwhile func(facts)) (text string, told facts, err error) {
	t.Helper()
	played := make(chan error, 1)
	text, err = viewfinder.Read(ctx, func(url string) error {
		var err error
		told, err = s.play(context.WithoutCancel(ctx), url, meanwhile)
		played <- err
		return err
	})
	if playErr := <-played; playErr != nil {
		t.Fatal(playErr)
	}
	return text, told, err
}

// quiet checks that the browser had nothing to complain of, and asked for nothing
// but what the page is and sends.
func (f facts) quiet(t *testing.T) {
	t.Helper()
	if len(f.Troubles) > 0 {
		t.Errorf("the browser complains: %q", f.Troubles)
	}
	for i, request := range f.Requests {
		method, address, _ := strings.Cut(request, " ")
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case u.Scheme == "data":
		case u.Hostname() != "127.0.0.1":
			t.Errorf("the page asks elsewhere: %s", request)
		case (method == "GET") != (i == 0):
			t.Errorf("request %d of the page is %s", i, request)
		}
	}
}

// TestCameraSeesLabel: a real browser's camera sees a poor photograph of a label
// or of an invite, and Read returns what is on it.
func TestCameraSeesLabel(t *testing.T) {
	ctx := begin(t)
	poor := mishaps[len(mishaps)-1]
	l := labelsFrom(t, rand.NewChaCha8([32]byte{2}), 1)[0]
	onPaper := output(ctx, t, printed(t, l), "convert", "-", "-resize", "66.67%", "png:-")
	invite := inviteWith(l.Code).Text()
	for _, c := range []struct {
		what, text string
		photo      []byte
		dark       bool
	}{
		{"a QR", l.Text(), photograph(ctx, t, l.Text(), mishaps[0]), true},
		{"a label", l.Text(), photographed(ctx, t, onPaper, poor), false},
		{"an invite", invite, photograph(ctx, t, invite, poor), false},
	} {
		s := scene{Scene: "camera", Video: film(t, c.photo), Dark: c.dark}
		got, told, err := watch(ctx, t, s, nil)
		if err != nil || got != c.text {
			t.Errorf("%s: Read = %q, %v, want %q", c.what, got, err, c.text)
		}
		if !told.Secure || told.Filming || told.Heading != "Done" || !strings.Contains(told.Status, "Close this window") {
			t.Errorf("%s: the page afterwards: %+v", c.what, told)
		}
		if strings.Contains(told.Status+strings.Join(told.Requests, ""), c.text[8:20]) {
			t.Errorf("%s: the page was told the code", c.what)
		}
		if light := told.Ground == "rgb(255, 255, 255)"; light == c.dark || told.Ink == told.Ground {
			t.Errorf("%s: ink %s on %s, with dark %v", c.what, told.Ink, told.Ground, c.dark)
		}
		told.quiet(t)
	}
}

var errEnough = errors.New("enough")

// TestCommandEnds: a camera that sees no label is watched until the command ends;
// the page tells what is before it, notices the end, and lets the camera go.
func TestCommandEnds(t *testing.T) {
	ctx := begin(t)
	wall := output(ctx, t, nil, "convert", "-size", "640x480", "-seed", "7", "plasma:gray40-gray70", "jpeg:-")
	for says, picture := range map[string][]byte{
		"Looking for the label":     wall,
		"this is a web address":     photograph(ctx, t, "HTTPS://EXAMPLE.COM/LABEL", mishaps[0]),
		"two CoBox codes":           beside(ctx, t, texts(t, 1)...),
		"update it":                 photograph(ctx, t, "COBOX2:SOMETHING-NEW", mishaps[0]),
		"the QR of a Wi-Fi network": photograph(ctx, t, "WIFI:T:WPA;S:home;P:secret;;", mishaps[0]),
	} {
		ctx, cancel := context.WithCancelCause(ctx)
		s := scene{Scene: "ended", Video: film(t, picture), Hears: says}
		got, told, err := watch(ctx, t, s, func(f facts) {
			if f.Heading == "Ended" {
				return
			}
			if !f.Filming {
				t.Errorf("%s: the camera is off", says)
			}
			cancel(errEnough)
		})
		cancel(nil)
		if got != "" || !errors.Is(err, errEnough) {
			t.Errorf("%s: Read = %q, %v", says, got, err)
		}
		if told.Filming || told.Heading != "Ended" || strings.Contains(told.Status, "secret") {
			t.Errorf("the page afterwards: %+v", told)
		}
	}
}

// beside returns a photo of several labels.
func beside(ctx context.Context, t *testing.T, all ...string) []byte {
	t.Helper()
	args := []string{"+append"}
	for _, text := range all {
		path := filepath.Join(t.TempDir(), "label.png")
		if err := os.WriteFile(path, drawn(t, text, 8), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, path)
	}
	return output(ctx, t, nil, "convert", append(args, "-bordercolor", ground, "-border", "60", "jpeg:-")...)
}

// TestNoCamera: without a camera, or without leave to use it, the page says so and
// takes a photo, from which it is told what is wrong until it is the right one. A
// WebP is no matter here: the browser can read it.
func TestNoCamera(t *testing.T) {
	ctx := begin(t)
	text := texts(t, 1)[0]
	dir := t.TempDir()
	save := func(name string, b []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	photo := photograph(ctx, t, text, mishaps[len(mishaps)-1])
	webp := save("label.webp", output(ctx, t, photo, "convert", "-", "webp:-"))
	photos := []string{
		save("wall.jpg", output(ctx, t, nil, "convert", "-size", "640x480", "xc:gray", "jpeg:-")),
		save("web.jpg", photograph(ctx, t, "HTTPS://EXAMPLE.COM/LABEL", mishaps[0])),
		save("letter.txt", []byte("Dear box")),
	}
	want := []string{"no QR code was found", "this is a web address", "cannot open that file as a picture"}
	for _, c := range []struct {
		hears string
		s     scene
	}{
		{"No camera was found", scene{}},
		{"does not let this page use the camera", scene{Video: film(t, photo), Refuse: true}},
	} {
		c.s.Scene, c.s.Hears, c.s.Photos = "photos", c.hears, append(slices.Clone(photos), webp)
		got, told, err := watch(ctx, t, c.s, nil)
		if err != nil || got != text {
			t.Errorf("%s: Read = %q, %v, want %q", c.hears, got, err, text)
		}
		for i, says := range want {
			if !strings.Contains(told.Heard[i], says) {
				t.Errorf("to %s the page says %q, want %q", photos[i], told.Heard[i], says)
			}
		}
		told.quiet(t)
	}
	got, told, err := watch(ctx, t, scene{Scene: "keyboard", Photos: []string{webp}}, nil)
	if err != nil || got != text {
		t.Errorf("by the keyboard: Read = %q, %v, want %q", got, err, text)
	}
	if told.Outline == "none" {
		t.Error("it cannot be seen where the keyboard is")
	}
}

// Cases 61 and 62, for the page of coboxctl pair -camera: a page of elsewhere that
// somehow knows the address gets nothing of the page and nothing past it.
func TestCase61ForeignPage(t *testing.T) {
	ctx := begin(t)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("<!DOCTYPE html><title>elsewhere</title>"))
	}))
	defer elsewhere.Close()
	for _, foreign := range []string{elsewhere.URL, strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1)} {
		ctx, cancel := context.WithCancelCause(ctx)
		got, told, err := watch(ctx, t, scene{Scene: "foreign", Foreign: foreign}, func(facts) { cancel(errEnough) })
		cancel(nil)
		if got != "" || !errors.Is(err, errEnough) {
			t.Errorf("Read = %q, %v", got, err)
		}
		want := map[string]string{
			"read": "refused", "readBlindly": "refused",
			"post": "refused", "postWithHeader": "refused", "postBlindly": "refused",
			"script": "refused", "framed": "shown", "frameShows": "false", "opened": "severed",
		}
		for what, is := range want {
			if told.Tried[what] != is {
				t.Errorf("from %s, %s: %s, want %s", foreign, what, told.Tried[what], is)
			}
		}
	}
}

// Case 60, for that page: a name of elsewhere that points at this computer is not
// answered.
func TestCase60Rebinding(t *testing.T) {
	ctx, cancel := context.WithCancelCause(begin(t))
	defer cancel(nil)
	var told facts
	_, err := viewfinder.Read(ctx, func(address string) error {
		s := scene{Scene: "rebinding", Names: "MAP evil.example 127.0.0.1", Rebound: strings.Replace(address, "127.0.0.1", "evil.example", 1)}
		var err error
		told, err = s.play(ctx, address, nil)
		cancel(errEnough)
		return err
	})
	if !errors.Is(err, errEnough) {
		t.Fatal(err)
	}
	if told.Code != http.StatusMisdirectedRequest || strings.Contains(told.Body, "token") {
		t.Errorf("answered with %d: %s", told.Code, told.Body)
	}
}
