package main

import (
	"encoding/json"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// The stories in testdata/script run the real programs: cobox, coboxctl and
// seederd, built for the test. Beside testscript's commands there are
//
//	box [flag...]   starts a box on the state folder ./box; sets BOX (its address),
//	                BOXID and SOCKET
//	stopbox         ends it
//	killbox         ends it as a power cut would
//	until FILE TEXT waits until a file has a line that matches, as a program that runs
//	                beside the story writes it
//	smalldisk DIR SIZE  makes a folder, with a file system of that size mounted on it
//	words           answers cobox init's questions: it runs cobox init, reads the
//	                phrase that is shown, and types the words that are asked for
var bin string

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "cobox-bin-")
	if err == nil {
		build := exec.Command("go", "build", "-o", dir, "cobox/seeder/cmd/cobox", "cobox/provision/cmd/coboxctl", "cobox/appliance/cmd/seederd")
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

func TestStories(t *testing.T) { tell(t, "testdata/script") }

var mounts = flag.Bool("mounts", false, "run the stories that mount file systems, as root, on Linux")

func TestStoriesOfDisks(t *testing.T) {
	if !*mounts {
		t.Skip("mounts file systems: run as root with -mounts")
	}
	tell(t, "testdata/mounts")
}

// tell runs the stories in a folder.
func tell(t *testing.T, dir string) {
	testscript.Run(t, testscript.Params{
		Dir: dir,
		Setup: func(e *testscript.Env) error {
			e.Setenv("PATH", bin+string(filepath.ListSeparator)+e.Getenv("PATH"))
			e.Setenv("COBOX_HOME", filepath.Join(e.WorkDir, "home"))
			e.Setenv("COBOXCTL_HOME", filepath.Join(e.WorkDir, "operator"))
			e.Values[boxKey{}] = make(map[string]*running)
			e.Setenv("BOXNAME", "box")
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"box":     startBox,
			"stopbox": func(ts *testscript.TestScript, _ bool, _ []string) { boxOf(ts).end(ts, os.Interrupt) },
			"killbox": func(ts *testscript.TestScript, _ bool, _ []string) { boxOf(ts).end(ts, os.Kill) },
			"words":   typeWords,
			"until":   waitForLine,

			"smalldisk": mountDisk,
		},
	})
}

type boxKey struct{}

// running is the box of a story.
type running struct {
	cmd  *exec.Cmd
	addr string
}

// boxOf returns the box that $BOXNAME names: a story may have several.
func boxOf(ts *testscript.TestScript) *running {
	all := ts.Value(boxKey{}).(map[string]*running)
	name := ts.Getenv("BOXNAME")
	if all[name] == nil {
		all[name] = &running{}
	}
	return all[name]
}

func (r *running) end(ts *testscript.TestScript, how os.Signal) {
	if r.cmd == nil {
		return
	}
	ts.Check(r.cmd.Process.Signal(how))
	err := r.cmd.Wait()
	if how == os.Interrupt {
		ts.Check(err)
	}
	r.cmd = nil
}

func startBox(ts *testscript.TestScript, _ bool, args []string) {
	r := boxOf(ts)
	state := ts.MkAbs(ts.Getenv("BOXNAME"))
	out, err := command(ts, "coboxctl", "init").Output()
	ts.Check(err)
	listen := "/ip4/127.0.0.1/tcp/0"
	if r.addr != "" {
		listen, _, _ = strings.Cut(r.addr, "/p2p/") // where it was before
	}
	args = append([]string{"-state", state, "-operator", strings.TrimSpace(string(out)), "-listen", listen, "-mdns=off", "-dht=off"}, args...)
	r.cmd = command(ts, "seederd", args...)
	log, err := os.OpenFile(ts.MkAbs("box.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	ts.Check(err)
	defer func() { _ = log.Close() }()
	r.cmd.Stderr = log
	ts.Check(r.cmd.Start())
	ts.Defer(func() { r.end(ts, os.Kill) })
	for try := 0; ; try++ {
		out, err := command(ts, "seederd", "-state", state, "-status", "-json").Output()
		if err == nil {
			var st struct {
				ID    string
				Addrs []string
			}
			ts.Check(json.Unmarshal(out, &st))
			r.addr = st.Addrs[0]
			ts.Setenv("BOX", r.addr)
			ts.Setenv("BOXID", st.ID)
			ts.Setenv("SOCKET", filepath.Join(state, "run", "seederd.sock"))
			return
		}
		if try == 400 {
			ts.Fatalf("the box does not answer: %v\n%s", err, ts.ReadFile("box.log"))
		}
		time.Sleep(25 * time.Millisecond) // a process that starts tells nobody but its socket
	}
}

func mountDisk(ts *testscript.TestScript, _ bool, args []string) {
	dir := ts.MkAbs(args[0])
	ts.Check(os.Mkdir(dir, 0o700))
	ts.Check(exec.Command("mount", "-t", "tmpfs", "-o", "size="+args[1], "tmpfs", dir).Run())
	ts.Defer(func() { ts.Check(exec.Command("umount", dir).Run()) })
}

// command makes a command in the story's environment.
func command(ts *testscript.TestScript, name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(bin, name), args...)
	cmd.Dir = ts.MkAbs(".")
	cmd.Env = append(os.Environ(), "COBOX_HOME="+ts.Getenv("COBOX_HOME"), "COBOXCTL_HOME="+ts.Getenv("COBOXCTL_HOME"))
	return cmd
}

// typeWords is a person at "cobox init".
func typeWords(ts *testscript.TestScript, _ bool, _ []string) {
	cmd := command(ts, "cobox", "init")
	in, err := cmd.StdinPipe()
	ts.Check(err)
	asks, err := cmd.StderrPipe()
	ts.Check(err)
	// A file, not a buffer: what was printed before a question is there when it is asked.
	screen, err := os.CreateTemp(ts.Getenv("WORK"), "screen-")
	ts.Check(err)
	defer func() { _ = screen.Close() }()
	cmd.Stdout = screen
	shown := func() string {
		text, err := os.ReadFile(screen.Name())
		ts.Check(err)
		return string(text)
	}
	ts.Check(cmd.Start())
	var said strings.Builder
	buf := make([]byte, 256)
	for asked := 0; asked < 3; {
		n, err := asks.Read(buf)
		said.Write(buf[:n])
		text := said.String()
		if i := strings.LastIndex(text, "word "); strings.HasSuffix(text, ": ") && i >= 0 {
			number, _, _ := strings.Cut(text[i+len("word "):], " ")
			_, err := in.Write([]byte(wordOf(shown(), number) + "\n"))
			ts.Check(err)
			said.Reset()
			asked++
		} else if err != nil {
			ts.Fatalf("cobox init asked %d times and ended: %q", asked, text)
		}
	}
	for err == nil {
		_, err = asks.Read(buf)
	}
	ts.Check(cmd.Wait())
	ts.Check(os.WriteFile(ts.MkAbs("paper"), []byte(phraseOf(shown())+"\n"), 0o600))
}

// wordOf returns the word with a number in what cobox init shows.
func wordOf(shown, number string) string {
	f := strings.Fields(shown)
	if i := slices.Index(f, number); i >= 0 && i+1 < len(f) {
		return f[i+1]
	}
	return ""
}

// phraseOf returns all words in order.
func phraseOf(shown string) string {
	_, shown, _ = strings.Cut(shown, "\n\n")
	var words []string
	for i, f := range strings.Fields(shown) {
		if i%2 == 1 {
			words = append(words, f)
		}
	}
	return strings.Join(words, " ")
}

// waitForLine waits for a line in a file.
func waitForLine(ts *testscript.TestScript, _ bool, args []string) {
	line := regexp.MustCompile("(?m)" + args[1])
	for try := 0; ; try++ {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && line.Match(text) {
			return
		}
		if try == 2400 {
			ts.Fatalf("%s has no line %q: %v\n%s", args[0], args[1], err, text)
		}
		time.Sleep(25 * time.Millisecond) // what a program wrote is told by its file alone
	}
}
