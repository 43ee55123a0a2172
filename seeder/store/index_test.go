package store

import (
	"bytes"
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"cobox/seeder/feed"
)

func testIndex(t *testing.T) *index {
	t.Helper()
	dir := t.TempDir()
	none := func(_, _ string) error { return nil }
	x, err := openIndex(filepath.Join(dir, "index"), 1<<20, time.Hour, none, &room{dir: dir, log: slog.New(slog.DiscardHandler)}, new(failures))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := x.close(); err != nil {
			t.Error(err)
		}
	})
	return x
}

// Entries are written in transactions as they fit, and deleted likewise; when
// Badger begins another log, its name is synced.
func TestIndexInManyTransactions(t *testing.T) {
	x := testIndex(t)
	const keys, size = 5000, 1000
	transactions := 0
	x.step = func(_, _ string) error { transactions++; return nil }
	first := newestLog(x.dir)
	w := &writer{x: x, need: indexFree}
	key := func(i int) []byte { return fmt.Appendf(nil, "k%06d", i) }
	for i := range keys {
		if err := w.add([]entry{{key(i), bytes.Repeat([]byte{byte(i)}, size)}}, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.flush(); err != nil {
		t.Fatal(err)
	}
	if least := keys * size / (150 << 10); transactions < least || transactions > 2*least {
		t.Errorf("%d transactions, want about %d", transactions, least)
	}
	if newest := newestLog(x.dir); newest == first || x.log != newest {
		t.Errorf("the newest log is %d, was %d, and %d is synced", newest, first, x.log)
	}
	err := x.deleteKeys([]byte("k"), func(rest []byte) bool { return rest[len(rest)-1] != '7' })
	if err != nil {
		t.Fatal(err)
	}
	left := 0
	err = x.each([]byte("k"), nil, func(key, value []byte) error {
		left++
		if key[len(key)-1] != '7' || len(value) != size {
			t.Fatalf("key %q is left with %d bytes", key, len(value))
		}
		return nil
	})
	if err != nil || left != keys/10 {
		t.Errorf("%d keys are left, %v; want %d", left, err, keys/10)
	}
}

// What must come together comes in one transaction, with the rest if that fits.
func TestIndexKeepsTogether(t *testing.T) {
	x := testIndex(t)
	var dk feed.DiscoveryKey
	for _, loose := range []int{0, 1, 10, 100} {
		var sizes []int
		w := &writer{x: x, need: indexFree}
		x.step = func(_, _ string) error { sizes = append(sizes, len(w.entries)); return nil }
		var first, last []entry
		for i := range loose {
			first = append(first, entry{nodesKey(dk, 0, pageID{0, uint64(i)}), make([]byte, 9000)})
		}
		for i := range 10 {
			last = append(last, entry{bitsKey(dk, 0, uint64(i)), make([]byte, 4096)})
		}
		if err := w.add([]entry{{[]byte{'a'}, []byte{1}}}, nil); err != nil {
			t.Fatal(err)
		}
		if err := w.add(first, last); err != nil {
			t.Fatal(err)
		}
		if err := w.flush(); err != nil {
			t.Fatal(err)
		}
		if n := sizes[len(sizes)-1]; n < 10 {
			t.Errorf("with %d others, the last transaction has %d of the 10 entries that come together", loose, n)
		}
		if loose <= 1 && len(sizes) != 1 {
			t.Errorf("%d transactions for %d entries that fit into one", len(sizes), loose+11)
		}
	}
}
