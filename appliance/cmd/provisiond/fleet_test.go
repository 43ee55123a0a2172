package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cobox/appliance/release"
	"cobox/appliance/update"
	"cobox/provision"
)

// A machine is a box with two slots, whose authority ends and begins again when it
// is started again. Its seeder goes on.
type machine struct {
	*box
	t     *testing.T
	cfg   provision.Config
	keys  release.Keys
	works func(version uint64) bool

	mu    sync.Mutex
	main  release.System // what is started; mu
	other release.System // what is in the other slot; mu
	armed bool           // mu
}

// startMachine starts a machine with version 1, and keeps it running until the test ends.
func startMachine(t *testing.T, m *maker, works func(uint64) bool) *machine {
	t.Helper()
	state, err := os.MkdirTemp("", "box")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(state) })
	x := &machine{t: t, cfg: provision.Config{State: state}, keys: m.keys, works: works, main: systemOf(1)}
	x.box = startSeeder(t, state, x.run)
	return x
}

// run starts the machine again and again.
func (x *machine) run(ctx context.Context) error {
	for ctx.Err() == nil {
		if err := x.start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// start runs the system that is to be started until it is told to restart.
func (x *machine) start(ctx context.Context) error {
	x.mu.Lock()
	runs, trial := x.main, x.armed
	if trial {
		runs = x.other
	}
	x.armed = false
	x.mu.Unlock()
	slots := &fileSlots{other: filepath.Join(x.cfg.State, "slot"), restarted: make(chan struct{})}
	booted := time.Now()
	cfg := x.cfg
	cfg.Updates = &provision.Updates{
		Box: update.NewBox(cfg.State, slots, runs, trial, nil), Keys: x.keys, Before: update.NewChecker(cfg.State).Condition,
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 2)
	go func() {
		ended <- serve(ctx, cfg, "", &figureFlags{lan: "127.0.0.1:0"}, make(lines))
	}()
	look := update.NewChecker(cfg.State)
	try := &update.Trial{
		State: cfg.State, Slots: slots, Running: update.Running{Version: runs.Version, Trial: trial},
		Look: func(ctx context.Context, before update.Condition) update.Finding {
			if !x.works(runs.Version) {
				return update.Finding{Problem: "it does not work", Hopeless: true}
			}
			return look.Look(ctx, before)
		},
		Uptime: func() time.Duration { return time.Since(booted) }, Kill: func() {}, Steady: time.Second,
	}
	go func() {
		err := try.Run(ctx)
		if trial && err == nil {
			x.mu.Lock()
			x.main, x.other = runs, x.main
			x.mu.Unlock()
		}
		ended <- nil
	}()
	select {
	case <-ctx.Done():
	case <-slots.restarted:
		r, err := update.Read(cfg.State)
		if err != nil {
			return err
		}
		x.mu.Lock()
		if x.armed = slots.armed; x.armed {
			x.other = systemOf(r.Version)
		}
		x.mu.Unlock()
	}
	cancel()
	return errors.Join(<-ended, <-ended)
}

// coboxctl runs the real command.
type coboxctl struct {
	path, home string
}

func buildCoboxctl(t *testing.T) *coboxctl {
	t.Helper()
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", dir, "cobox/provision/cmd/coboxctl")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return &coboxctl{filepath.Join(dir, "coboxctl"), filepath.Join(dir, "home")}
}

func (c *coboxctl) run(t *testing.T, in string, args ...string) (code int, out, errOut string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), c.path, args...)
	cmd.Env = append(os.Environ(), "COBOXCTL_HOME="+c.home)
	cmd.Stdin = strings.NewReader(in)
	var o, e bytes.Buffer
	cmd.Stdout, cmd.Stderr = &o, &e
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		code = exit.ExitCode()
	} else if err != nil {
		t.Fatal(err)
	}
	return code, o.String(), e.String()
}

// pair pairs with a box, once its seeder has heard from its authority that it can be.
func (c *coboxctl) pair(t *testing.T, b *box) {
	t.Helper()
	eventually(t, "coboxctl pair", func() error {
		if code, _, errOut := c.run(t, b.code.Text()+"\n", "pair", "-addr", b.addr); code != 0 {
			return errors.New(errOut)
		}
		return nil
	})
}

// An operator updates his boxes: one, and then all of them, the canary first.
func TestCoboxctlUpdate(t *testing.T) {
	m, ctl := newMaker(t), buildCoboxctl(t)
	if err := os.MkdirAll(ctl.home, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(ctl.home, "config"), []byte("mdns off\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	works := func(version uint64) bool { return version != 3 }
	var boxes []*machine
	for range 2 {
		x := startMachine(t, m, works)
		boxes = append(boxes, x)
		ctl.pair(t, x.box)
	}
	file := func(version uint64, signers int) string {
		path := filepath.Join(t.TempDir(), "release")
		_, text := m.make(t, systemOf(version), bytes.Repeat([]byte{byte(version)}, 100_000), signers)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	id := func(x *machine) string { return x.id.PeerID().String() }
	type result struct {
		Updated []struct {
			Box     string
			Version uint64
			State   string
		}
		Failed []struct{ Why string }
		Left   []string
	}

	if code, _, errOut := ctl.run(t, "", "update", id(boxes[0]), file(2, 1)); code != 4 || !strings.Contains(errOut, "not signed by enough") {
		t.Errorf("a release with one signature: code %d\n%s", code, errOut)
	}
	code, out, errOut := ctl.run(t, "", "update", id(boxes[0]), file(2, 2))
	if code != 0 || !strings.Contains(out, "runs version test (2) now, instead of 1") {
		t.Errorf("a good release: code %d\n%s%s", code, out, errOut)
	}
	code, out, errOut = ctl.run(t, "", "update", id(boxes[0]), file(3, 2))
	if code != 1 || !strings.Contains(errOut, "runs version 2 as before: version 3 does not work: it does not work") {
		t.Errorf("a release that does not work: code %d\n%s%s", code, out, errOut)
	}
	code, out, errOut = ctl.run(t, "", "update", "-status", id(boxes[0]))
	if code != 0 || !strings.Contains(out, "runs version test (2)") || !strings.Contains(out, "version 3, rolled-back") {
		t.Errorf("update -status: code %d\n%s%s", code, out, errOut)
	}

	var r result
	fleet := func(path, soak string) int {
		t.Helper()
		r = result{}
		code, out, errOut = ctl.run(t, "", "update", "-json", "-fleet", "-soak", soak, "-canary", id(boxes[1]), path)
		if err := json.Unmarshal([]byte(out), &r); err != nil {
			t.Fatalf("update -fleet: %v\n%s%s", err, out, errOut)
		}
		return code
	}
	if code := fleet(file(3, 2), "1s"); code != 1 || len(r.Updated) != 0 || len(r.Failed) != 1 || len(r.Left) != 1 {
		t.Errorf("a release that does not work, for all: code %d\n%s%s", code, out, errOut)
	}
	if code := fleet(file(4, 2), "1s"); code != 0 || len(r.Updated) != 2 || r.Updated[0].Box != id(boxes[1]) || r.Updated[1].Version != 4 {
		t.Errorf("a good release, for all: code %d\n%s%s", code, out, errOut)
	}
	if code, _, errOut := ctl.run(t, "", "update", "-fleet", file(4, 2)); code != 1 || !strings.Contains(errOut, "no box that needs this release") {
		t.Errorf("the same again: code %d\n%s", code, errOut)
	}
}

// On somebody's computer there is nothing to update, and coboxctl says so.
func TestCoboxctlUpdateNoAppliance(t *testing.T) {
	m, ctl, b := newMaker(t), buildCoboxctl(t), startBox(t)
	ctl.pair(t, b)
	_, text := m.make(t, systemOf(2), []byte("root"), 2)
	path := filepath.Join(t.TempDir(), "release")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, errOut := ctl.run(t, "", "update", "-addr", b.addr, b.id.PeerID().String(), path)
	if code != 1 || !strings.Contains(errOut, "this box is not an appliance") {
		t.Errorf("code %d\n%s", code, errOut)
	}
}
