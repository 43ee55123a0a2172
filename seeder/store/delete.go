package store

import (
	"context"
	"errors"
	"fmt"

	"cobox/seeder/feed"

	"github.com/dgraph-io/badger/v4"
)

// Delete deletes a feed. Its space is free when it returns; [ErrNotFound] when
// there is no such feed. Whoever still has the [Feed] gets [ErrClosed].
func (s *Store) Delete(key feed.Key) error {
	s.making.Lock()
	defer s.making.Unlock()
	f, err := s.Feed(key)
	if err != nil {
		return err
	}
	// What is under way is committed first, so that no commit writes to a feed
	// that is gone.
	f.mu.Lock()
	f.err = fmt.Errorf("%w: feed was deleted", ErrClosed)
	f.mu.Unlock()
	if err := s.commits.flush(context.Background()); err != nil {
		return err
	}
	err = s.update(func(t *badger.Txn) error {
		return errors.Join(t.Set(feedKey(keyDeleted, f.dk), nil), t.Delete(feedKey(keyFeed, f.dk)))
	})
	if err != nil {
		return fmt.Errorf("deleting feed %s: %w", f.dk, err)
	}
	s.mu.Lock()
	delete(s.feeds, f.dk)
	s.mu.Unlock()
	f.mu.Lock()
	for _, file := range f.touched {
		s.files.release(file)
	}
	f.clearPendingLocked()
	f.mu.Unlock()
	s.pages.forget(f)
	if err := s.finishDeletion(f.dk); err != nil {
		return fmt.Errorf("deleting feed %s: %w", f.dk, err)
	}
	return nil
}

// finishDeletions ends deletions that a crash interrupted.
func (s *Store) finishDeletions() error {
	var left []feed.DiscoveryKey
	err := s.each([]byte{keyDeleted}, func(key, _ []byte) error {
		left = append(left, feed.DiscoveryKey(key[1:]))
		return nil
	})
	for _, dk := range left {
		if err == nil {
			err = s.finishDeletion(dk)
		}
	}
	return err
}

// finishDeletion removes everything that belongs to a feed without a record,
// and last the note that it is to be removed.
func (s *Store) finishDeletion(dk feed.DiscoveryKey) error {
	if err := s.files.remove(dk); err != nil {
		return err
	}
	for _, kind := range []byte{keyNodes, keyBits, keyEvidence} {
		if err := s.deleteKeys(feedKey(kind, dk), nil); err != nil {
			return err
		}
	}
	return s.update(func(t *badger.Txn) error { return t.Delete(feedKey(keyDeleted, dk)) })
}

// deleteKeys deletes the keys with a prefix that match says to; nil for all.
func (s *Store) deleteKeys(prefix []byte, match func(key []byte) bool) error {
	var keys [][]byte
	err := s.each(prefix, func(key, _ []byte) error {
		if match == nil || match(key) {
			keys = append(keys, append([]byte(nil), key...))
		}
		return nil
	})
	if err != nil {
		return err
	}
	w := &indexWriter{s: s}
	for _, key := range keys {
		if err := w.delete(key); err != nil {
			return err
		}
	}
	return w.commit()
}

func (w *indexWriter) delete(key []byte) error {
	if w.t == nil {
		w.t = w.s.db.NewTransaction(true)
	}
	err := w.t.Delete(key)
	if !errors.Is(err, badger.ErrTxnTooBig) {
		return err
	}
	if err := w.commit(); err != nil {
		return err
	}
	w.t = w.s.db.NewTransaction(true)
	return w.t.Delete(key)
}
