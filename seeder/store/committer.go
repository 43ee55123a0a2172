package store

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// When a commit begins, and how much may wait for one. A sync costs about as
// much as writing some MiB, so commits are gathered; a feed that trickles is
// synced soon all the same.
var (
	commitAt    = load{bytes: 4 << 20, pages: 64, files: 64}
	maxWaiting  = load{bytes: 16 << 20, pages: 256, files: 128} // Put waits above this
	commitDelay = 50 * time.Millisecond
)

func (l *load) reaches(limit load) bool {
	return l.bytes >= limit.bytes || l.pages >= limit.pages || l.files >= limit.files
}

// A committer brings what was put to the disk, for all feeds together.
type committer struct {
	s *Store

	mu      sync.Mutex
	changed *sync.Cond         // mu
	dirty   map[*Feed]struct{} // with something to commit; mu
	waits   load               // put since the last commit began; mu
	running load               // in the commit under way; mu
	begun   uint64             // commits that have begun; mu
	done    uint64             // commits that have ended; mu
	urgent  bool               // somebody waits; mu
	timer   *time.Timer        // commitDelay after the first change; mu
	due     bool               // it has fired; mu
	closing bool               // mu
	err     error              // nothing is committed any more; mu
	ended   chan struct{}
}

func newCommitter(s *Store) *committer {
	c := &committer{s: s, dirty: make(map[*Feed]struct{}), ended: make(chan struct{})}
	c.changed = sync.NewCond(&c.mu)
	return c
}

// added notes that a feed has something to commit, and waits while there is too much.
// It returns the number of the commit with which all of that is durable.
func (c *committer) added(f *Feed, n load) (commit uint64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err != nil {
		return 0, c.err
	}
	commit = c.begun + 1
	c.dirty[f] = struct{}{}
	c.waits.add(n)
	if c.timer == nil {
		c.timer = time.AfterFunc(commitDelay, c.nowDue)
	}
	if c.waits.reaches(commitAt) {
		c.changed.Broadcast()
	}
	for c.err == nil && c.tooMuchLocked() {
		c.changed.Wait()
	}
	return commit, c.err
}

func (c *committer) tooMuchLocked() bool {
	sum := c.waits
	sum.add(c.running)
	return sum.reaches(maxWaiting)
}

func (c *committer) nowDue() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.due = true
	c.changed.Broadcast()
}

// flush waits until all that was put before is committed.
func (c *committer) flush(ctx context.Context) error {
	c.mu.Lock()
	want := c.begun // a commit under way may hold what was put
	if len(c.dirty) > 0 {
		want++
	}
	c.mu.Unlock()
	return c.await(ctx, want)
}

// await waits until a commit has ended, which is one that has begun or that something
// waits for.
func (c *committer) await(ctx context.Context, want uint64) error {
	stop := context.AfterFunc(ctx, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.changed.Broadcast()
	})
	defer stop()
	c.mu.Lock()
	defer c.mu.Unlock()
	if want > c.begun {
		c.urgent = true
		c.changed.Broadcast()
	}
	for c.err == nil && c.done < want && ctx.Err() == nil {
		c.changed.Wait()
	}
	if c.done >= want {
		return nil
	}
	if c.err != nil {
		return c.err
	}
	return ctx.Err()
}

// settle waits until the commit under way, if there is one, has ended, well or not.
func (c *committer) settle() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for want := c.begun; c.err == nil && c.done < want; {
		c.changed.Wait()
	}
}

func (c *committer) pending() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return uint64(c.waits.bytes + c.running.bytes)
}

// stop commits what there is and ends the committer.
func (c *committer) stop() error {
	c.mu.Lock()
	c.closing = true
	c.changed.Broadcast()
	c.mu.Unlock()
	<-c.ended
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.err
	if c.err == nil {
		c.err = ErrClosed
	}
	if c.timer != nil {
		c.timer.Stop()
	}
	c.changed.Broadcast()
	return err
}

func (c *committer) run() {
	defer close(c.ended)
	for {
		feeds := c.next()
		if feeds == nil {
			return
		}
		err := c.s.commit(feeds)
		if !c.finished(err) {
			return
		}
		for _, f := range feeds {
			f.tell()
		}
	}
}

// finished notes that a commit has ended, and reports whether another one may begin.
func (c *committer) finished(err error) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.running = load{}
	c.changed.Broadcast()
	if err != nil {
		c.err = fmt.Errorf("the store cannot be written any more until it is opened anew: %w", err)
		c.s.log.Error("committing to the store", "error", err)
		return false
	}
	c.done++
	return true
}

// next waits for a commit to be due and returns its feeds; nil at the end.
func (c *committer) next() []*Feed {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		if len(c.dirty) > 0 && (c.waits.reaches(commitAt) || c.due || c.urgent || c.closing) {
			break
		}
		if c.closing {
			return nil
		}
		c.changed.Wait()
	}
	feeds := make([]*Feed, 0, len(c.dirty))
	for f := range c.dirty {
		feeds = append(feeds, f)
	}
	clear(c.dirty)
	c.running, c.waits = c.waits, load{}
	c.begun++
	c.due, c.urgent = false, false
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
	}
	return feeds
}
