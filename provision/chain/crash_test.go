package chain_test

import (
	"errors"
	"reflect"
	"syscall"
	"testing"

	"cobox/provision/chain"
	"cobox/seeder/identity"
)

// maxSteps is more than any one thing here does to a disk.
const maxSteps = 12

// written returns a disk with a chain of n entries, and its state.
func written(t *testing.T, n int) (*fakeDisk, *chain.State) {
	t.Helper()
	d := newDisk()
	l, err := chain.OpenOn(d, boxKey)
	if err != nil {
		t.Fatal(err)
	}
	if n > 0 {
		fill(t, l, n)
	}
	return d, l.State()
}

// nextOrder returns an order that follows s, and the state after it.
func nextOrder(t *testing.T, s *chain.State) (identity.Statement, *chain.State) {
	t.Helper()
	st, err := chain.SignOrder(key(owner), s.Head(), now, chain.Rename{Name: "next"})
	if err != nil {
		t.Fatal(err)
	}
	after := s.Clone()
	if err := after.Apply(st, good); err != nil {
		t.Fatal(err)
	}
	return st, after
}

// eachFault calls do with every fault at every step, until a step is not
// reached: do reports whether it was.
func eachFault(t *testing.T, fails error, do func(f fault) bool) {
	t.Helper()
	for _, done := range []float64{0, 0.5, 1} {
		reached := 0
		for step := 1; do(fault{step, done, fails}); step++ {
			if reached = step; step > maxSteps {
				t.Fatal("there is no end of steps")
			}
		}
		if reached < 2 {
			t.Fatalf("only %d steps", reached)
		}
	}
}

// Case 7: the power is cut at every step of an append, before, within and after
// it, and what was not synced is there, or not, or in part: the state is the one
// before or the one after, and the one after if the append said yes. Then the
// same order is taken in, or is in.
func TestCase07PowerCutInAppend(t *testing.T) {
	disk, before := written(t, 3)
	st, after := nextOrder(t, before)
	eachFault(t, errCut, func(f fault) bool {
		d := disk.copy()
		l, err := chain.OpenOn(d, boxKey)
		if err != nil {
			t.Fatal(err)
		}
		d.steps, d.fault = 0, f
		said := l.Append(st, good)
		for _, d2 := range d.reboots() {
			l, err := chain.OpenOn(d2, boxKey)
			if err != nil {
				t.Fatalf("%+v: %v", f, err)
			}
			in := l.State().Head() == after.Head()
			if want := before; !in && !reflect.DeepEqual(l.State(), want) || said == nil && !in {
				t.Fatalf("%+v: the append said %v, then the state is %+v", f, said, l.State().Head())
			}
			if err := l.Append(st, good); in != errors.Is(err, chain.ErrStale) || !in && err != nil {
				t.Errorf("%+v: the order again, after it was in (%v): %v", f, in, err)
			}
			if !reflect.DeepEqual(l.State(), after) {
				t.Errorf("%+v: at last the state is %+v", f, l.State())
			}
		}
		return d.cut
	})
}

// The power is cut again while a log with a torn end is opened, and while a new
// one is made.
func TestPowerCutInOpen(t *testing.T) {
	disk, before := written(t, 3)
	st, after := nextOrder(t, before)
	text := st.Append(nil)
	torn, whole := disk.copy(), disk.copy()
	torn.statements = append(torn.statements, text[:len(text)-1]...)
	torn.synced = torn.statements
	whole.statements = append(whole.statements, text...) // a kill: it is not synced
	for name, c := range map[string]struct {
		disk *fakeDisk
		want []*chain.State
	}{
		"new":   {newDisk(), []*chain.State{chain.New(boxKey)}},
		"torn":  {torn, []*chain.State{before}},
		"whole": {whole, []*chain.State{before, after}},
	} {
		eachFault(t, errCut, func(f fault) bool {
			d := c.disk.copy()
			d.fault = f
			_, _ = chain.OpenOn(d, boxKey) // whether it noticed or not
			for _, d2 := range d.reboots() {
				l, err := chain.OpenOn(d2, boxKey)
				if err != nil {
					t.Fatalf("%s, %+v: %v", name, f, err)
				}
				if s := l.State(); !reflect.DeepEqual(s, c.want[0]) && !reflect.DeepEqual(s, c.want[len(c.want)-1]) {
					t.Fatalf("%s, %+v: the state is %+v", name, f, s)
				}
			}
			return d.cut
		})
	}
}

// The disk fails at one step of an append, and works again: the append says so
// and has done nothing, or says that it is in doubt and takes nothing more.
func TestDiskFails(t *testing.T) {
	disk, before := written(t, 3)
	st, after := nextOrder(t, before)
	doubts := 0
	eachFault(t, syscall.EIO, func(f fault) bool {
		d := disk.copy()
		l, err := chain.OpenOn(d, boxKey)
		if err != nil {
			t.Fatal(err)
		}
		d.steps, d.fault = 0, f
		said := l.Append(st, good)
		reached := d.steps >= f.step
		if want := map[bool]*chain.State{true: after, false: before}[said == nil]; !reflect.DeepEqual(l.State(), want) {
			t.Errorf("%+v: the append said %v and the state is %+v", f, said, l.State().Head())
		}
		again := l.Append(st, good)
		switch {
		case errors.Is(said, chain.ErrInDoubt):
			doubts++
			if !errors.Is(again, chain.ErrInDoubt) {
				t.Errorf("%+v: in doubt, the next append said %v", f, again)
			}
		case said != nil && again != nil:
			t.Errorf("%+v: the append said %v, the next %v", f, said, again)
		}
		l, err = chain.OpenOn(d.copy(), boxKey)
		if err != nil {
			t.Fatalf("%+v: %v", f, err)
		}
		if in := l.State().Head() == after.Head(); !in && (again == nil || l.State().Head() != before.Head()) {
			t.Errorf("%+v: opened again at %+v", f, l.State().Head())
		}
		return reached
	})
	if doubts == 0 {
		t.Error("no fault left the log in doubt: the test does not reach it")
	}
}

// Both the statement and taking it back fail: only opening again can tell.
func TestDiskStaysBroken(t *testing.T) {
	disk, before := written(t, 2)
	st, _ := nextOrder(t, before)
	d := disk.copy()
	l, err := chain.OpenOn(d, boxKey)
	if err != nil {
		t.Fatal(err)
	}
	d.cut = true
	for range 2 {
		if err := l.Append(st, good); !errors.Is(err, chain.ErrInDoubt) {
			t.Errorf("Append = %v, want ErrInDoubt", err)
		}
	}
	if l.State().Head() != before.Head() {
		t.Error("an order in doubt counts")
	}
}

// Cases 51 and 52: a damaged chain is made whole by a reset card. The power is
// cut at every step: it is damaged still, or reset, and never a chain that
// somebody could claim with an old code. The same card then works.
func TestCase52ResetOfDamaged(t *testing.T) {
	for entries := range 3 { // that are left
		disk, before := written(t, 3)
		good3 := before.Head()
		bounds := []int{0}
		for i := 1; i < len(disk.statements); i++ {
			if string(disk.statements[max(0, i-1):i]) == "\n" && string(disk.statements[i:i+6]) == "cobox/" {
				bounds = append(bounds, i)
			}
		}
		disk.statements[bounds[entries]+100] ^= 1
		disk.synced = disk.statements
		eachFault(t, errCut, func(f fault) bool {
			d := disk.copy()
			l, err := chain.OpenOn(d, boxKey)
			if !errors.Is(err, chain.ErrDamaged) || l.State().Seq != uint64(entries) {
				t.Fatalf("OpenOn = %v, at %d", err, l.State().Seq)
			}
			if e, ok := errors.AsType[*chain.DamagedError](err); !ok || e.Seq != uint64(entries)+1 {
				t.Errorf("the damage is at %+v, want entry %d", e, entries+1)
			}
			if entries == 0 {
				refuseClaim(t, l)
			}
			reset, err := chain.SignFact(boxPrivate, l.State().Head(), now, chain.Reset{Reset: id(5), Mode: chain.Reowner, Claim: id(6)})
			if err != nil {
				t.Fatal(err)
			}
			d.steps, d.fault = 0, f
			said := l.Append(reset, good)
			for _, d2 := range d.reboots() {
				l, err := chain.OpenOn(d2, boxKey)
				if said == nil && err != nil {
					t.Fatalf("%+v: the reset said yes, then %v", f, err)
				}
				if errors.Is(err, chain.ErrDamaged) {
					err = l.Append(reset, good)
				}
				if err != nil || l.State().Claim != id(6) || l.State().Epoch != 2 || l.Damage() != nil {
					t.Fatalf("%+v: after the card again: %v, %+v", f, err, l.State())
				}
				if ok, err := l.Has(good3); ok || err != nil {
					t.Errorf("%+v: the head that was lost is there: %v", f, err)
				}
			}
			return d.cut
		})
	}
}

// refuseClaim expects that a damaged log without an owner is not one to claim.
func refuseClaim(t *testing.T, l *chain.Log) {
	t.Helper()
	claim, err := chain.SignFact(boxPrivate, l.State().Head(), now, chain.Claimed{Claim: id(1), Operator: operator(stranger)})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Append(claim, good); !errors.Is(err, chain.ErrDamaged) {
		t.Errorf("a damaged chain was claimed: %v", err)
	}
}

// Case 51: files that are gone or exchanged are damage, not a box without an owner.
func TestCase51LostFiles(t *testing.T) {
	disk, _ := written(t, 3)
	other, _ := written(t, 2)
	for name, spoil := range map[string]func(d *fakeDisk){
		"no statements":    func(d *fakeDisk) { d.statements = nil },
		"no head":          func(d *fakeDisk) { d.head = nil },
		"neither":          func(d *fakeDisk) { d.statements, d.head = nil, nil },
		"an empty head":    func(d *fakeDisk) { d.head = []byte{} },
		"a changed head":   func(d *fakeDisk) { d.head[len(d.head)-5] ^= 1 },
		"a head too early": func(d *fakeDisk) { d.head[20] ^= 1 },
		"an older chain":   func(d *fakeDisk) { d.statements = other.statements },
	} {
		d := disk.copy()
		spoil(d)
		l, err := chain.OpenOn(d, boxKey)
		if !errors.Is(err, chain.ErrDamaged) || l == nil {
			t.Errorf("%s: %v, want ErrDamaged", name, err)
			continue
		}
		refuseClaim(t, l)
		if err := l.Mend(chain.Hash{}); !errors.Is(err, chain.ErrDamaged) {
			t.Errorf("%s: mended with no head: %v", name, err)
		}
	}
	// Another box's chain.
	if _, err := chain.OpenOn(disk.copy(), identity.BoxKeyOf(key(2))); !errors.Is(err, identity.ErrWrongBox) {
		t.Errorf("as another box: %v, want ErrWrongBox", err)
	}
}

// Case 52: an operator who knows the head of what is left makes it whole.
func TestCase52Mend(t *testing.T) {
	disk, s := written(t, 3)
	l, err := chain.OpenOn(disk, boxKey)
	if err != nil {
		t.Fatal(err)
	}
	st, after := nextOrder(t, s)
	if err := l.Append(st, good); err != nil {
		t.Fatal(err)
	}
	disk.statements[len(disk.statements)-3] ^= 1
	disk.synced = disk.statements
	eachFault(t, errCut, func(f fault) bool {
		d := disk.copy()
		l, err := chain.OpenOn(d, boxKey)
		if !errors.Is(err, chain.ErrDamaged) {
			t.Fatal(err)
		}
		if err := l.Mend(after.Head().Hash); !errors.Is(err, chain.ErrDamaged) {
			t.Errorf("mended with a head that is lost: %v", err)
		}
		d.steps, d.fault = 0, f
		said := l.Mend(s.Head().Hash)
		for _, d2 := range d.reboots() {
			l, err := chain.OpenOn(d2, boxKey)
			if said == nil && err != nil {
				t.Fatalf("%+v: mended, then %v", f, err)
			}
			if err != nil {
				err = l.Mend(s.Head().Hash)
			}
			if err != nil || l.Damage() != nil || l.State().Head() != s.Head() {
				t.Fatalf("%+v: after mending again: %v", f, err)
			}
			if err := l.Append(st, good); err != nil {
				t.Errorf("%+v: an order after mending: %v", f, err)
			}
		}
		return d.cut
	})
}
