package chain_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"cobox/provision/chain"
	"cobox/seeder/identity"
)

func openLog(t *testing.T, dir string) *chain.Log {
	t.Helper()
	l, err := chain.Open(dir, boxKey)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// fill appends entries and returns the heads after each.
func fill(t *testing.T, l *chain.Log, n int) (heads []chain.Head) {
	t.Helper()
	st, err := chain.SignFact(boxPrivate, l.State().Head(), now, chain.Claimed{Claim: id(1), Operator: operator(owner)})
	for i := 0; ; i++ {
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Append(st, good); err != nil {
			t.Fatal(err)
		}
		heads = append(heads, l.State().Head())
		if i+1 == n {
			return heads
		}
		st, err = chain.SignOrder(key(owner), l.State().Head(), now, chain.Rename{Name: string(rune('a' + i))})
	}
}

func TestLogReopens(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "chain")
	l := openLog(t, dir)
	heads := fill(t, l, 5)
	if other, err := chain.Open(dir, boxKey); err == nil {
		_ = other.Close()
		t.Error("two have the log open")
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = openLog(t, dir)
	defer l.Close()
	if l.State().Head() != heads[4] || l.Torn() != 0 {
		t.Errorf("reopened at %+v, %d bytes torn", l.State().Head(), l.Torn())
	}
	for _, h := range heads {
		if ok, err := l.Has(h); err != nil || !ok {
			t.Errorf("Has(%+v) = %v, %v", h, ok, err)
		}
	}
	var text bytes.Buffer
	if err := l.Export(&text); err != nil {
		t.Fatal(err)
	}
	if s, err := chain.Replay(boxKey, &text); err != nil || s.Head() != heads[4] {
		t.Errorf("the export gives %+v, %v", s, err)
	}
	if _, err := chain.Open(filepath.Join(t.TempDir(), "other"), identity.BoxKeyOf(key(2))); err != nil {
		t.Error(err)
	}
}

// Case 7: the power is cut while an entry is written, at every byte of it: the
// state is the one before, and the next order is taken in. What was acknowledged
// is never missing.
func TestCase07TornEntry(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "chain")
	l := openLog(t, dir)
	heads := fill(t, l, 3)
	st, err := chain.SignOrder(key(owner), l.State().Head(), now, chain.Rename{Name: "torn"})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	text := st.Append(nil)
	for n := range text {
		f, err := os.OpenFile(filepath.Join(dir, "statements"), os.O_APPEND|os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write(text[:n]); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		l := openLog(t, dir)
		if l.State().Head() != heads[2] {
			t.Fatalf("%d bytes of the next entry: the state is %+v, want %+v", n, l.State().Head(), heads[2])
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	l = openLog(t, dir)
	defer l.Close()
	if err := l.Append(st, good); err != nil {
		t.Errorf("the order after all that: %v", err)
	}
}

// Case 52: an entry that counts is damaged: the log says so and takes nothing in
// but a reset. No byte of the file may change without that, or without the state
// being the same.
func TestCase52Damaged(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "chain")
	l := openLog(t, dir)
	heads := fill(t, l, 3)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "statements")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(text); i += 7 {
		bad := bytes.Clone(text)
		bad[i] ^= 1
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		l, err := chain.Open(dir, boxKey)
		if !errors.Is(err, chain.ErrDamaged) || l == nil {
			t.Fatalf("byte %d changed: %v", i, err)
		}
		st, err := chain.SignOrder(key(owner), l.State().Head(), now, chain.Rename{Name: "x"})
		if err != nil {
			t.Fatal(err)
		}
		if err := l.Append(st, good); !errors.Is(err, chain.ErrDamaged) {
			t.Errorf("byte %d changed: an order was answered with %v, want ErrDamaged", i, err)
		}
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	// An entry that was acknowledged and is missing is damage too.
	if err := os.WriteFile(path, text[:len(text)-5], 0o600); err != nil {
		t.Fatal(err)
	}
	l, err = chain.Open(dir, boxKey)
	if !errors.Is(err, chain.ErrDamaged) {
		t.Fatalf("the last entry cut short: %v, want ErrDamaged", err)
	}
	reset, err := chain.SignFact(boxPrivate, l.State().Head(), now, chain.Reset{Reset: id(5), Mode: chain.Reowner, Claim: id(6)})
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Append(reset, good); err != nil {
		t.Errorf("a reset card on a damaged chain: %v", err)
	}
	if l.State().Claimed() || l.State().Epoch <= heads[2].Epoch {
		t.Errorf("after the reset: %+v", l.State())
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	l = openLog(t, dir)
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
}
