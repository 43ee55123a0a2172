package storetest

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"testing"

	"cobox/seeder/feed"
	"cobox/seeder/store"
)

// Run runs the contract against a store. open opens a fresh, empty one, which
// Run closes; reopen closes one and opens it again.
func Run(t *testing.T, open func(*testing.T) Store, reopen func(*testing.T, Store) Store) {
	tests := []struct {
		name string
		run  func(*testing.T, *bench)
	}{
		{"what is put in order", putInOrder},
		{"what is put in any order", putInAnyOrder},
		{"what is appended", appended},
		{"what is appended before the last is durable", extended},
		{"two views", twoViews},
		{"watchers", watchers},
		{"a feed that is cleared", cleared},
		{"a feed that is deleted", deleted},
		{"another fork", anotherFork},
		{"a batch for another state", staleBatch},
		{"a frozen feed", frozen},
		{"pins and records", pinsAndRecords},
		{"a closed store", closed},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := &bench{t: t, Store: open(t), reopenStore: reopen}
			defer func() {
				if err := b.Close(); err != nil {
					t.Errorf("closing the store: %v", err)
				}
			}()
			test.run(t, b)
		})
	}
}

// A bench is a store under test.
type bench struct {
	Store
	t           *testing.T
	reopenStore func(*testing.T, Store) Store
}

func (b *bench) reopen() { b.Store = b.reopenStore(b.t, b.Store) }

func (b *bench) create(key feed.Key) Feed {
	b.t.Helper()
	f, err := b.Create(key)
	must(b.t, err)
	return f
}

func (b *bench) feed(key feed.Key) Feed {
	b.t.Helper()
	f, err := b.Feed(key)
	must(b.t, err)
	return f
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// RandomBlocks returns n blocks of 0 to max-1 bytes.
func RandomBlocks(r *rand.Rand, n, max int) [][]byte {
	blocks := make([][]byte, n)
	for i := range blocks {
		n := r.IntN(max)
		b := make([]byte, 0, n+8)
		for len(b) < n {
			b = binary.LittleEndian.AppendUint64(b, r.Uint64())
		}
		blocks[i] = b[:n]
	}
	return blocks
}

func fresh(seed byte, n, max int) *Writer {
	w := NewWriter(seed)
	w.Append(RandomBlocks(rand.New(rand.NewPCG(uint64(seed), uint64(n))), n, max)...)
	return w
}

// Check compares all of a feed with what its writer has: synced, readable, counted
// right and verified.
func Check(t *testing.T, s Store, w *Writer) {
	t.Helper()
	f, err := s.Feed(w.Key)
	must(t, err)
	var sum uint64
	for i, want := range w.Blocks {
		got, err := f.Block(uint64(i), nil)
		if err != nil || !bytes.Equal(got, want) || !f.Has(uint64(i)) {
			t.Fatalf("Block(%d) = %d bytes, %v; want the writer's %d; Has = %v", i, len(got), err, len(want), f.Has(uint64(i)))
		}
		sum += uint64(len(want))
	}
	n := uint64(len(w.Blocks))
	if got := f.Contiguous(); got != n {
		t.Errorf("Contiguous = %d, want %d", got, n)
	}
	if blocks, bytes := f.Held(); blocks != n || bytes != sum {
		t.Errorf("Held = %d blocks of %d bytes, want %d of %d", blocks, bytes, n, sum)
	}
	if h := f.Durable().Head; h.Hash != w.Head.Hash || h.Fork != w.Head.Fork || h.Length != n || h.Bytes != sum {
		t.Errorf("Durable = %+v, want %+v", h, w.Head)
	}
	for index, want := range w.nodes {
		if got, err := f.Node(index); err != nil || got != want {
			t.Fatalf("Node(%d) = %v, %v; want %v", index, got, err, want)
		}
	}
	CheckScrub(t, s)
}

// CheckScrub fails the test if a scrub finds anything.
func CheckScrub(t *testing.T, s Store) {
	t.Helper()
	err := s.Scrub(t.Context(), 0, func(d store.Damage) { t.Errorf("scrub found: %+v", d) })
	must(t, err)
}
