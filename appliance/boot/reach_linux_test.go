package boot

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cobox/appliance/confine"
	"cobox/appliance/gokrazy"
)

// TestCase59Policy: nothing that seederd is left with is the socket through which gokrazy
// takes updates, or a folder that has it.
func TestCase59Policy(t *testing.T) {
	p := seederPolicy("/perm/cobox")
	if p.User == 0 || p.Group == 0 {
		t.Errorf("seederd is user %d of group %d", p.User, p.Group)
	}
	for _, list := range [][]string{p.Write, p.Read, p.Sockets} {
		for _, path := range list {
			if rel, err := filepath.Rel(path, gokrazy.Socket); err != nil || !strings.HasPrefix(rel, "..") {
				t.Errorf("seederd may use %s, and with it %s", path, gokrazy.Socket)
			}
		}
	}
}

// TestCase59SocketOutOfReach: a program that is confined as seederd is reaches the socket
// of the other daemon, and not one that only root may use, as gokrazy's.
func TestCase59SocketOutOfReach(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("becomes another user: run it as root")
	}
	dir, err := os.MkdirTemp("", "reach") // all may go through it, unlike t.TempDir
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(dir, "reach")
	build := exec.Command("go", "build", "-o", program, "./testdata/reach")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // or its loader would have to be let in too
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	state := filepath.Join(dir, "state")
	if err := prepareState(state, os.Chown); err != nil {
		t.Fatal(err)
	}
	listen := func(path string, mode os.FileMode) string {
		l, err := net.Listen("unix", path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = l.Close() })
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		return path
	}
	daemon := listen(filepath.Join(state, "run", "daemon"), 0o660)
	roots := listen(filepath.Join(dir, "gokrazy-http.sock"), 0o600)
	run := func(args []string) string {
		cmd := exec.Command(program, args[1:]...)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		return string(out)
	}
	said := func(user int, reachesRoots bool) string {
		return fmt.Sprintf("as %d\n%s true\n%s %v\n", user, daemon, roots, reachesRoots)
	}
	if got, want := run([]string{program, daemon, roots}), said(0, true); got != want {
		t.Errorf("as root:\n%swant\n%s", got, want)
	}
	if got, want := run(seederPolicy(state).Args(program, confine.Word, program, daemon, roots)), said(SeederUser, false); got != want {
		t.Errorf("confined:\n%swant\n%s", got, want)
	}
}
