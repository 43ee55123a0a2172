package store_test

import (
	"math/rand/v2"
	"path/filepath"
	"testing"

	"cobox/seeder/feed"
	"cobox/seeder/store"
	"cobox/seeder/store/storetest"
)

func openStore(t testing.TB, dir string) *store.Store {
	t.Helper()
	s, err := store.Open(dir, store.WithSmallIndex(store.Config{}))
	must(t, err)
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("closing the store: %v", err)
		}
	})
	return s
}

func storeDir(t testing.TB) string { return filepath.Join(t.TempDir(), "store") }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func create(t testing.TB, s *store.Store, key feed.Key) *store.Feed {
	t.Helper()
	f, err := s.Create(key)
	must(t, err)
	return f
}

// filled returns a writer with n random blocks, and its feed in the store.
func filled(t testing.TB, s *store.Store, seed byte, n, max int) (*storetest.Writer, *store.Feed) {
	t.Helper()
	w := storetest.NewWriter(seed)
	w.Append(storetest.RandomBlocks(rand.New(rand.NewPCG(uint64(seed), 0)), n, max)...)
	f := create(t, s, w.Key)
	must(t, w.Fill(f))
	must(t, f.Flush(t.Context()))
	return w, f
}

func check(t *testing.T, s *store.Store, w *storetest.Writer) {
	t.Helper()
	storetest.Check(t, storetest.Of(s), w)
}

// blockFiles returns the block files of a feed, oldest first.
func blockFiles(t testing.TB, dir string, key feed.Key) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "feeds", key.DiscoveryKey().String(), "*.blocks"))
	must(t, err)
	return files
}
