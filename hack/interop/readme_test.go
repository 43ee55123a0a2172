package interop_test

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cobox/hack/interop"
)

// What the README tells a Hyperdrive user, as it is written there: the five
// lines that have a drive kept, and the JavaScript that connects.
func TestREADME(t *testing.T) {
	s := playBox(t)
	readme, err := os.ReadFile("../../README.md")
	s.must(err)
	_, section, _ := bytes.Cut(readme, []byte("\n## Hypercore\n"))
	lines := strings.Split(strings.TrimSpace(codeBlock(t, section, "sh")), "\n")
	if len(lines) != 5 {
		t.Fatalf("the README has %d lines instead of five:\n%s", len(lines), strings.Join(lines, "\n"))
	}

	// A computer that has the drive, and the npm packages.
	home := s.TempDir()
	s.must(os.WriteFile(filepath.Join(home, "replicate.mjs"), []byte(codeBlock(t, section, "js")), 0o600))
	packages, err := filepath.Abs("node_modules")
	s.must(err)
	s.must(os.Symlink(packages, filepath.Join(home, "node_modules")))
	tree := files{"folder/file": content(rand.New(rand.NewPCG(5, 6)))}
	folder := s.TempDir()
	s.must(tree.write(folder))
	d := s.peer("drive.mjs", "--storage", filepath.Join(home, "drive"))
	version := d.do("put", with{"folder": folder}).Version
	d.leave()

	b, err := interop.StartBox(s.ctx, progs, s.TempDir(), *logs != "")
	if b != nil {
		t.Cleanup(func() { s.endBox(b) })
	}
	s.must(err)
	host, port, _ := strings.Cut(b.Hypercore.Addr, ":")
	line := func(n int) *exec.Cmd {
		cmd := exec.CommandContext(s.ctx, "sh", "-c", "exec "+lines[n])
		cmd.Dir = home
		cmd.Env = append(os.Environ(), "PATH="+string(progs)+string(filepath.ListSeparator)+os.Getenv("PATH"),
			"COBOX_HOME="+filepath.Join(home, "keys"), "BOX="+b.Addrs[0], "DRIVE="+d.ready.Key, "HOST="+host, "PORT="+port)
		return cmd
	}
	output := func(n int) string {
		out, err := line(n).Output()
		if err != nil {
			t.Fatalf("line %d, %s: %v\n%s", n+1, lines[n], err, out)
		}
		return string(out)
	}
	output(0)
	s.must(b.GrantPartner(s.ctx, strings.TrimSpace(output(1)), "1GB"))
	output(2)
	sender := line(3)
	var said bytes.Buffer
	sender.Stderr = &said
	s.must(sender.Start())
	stop := func() {
		_ = sender.Process.Kill()
		_ = sender.Wait()
	}
	t.Cleanup(stop)
	for pins := ""; strings.Count(pins, "complete") != 2; pins = output(4) {
		if s.ctx.Err() != nil {
			t.Fatalf("the drive is not kept: %s%s", pins, said.String())
		}
	}
	stop()

	reader := s.peer("drive.mjs", "--storage", s.TempDir(), "--key", d.ready.Key, "--to", b.Hypercore.Addr)
	back := s.TempDir()
	reader.do("mirror", with{"version": version, "folder": back})
	got, err := readFiles(back)
	s.must(err)
	if err := got.equals(tree); err != nil {
		t.Error(err)
	}
}

// codeBlock returns the first fenced block of a language.
func codeBlock(t *testing.T, text []byte, language string) string {
	t.Helper()
	_, rest, ok := bytes.Cut(text, fmt.Appendf(nil, "\n```%s\n", language))
	block, _, closed := bytes.Cut(rest, []byte("\n```\n"))
	if !ok || !closed {
		t.Fatalf("the README has no %s under Hypercore", language)
	}
	return string(block) + "\n"
}
