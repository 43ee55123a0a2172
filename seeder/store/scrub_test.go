package store_test

import (
	"context"
	"errors"
	"os"
	"testing"

	"cobox/seeder/feed"
	"cobox/seeder/store"
	"cobox/seeder/store/storetest"
)

func scrub(t *testing.T, s *store.Store) (found []store.Damage) {
	t.Helper()
	must(t, s.Scrub(t.Context(), 0, func(d store.Damage) { found = append(found, d) }))
	return found
}

// flip changes one byte of a file.
func flip(t *testing.T, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	must(t, err)
	var b [1]byte
	_, err = f.ReadAt(b[:], at)
	must(t, err)
	b[0] ^= 0x10
	_, err = f.WriteAt(b[:], at)
	must(t, err)
	must(t, f.Close())
}

func TestScrubFindsBadBlock(t *testing.T) {
	dir := storeDir(t)
	s := openStore(t, dir)
	w, f := filled(t, s, 1, 40, 3000)
	if found := scrub(t, s); len(found) > 0 {
		t.Fatalf("damage in a store that is whole: %+v", found)
	}
	path := blockFiles(t, dir, w.Key)[0]
	at := int64(0)
	for i, b := range w.Blocks {
		if len(b) == 0 {
			continue
		}
		flip(t, path, at+int64(len(b)/2))
		at += int64(len(b))
		found := scrub(t, s)
		if len(found) != 1 || found[0].Feed != w.Key || found[0].Block != uint64(i) || found[0].Lost != 1 {
			t.Fatalf("a byte of block %d was changed, and found was %+v", i, found)
		}
		if f.Has(uint64(i)) || f.Known(uint64(i)) {
			t.Fatalf("block %d is bad, and held", i)
		}
		if blocks, _ := f.Held(); blocks != 39 {
			t.Fatalf("%d blocks are held, want 39", blocks)
		}
		must(t, w.Fetch(f, uint64(i)))
		must(t, f.Flush(t.Context()))
	}
	check(t, s, w)

	// The end of the file is missing, and then all of it.
	must(t, os.Truncate(path, at-1))
	if found := scrub(t, s); len(found) != 1 || found[0].Block != 39 {
		t.Errorf("the last byte is missing, and found was %+v", found)
	}
	must(t, s.Close())
	must(t, os.Remove(path))
	s = openStore(t, dir)
	if found := scrub(t, s); len(found) < 30 {
		t.Errorf("the file is missing, and only %d blocks are found bad", len(found))
	}
	f, err := s.Feed(w.Key)
	must(t, err)
	must(t, w.Fill(f))
	must(t, f.Flush(t.Context()))
	check(t, s, w)
}

func TestScrubIsDurableAndEnds(t *testing.T) {
	dir := storeDir(t)
	s := openStore(t, dir)
	w, _ := filled(t, s, 1, 40, 3000)
	flip(t, blockFiles(t, dir, w.Key)[0], 10)
	scrub(t, s)
	must(t, s.Close())
	s = openStore(t, dir)
	f, err := s.Feed(w.Key)
	must(t, err)
	if n, _ := f.Held(); n != 39 {
		t.Errorf("%d blocks are held after a bad one was found and the store opened again, want 39", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Scrub(ctx, 1<<20, func(store.Damage) {}); !errors.Is(err, context.Canceled) {
		t.Errorf("Scrub with a context that is done = %v", err)
	}
}

// Every stored tree node is damaged in turn. What is held and what is known
// afterwards fits the head, and what was lost comes back from the writer.
func TestScrubMendsTree(t *testing.T) {
	for _, n := range []int{1, 2, 7, 300, 513} {
		dir := storeDir(t)
		s := openStore(t, dir)
		w, _ := filled(t, s, 1, n, 40)
		step := uint64(1 + n/5)
		for index := uint64(0); index < uint64(2*n); index += step {
			if _, err := w.Node(index); err != nil {
				continue
			}
			must(t, s.Close())
			store.DamageNode(t, dir, w.Key, index)
			s = openStore(t, dir)
			f, err := s.Feed(w.Key)
			must(t, err)
			found := scrub(t, s)
			lost := uint64(0)
			for _, d := range found {
				lost += d.Lost
			}
			blocks, _ := f.Held()
			if len(found) == 0 || lost > 0 || blocks != uint64(n) {
				t.Fatalf("node %d of %d blocks was damaged; found %+v, and %d blocks are held", index, n, found, blocks)
			}
			check(t, s, w)
		}
		must(t, s.Close())
	}
}

// A page of the tree cannot be read at all, or is gone.
func TestScrubOfLostPage(t *testing.T) {
	const n = 700
	for level := range uint8(2) {
		for number := range uint64(3) {
			for _, data := range [][]byte{nil, []byte("not a page")} {
				dir := storeDir(t)
				s := openStore(t, dir)
				w, _ := filled(t, s, 1, n, 40)
				must(t, s.Close())
				if !store.ReplacePage(t, dir, w.Key, level, number, data) {
					continue
				}
				s = openStore(t, dir)
				found := scrub(t, s)
				if len(found) == 0 {
					t.Fatalf("page %d of level %d was damaged, and nothing was found", number, level)
				}
				if again := scrub(t, s); len(again) > 0 {
					t.Errorf("a second scrub finds more: %+v", again)
				}
				f, err := s.Feed(w.Key)
				must(t, err)
				if blocks, _ := f.Held(); level == 0 && blocks < n-256 || level == 1 && blocks != n {
					t.Errorf("page %d of level %d was damaged, and only %d blocks are held", number, level, blocks)
				}
				must(t, w.Fill(f))
				must(t, f.Flush(t.Context()))
				check(t, s, w)
			}
		}
	}
}

// A feed of which few blocks are held is mended as well.
func TestScrubOfSparseFeed(t *testing.T) {
	dir := storeDir(t)
	s := openStore(t, dir)
	w := storetest.NewWriter(1)
	for i := range 1000 {
		w.Append([]byte{byte(i), byte(i >> 8)})
	}
	f := create(t, s, w.Key)
	must(t, w.Upgrade(f))
	for _, i := range []uint64{0, 5, 255, 256, 700, 999} {
		must(t, w.Fetch(f, i))
	}
	must(t, f.Flush(t.Context()))
	if found := scrub(t, s); len(found) > 0 {
		t.Fatalf("damage in a store that is whole: %+v", found)
	}
	must(t, s.Close())
	store.DamageNode(t, dir, w.Key, 512) // the leaf of block 256
	s = openStore(t, dir)
	f, err := s.Feed(w.Key)
	must(t, err)
	scrub(t, s)
	check := func(st feed.State) {
		for _, i := range []uint64{0, 5, 255, 256, 700, 999} {
			if f.Has(i) {
				continue
			}
			must(t, w.Fetch(f, i))
		}
		must(t, f.Flush(t.Context()))
		if st.Head.Hash != w.Head.Hash {
			t.Error("the head has changed")
		}
	}
	check(f.Durable())
	if found := scrub(t, s); len(found) > 0 {
		t.Errorf("damage after it was mended: %+v", found)
	}
	must(t, w.Fill(f))
}
