package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"cobox/provision/label"

	"github.com/rogpeppe/go-internal/testscript"
)

// The stories in testdata/script run the real programs, built for the test.
// Beside testscript's commands there are
//
//	run             does what "make run" does, with free ports; sets BOX (the box's
//	                address) and writes its label's code into the file code
//	state           makes a state folder of a box that nobody has personalised, and
//	                sets STATE; run again starts it
//	stop            interrupts it
//	typo FROM TO    writes a code with one wrong symbol
//	newcode TO      writes a code that was never printed
//	readme          runs the README's commands for the first box, line by line
//	run again       the same box, on new ports
//	freeport NAME   sets NAME to a port that nobody listens at
//	get URL TEXT    asks until the answer is a success and has a line that matches
//	path            sets METRICS to the path that the last answer of /sd tells
//	until FILE TEXT waits until a file has a line that matches
//	field NAME TO   writes a field of the JSON that the last command printed
var bin string

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "coboxctl-bin-")
	if err == nil {
		build := exec.Command("go", "build", "-o", dir, "cobox/seeder/cmd/cobox", "cobox/provision/cmd/coboxctl",
			"cobox/appliance/cmd/seederd", "cobox/appliance/cmd/provisiond", "cobox/image/cmd/mkimage", "cobox/hack/demo")
		build.Stderr = os.Stderr
		err = build.Run()
	}
	if err != nil {
		panic(err)
	}
	bin = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

func TestStories(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", bin+string(filepath.ListSeparator)+e.Getenv("PATH"))
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("USER", "ada")
			e.Setenv("COBOX_HOME", filepath.Join(e.WorkDir, "partner"))
			e.Setenv("COBOXCTL_HOME", filepath.Join(e.WorkDir, "operator"))
			e.Values[boxKey{}] = &running{}
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"run":    startRun,
			"state":  func(ts *testscript.TestScript, _ bool, _ []string) { ts.Setenv("STATE", newState(ts)) },
			"readme": runReadme,
			"freeport": func(ts *testscript.TestScript, _ bool, args []string) {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				ts.Check(err)
				ts.Setenv(args[0], strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
				ts.Check(l.Close())
			},
			"get": func(ts *testscript.TestScript, _ bool, args []string) {
				answer := ""
				wait(ts, args[1], func() (string, error) {
					resp, err := http.Get(args[0])
					if err != nil {
						return "", err
					}
					defer resp.Body.Close()
					text, err := io.ReadAll(resp.Body)
					if err == nil && resp.StatusCode != http.StatusOK {
						err = errors.New(resp.Status)
					}
					answer = string(text)
					return answer, err
				})
				ts.Check(os.WriteFile(ts.MkAbs("answer"), []byte(answer), 0o600))
			},
			"path": func(ts *testscript.TestScript, _ bool, _ []string) {
				var groups []struct{ Labels map[string]string }
				ts.Check(json.Unmarshal([]byte(ts.ReadFile("answer")), &groups))
				ts.Setenv("METRICS", groups[0].Labels["__metrics_path__"])
			},
			"until": func(ts *testscript.TestScript, _ bool, args []string) {
				wait(ts, args[1], func() (string, error) {
					text, err := os.ReadFile(ts.MkAbs(args[0]))
					return string(text), err
				})
			},
			"stop": func(ts *testscript.TestScript, _ bool, _ []string) { ts.Value(boxKey{}).(*running).end(ts) },
			"typo": func(ts *testscript.TestScript, _ bool, args []string) {
				code := []byte(ts.ReadFile(args[0]))
				i := bytes.IndexAny(code, "0123456789")
				if i < 0 {
					i = 0
				}
				code[i] = 'A' + (code[i]-'0'+1)%8 // a digit is none of these
				ts.Check(os.WriteFile(ts.MkAbs(args[1]), code, 0o600))
			},
			"newcode": func(ts *testscript.TestScript, _ bool, args []string) {
				code, err := label.New(rand.Reader)
				ts.Check(err)
				ts.Check(os.WriteFile(ts.MkAbs(args[0]), []byte(code.Text()+"\n"), 0o600))
			},
			"field": func(ts *testscript.TestScript, _ bool, args []string) {
				var fields map[string]any
				ts.Check(json.Unmarshal([]byte(ts.ReadFile("stdout")), &fields))
				ts.Check(os.WriteFile(ts.MkAbs(args[1]), fmt.Appendln(nil, fields[args[0]]), 0o600))
			},
		},
	})
}

type boxKey struct{}

// running is the box of a story.
type running struct{ cmd *exec.Cmd }

func (r *running) end(ts *testscript.TestScript) {
	if r.cmd == nil {
		return
	}
	ts.Check(r.cmd.Process.Signal(os.Interrupt))
	_ = r.cmd.Wait() // it says 1 when it was interrupted
	r.cmd = nil
}

var (
	codeLine = regexp.MustCompile(`(?m)^  code  (\S+)$`)
	pairLine = regexp.MustCompile(`coboxctl pair -addr (\S+)`)
)

// newState makes a state folder with a short path: that of a socket is bounded.
func newState(ts *testscript.TestScript) string {
	state, err := os.MkdirTemp("", "run")
	ts.Check(err)
	ts.Defer(func() { _ = os.RemoveAll(state) })
	return state
}

func startRun(ts *testscript.TestScript, _ bool, args []string) {
	r := ts.Value(boxKey{}).(*running)
	state := ts.Getenv("STATE")
	if len(args) == 0 {
		state = newState(ts)
	}
	out, err := os.Create(filepath.Join(state, "printed"))
	ts.Check(err)
	defer func() { _ = out.Close() }()
	r.cmd = exec.Command(filepath.Join(bin, "demo"), "run", "-bin", bin, "-state", state, "-port", "0")
	r.cmd.Stdout, r.cmd.Stderr = out, out
	ts.Check(r.cmd.Start())
	ts.Defer(func() { r.end(ts) })
	for try := 0; ; try++ {
		text, err := os.ReadFile(out.Name())
		ts.Check(err)
		if at := pairLine.FindSubmatch(text); at != nil {
			ts.Setenv("BOX", string(at[1]))
			ts.Setenv("BOXID", string(at[1][strings.LastIndexByte(string(at[1]), '/')+1:]))
			ts.Setenv("STATE", state)
			code := codeLine.FindSubmatch(text)
			if len(args) > 0 {
				return // its label is on paper
			}
			if code == nil {
				ts.Fatalf("no label was printed:\n%s", text)
			}
			ts.Check(os.WriteFile(ts.MkAbs("code"), append(code[1], '\n'), 0o600))
			return
		}
		if try == 800 {
			ts.Fatalf("make run prints no address:\n%s", text)
		}
		time.Sleep(25 * time.Millisecond) // a process that starts tells nobody but its terminal
	}
}

// wait tries until a text has a line that matches: what another program does is told
// by what it shows alone.
func wait(ts *testscript.TestScript, expr string, try func() (string, error)) {
	line := regexp.MustCompile("(?m)" + expr)
	for i := 0; ; i++ {
		text, err := try()
		if err == nil && line.MatchString(text) {
			return
		}
		if i == 2400 {
			ts.Fatalf("there is no line %q: %v\n%s", expr, err, text)
		}
		time.Sleep(25 * time.Millisecond)
	}
}

// runReadme types the commands of the README's section on the first box, and the
// code and the invite when they are asked for.
func runReadme(ts *testscript.TestScript, _ bool, _ []string) {
	text, err := os.ReadFile("../../../README.md")
	ts.Check(err)
	_, section, ok := strings.Cut(string(text), "\n## The first box\n")
	_, section, in := strings.Cut(section, "```sh\n")
	block, _, out := strings.Cut(section, "```")
	if !ok || !in || !out {
		ts.Fatalf("the README has no section with the commands for the first box")
	}
	invite := ""
	for _, line := range strings.Split(strings.TrimSpace(block), "\n") {
		if strings.HasPrefix(line, "export ") {
			continue // the story's own folders
		}
		cmd := exec.Command("sh", "-c", line)
		cmd.Dir = ts.MkAbs(".")
		for _, name := range []string{"PATH", "HOME", "BOX", "COBOX_HOME", "COBOXCTL_HOME"} {
			cmd.Env = append(cmd.Env, name+"="+ts.Getenv(name))
		}
		switch {
		case strings.HasPrefix(line, "coboxctl pair"):
			cmd.Stdin = strings.NewReader(ts.ReadFile("code"))
		case strings.HasPrefix(line, "cobox accept"):
			cmd.Stdin = strings.NewReader(invite)
		}
		var errOut bytes.Buffer
		cmd.Stderr = &errOut
		out, err := cmd.Output()
		if err != nil {
			ts.Fatalf("%s: %v\n%s%s", line, err, out, errOut.Bytes())
		}
		ts.Logf("> %s\n%s", line, out)
		for _, word := range strings.Fields(string(out)) {
			if strings.HasPrefix(word, "COBOX1I:") {
				invite = word
			}
		}
	}
}
