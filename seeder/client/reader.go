package client

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"cobox/seeder/feed"
	"cobox/seeder/replicate"
)

// What is fetched before it is asked for: aheadBytes, by the mean size of the blocks that
// have come. They bound the memory of a restore, and fill a link of 1 Gbit/s up to 250 ms.
// Until the first has come, and of large blocks, it is ahead blocks: one of a backup is up
// to 1 MiB. Of small ones it is at most maxAhead: large ones may follow.
const (
	ahead      = 32
	maxAhead   = 128
	aheadBytes = 32 << 20
)

// A Reader reads blocks of feeds from boxes: sessions that replicate
// [Reader.Exchange] give it the blocks. It keeps none: every block is verified,
// handed over and forgotten. It is safe for concurrent use.
type Reader struct {
	exchange *replicate.Exchange

	mu       sync.Mutex
	feeds    map[feed.Key]*reading // mu
	sources  []*source             // mu; the boxes of Expect
	expects  bool                  // Expect was called; mu
	patience time.Duration         // mu

	failed chan struct{} // closed by Fail, after it has set err
	once   sync.Once
	err    error
}

// reading is what is known of one feed.
type reading struct {
	remote *remote
	queue  []uint64        // to be fetched soon, in order
	asked  map[uint64]*ask // under way or arrived
	mean   int             // bytes of a block, of late; 0 before the first
}

// An ask is a block that is fetched.
type ask struct {
	done   chan struct{} // closed when it has arrived or failed
	cancel func()
}

// ahead returns how many blocks may be under way or wait to be read.
func (f *reading) ahead() int {
	if f.mean == 0 {
		return ahead
	}
	return min(max(aheadBytes/f.mean, ahead), maxAhead)
}

// took takes the size of a block into the mean, large ones at once: the bound is on memory.
func (f *reading) took(size int) {
	size = max(size, 1)
	if f.mean == 0 || size > f.mean {
		f.mean = size
		return
	}
	f.mean -= (f.mean - size + 7) / 8
}

// errFailed stands for the error of [Reader.Fail].
var errFailed = errors.New("there is no use in waiting")

// NewReader returns a Reader with an exchange of its own.
func NewReader(cfg replicate.Config) *Reader {
	return &Reader{exchange: replicate.New(cfg), feeds: make(map[feed.Key]*reading), failed: make(chan struct{})}
}

// Fail makes all that wait for something, now or later, return err: there is no use
// in waiting. Later calls do nothing.
func (r *Reader) Fail(err error) {
	r.once.Do(func() {
		r.err = err
		close(r.failed)
	})
}

// Exchange returns what sessions replicate for the reader.
func (r *Reader) Exchange() *replicate.Exchange { return r.exchange }

// Open begins to read a feed. Opening it again does nothing.
func (r *Reader) Open(key feed.Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.feeds[key] != nil {
		return
	}
	f := &reading{remote: newRemote(key), asked: make(map[uint64]*ask)}
	r.feeds[key] = f
	r.exchange.Add(f.remote, replicate.Options{Shun: true, Keeps: true})
}

// Forks returns the feeds of which boxes have shown two histories: nothing more is
// read of them.
func (r *Reader) Forks() []*feed.ForkError {
	r.mu.Lock()
	defer r.mu.Unlock()
	var list []*feed.ForkError
	for _, f := range r.feeds {
		if e := f.remote.Frozen(); e != nil {
			list = append(list, e)
		}
	}
	return list
}

// Head waits until a box has shown a signed head of the feed that is at least
// length blocks long, and returns the newest. A [*feed.ForkError] says that boxes
// have shown two histories.
func (r *Reader) Head(ctx context.Context, key feed.Key, length uint64) (feed.Head, error) {
	r.Open(key)
	r.mu.Lock()
	f := r.feeds[key]
	r.mu.Unlock()
	h, err := f.remote.waitForHead(ctx, length, r.failed)
	if errors.Is(err, errFailed) {
		err = r.err
	}
	return h, err
}

// Prefetch says which blocks will be read soon, in this order. It does not wait.
func (r *Reader) Prefetch(ctx context.Context, key feed.Key, indexes []uint64) {
	r.Open(key)
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.feeds[key]
	f.queue = append(f.queue, indexes...)
	r.fillLocked(ctx, f)
}

// fillLocked keeps as many blocks of the queue under way as may be.
func (r *Reader) fillLocked(ctx context.Context, f *reading) {
	for len(f.queue) > 0 && len(f.asked) < f.ahead() {
		i := f.queue[0]
		f.queue = f.queue[1:]
		r.askLocked(ctx, f, i)
	}
}

// askLocked begins to fetch a block.
func (r *Reader) askLocked(ctx context.Context, f *reading, i uint64) *ask {
	if a := f.asked[i]; a != nil {
		return a
	}
	ctx, cancel := context.WithCancel(ctx)
	a := &ask{done: make(chan struct{}), cancel: cancel}
	f.asked[i] = a
	go func() {
		defer cancel()
		// An error (the end of ctx) shows when the block is not there.
		_ = r.exchange.Fetch(ctx, f.remote.key, i)
		close(a.done)
	}()
	return a
}

// giveUp ends the fetching of a block that no box has, and makes room for the next ones.
func (r *Reader) giveUp(ctx context.Context, f *reading, i uint64, a *ask) {
	a.cancel()
	r.mu.Lock()
	defer r.mu.Unlock()
	if f.asked[i] == a {
		delete(f.asked, i)
	}
	r.fillLocked(ctx, f)
}

// Block returns the stored bytes of a block, and forgets them: the caller owns
// the slice. It waits for a box that has it as long as ctx lasts, or until boxes
// have shown two histories of the feed (a [*feed.ForkError]), or none of the boxes of
// [Reader.Expect] has it (a [*NowhereError]): later it may be found all the same.
func (r *Reader) Block(ctx context.Context, key feed.Key, i uint64) ([]byte, error) {
	r.Open(key)
	r.mu.Lock()
	f := r.feeds[key]
	r.mu.Unlock()
	for {
		r.mu.Lock()
		a := r.askLocked(ctx, f, i)
		r.mu.Unlock()
		if err := r.await(ctx, f, i, a.done); err != nil {
			if errors.Is(err, ErrNowhere) {
				r.giveUp(ctx, f, i, a)
			}
			return nil, err
		}
		r.mu.Lock()
		b, ok := f.remote.take(i)
		delete(f.asked, i)
		if ok {
			f.took(len(b))
		}
		r.fillLocked(ctx, f)
		r.mu.Unlock()
		if ok {
			return b, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, fmt.Errorf("fetching block %d of feed %s: %w", i, key.DiscoveryKey(), err)
		}
		// Another reader took it, or its prefetch was given up: once more.
	}
}

// Release takes a block from Block back, which the caller uses no more: its memory is used again.
func (r *Reader) Release(block []byte) { replicate.Release(block) }

// await waits until the fetching of a block has ended, or it is of no use to wait for it.
func (r *Reader) await(ctx context.Context, f *reading, i uint64, done <-chan struct{}) error {
	select {
	case <-done:
		return nil
	default:
	}
	changed := make(chan struct{}, 1)
	defer r.exchange.Watch(f.remote.key, func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	})()
	s := newSearch(f.remote.key, i, time.Now())
	timer := time.NewTimer(0) // look at once
	defer timer.Stop()
	for {
		select {
		case <-done:
			return nil
		case <-r.failed:
			return r.err
		case <-f.remote.froze: // nothing more is taken in of it
			return f.remote.Frozen()
		case <-ctx.Done():
			return fmt.Errorf("fetching block %d of feed %s: %w", i, f.remote.key.DiscoveryKey(), context.Cause(ctx))
		case <-changed:
		case <-timer.C:
		}
		again, err := r.look(s, time.Now())
		if err != nil && !f.remote.Known(i) { // else it came meanwhile
			return err
		}
		if again > 0 {
			timer.Reset(again)
		}
	}
}
