package store_test

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"time"

	"cobox/seeder/feed"
	"cobox/seeder/store"
	"cobox/seeder/store/storetest"
)

func bigBlocks(fill byte, n int) [][]byte {
	blocks := make([][]byte, n)
	for i := range blocks {
		blocks[i] = bytes.Repeat([]byte{fill, byte(i)}, 8<<10)
	}
	return blocks
}

// The blocks of one truncation expire, and those of a younger one do not.
func TestExpiryInTurn(t *testing.T) {
	dir := storeDir(t)
	s := openStore(t, dir)
	w, f := filled(t, s, 1, 30, 2000)
	w.Truncate(20, []byte("a"))
	must(t, w.Fill(f))
	must(t, f.Flush(t.Context()))
	first := f.Truncations()[0].At
	w.Truncate(10, []byte("b"))
	must(t, w.Fill(f))
	must(t, f.Flush(t.Context()))
	must(t, s.Expire(first.Add(time.Microsecond), 0))
	if list := f.Truncations(); len(list) != 1 || list[0].Kept > 10 {
		t.Errorf("Truncations = %+v, want the younger one", list)
	}
	check(t, s, w)
	if n := len(blockFiles(t, dir, w.Key)); n != 3 {
		t.Errorf("%d block files, want 3: that of the younger truncation is to stay", n)
	}
	must(t, s.Expire(time.Now().Add(time.Hour), 0))
	check(t, s, w)
}

// A writer who truncates for years leaves neither a long list nor litter.
func TestLayersAreJoined(t *testing.T) {
	dir := storeDir(t)
	s := openStore(t, dir)
	r := rand.New(rand.NewPCG(5, 5))
	w, f := filled(t, s, 1, 600, 30)
	for n := range 40 {
		w.Truncate(r.IntN(len(w.Blocks)), storetest.RandomBlocks(r, r.IntN(300), 30)...)
		if len(w.Blocks) == 0 {
			w.Append([]byte("never empty"))
		}
		must(t, w.Fill(f))
		must(t, f.Flush(t.Context()))
		if n%3 != 0 {
			continue
		}
		must(t, s.Expire(time.Now().Add(time.Hour), 0))
		check(t, s, w)
		if got := store.Layers(f); got > 2 {
			t.Fatalf("%d layers after everything expired", got)
		}
		if n%2 == 0 {
			must(t, s.Close())
			s = openStore(t, dir)
			var err error
			f, err = s.Feed(w.Key)
			must(t, err)
			check(t, s, w)
		}
	}
	must(t, s.Expire(time.Now().Add(time.Hour), 0))
	check(t, s, w)
	// One page of nodes for each 256 blocks in two layers at most, and some.
	if got := store.Keys(t, s); got > 20 {
		t.Errorf("the index has %d keys for a feed of %d blocks", got, len(w.Blocks))
	}
}

// Nothing of a frozen feed expires: it is evidence.
func TestFrozenFeedDoesNotExpire(t *testing.T) {
	dir := storeDir(t)
	s := openStore(t, dir)
	w, f := filled(t, s, 1, 30, 2000)
	w.Truncate(10, []byte("b"))
	must(t, w.Fill(f))
	must(t, f.Flush(t.Context()))
	must(t, f.Freeze(&feed.ForkError{Key: w.Key, Have: w.Head, Got: w.Head}))
	must(t, s.Expire(time.Now().Add(time.Hour), 0))
	if len(f.Truncations()) != 1 {
		t.Error("a truncation of a frozen feed has expired")
	}
	must(t, f.Thaw())
	must(t, s.Expire(time.Now().Add(time.Hour), 0))
	if len(f.Truncations()) != 0 {
		t.Error("a truncation of a thawed feed has not expired")
	}
}
