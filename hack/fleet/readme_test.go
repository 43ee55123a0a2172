package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

var (
	withPrometheus = flag.Bool("prometheus", false, "run the README's monitoring section; needs Debian's prometheus, and root (make e2e-fleet)")
	inside         = flag.Bool("inside", false, "the test runs in a network namespace of its own; it says so to itself")
)

// TestREADME types the lines of the README's monitoring section as they stand, after
// what "make run" does, and looks at the targets that Prometheus then has. The ports
// are those of the README, so that it runs in a network namespace of its own.
func TestREADME(t *testing.T) {
	if !*withPrometheus {
		t.Skip("needs Prometheus and root: make e2e-fleet")
	}
	if !*inside {
		out, err := exec.Command("unshare", "--net", "sh", "-c", `ip link set lo up && exec "$0" -test.run='^TestREADME$' -test.v -prometheus -inside`, os.Args[0]).CombinedOutput()
		if err != nil || !bytes.Contains(out, []byte("--- PASS: TestREADME")) {
			t.Fatalf("in a network of its own: %v\n%s", err, out)
		}
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	p := playRun(ctx, t)
	for _, line := range readmeLines(t) {
		err := p.shell(ctx, t, line, "")
		// Exit status 3 says that a box needs a person: a laptop's may well.
		if e, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || e.ExitCode() != 3) {
			t.Fatalf("%s: %v", line, err)
		}
	}
	var last string
	for {
		targets, err := p.targets(ctx)
		if err == nil && targets["cobox"] == "up" && len(targets) == 1 {
			break
		}
		last = fmt.Sprint(targets, err)
		select {
		case <-ctx.Done():
			t.Fatalf("Prometheus' targets: %s", last)
		case <-time.After(100 * time.Millisecond):
		}
	}
	for _, query := range []string{"cobox_fleet_up == 1", "box:cobox_up:min == 1", `ALERTS{alertname="CoBoxWatchdog"}`} {
		for n := 0; n == 0; {
			var err error
			if n, err = p.query(ctx, query); ctx.Err() != nil {
				t.Fatalf("%s has no data: %v", query, err)
			}
		}
	}
}

// readmeLines are the lines of the section, those that go on joined.
func readmeLines(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, ok := strings.Cut(string(text), "\n## Monitoring\n")
	_, section, in := strings.Cut(section, "```sh\n")
	block, _, out := strings.Cut(section, "```")
	lines := strings.Split(strings.TrimSpace(block), "\n")
	if !ok || !in || !out || len(lines) < 3 {
		t.Fatalf("the README has no lines about monitoring: %q", block)
	}
	lines[len(lines)-1] += " &" // it stays in the reader's terminal
	return lines
}

// A stage is where the README's reader is.
type stage struct {
	dir string
	env []string
}

// playRun does what "make run" does, and pairs with the box.
func playRun(ctx context.Context, t *testing.T) *stage {
	t.Helper()
	dir, err := os.MkdirTemp("", "readme") // short: a socket's path is bounded
	if err != nil {
		t.Fatal(err)
	}
	p := &stage{dir: dir, env: append(os.Environ(), "PATH="+dir+"/bin:"+os.Getenv("PATH"), "COBOXCTL_HOME="+dir+"/var/operator")}
	t.Cleanup(func() {
		p.killAll()
		if t.Failed() {
			text, _ := os.ReadFile(filepath.Join(dir, "screen"))
			t.Logf("the reader's screen:\n%s", text)
		}
		_ = os.RemoveAll(dir)
	})
	repo, err := filepath.Abs("../..")
	if err == nil {
		err = os.Symlink(filepath.Join(repo, "metrics"), filepath.Join(dir, "metrics"))
	}
	if err != nil {
		t.Fatal(err)
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(dir, "bin")+"/", "./seeder/cmd/cobox", "./provision/cmd/coboxctl",
		"./appliance/cmd/seederd", "./appliance/cmd/provisiond", "./image/cmd/mkimage", "./hack/demo")
	build.Dir = repo
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building the programs: %v\n%s", err, out)
	}
	if err := p.shell(ctx, t, "bin/demo run -bin bin -state var &", ""); err != nil {
		t.Fatal(err)
	}
	code, addr := p.label(ctx, t)
	if err := p.shell(ctx, t, "coboxctl pair -addr "+addr, code+"\n"); err != nil {
		t.Fatalf("pairing: %v", err)
	}
	return p
}

var (
	codeLine = regexp.MustCompile(`(?m)^  code  (\S+)$`)
	pairLine = regexp.MustCompile(`coboxctl pair -addr (\S+)`)
)

// label waits for the box's label and address.
func (p *stage) label(ctx context.Context, t *testing.T) (code, addr string) {
	t.Helper()
	for {
		text, err := os.ReadFile(filepath.Join(p.dir, "screen"))
		if at := pairLine.FindSubmatch(text); err == nil && at != nil {
			return string(codeLine.FindSubmatch(text)[1]), string(at[1])
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the box does not say where it is: %s", text)
		case <-time.After(25 * time.Millisecond):
		}
	}
}

// shell runs a line in the reader's shell, whose screen is a file. What it leaves
// running ends with the test.
func (p *stage) shell(ctx context.Context, t *testing.T, line, stdin string) error {
	t.Helper()
	screen, err := os.OpenFile(filepath.Join(p.dir, "screen"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = screen.Close() }()
	fmt.Fprintln(screen, "$", line)
	cmd := exec.CommandContext(ctx, "sh", "-c", line)
	cmd.Dir, cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = p.dir, p.env, strings.NewReader(stdin), screen, screen
	return cmd.Run()
}

// killAll ends what was left running: it all runs in the reader's folder.
func (p *stage) killAll() {
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		return
	}
	for _, link := range links {
		if at, err := os.Readlink(link); err != nil || at != p.dir {
			continue // it may have ended
		}
		var pid int
		if _, err := fmt.Sscanf(link, "/proc/%d/cwd", &pid); err == nil {
			_ = syscall.Kill(pid, syscall.SIGKILL)
		}
	}
}

// targets returns the health of Prometheus' targets by job.
func (p *stage) targets(ctx context.Context) (map[string]string, error) {
	var answer struct {
		Data struct {
			ActiveTargets []struct {
				Health, LastError string
				Labels            map[string]string
			}
		}
	}
	if err := prometheus(ctx, "targets?state=active", &answer); err != nil {
		return nil, err
	}
	health := make(map[string]string)
	for _, t := range answer.Data.ActiveTargets {
		health[t.Labels["job"]] = t.Health + t.LastError
	}
	return health, nil
}

// query returns how many series a query finds.
func (p *stage) query(ctx context.Context, query string) (int, error) {
	var answer struct{ Data struct{ Result []any } }
	err := prometheus(ctx, "query?query="+strings.NewReplacer(" ", "%20", "=", "%3D", "{", "%7B", "}", "%7D", `"`, "%22").Replace(query), &answer)
	return len(answer.Data.Result), err
}

func prometheus(ctx context.Context, path string, answer any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://127.0.0.1:9090/api/v1/"+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil {
		err = json.Unmarshal(text, answer)
	}
	return err
}
