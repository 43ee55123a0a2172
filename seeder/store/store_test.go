package store_test

import (
	"context"
	"path/filepath"
	"testing"

	"cobox/seeder/store"
	"cobox/seeder/store/storetest"
)

func TestContract(t *testing.T) {
	dirs := make(map[storetest.Store]string)
	openDir := func(t *testing.T, dir string) storetest.Store {
		t.Helper()
		s, err := store.Open(dir, store.WithSmallIndex(store.Config{}))
		if err != nil {
			t.Fatal(err)
		}
		contract := storetest.Of(s)
		dirs[contract] = dir
		return contract
	}
	storetest.Run(t,
		func(t *testing.T) storetest.Store { return openDir(t, filepath.Join(t.TempDir(), "store")) },
		func(t *testing.T, s storetest.Store) storetest.Store {
			t.Helper()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return openDir(t, dirs[s])
		})
}

// testContext is for helpers that outlive one test's own context.
var testContext = context.Background()
