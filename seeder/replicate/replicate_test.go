package replicate_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"cobox/seeder/feed"
	"cobox/seeder/replicate"
)

// Every length, from a writer that opens the channel and from one that answers.
func TestWholeFeed(t *testing.T) {
	for n := range 41 {
		for _, writerOpens := range []bool{true, false} {
			t.Run(fmt.Sprintf("%d blocks, writer opens %v", n, writerOpens), func(t *testing.T) {
				w := newWriter(t, 1)
				w.append(t, blocks(n, 100)...)
				replicaOf := newMemFeed(w.Key())
				from, to := newHost(t, replicate.Config{}), newHost(t, replicate.Config{})
				from.Add(w, replicate.Options{Writer: true})
				to.Add(replicaOf, replicate.Options{Download: true})
				var cut func()
				if writerOpens {
					cut = join(t, from, to)
				} else {
					cut = join(t, to, from)
				}
				if n > 0 {
					until(t, to, replicaOf, complete(replicaOf, w))
					sameBlocks(t, replicaOf, w)
					until(t, from, w.memFeed, func() bool {
						r := from.Progress(w.Key()).Remotes
						return len(r) == 1 && r[0].Contiguous == uint64(n)
					})
				}
				cut()
				if err := errors.Join(from.wait(), to.wait()); err != nil {
					t.Fatal(err)
				}
				if s := to.Stats(); s.Duplicates != 0 || s.NoData != 0 || s.BlocksIn != uint64(n) {
					t.Errorf("stats = %+v, want %d blocks, none twice", s, n)
				}
			})
		}
	}
}

func TestLiveAppends(t *testing.T) {
	w := newWriter(t, 2)
	f := newMemFeed(w.Key())
	from, to := newHost(t, replicate.Config{}), newHost(t, replicate.Config{})
	from.Add(w, replicate.Options{Writer: true})
	to.Add(f, replicate.Options{Download: true})
	cut := join(t, from, to)
	defer cut()
	for i := range 30 {
		w.append(t, blocks(1+i%5, 10*i+1)...)
		until(t, to, f, complete(f, w))
	}
	sameBlocks(t, f, w)
}

// A feed that is added after the connection was made is opened then.
func TestFeedAddedLater(t *testing.T) {
	w := newWriter(t, 3)
	w.append(t, blocks(5, 10)...)
	f := newMemFeed(w.Key())
	from, to := newHost(t, replicate.Config{}), newHost(t, replicate.Config{})
	from.Add(w, replicate.Options{Writer: true})
	cut := join(t, from, to) // rejected: to does not have it yet
	defer cut()
	to.Add(f, replicate.Options{Download: true})
	again := join(t, to, from)
	defer again()
	until(t, to, f, complete(f, w))
}

// Two holders of one half each, and none of the blocks fetched twice.
func TestTwoHalves(t *testing.T) {
	const n = 200
	w := newWriter(t, 4)
	w.append(t, blocks(n, 50)...)
	halves := [2]*memFeed{newMemFeed(w.Key()), newMemFeed(w.Key())}
	hosts := [2]*host{newHost(t, replicate.Config{}), newHost(t, replicate.Config{})}
	from := newHost(t, replicate.Config{})
	from.Add(w, replicate.Options{Writer: true})
	for i, h := range halves {
		hosts[i].Add(h, replicate.Options{Download: true})
		cut := join(t, from, hosts[i])
		until(t, hosts[i], h, complete(h, w))
		cut()
		if err := hosts[i].wait(); err != nil {
			t.Fatal(err)
		}
		for j := range uint64(n) {
			if j%2 == uint64(i) || j%7 == 3 && i == 1 {
				continue
			}
			h.drop(j)
		}
	}

	f := newMemFeed(w.Key())
	to := newHost(t, replicate.Config{})
	to.Add(f, replicate.Options{Download: true})
	for _, h := range hosts {
		defer join(t, to, h)()
	}
	until(t, to, f, complete(f, w))
	sameBlocks(t, f, w)
	if s := to.Stats(); s.Duplicates != 0 || s.BlocksIn != n {
		t.Errorf("stats = %+v, want %d blocks, none twice", s, n)
	}
	for i, c := range f.puts {
		if c != 1 {
			t.Errorf("block %d was stored %d times", i, c)
		}
	}
}

func TestResume(t *testing.T) {
	w := newWriter(t, 5)
	w.append(t, blocks(300, 200)...)
	f := newMemFeed(w.Key())
	from := newHost(t, replicate.Config{})
	from.Add(w, replicate.Options{Writer: true})
	to := newHost(t, replicate.Config{})
	to.Add(f, replicate.Options{Download: true})
	for f.Contiguous() < 300 {
		have := f.Contiguous()
		cut := join(t, from, to)
		until(t, to, f, func() bool { return f.Contiguous() >= min(have+20, 300) })
		cut()
		_ = to.wait() // cut in the middle: the session may say so
	}
	sameBlocks(t, f, w)
	for i, c := range f.puts {
		if c != 1 {
			t.Errorf("block %d was stored %d times", i, c)
		}
	}
}

func TestSparseFetch(t *testing.T) {
	w := newWriter(t, 6)
	w.append(t, blocks(100, 20)...)
	f := newMemFeed(w.Key())
	from, to := newHost(t, replicate.Config{}), newHost(t, replicate.Config{})
	from.Add(w, replicate.Options{Writer: true})
	to.Add(f, replicate.Options{})
	defer join(t, to, from)()
	if err := to.Fetch(t.Context(), w.Key(), 77, 3, 50); err != nil {
		t.Fatal(err)
	}
	for i := range uint64(100) {
		if want := i == 77 || i == 3 || i == 50; f.Known(i) != want {
			t.Errorf("Known(%d) = %v, want %v", i, !want, want)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := to.Fetch(ctx, w.Key(), 1000); !errors.Is(err, context.Canceled) {
		t.Errorf("Fetch of a block that nobody has = %v, want %v", err, context.Canceled)
	}
	if err := to.Fetch(t.Context(), feed.Key{9}, 0); !errors.Is(err, replicate.ErrUnknownFeed) {
		t.Errorf("Fetch of an unknown feed = %v, want %v", err, replicate.ErrUnknownFeed)
	}
}

func TestTruncation(t *testing.T) {
	for length := range uint64(13) {
		w := newWriter(t, 7)
		w.append(t, blocks(12, 30)...)
		f := newMemFeed(w.Key())
		from, to := newHost(t, replicate.Config{}), newHost(t, replicate.Config{})
		from.Add(w, replicate.Options{Writer: true})
		to.Add(f, replicate.Options{Download: true})
		cut := join(t, from, to)
		until(t, to, f, complete(f, w))
		w.truncate(t, length, false)
		w.append(t, []byte("other"), []byte("blocks"), []byte("than before"))
		until(t, to, f, complete(f, w))
		sameBlocks(t, f, w)
		cut()
		if err := to.wait(); err != nil {
			t.Fatal(err)
		}
	}
}

// A writer that signs two histories for one fork is found out, and the feed is
// frozen with both heads as evidence, whichever history is longer.
func TestForkFreezes(t *testing.T) {
	for _, more := range []int{1, 3, 20} {
		w := newWriter(t, 8)
		w.append(t, blocks(10, 30)...)
		f := newMemFeed(w.Key())
		from, to := newHost(t, replicate.Config{}), newHost(t, replicate.Config{})
		from.Add(w, replicate.Options{Writer: true})
		to.Add(f, replicate.Options{Download: true})
		cut := join(t, from, to)
		until(t, to, f, complete(f, w))
		cut()
		_ = to.wait()
		before := f.Durable().Head

		w.truncate(t, 6, true)
		for i := range 3 + more {
			w.append(t, []byte{byte(i), 'x'})
		}
		defer join(t, from, to)()
		until(t, to, f, func() bool { return f.Frozen() != nil })
		e := f.Frozen()
		if e.Have.Hash != before.Hash || e.Got.Hash == before.Hash || feed.VerifyHead(w.Key(), w.manifest, e.Got, nil) != nil {
			t.Errorf("evidence = %+v, want the head before and a signed one that contradicts it", e)
		}
		if _, err := feed.CheckFork(w.Key(), e.HaveProof, e.GotProof); err != nil {
			t.Errorf("CheckFork of the evidence = %v", err)
		}
		if got := f.Durable().Head; got.Hash != before.Hash {
			t.Errorf("head = %v after the fork, want the one before it", got)
		}
	}
}

func TestAdmitRefuses(t *testing.T) {
	w := newWriter(t, 9)
	w.append(t, blocks(4, 100)...)
	f := newMemFeed(w.Key())
	from, to := newHost(t, replicate.Config{}), newHost(t, replicate.Config{})
	from.Add(w, replicate.Options{Writer: true})
	refused := make(chan struct{}, 8)
	room := uint64(500)
	var stored []bool
	to.Add(f, replicate.Options{Download: true, Admit: func(st feed.State) (func(bool), error) {
		if st.Head.Bytes > room {
			refused <- struct{}{}
			return nil, errors.New("over quota")
		}
		return func(ok bool) { stored = append(stored, ok) }, nil
	}})
	cut := join(t, from, to)
	until(t, to, f, complete(f, w))
	w.append(t, blocks(4, 100)...)
	<-refused
	if got := f.Durable().Head.Length; got != 4 {
		t.Errorf("length after a refused head = %d, want 4", got)
	}
	room = 1000
	to.Retry(w.Key())
	until(t, to, f, complete(f, w))
	cut()
	if err := to.wait(); err != nil {
		t.Fatal(err)
	}
	if len(stored) != 2 || !stored[0] || !stored[1] {
		t.Errorf("admitted heads stored = %v, want two", stored)
	}
}

// What cannot be stored is said, kept quiet about to the peer, and tried again.
func TestDiskError(t *testing.T) {
	w := newWriter(t, 10)
	w.append(t, blocks(40, 100)...)
	f := newMemFeed(w.Key())
	f.putErr = errors.New("no space left")
	from, to := newHost(t, replicate.Config{}), newHost(t, replicate.Config{})
	from.Add(w, replicate.Options{Writer: true})
	to.Add(f, replicate.Options{Download: true})
	defer join(t, from, to)()
	until(t, to, f, func() bool { return to.Progress(w.Key()).Problem != nil })
	f.mu.Lock()
	f.putErr = nil
	f.mu.Unlock()
	to.Retry(w.Key())
	until(t, to, f, complete(f, w))
	if p := to.Progress(w.Key()).Problem; p != nil {
		t.Errorf("problem after all is stored = %v, want none", p)
	}
}

// A peer that announces everything and answers nothing is passed over for one that answers.
func TestStalledPeer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWriter(t, 11)
		w.append(t, blocks(50, 100)...)
		f := newMemFeed(w.Key())
		to := newHost(t, replicate.Config{RequestTimeout: 5 * time.Second})
		to.Add(f, replicate.Options{Download: true})

		lazy := newScript(t, to, w.Key())
		lazy.answer = lazy.answerUpgradesOnly(w)
		stop := lazy.start(t, w)
		defer stop()
		synctest.Wait()
		if got := f.Durable().Head.Length; got != 50 {
			t.Fatalf("length = %d, want 50 by the peer that sits on block requests", got)
		}
		if f.Contiguous() != 0 {
			t.Fatal("a block came from the peer that answers none")
		}

		from := newHost(t, replicate.Config{})
		from.Add(w, replicate.Options{Writer: true})
		cut := join(t, from, to)
		time.Sleep(20 * time.Second) // of the bubble's clock
		synctest.Wait()
		if !complete(f, w)() {
			t.Errorf("%d of 50 blocks are there with one good peer and one that stalls", f.Contiguous())
		}
		if s := to.Stats(); s.Stalls == 0 || s.Duplicates != 0 {
			t.Errorf("stats = %+v, want stalls and no duplicates", s)
		}
		cut()
	})
}
