package update

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"cobox/appliance/release"
)

// A machine is a box's card and what is started from it: two slots, which of them
// is started, and a state folder. It loses its power after a number of writes.
type machine struct {
	t     *testing.T
	state string
	slots [2][]byte // root file systems; what they are is known by their bytes
	main  int       // the slot that is started
	armed bool      // the other one is started next, once
	// mended is what the test's systems are: which of them work.
	works map[string]Finding

	runs   int // the slot that runs
	booted time.Time
	writes int // until the power goes away; negative: it does not
	dead   bool
	wrong  error // of the card, when it is read back
}

var errNoPower = errors.New("the power is gone")

// step is one write to the card. Before the one at which the power goes away there
// is nothing of it on the card, or all of it: cut tells which.
func (m *machine) step(do func()) error {
	if m.dead {
		return errNoPower
	}
	if m.writes == 0 {
		m.dead = true
		return errNoPower
	}
	m.writes--
	do()
	return nil
}

func (m *machine) note(state string, r Record) (err error) {
	return errors.Join(m.step(func() { err = write(state, r) }), err)
}

func (m *machine) other() int { return 1 - m.runs }

func (m *machine) Write(_ context.Context, root io.Reader) error {
	if m.runs != m.main {
		m.t.Error("a system on trial was told to write over the one to go back to")
	}
	m.slots[m.other()] = nil
	for {
		var piece [5]byte
		n, err := root.Read(piece[:])
		if stepErr := m.step(func() { m.slots[m.other()] = append(m.slots[m.other()], piece[:n]...) }); stepErr != nil {
			return stepErr
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (m *machine) Sum(_ context.Context, size int64) (sum [32]byte, err error) {
	if m.dead || int64(len(m.slots[m.other()])) < size {
		return sum, errNoPower
	}
	return sha256.Sum256(m.slots[m.other()][:size]), m.wrong
}

func (m *machine) Arm(context.Context) error { return m.step(func() { m.armed = true }) }

func (m *machine) Commit(context.Context) error {
	return m.step(func() { m.main, m.armed = m.runs, false })
}

func (m *machine) Restart(context.Context) error {
	if m.dead {
		return errNoPower
	}
	m.dead = true
	return nil
}

// start switches the machine on, or on again.
func (m *machine) start() {
	m.dead, m.writes = false, -1
	m.runs = m.main
	m.booted = time.Now()
	if m.armed {
		m.armed = false
		if len(m.slots[1-m.main]) > 0 {
			m.runs = 1 - m.main
		}
	}
}

func (m *machine) name() string { return string(m.slots[m.runs]) }

func (m *machine) running() Running {
	return Running{Version: version(m.name()), Trial: m.runs != m.main}
}

func version(name string) (v uint64) {
	_, _ = fmt.Sscanf(name, "release %d", &v)
	return v
}

// live runs the system that was started until it rests, or the machine ends.
func (m *machine) live() error {
	t := &Trial{
		State: m.state, Slots: m, Running: m.running(), note: m.note,
		Look:   func(context.Context, Condition) Finding { return m.works[m.name()] },
		Uptime: func() time.Duration { return time.Since(m.booted) },
		Kill:   func() {},
	}
	return t.Run(m.t.Context())
}

// box takes in releases on the system that runs.
func (m *machine) box() *Box {
	r := m.running()
	b := NewBox(m.state, m, manifest(m.name()).System, r.Trial, nil)
	b.note = m.note
	return b
}

func manifest(name string) release.Manifest {
	return release.Manifest{
		System: release.System{Product: release.Product, Board: "arm64", Version: version(name), Name: name},
		Root:   release.File{Sum: sha256.Sum256([]byte(name)), Size: int64(len(name))},
	}
}

func newMachine(t *testing.T) *machine {
	return &machine{
		t: t, state: t.TempDir(), slots: [2][]byte{[]byte("release 1")}, writes: -1,
		works: map[string]Finding{"release 3 crashes": {Problem: "crashed"}, "release 4 hangs": {Problem: "does not answer"}},
	}
}

func attempt(name string) Attempt {
	return Attempt{Manifest: manifest(name), Order: Order{1, 7}, Before: Condition{Store: true}, Limit: time.Minute}
}

// update has a release come in, with the power going away after writes, and lets
// the machine start until it rests. It returns how often it was started.
func (m *machine) update(name string, writes int) int {
	m.t.Helper()
	m.start()
	m.writes = writes
	if err := m.live(); err == nil {
		if m.box().Receive(m.t.Context(), attempt(name), bytes.NewReader([]byte(name))) == nil {
			_ = m.box().Restart(m.t.Context())
		}
	}
	starts := 0
	for m.dead || starts == 0 {
		if starts++; starts > 5 {
			m.t.Fatal("the machine starts again and again")
		}
		left := m.writes
		m.start()
		m.writes = left // the power goes away in the new system too
		if left == 0 {
			m.writes = -1
		}
		_ = m.live()
	}
	return starts
}

// TestCase57PowerCutAtEveryWrite, which is case 58 too: wherever the power goes away, the box rests on a system that
// works, says what happened, and can be updated again.
func TestCase57PowerCutAtEveryWrite(t *testing.T) {
	for _, name := range []string{"release 2", "release 3 crashes", "release 4 hangs"} {
		whole := false
		for cut := 0; !whole; cut++ {
			synctest.Test(t, func(t *testing.T) {
				m := newMachine(t)
				m.update(name, cut)
				whole = m.writes > 0 || cut > 50
				r, err := Read(m.state)
				if err != nil {
					t.Fatalf("cut at write %d: %v", cut, err)
				}
				good := name == "release 2"
				switch now := m.running(); {
				case now.Trial:
					t.Errorf("%s, cut at write %d: rests on a trial", name, cut)
				case m.name() == name && !good:
					t.Errorf("%s, cut at write %d: a system that does not work stays", name, cut)
				case m.name() == name && r.State != Settled:
					t.Errorf("%s, cut at write %d: the release runs, and the record says %+v", name, cut, r)
				case m.name() != name && (r.State == Settled || !r.State.Ended() || r.State != None && r.Why == ""):
					t.Errorf("%s, cut at write %d: the system before runs, and the record says %+v", name, cut, r)
				case whole && good && m.name() != name:
					t.Errorf("%s was not put in place, without a power cut: %+v", name, r)
				case whole && !good && r.State != RolledBack:
					t.Errorf("%s, without a power cut: %+v", name, r)
				}
				// Another try, with the power on. The order that was carried out does not count again.
				m.start()
				_ = m.live()
				next := attempt("release 9")
				next.Order = Order{1, 8}
				if err := m.box().Receive(t.Context(), next, bytes.NewReader([]byte("release 9"))); err != nil {
					t.Fatalf("%s, cut at write %d: the next update: %v", name, cut, err)
				}
				_ = m.box().Restart(t.Context())
				m.start()
				if err := m.live(); err != nil || m.name() != "release 9" {
					t.Errorf("%s, cut at write %d: the next update: %v, %s runs", name, cut, err, m.name())
				}
				time.Sleep(2 * endTime) // what was set to end the machine has come and gone
			})
		}
	}
}

// TestCase58GoesBack: a release that does not work is given its time, and then the machine goes back by
// itself, and says why.
func TestCase58GoesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		began := time.Now()
		if starts := m.update("release 4 hangs", -1); starts != 2 {
			t.Errorf("%d starts, want one on trial and one after", starts)
		}
		if took := time.Since(began); took < time.Minute || took > 2*time.Minute {
			t.Errorf("went back after %v, want the limit", took)
		}
		r, err := Read(m.state)
		if err != nil || r.State != RolledBack || r.Why != "version 4 did not show within 1m0s that it works: does not answer" {
			t.Errorf("record %+v, %v", r, err)
		}
		if r.Health() != "rolled-back" {
			t.Errorf("health says %q", r.Health())
		}
		time.Sleep(2 * endTime)
	})
}

// A system that hopelessly fails does not use up its time; one that is well in
// between does not pass.
func TestProve(t *testing.T) {
	for _, tc := range []struct {
		name  string
		look  func(up time.Duration) Finding
		works bool
		after time.Duration
	}{
		{"well from the beginning", func(time.Duration) Finding { return Finding{} }, true, Steady},
		{"well later", func(up time.Duration) Finding {
			if up < 40*time.Second {
				return Finding{Problem: "not yet"}
			}
			return Finding{}
		}, true, 40*time.Second + Steady},
		{"crashes every ten seconds", func(up time.Duration) Finding {
			if up%(10*time.Second) == 0 {
				return Finding{Problem: "crashed"}
			}
			return Finding{}
		}, false, 5 * time.Minute},
		{"hopeless", func(up time.Duration) Finding {
			return Finding{Problem: "crashed again", Hopeless: up >= 7*time.Second}
		}, false, 7 * time.Second},
		{"the look itself hangs", nil, false, 5 * time.Minute},
	} {
		synctest.Test(t, func(t *testing.T) {
			began := time.Now()
			up := func() time.Duration { return time.Since(began) }
			trial := &Trial{Uptime: up, Look: func(ctx context.Context, _ Condition) Finding {
				if tc.look == nil {
					<-ctx.Done()
					return Finding{Problem: "no answer"}
				}
				return tc.look(up())
			}}
			trial.setDefaults()
			err := trial.prove(t.Context(), Record{Limit: 5 * time.Minute})
			if (err == nil) != tc.works || up() != tc.after {
				t.Errorf("%s: %v after %v, want works=%v after %v", tc.name, err, up(), tc.works, tc.after)
			}
		})
	}
}

// A system that cannot note that it is on trial is not kept: the next start would
// not know what it is.
func TestTrialWithoutNotes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMachine(t)
		m.start()
		if err := m.box().Receive(t.Context(), attempt("release 2"), bytes.NewReader([]byte("release 2"))); err != nil {
			t.Fatal(err)
		}
		m.start()
		readOnly := errors.New("read-only file system")
		trial := &Trial{
			State: m.state, Slots: m, Running: m.running(), note: func(string, Record) error { return readOnly },
			Look:   func(context.Context, Condition) Finding { return Finding{} },
			Uptime: func() time.Duration { return time.Since(m.booted) },
			Kill:   func() {},
		}
		if err := trial.Run(t.Context()); !errors.Is(err, readOnly) || m.main != 0 {
			t.Errorf("Run = %v, slot %d is started", err, m.main)
		}
		time.Sleep(2 * endTime)
	})
}
