package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"
)

// isResting reports whether an index rests.
func (x *index) isResting() bool {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return x.resting
}

// fill writes keys of a kilobyte, the values of which are their numbers, until done.
func fill(t *testing.T, x *index, n *int, done func() bool) {
	t.Helper()
	for !done() {
		value := binary.BigEndian.AppendUint64(make([]byte, 1016), uint64(*n))
		if err := x.write(0, entry{fmt.Appendf(nil, "k%08d", *n), value}); err != nil {
			t.Fatal(err)
		}
		*n++
	}
}

// settle makes an index rest: its compactors replace tables.
func settle(x *index) {
	for !x.isResting() {
		x.lieDown()
		time.Sleep(time.Millisecond) // the compactors have to find their work first
	}
}

// checkFilled looks whether all is there that was filled in.
func checkFilled(t *testing.T, x *index, n int) {
	t.Helper()
	found := 0
	err := x.each([]byte("k"), nil, func(key, value []byte) error {
		if string(key) != fmt.Sprintf("k%08d", found) || binary.BigEndian.Uint64(value[1016:]) != uint64(found) {
			return fmt.Errorf("key %d is %q with the value %x", found, key, value[1016:])
		}
		found++
		return nil
	})
	if err != nil || found != n {
		t.Fatalf("%d keys of %d are there, %v", found, n, err)
	}
}

// An index rests when it is told to, unless there is something to compact; what is
// little it writes so, and it gets up once it fills a table.
func TestIndexRests(t *testing.T) {
	x := testIndex(t)
	n := 0
	for range 3 {
		settle(x)
		few := n + 10
		fill(t, x, &n, func() bool { return n == few })
		if !x.isResting() {
			t.Fatal("a few keys woke it")
		}
		checkFilled(t, x, n)
		fill(t, x, &n, func() bool { return !x.isResting() })
		if n < few+500 {
			t.Fatalf("%d keys of a kilobyte filled a table of a megabyte", n-few)
		}
		checkFilled(t, x, n)
	}
	// With its compactors it takes more tables than it could without.
	many := n + 8000
	fill(t, x, &n, func() bool { return n == many })
	checkFilled(t, x, n)
}

// An index may be used while it rests and gets up.
func TestIndexRestsInUse(t *testing.T) {
	dir := t.TempDir()
	none := func(_, _ string) error { return nil }
	x, err := openIndex(filepath.Join(dir, "index"), 1<<20, time.Millisecond, none, &room{dir: dir}, new(failures))
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			key := func(i int) []byte { return fmt.Appendf(nil, "%d/%d", g, i) }
			for i := range 1500 {
				if err := x.write(0, entry{key(i), bytes.Repeat(key(i), 200)}); err != nil {
					t.Errorf("writing %s: %v", key(i), err)
					return
				}
				if got, err := x.get(key(i / 2)); err != nil || !bytes.Equal(got, bytes.Repeat(key(i/2), 200)) {
					t.Errorf("reading %s: %d bytes, %v", key(i/2), len(got), err)
					return
				}
			}
		})
	}
	wg.Wait()
	for !x.isResting() {
		time.Sleep(time.Millisecond)
	}
	if err := x.close(); err != nil {
		t.Error(err)
	}
	if _, err := x.get([]byte("0/0")); !errors.Is(err, ErrClosed) {
		t.Errorf("reading a closed index: %v", err)
	}
}

// A table that is damaged under way is seen by the look before a rest: what was read of it is
// still there. Opened anew all the same, the index says so, and takes nothing, until it is as it was.
func TestIndexRestsOnDamage(t *testing.T) {
	x := testIndex(t)
	n := 0
	fill(t, x, &n, func() bool { return n == 3000 })
	settle(x)
	tables, err := filepath.Glob(filepath.Join(x.dir, "*.sst"))
	if err != nil || len(tables) == 0 {
		t.Fatalf("there are no tables: %v", err)
	}
	// Not in place: Badger has the old one mapped.
	replace := func(name string, data []byte) {
		t.Helper()
		if err := errors.Join(os.Remove(name), os.WriteFile(name, data, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	whole, err := os.ReadFile(tables[0])
	if err != nil {
		t.Fatal(err)
	}
	bad := bytes.Clone(whole)
	bad[len(bad)-1] ^= 1
	replace(tables[0], bad)
	if err := x.probe(); !errors.Is(err, ErrDamaged) {
		t.Errorf("a look at it: %v", err)
	}
	checkFilled(t, x, n)
	x.mu.Lock()
	err = x.reopenLocked(compactors)
	x.mu.Unlock()
	if !errors.Is(err, ErrDamaged) {
		t.Errorf("opening it anew: %v", err)
	}
	if _, err := x.get([]byte("k00000000")); !errors.Is(err, ErrDamaged) {
		t.Errorf("reading: %v", err)
	}
	if err := x.write(0, entry{[]byte("k"), nil}); !errors.Is(err, ErrDamaged) {
		t.Errorf("writing: %v", err)
	}
	replace(tables[0], whole)
	x.lieDown()
	checkFilled(t, x, n)
	fill(t, x, &n, func() bool { return n == 3010 })
	checkFilled(t, x, n)
}

// What cannot be opened for a moment is opened by itself; closed meanwhile, it says why.
func TestIndexRevives(t *testing.T) {
	dir := t.TempDir()
	steps, broken := 0, errors.New("broken")
	step := func(_, _ string) error {
		if steps++; steps == 2 || steps > 4 { // after Close, but for one time
			return broken
		}
		return nil
	}
	none := func(_, _ string) error { return nil }
	x, err := openIndex(filepath.Join(dir, "index"), 1<<20, 100*time.Millisecond, none, &room{dir: dir}, new(failures))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	fill(t, x, &n, func() bool { return n == 10 })
	x.mu.Lock()
	x.step = step
	err = x.reopenLocked(0)
	x.mu.Unlock()
	if !errors.Is(err, broken) {
		t.Errorf("opening it anew: %v", err)
	}
	for { // it comes back by itself
		_, err := x.get([]byte("k00000000"))
		if err == nil {
			break
		}
		if !errors.Is(err, broken) {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
	checkFilled(t, x, n)
	x.mu.Lock()
	steps = 4
	x.step = func(_, _ string) error { // from now on it cannot
		if steps++; steps > 5 {
			return broken
		}
		return nil
	}
	err = x.reopenLocked(0)
	x.mu.Unlock()
	if !errors.Is(err, broken) {
		t.Errorf("opening it anew: %v", err)
	}
	if err := x.close(); !errors.Is(err, broken) {
		t.Errorf("closing what is gone: %v", err)
	}
	if err := x.close(); err != nil {
		t.Errorf("closing it once more: %v", err)
	}
	if _, err := x.get([]byte("k00000000")); !errors.Is(err, ErrClosed) {
		t.Errorf("reading a closed index: %v", err)
	}
}

// An index whose list of tables has gone is not taken for an empty one.
func TestIndexRestsWithoutTables(t *testing.T) {
	x := testIndex(t)
	if err := x.write(0, entry{[]byte{keyVersion}, []byte("a version")}); err != nil {
		t.Fatal(err)
	}
	n := 0
	fill(t, x, &n, func() bool { return n == 3000 })
	settle(x)
	if err := os.Remove(filepath.Join(x.dir, badger.ManifestFilename)); err != nil {
		t.Fatal(err)
	}
	if err := x.probe(); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a look at it: %v", err)
	}
	checkFilled(t, x, n)
	x.mu.Lock()
	err := x.reopenLocked(compactors)
	x.mu.Unlock()
	if !errors.Is(err, ErrDamaged) {
		t.Errorf("opening it anew: %v", err)
	}
	if err := x.write(0, entry{[]byte("k"), []byte("v")}); !errors.Is(err, ErrDamaged) {
		t.Errorf("writing: %v", err)
	}
	if err := x.close(); !errors.Is(err, ErrDamaged) {
		t.Errorf("closing: %v", err)
	}
}

// A step that fails ends the writing, not the reading.
func TestIndexRestFails(t *testing.T) {
	x := testIndex(t)
	n := 0
	fill(t, x, &n, func() bool { return n == 10 })
	broken := errors.New("broken")
	x.step = func(_, _ string) error { return broken }
	x.lieDown()
	if x.isResting() {
		t.Error("it rests all the same")
	}
	checkFilled(t, x, n)
	x.step = func(_, _ string) error { return nil }
	if err := x.write(0, entry{[]byte("k"), nil}); !errors.Is(err, broken) {
		t.Errorf("writing: %v", err)
	}
}
