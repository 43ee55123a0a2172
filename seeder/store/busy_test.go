package store_test

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"cobox/seeder/feed"
	"cobox/seeder/store"
	"cobox/seeder/store/storetest"
)

// To follow a truncation takes a moment in which nothing waits for a commit. It
// comes although others put something during each commit: they have to wait.
func TestTruncationWhileOthersPut(t *testing.T) {
	var others sync.WaitGroup
	var put atomic.Pointer[func()]
	s, err := store.Open(storeDir(t), store.WithFault(store.Config{}, func(step, _ string) error {
		fn := put.Load()
		if fn == nil || step != "index" {
			return nil
		}
		done := make(chan struct{})
		others.Go(func() {
			defer close(done)
			(*fn)()
		})
		// Long enough for a put that need not wait; one that has to cannot end here.
		for range 10_000 {
			select {
			case <-done:
				return nil
			default:
				runtime.Gosched()
			}
		}
		return nil
	}))
	must(t, err)
	w, f := filled(t, s, 1, 300, 200)
	const enough = 200
	var puts atomic.Int64
	busy := func() {
		if puts.Add(1) > enough {
			return // so that the test ends all the same
		}
		if err := f.Put(&feed.Batch{}); err != nil {
			t.Errorf("Put = %v", err)
		}
	}
	put.Store(&busy)
	busy()
	w.Truncate(200, storetest.RandomBlocks(rand.New(rand.NewPCG(5, 5)), 50, 200)...)
	must(t, w.Upgrade(f))
	put.Store(nil)
	others.Wait()
	if n := puts.Load(); n >= enough {
		t.Errorf("%d puts went before the truncation, and more would have", n)
	}
	must(t, w.Fill(f))
	must(t, f.Flush(t.Context()))
	check(t, s, w)
	must(t, s.Close())
}
