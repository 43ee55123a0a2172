package store_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cobox/seeder/feed"
	"cobox/seeder/store"
	"cobox/seeder/store/storetest"
)

// Feeds are filled, read, watched, flushed, cleared, scrubbed and deleted
// by several at once. Whatever is read is what the writer wrote.
func TestConcurrentUse(t *testing.T) {
	const feeds, blocks = 4, 120
	dir := storeDir(t)
	s := openStore(t, dir)
	var told atomic.Int64
	var fillers, others sync.WaitGroup
	done := make(chan struct{})
	writers := make([]*storetest.Writer, feeds)
	for n := range feeds {
		r := rand.New(rand.NewPCG(uint64(n), 1))
		w := storetest.NewWriter(byte(n + 1))
		w.Append(storetest.RandomBlocks(r, blocks, 5000)...)
		writers[n] = w
		f := create(t, s, w.Key)
		f.Watch(func() { told.Add(1) })
		if err := w.Upgrade(f); err != nil {
			t.Fatal(err)
		}
		fillers.Go(func() { fillAndFlush(t, f, w, r) })
		others.Go(func() { readAtRandom(t, f, w, done) })
	}
	others.Go(func() {
		for range ticks(done) {
			if err := s.Scrub(t.Context(), 0, func(d store.Damage) { t.Errorf("damage: %+v", d) }); err != nil {
				t.Error(err)
			}
			s.Stats()
			if err := s.Expire(time.Now(), 0); err != nil {
				t.Error(err)
			}
		}
	})
	others.Go(func() { // feeds come and go
		w := storetest.NewWriter(99)
		w.Append([]byte("one"), []byte("two"))
		for range ticks(done) {
			f, err := s.Create(w.Key)
			if err == nil {
				err = w.Fill(f)
			}
			if err == nil {
				err = s.Delete(w.Key)
			}
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	fillers.Wait()
	close(done)
	others.Wait()
	if told.Load() == 0 {
		t.Error("no watcher was told")
	}
	for _, w := range writers {
		check(t, s, w)
	}
	must(t, s.Close())
	s = openStore(t, dir)
	for _, w := range writers {
		check(t, s, w)
	}
}

// ticks yields until done, without a pause.
func ticks(done <-chan struct{}) func(func(int) bool) {
	return func(yield func(int) bool) {
		for n := 0; ; n++ {
			select {
			case <-done:
				return
			default:
				if !yield(n) {
					return
				}
			}
		}
	}
}

// fillAndFlush puts blocks in any order, and clears some, which come again.
func fillAndFlush(t *testing.T, f *store.Feed, w *storetest.Writer, r *rand.Rand) {
	for round := range 2 {
		for n, i := range r.Perm(len(w.Blocks)) {
			if f.Known(uint64(i)) {
				continue
			}
			if err := w.Fetch(f, uint64(i)); err != nil {
				t.Errorf("block %d: %v", i, err)
				return
			}
			switch {
			case n%37 == 36:
				if err := f.Clear(uint64(i), uint64(i)+5); err != nil {
					t.Error(err)
				}
			case n%20 == 19:
				if err := f.Flush(t.Context()); err != nil {
					t.Error(err)
				}
			}
		}
		if round == 0 {
			if err := f.Clear(0, 60); err != nil {
				t.Error(err)
			}
		}
	}
	if err := w.Fill(f); err != nil {
		t.Error(err)
	}
	if err := f.Flush(t.Context()); err != nil {
		t.Error(err)
	}
}

// A feed is read while its writer forks it again and again: what is read is of
// one fork or another, never of none.
func TestReadWhileForking(t *testing.T) {
	s := openStore(t, storeDir(t))
	w := storetest.NewWriter(1)
	block := func(fork, i int) []byte { return bytes.Repeat([]byte{byte(fork), byte(i)}, 50+fork) }
	for i := range 40 {
		w.Append(block(0, i))
	}
	f := create(t, s, w.Key)
	must(t, w.Fill(f))
	must(t, f.Flush(t.Context()))
	done := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for n := range ticks(done) {
				i := n % 40
				got, err := f.Block(uint64(i), nil)
				if errors.Is(err, store.ErrNoBlock) {
					continue
				}
				if err != nil || len(got) < 2 || !bytes.Equal(got, block(int(got[0]), i)) {
					t.Errorf("Block(%d) = %x, %v", i, got, err)
					return
				}
				st := f.Durable()
				if _, err := feed.Prove(st.Head, st.Manifest, f, feed.Request{Upgrade: &feed.UpgradeRequest{Length: st.Head.Length}}); err != nil && !errors.Is(err, feed.ErrNoNode) {
					t.Error(err)
				}
			}
		})
	}
	r := rand.New(rand.NewPCG(1, 1))
	for fork := 1; fork <= 30; fork++ {
		length := r.IntN(40)
		var more [][]byte
		for i := length; i < 40; i++ {
			more = append(more, block(fork, i))
		}
		w.Truncate(length, more...)
		must(t, w.Fill(f))
		if fork%5 == 0 {
			must(t, s.Expire(time.Now().Add(time.Hour), 0))
		}
	}
	close(done)
	readers.Wait()
	must(t, f.Flush(t.Context()))
	check(t, s, w)
}

// readAtRandom reads blocks, and compares those that are there.
func readAtRandom(t *testing.T, f *store.Feed, w *storetest.Writer, done <-chan struct{}) {
	r := rand.New(rand.NewPCG(3, 3))
	var buf []byte
	for range ticks(done) {
		i := uint64(r.IntN(len(w.Blocks)))
		got, err := f.Block(i, buf)
		if errors.Is(err, store.ErrNoBlock) {
			continue
		}
		if err != nil || !bytes.Equal(got, w.Blocks[i]) {
			t.Errorf("Block(%d) = %d bytes, %v; want the writer's %d", i, len(got), err, len(w.Blocks[i]))
			return
		}
		buf = got
		f.Bits(func(b *feed.Bitfield) { b.Count() })
		f.Contiguous()
	}
}
