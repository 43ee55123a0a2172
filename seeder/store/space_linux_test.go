package store_test

import (
	"fmt"
	"os"
	"syscall"
	"testing"
	"time"

	"cobox/seeder/feed"
	"cobox/seeder/store"
	"cobox/seeder/store/storetest"
)

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

func TestSpaceComesBack(t *testing.T) {
	dir := storeDir(t)
	s := openStore(t, dir)
	w := storetest.NewWriter(1)
	w.Append(bigBlocks(1, 64)...)
	f := create(t, s, w.Key)
	must(t, w.Fill(f))
	must(t, f.Flush(t.Context()))
	must(t, f.Clear(3, 20))
	must(t, f.Clear(30, 60))
	must(t, f.Clear(20, 30))
	if got := diskBytes(t, blockFiles(t, dir, w.Key)) >> 14; got < 64 {
		t.Errorf("space of %d of 64 blocks was given back already", 64-got)
	}
	must(t, f.Reclaim())
	if got := diskBytes(t, blockFiles(t, dir, w.Key)) >> 14; got > 9 {
		t.Errorf("7 blocks are held, and %d take space", got)
	}
	must(t, f.Clear(1, 3))
	must(t, s.Close())
	if got := diskBytes(t, blockFiles(t, dir, w.Key)) >> 14; got > 7 {
		t.Errorf("after Close 5 blocks are held, and %d take space", got)
	}
	s = openStore(t, dir)
	must(t, s.Delete(w.Key))
	if _, err := os.Stat(dir + "/feeds/" + w.Key.DiscoveryKey().String()); !os.IsNotExist(err) {
		t.Errorf("the folder of a deleted feed: %v", err)
	}
	if got := store.Keys(t, s); got != 1 {
		t.Errorf("the index of an empty store has %d keys, want its version", got)
	}
}

// diskBytes returns what files take on the disk.
func diskBytes(t testing.TB, files []string) (sum int64) {
	t.Helper()
	for _, path := range files {
		info, err := os.Stat(path)
		must(t, err)
		sum += info.Sys().(*syscall.Stat_t).Blocks * 512
	}
	return sum
}

// Many feeds take few file descriptors.
func TestManyFeeds(t *testing.T) {
	const feeds = 2000
	dir := storeDir(t)
	s := openStore(t, dir)
	most := 0
	for n := range feeds {
		var key feed.Key
		copy(key[:], fmt.Sprintf("feed %d", n))
		create(t, s, key)
	}
	for n := range 256 { // into these, blocks are put
		w := storetest.NewWriter(byte(n))
		w.Append([]byte("block"))
		must(t, w.Fill(create(t, s, w.Key)))
		most = max(most, openFiles(t))
	}
	if most > 400 {
		t.Errorf("%d files were open at once", most)
	}
	must(t, s.Close())
	s = openStore(t, dir)
	if st := s.Stats(); st.Feeds < feeds {
		t.Errorf("%d feeds after opening again", st.Feeds)
	}
	if n := openFiles(t); n > 120 {
		t.Errorf("%d files are open when nobody uses the store", n)
	}
}

// openFiles counts this process's file descriptors.
func openFiles(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	must(t, err)
	return len(entries)
}
