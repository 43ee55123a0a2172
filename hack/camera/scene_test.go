package camera_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"
)

var (
	withCamera = flag.Bool("camera", false, "run the tests; needs the Debian packages and the npm package (make camera)")
	chromium   = flag.String("chromium", "chromium", "the `program` of the browser")
	deadline   = flag.Duration("deadline", 5*time.Minute, "the `time` after which a test hangs; each takes some seconds when nothing else runs")
)

// begin begins a test that needs other programs.
func begin(t *testing.T) context.Context {
	t.Helper()
	if !*withCamera {
		t.Skip("needs zbarimg, ImageMagick, rsvg-convert, pdftoppm, Chromium and Node 20: make camera")
	}
	ctx, cancel := context.WithTimeout(context.Background(), *deadline)
	t.Cleanup(cancel)
	return ctx
}

// command runs a program and returns what it writes.
func command(ctx context.Context, stdin []byte, name string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "MAGICK_THREAD_LIMIT=1") // with more, noise is another one at each run
	cmd.Stdin = bytes.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		return nil, fmt.Errorf("%s: %w: %s", name, err, errs.Bytes())
	}
	return out.Bytes(), nil
}

// output runs a program that must work.
func output(ctx context.Context, t *testing.T, stdin []byte, name string, args ...string) []byte {
	t.Helper()
	out, err := command(ctx, stdin, name, args...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// A scene is what the browser is to do; see browser.mjs.
type scene struct {
	Scene    string   `json:"scene"`
	URL      string   `json:"url"`
	Chromium string   `json:"chromium"`
	Timeout  int64    `json:"timeout"` // milliseconds, for each thing that is waited for
	Video    string   `json:"video,omitempty"`
	Refuse   bool     `json:"refuse,omitempty"` // the camera is there, and not allowed
	Photos   []string `json:"photos,omitempty"`
	Hears    string   `json:"hears,omitempty"`
	Dark     bool     `json:"dark,omitempty"`
	Foreign  string   `json:"foreign,omitempty"`
	Rebound  string   `json:"rebound,omitempty"`
	Names    string   `json:"names,omitempty"`
}

// facts is what the browser tells.
type facts struct {
	Heading, Status, Ground, Ink, Outline, Error, Body string
	Secure, Filming, Ready, End                        bool
	Code                                               int
	Heard, Troubles, Requests                          []string
	Tried                                              map[string]string
}

// play plays a scene on the page at url. Facts that come before the scene's end
// go to meanwhile, which may be nil. The last ones of all kinds are returned.
func (s scene) play(ctx context.Context, url string, meanwhile func(facts)) (facts, error) {
	s.URL, s.Timeout = url, deadline.Milliseconds()/2
	var err error
	if s.Chromium, err = exec.LookPath(*chromium); err != nil {
		return facts{}, err
	}
	line, err := json.Marshal(s)
	if err != nil {
		return facts{}, err
	}
	cmd := exec.CommandContext(ctx, "node", "browser.mjs", string(line))
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return facts{}, err
	}
	if err := cmd.Start(); err != nil {
		return facts{}, err
	}
	var all facts
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		if err := json.Unmarshal(lines.Bytes(), &all); err != nil {
			return all, fmt.Errorf("the browser's %q: %w", lines.Text(), err)
		}
		if meanwhile != nil && !all.End {
			meanwhile(all)
		}
	}
	if err := cmd.Wait(); err != nil {
		return all, fmt.Errorf("playing %s: %w: %s; the page: %s; %q", s.Scene, err, all.Error, all.Status, all.Troubles)
	}
	return all, lines.Err()
}
