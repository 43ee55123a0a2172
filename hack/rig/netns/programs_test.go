package netns

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"cobox/hack/rig/programs"
)

// bin is the folder with the programs, built once for all tests.
var bin string

// command is a program to run on the host; one with no slash in its name is one of ours.
func (h *host) command(ctx context.Context, env []string, name string, args ...string) *exec.Cmd {
	if !strings.Contains(name, "/") {
		name = filepath.Join(bin, name)
	}
	args = append([]string{"ip", "netns", "exec", h.ns, name}, args...)
	if h.group != "" { // from outside: in the namespace there is another /sys
		args = append([]string{"/bin/sh", "-c", `echo $$ > "$0/cgroup.procs" && exec "$@"`, h.group}, args...)
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	cmd.Env = append(os.Environ(), env...)
	// ip netns exec becomes the program, so the signal is for that.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}

// daemon runs a program until the test ends. Its log is shown when the test has failed.
func (h *host) daemon(name string, args ...string) (output *programs.Output) {
	t := h.world.t
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cmd := h.command(ctx, nil, name, args...)
	var log programs.Output
	output = new(programs.Output)
	cmd.Stdout, cmd.Stderr = output, &log
	if err := cmd.Start(); err != nil {
		cancel()
		t.Fatalf("starting %s: %v", name, err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was told to end
		if t.Failed() {
			t.Logf("%s %s:\n%s%s", h.ns, name, output, &log)
		}
	})
	return output
}

// A person uses a command on a host.
type person struct {
	*host
	home string // "COBOX_HOME=…" or "COBOXCTL_HOME=…"
	name string // of the command
}

// person returns somebody whose home knows the relay.
func (h *host) person(name string, relay string) person {
	t := h.world.t
	t.Helper()
	dir := t.TempDir()
	if relay != "" {
		config := fmt.Sprintf("relay %s\nbootstrap %s\nmdns off\n", relay, relay)
		if err := os.WriteFile(filepath.Join(dir, "config"), []byte(config), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return person{host: h, home: strings.ToUpper(name) + "_HOME=" + dir, name: name}
}

// try runs the person's command and decodes the JSON that it prints, where it failed
// in part too.
func (p person) try(result any, stdin string, args ...string) error {
	cmd := p.command(p.world.t.Context(), []string{p.home}, p.name, append(args, "-json")...)
	cmd.Stdin = strings.NewReader(stdin)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		if result != nil && out.Len() > 0 {
			err = errors.Join(err, json.Unmarshal(out.Bytes(), result))
		}
		return fmt.Errorf("%s %s: %w\n%s", p.name, strings.Join(args, " "), err, &errOut)
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(out.Bytes(), result); err != nil {
		return fmt.Errorf("%s %s printed %.300q: %w", p.name, strings.Join(args, " "), &out, err)
	}
	return nil
}

// do is try for what has to work.
func (p person) do(result any, stdin string, args ...string) {
	p.world.t.Helper()
	if err := p.try(result, stdin, args...); err != nil {
		p.world.t.Fatal(err)
	}
}

// until waits until try works.
func until(t *testing.T, what string, try func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		}
	}
}
