package chain_test

import (
	"errors"
	"testing"
	"time"

	"cobox/provision/chain"
	"cobox/seeder/identity"
)

// Case 17: a box that starts in 1970, without a time server, knows that it is
// not before its version was built, and that is all.
func TestCase17NoTime(t *testing.T) {
	built := now.AddDate(0, -2, 0)
	f := chain.NewFloor(built, time.Time{})
	c := f.Read(time.Unix(60, 0), false)
	if c.Trusted || !c.Now.Equal(built) {
		t.Errorf("Read = %+v", c)
	}
	if err := c.CheckEnd("invite", built.Add(-time.Second)); !errors.Is(err, identity.ErrExpired) {
		t.Errorf("an end before the version was built: %v", err)
	}
	if err := c.CheckEnd("invite", now); !errors.Is(err, chain.ErrClockUntrusted) {
		t.Errorf("an end that may be past: %v", err)
	}
	if err := c.CheckEnd("grant", time.Time{}); err != nil {
		t.Errorf("no end: %v", err)
	}
	// Pairing does not ask for the time.
	x := newTester(t)
	st, err := chain.SignFact(boxPrivate, x.s.Head(), time.Unix(60, 0), chain.Claimed{Claim: id(1), Operator: operator(owner)})
	x.must(err)
	x.must(x.s.Apply(st, chain.Conditions{Clock: c}))
}

// Case 18: what has ended stays so, whatever a time server says later; also
// after a restart, by the time that was kept.
func TestCase18LastKnownGood(t *testing.T) {
	f := chain.NewFloor(now, time.Time{})
	end := now.Add(time.Hour)
	if c := f.Read(end.Add(time.Minute), true); !errors.Is(c.CheckEnd("invite", end), identity.ErrExpired) {
		t.Fatal("it has not ended")
	}
	for _, floor := range []chain.Floor{f, chain.NewFloor(now, f.Good())} {
		for _, answered := range []bool{false, true} {
			c := floor.Read(now.AddDate(-2, 0, 0), answered)
			if err := c.CheckEnd("invite", end); c.Trusted || !errors.Is(err, identity.ErrExpired) {
				t.Errorf("two years back: %+v, %v", c, err)
			}
		}
	}
	if kept := chain.NewFloor(now, now.AddDate(-1, 0, 0)); !kept.Good().Equal(now) {
		t.Errorf("an old kept time gives %v", kept.Good())
	}
}

// A jump of more than a year takes two: a time server and an operator's computer.
func TestJump(t *testing.T) {
	later := now.AddDate(3, 0, 0)
	for _, c := range []struct {
		name      string
		system    time.Time
		answered  bool
		operators time.Time
		want      bool
	}{
		{"both", later, true, later.Add(-20 * time.Hour), true},
		{"no time server", later, false, later, false},
		{"they differ", later, true, later.Add(-25 * time.Hour), false},
		{"only the operator", now, true, later, false},
		{"back", now.AddDate(-1, 0, 0), true, now.AddDate(-1, 0, 0), false},
	} {
		f := chain.NewFloor(now, time.Time{})
		if f.Read(later, true).Trusted {
			t.Fatal("a jump of three years is trusted")
		}
		if got := f.Confirm(c.system, c.answered, c.operators); got != c.want {
			t.Errorf("%s: Confirm = %v", c.name, got)
		}
		if got := f.Read(later.Add(time.Second), true).Trusted; got != c.want {
			t.Errorf("%s: trusted after it: %v", c.name, got)
		}
	}
}
