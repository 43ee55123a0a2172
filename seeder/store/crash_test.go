package store_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"cobox/seeder/feed"
	"cobox/seeder/store"
	"cobox/seeder/store/storetest"
)

// TestCrash runs a workload again and again, crashes it at every step that
// changes the disk, damages what was not synced, and looks at what a fresh store
// makes of it.
func TestCrash(t *testing.T) {
	defer store.SetCommitDelay(time.Hour)() // commits begin only when the workload waits for one
	shards := 4
	var wg sync.WaitGroup
	for shard := range shards {
		wg.Go(func() {
			for n := shard; ; n += shards {
				if finished := crashAt(t, n); finished || t.Failed() {
					return
				}
			}
		})
	}
	wg.Wait()
}

// crashAt crashes at step n, and reports whether the workload got through before.
func crashAt(t *testing.T, n int) (finished bool) {
	// Not t.TempDir: there are hundreds.
	base, err := os.MkdirTemp(t.TempDir(), "crash")
	if err != nil {
		t.Error(err)
		return true
	}
	defer func() {
		if err := os.RemoveAll(base); err != nil {
			t.Error(err)
		}
	}()
	before := filepath.Join(base, "before")
	d, err := storetest.NewDisk(before, rand.New(rand.NewPCG(uint64(n), 0)))
	if err != nil {
		t.Error(err)
		return true
	}
	d.CrashAfter(n, nil)
	s, err := store.Open(before, store.WithSmallIndex(store.WithFault(store.Config{}, d.Step)))
	j := &job{s: s, model: newModel()}
	if err == nil {
		err = j.run(t)
	}
	if err != nil && !errors.Is(err, storetest.ErrCrash) {
		t.Errorf("step %d: %v", n, err)
		return true
	}
	after := filepath.Join(base, "after")
	if err := d.Crash(after); err != nil {
		t.Errorf("step %d: copying the disk: %v", n, err)
		return true
	}
	last, crashed := d.Died()
	if s != nil {
		_ = s.Close() // fails when the workload did
	}
	if err := j.check(t, after); err != nil {
		t.Errorf("after a crash at step %d (%s): %v", n, last, err)
	}
	return !crashed
}

// check opens what a crash left, and compares it with the model.
func (j *job) check(t *testing.T, dir string) error {
	s, err := store.Open(dir, store.WithSmallIndex(store.Config{}))
	if err != nil {
		return err
	}
	defer func() { _ = s.Close() }()
	pins, err := s.Pins()
	if err != nil || len(pins) < j.model.pins || len(pins) > j.model.tried {
		return fmt.Errorf("%d pins, %v; want %d or %d", len(pins), err, j.model.pins, j.model.tried)
	}
	for _, p := range j.model.feeds {
		if err := j.checkFeed(s, dir, p); err != nil {
			return fmt.Errorf("feed %s: %w", p.w.Key.DiscoveryKey(), err)
		}
	}
	var damages []store.Damage
	if err := s.Scrub(testContext, 0, func(d store.Damage) { damages = append(damages, d) }); err != nil {
		return err
	}
	if len(damages) > 0 {
		return fmt.Errorf("damage: %+v", damages)
	}
	return j.goOn(t, s)
}

func (j *job) checkFeed(s *store.Store, dir string, p *promised) error {
	folder := filepath.Join(dir, "feeds", p.w.Key.DiscoveryKey().String())
	f, err := s.Feed(p.w.Key)
	if errors.Is(err, store.ErrNotFound) && (p.unsure || p.deleted) {
		if _, err := os.Stat(folder); err == nil {
			return errors.New("the folder of a deleted feed is there")
		}
		return nil
	}
	if err != nil {
		return err
	}
	if p.deleted {
		return errors.New("a deleted feed is there")
	}
	h := f.Durable().Head
	if h.Fork < p.head.Fork || h.Fork == p.head.Fork && h.Length < p.head.Length {
		return fmt.Errorf("the head is fork %d, length %d; acknowledged was fork %d, length %d", h.Fork, h.Length, p.head.Fork, p.head.Length)
	}
	if h.Length == 0 {
		return nil
	}
	w := j.model.versions[h.Hash]
	if w == nil {
		return errors.New("the head is none that the writer signed")
	}
	for i := range p.held {
		if !f.Has(i) {
			return fmt.Errorf("block %d was acknowledged, and is not there", i)
		}
	}
	var blocks, sum uint64
	for i := range h.Length + 50 {
		if !f.Known(i) {
			continue
		}
		got, err := f.Block(i, nil)
		if err != nil || i >= h.Length || !bytes.Equal(got, w.Blocks[i]) {
			return fmt.Errorf("block %d is not the writer's (error %v)", i, err)
		}
		blocks++
		sum += uint64(len(got))
	}
	if b, n := f.Held(); b != blocks || n != sum {
		return fmt.Errorf("held are %d blocks of %d bytes, counted %d of %d", blocks, sum, b, n)
	}
	if len(f.Truncations()) > 0 {
		return nil // what was truncated is still in the files
	}
	return checkTail(folder, h)
}

// checkTail looks that nothing of the newest file lies beyond the head.
func checkTail(folder string, h feed.Head) error {
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil // no blocks yet
	}
	newest := entries[len(entries)-1] // of fewer than ten
	info, err := newest.Info()
	if err == nil && uint64(info.Size()) > h.Bytes {
		err = fmt.Errorf("file %s has %d bytes, and the head %d", newest.Name(), info.Size(), h.Bytes)
	}
	return err
}

// goOn looks that the store takes in and gives back as before.
func (j *job) goOn(t *testing.T, s *store.Store) error {
	for _, p := range j.model.feeds {
		f, err := s.Create(p.w.Key)
		if err != nil {
			return err
		}
		st := f.State()
		if v := j.model.versions[st.Head.Hash]; v != nil && st.Head.Fork == p.w.Head.Fork && p.w.Head.Length < st.Head.Length {
			continue
		}
		if p.w.Head.Length == 0 {
			continue
		}
		if err := p.w.Fill(f); err != nil {
			return fmt.Errorf("filling feed %s: %w", f.Key().DiscoveryKey(), err)
		}
		if err := f.Flush(testContext); err != nil {
			return err
		}
		storetest.Check(t, storetest.Of(s), p.w)
	}
	if err := s.Expire(time.Now().Add(time.Hour), time.Minute); err != nil {
		return err
	}
	for _, p := range j.model.feeds {
		if p.w.Head.Length > 0 {
			storetest.Check(t, storetest.Of(s), p.w)
		}
	}
	return nil
}
