package store_test

import (
	"bytes"
	"math/rand/v2"
	"os"
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

// What a writer truncates stays on the disk until it expires, and then its space
// comes back.
func TestTruncationKeepsUntilExpiry(t *testing.T) {
	const blockSize = 16 << 10
	dir := storeDir(t)
	s := openStore(t, dir)
	w := storetest.NewWriter(1)
	w.Append(bigBlocks(1, 64)...)
	f := create(t, s, w.Key)
	must(t, w.Fill(f))
	must(t, f.Flush(t.Context()))
	taken := func() int64 { return diskBytes(t, blockFiles(t, dir, w.Key)) / blockSize }
	if got := taken(); got < 64 || got > 66 {
		t.Fatalf("64 blocks take %d blocks of the disk", got)
	}
	w.Truncate(32, bigBlocks(2, 16)...) // two forks in a row; the second cuts both
	must(t, w.Fill(f))
	w.Truncate(16, bigBlocks(3, 4)...)
	must(t, w.Fill(f))
	must(t, f.Flush(t.Context()))
	if got := taken(); got < 84 {
		t.Errorf("after two truncations %d blocks are on the disk, want all 84", got)
	}
	if blocks, n := f.Held(); blocks != 20 || n != 20*blockSize {
		t.Errorf("Held = %d blocks of %d bytes, want 20", blocks, n)
	}
	must(t, s.Expire(time.Now(), time.Hour))
	must(t, s.Close())
	s = openStore(t, dir)
	if got := taken(); got < 84 || len(blockFiles(t, dir, w.Key)) != 3 {
		t.Errorf("before expiry %d blocks are on the disk in %d files, want 84 in 3", got, len(blockFiles(t, dir, w.Key)))
	}
	must(t, s.Expire(time.Now().Add(2*time.Hour), time.Hour))
	if got := taken(); got > 22 || len(blockFiles(t, dir, w.Key)) != 2 {
		t.Errorf("after expiry %d blocks are on the disk in %d files, want 20 in 2", got, len(blockFiles(t, dir, w.Key)))
	}
	check(t, s, w)
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

func TestSpaceComesBack(t *testing.T) {
	dir := storeDir(t)
	s := openStore(t, dir)
	w := storetest.NewWriter(1)
	w.Append(bigBlocks(1, 64)...)
	f := create(t, s, w.Key)
	must(t, w.Fill(f))
	must(t, f.Flush(t.Context()))
	must(t, f.Clear(3, 60))
	if got := diskBytes(t, blockFiles(t, dir, w.Key)) >> 14; got > 9 {
		t.Errorf("7 blocks are held, and %d take space", got)
	}
	must(t, s.Delete(w.Key))
	if _, err := os.Stat(dir + "/feeds/" + w.Key.DiscoveryKey().String()); !os.IsNotExist(err) {
		t.Errorf("the folder of a deleted feed: %v", err)
	}
	if got := store.Keys(t, s); got != 1 {
		t.Errorf("the index of an empty store has %d keys, want its version", got)
	}
}
