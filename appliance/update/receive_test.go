package update

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

// TestCase56ReceiveRefuses is case 56 but for the signatures, which are package release's: what is refused
// leaves the box as it was, and is noted.
func TestCase56ReceiveRefuses(t *testing.T) {
	other := func(change func(*Attempt)) Attempt {
		a := attempt("release 2")
		change(&a)
		return a
	}
	for _, tc := range []struct {
		name string
		a    Attempt
		sent string
		want error
		rest State
	}{
		{"an older one", attempt("release 0"), "release 0", ErrOld, None},
		{"the same", attempt("release 1"), "release 1", ErrOld, None},
		{"for another board", other(func(a *Attempt) { a.Manifest.Board = "rpi" }), "release 2", ErrOtherKind, None},
		{"of another product", other(func(a *Attempt) { a.Manifest.Product = "toaster" }), "release 2", ErrOtherKind, None},
		{"that needs one between", other(func(a *Attempt) { a.Manifest.MinFrom = 2 }), "release 2", ErrTooNew, None},
		{"truncated", attempt("release 2"), "release", io.ErrUnexpectedEOF, Stopped},
		{"nothing of it", attempt("release 2"), "", io.ErrUnexpectedEOF, Stopped},
		{"changed", attempt("release 2"), "release X", ErrNotThis, Refused},
	} {
		m := newMachine(t)
		m.start()
		err := m.box().Receive(t.Context(), tc.a, strings.NewReader(tc.sent))
		r, readErr := Read(m.state)
		if !errors.Is(err, tc.want) || readErr != nil || r.State != tc.rest {
			t.Errorf("%s: %v, record %+v, %v; want %v and %q", tc.name, err, r, readErr, tc.want, tc.rest)
		}
		if m.armed || m.main != 0 {
			t.Errorf("%s: it would be started", tc.name)
		}
	}
}

func TestReceiveReadsNoMore(t *testing.T) {
	m := newMachine(t)
	m.start()
	rest := strings.NewReader("release 2 and whatever else comes")
	if err := m.box().Receive(t.Context(), attempt("release 2"), rest); err != nil {
		t.Fatal(err)
	}
	if left, _ := io.ReadAll(rest); string(left) != " and whatever else comes" {
		t.Errorf("read on behind the release: %q is left", left)
	}
}

// A card that does not keep what is written to it is found out before the release
// is started.
func TestReceiveWornCard(t *testing.T) {
	m := newMachine(t)
	m.start()
	m.wrong = errors.New("input/output error")
	if err := m.box().Receive(t.Context(), attempt("release 2"), strings.NewReader("release 2")); !errors.Is(err, m.wrong) || m.armed {
		t.Errorf("Receive = %v, armed %v", err, m.armed)
	}
}

// Once a release is armed, and while a system is on trial, nothing is taken in:
// the other slot is the one to go back to.
func TestReceiveDuringAnUpdate(t *testing.T) {
	m := newMachine(t)
	m.start()
	if err := m.box().Receive(t.Context(), attempt("release 2"), strings.NewReader("release 2")); err != nil {
		t.Fatal(err)
	}
	again := attempt("release 9")
	again.Order = Order{1, 8}
	if err := m.box().Receive(t.Context(), again, strings.NewReader("release 9")); !errors.Is(err, ErrUnderWay) {
		t.Errorf("when one is armed: %v", err)
	}
	m.start()
	if !m.running().Trial {
		t.Fatal("not on trial")
	}
	if err := m.box().Receive(t.Context(), again, strings.NewReader("release 9")); !errors.Is(err, ErrUnderWay) {
		t.Errorf("on trial: %v", err)
	}
}

// An order counts once, so that whoever carries the bytes cannot have it carried
// out again and again. A release that did not come whole may come again.
func TestOrderCountsOnce(t *testing.T) {
	m := newMachine(t)
	m.start()
	bad := attempt("release 3 crashes")
	if err := m.box().Receive(t.Context(), bad, strings.NewReader("release 3")); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Fatal(err)
	}
	if err := m.box().Receive(t.Context(), bad, strings.NewReader(bad.Manifest.Name)); err != nil {
		t.Fatalf("the whole release after a part of it: %v", err)
	}
	if err := m.note(m.state, Record{State: RolledBack, Order: bad.Order, Release: ID(bad.Manifest)}); err != nil {
		t.Fatal(err)
	}
	if err := m.box().Receive(t.Context(), bad, strings.NewReader(bad.Manifest.Name)); !errors.Is(err, ErrUsed) {
		t.Errorf("the same order again: %v", err)
	}
	if err := m.box().Interrupted(); err != nil {
		t.Error(err)
	}
	if r, err := m.box().Record(); err != nil || r.State != RolledBack {
		t.Errorf("record %+v, %v", r, err)
	}
}

// Only one release comes in at a time.
func TestReceiveOneAtATime(t *testing.T) {
	m := newMachine(t)
	m.start()
	b := m.box()
	r, w := io.Pipe()
	ended := make(chan error)
	go func() { ended <- b.Receive(t.Context(), attempt("release 2"), r) }()
	if _, err := w.Write([]byte("rel")); err != nil { // it is being read
		t.Fatal(err)
	}
	if err := b.Receive(t.Context(), attempt("release 2"), bytes.NewReader(nil)); !errors.Is(err, ErrBusy) {
		t.Errorf("a second: %v", err)
	}
	if _, err := w.Write([]byte("ease 2")); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil || !m.armed {
		t.Errorf("the first: %v", err)
	}
}

// A system that has settled takes in the next release without another start: its
// slot is not the one that the machine was started from, and still not the other one.
func TestReceiveAfterTrial(t *testing.T) {
	for r, want := range map[Record]bool{
		{}:                                    true,
		{State: OnTrial, Version: 5, From: 4}: true,
		{State: Settled, Version: 5, From: 4}: false,
		{State: Settled, Version: 4, From: 3}: true,
		{State: Stopped, Version: 6, From: 5}: false,
	} {
		if got := onTrial(true, 5, r); got != want {
			t.Errorf("onTrial(%+v) = %v", r, got)
		}
		if onTrial(false, 5, r) {
			t.Errorf("a system that was started as usual is on trial by %+v", r)
		}
	}
}
