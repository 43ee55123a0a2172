package boottest_test

import (
	"bufio"
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"cobox/appliance/boottest"
)

// TestBootCommand does what a person does with make boot: reads the code and the
// address, pairs, pulls the plug, and finds the box again.
func TestBootCommand(t *testing.T) {
	needBoot(t)
	s := &story{T: t, dir: t.TempDir()}
	if err := build(s.dir, "cobox/appliance/boottest/cmd/boot"); err != nil {
		t.Fatal(err)
	}
	args := []string{"-image", image(t, boottest.Virt), "-dir", filepath.Join(s.dir, "var")}
	first := startBoot(s, args)
	s.retry(first.code, "coboxctl", "pair", "-addr", first.addr)
	first.interrupt(t)

	again := startBoot(s, args)
	if again.code != first.code {
		t.Error("the same box has another label")
	}
	s.retry("", "coboxctl", "status", "-addr", again.addr)
	again.interrupt(t)
}

// A booted is a box that the command has booted.
type booted struct {
	code, addr string
	cmd        *exec.Cmd
	read       chan struct{} // closed when the output has ended
}

// startBoot starts the command, and returns when it has said how the box is reached.
func startBoot(s *story, args []string) *booted {
	s.Helper()
	ctx, cancel := context.WithCancel(s.Context())
	s.Cleanup(cancel)
	b := &booted{cmd: exec.CommandContext(ctx, filepath.Join(s.dir, "boot"), args...), read: make(chan struct{})}
	b.cmd.Stderr = os.Stderr
	out, err := b.cmd.StdoutPipe()
	if err == nil {
		err = b.cmd.Start()
	}
	if err != nil {
		s.Fatal(err)
	}
	told := make(chan struct{})
	go b.follow(out, told)
	select {
	case <-told:
	case <-b.read:
		s.Fatalf("the command has ended, with code %q and address %q: %v", b.code, b.addr, b.cmd.Wait())
	case <-s.within().Done():
		s.Fatal("the command does not say how the box is reached")
	}
	return b
}

// follow reads what the command prints; told is closed when all was said that is
// wanted, after which code and addr do not change.
func (b *booted) follow(out io.Reader, told chan struct{}) {
	defer close(b.read)
	lines := bufio.NewScanner(out)
	done := false
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		switch {
		case done:
		case len(f) == 2 && f[0] == "code":
			b.code = f[1]
		case len(f) > 3 && f[0] == "coboxctl" && f[1] == "pair" && f[2] == "-addr":
			b.addr = f[3]
		case len(f) > 0 && f[0] == "tcp/80":
			done = true
			close(told)
		}
	}
}

// interrupt does what ^C does, which is no failure.
func (b *booted) interrupt(t *testing.T) {
	t.Helper()
	if err := b.cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	<-b.read
	if err := b.cmd.Wait(); err != nil {
		t.Errorf("after an interrupt: %v", err)
	}
}
