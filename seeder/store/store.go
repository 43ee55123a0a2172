package store

import (
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"cobox/seeder/durable"
	"cobox/seeder/feed"
)

// Config sets a store up. The zero value is usable.
type Config struct {
	Log *slog.Logger // nil for none

	// Step, when not nil, is called before each step that changes the disk: "create",
	// "write block", "sync", "index", "punch", "remove", with the file or folder. Its
	// error is that of the step: it stands for a crash at that point, or a bad disk.
	// It is for tests, and for hack/rig, which breaks boxes.
	Step func(step, path string) error
	// MemTable is the size of the index's table in memory; 0 means 8 MiB, and 1 MiB
	// is the least. Tests that open many stores have small ones.
	MemTable int64
	// Rest is how long the index fills no table until it rests; 0 means a minute. Tests
	// have less.
	Rest time.Duration
}

// A Store is an open store. It is safe for concurrent use.
type Store struct {
	dir           string
	log           *slog.Logger
	room          *room
	index         *index
	files         *files
	pages         *pageCache
	commits       *committer
	failures      *failures
	scrubbedBytes atomic.Uint64
	unlock        func() error

	making sync.Mutex // one feed is made or deleted at a time

	mu      sync.Mutex
	feeds   map[feed.DiscoveryKey]*Feed // mu
	damaged map[feed.DiscoveryKey]error // those whose record cannot be read; mu
	closed  bool                        // mu
}

// Close commits what was put, and closes the store. Everybody else must have
// ended what they do with it, or gets [ErrClosed]. A second call does nothing.
func (s *Store) Close() error {
	s.mu.Lock()
	closed := s.closed
	s.closed = true
	s.mu.Unlock()
	if closed {
		return nil
	}
	err := s.commits.stop()
	holes := make(map[feed.DiscoveryKey][]hole)
	for _, f := range s.all() {
		f.mu.Lock()
		// What the index does not say yet to be cleared is not punched; the next Open does it.
		if err == nil && f.err == nil && !f.changed && !f.busy {
			if cleared, err := f.clearedLocked(); err == nil && len(cleared) > 0 {
				holes[f.dk] = cleared
			}
		}
		if f.err == nil {
			f.err = ErrClosed
		}
		for _, file := range f.touched {
			s.files.release(file)
		}
		f.clearPendingLocked()
		f.mu.Unlock()
	}
	err = errors.Join(err, s.index.close())
	if err != nil {
		clear(holes)
	}
	for dk, list := range holes {
		for _, h := range list {
			err = errors.Join(err, s.files.punch(dk, h.generation, h.at, h.size))
		}
	}
	s.files.close()
	return errors.Join(err, s.unlock())
}

// Create returns a feed, which it makes when it is not there; it is durable then.
func (s *Store) Create(key feed.Key) (*Feed, error) {
	s.making.Lock()
	defer s.making.Unlock()
	dk := key.DiscoveryKey()
	f, err := s.Find(dk)
	if err == nil || !errors.Is(err, ErrNotFound) {
		return f, err
	}
	if err := s.create(key); err != nil {
		return nil, fmt.Errorf("making feed %s: %w", dk, err)
	}
	return s.Find(dk)
}

func (s *Store) create(key feed.Key) error {
	r := newRecord(key)
	f := newFeed(s, r)
	// What is left of an earlier feed of this key would be taken for the new one's.
	if s.deletionUnfinished(f.dk) {
		if err := s.finishDeletion(f.dk); err != nil {
			return err
		}
	}
	if err := s.index.write(deleteFree, entry{feedKey(keyFeed, f.dk), r.append(nil)}); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.feeds[f.dk] = f
	return nil
}

// Feed returns a feed. Errors wrap [ErrNotFound], or [ErrDamaged] when what the
// index says of the feed cannot be read: it can then be deleted only.
func (s *Store) Feed(key feed.Key) (*Feed, error) { return s.Find(key.DiscoveryKey()) }

// Find returns a feed by its discovery key: see [Store.Feed].
func (s *Store) Find(dk feed.DiscoveryKey) (*Feed, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.feeds[dk]; f != nil {
		return f, nil
	}
	if err := s.damaged[dk]; err != nil {
		return nil, fmt.Errorf("feed %s: %w: unpin it, and pin it again", dk, err)
	}
	return nil, fmt.Errorf("feed %s: %w", dk, ErrNotFound)
}

// Feeds returns the keys of all feeds, in no order.
func (s *Store) Feeds() []feed.Key {
	all := s.all()
	keys := make([]feed.Key, len(all))
	for i, f := range all {
		keys[i] = f.key
	}
	return keys
}

// all returns all feeds.
func (s *Store) all() []*Feed {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*Feed, 0, len(s.feeds))
	for _, f := range s.feeds {
		list = append(list, f)
	}
	return list
}

// Stats are sizes of a store.
type Stats struct {
	Feeds        int
	Blocks       uint64 // held and synced
	Bytes        uint64 // of these blocks
	IndexBytes   uint64 // that the index takes on the disk
	FreeBytes    uint64 // of the disk; 0 when nobody knows
	PendingBytes uint64 // put and not synced yet, about
	// ScrubbedBytes is what scrubs have read back since the store was opened.
	ScrubbedBytes uint64
	// Failures since the store was opened: blocks that could not be read, blocks that
	// could not be written or synced, and changes that the index did not take.
	ReadFailures, WriteFailures, IndexFailures uint64
}

// Stats returns the sizes of the store.
func (s *Store) Stats() Stats {
	st := Stats{
		PendingBytes: s.commits.pending(), IndexBytes: s.index.bytes(), ScrubbedBytes: s.scrubbedBytes.Load(),
		ReadFailures: s.failures.read.Load(), WriteFailures: s.failures.write.Load(), IndexFailures: s.failures.index.Load(),
	}
	st.FreeBytes, _ = durable.FreeBytes(s.dir)
	for _, f := range s.all() {
		blocks, bytes := f.Held()
		st.Feeds++
		st.Blocks += blocks
		st.Bytes += bytes
	}
	return st
}
