package store

import (
	"errors"
	"fmt"

	"cobox/seeder/feed"
)

// Delete deletes a feed. Its space is free when it returns; [ErrNotFound] when
// there is no such feed. Whoever still has the [Feed] gets [ErrClosed].
func (s *Store) Delete(key feed.Key) error {
	s.making.Lock()
	defer s.making.Unlock()
	dk := key.DiscoveryKey()
	f, err := s.Find(dk)
	switch {
	case err == nil:
		err = s.deleteFeed(f)
	case errors.Is(err, ErrDamaged):
		err = s.noteDeletion(dk)
	case s.deletionUnfinished(dk):
		err = nil
	default:
		return err
	}
	if err == nil {
		err = s.finishDeletion(dk)
	}
	if err != nil {
		return fmt.Errorf("deleting feed %s: %w", dk, err)
	}
	s.room.hold()
	return nil
}

// deleteFeed takes a feed out of the index, and out of memory.
func (s *Store) deleteFeed(f *Feed) error {
	f.writing.Lock()
	defer f.writing.Unlock()
	// From here on no commit takes anything of the feed, and the one under way
	// is waited for, so that nothing is written of a feed that is gone.
	f.mu.Lock()
	before := f.err
	f.err = fmt.Errorf("%w: feed was deleted", ErrClosed)
	f.mu.Unlock()
	s.commits.settle()
	err := s.noteDeletion(f.dk)
	f.mu.Lock()
	defer f.mu.Unlock()
	if err != nil {
		f.err = before
		return err
	}
	for _, file := range f.touched {
		s.files.release(file)
	}
	f.clearPendingLocked()
	f.rec = newRecord(f.key)
	f.durable, f.bits = f.rec.state, &feed.Bitfield{}
	f.contiguous, f.blocks, f.bytes = 0, 0, 0
	f.forgetLocked()
	return nil
}

// noteDeletion replaces a feed's record by a note that it is to be removed.
func (s *Store) noteDeletion(dk feed.DiscoveryKey) error {
	err := s.index.write(deleteFree, entry{feedKey(keyDeleted, dk), []byte{}}, entry{key: feedKey(keyFeed, dk)})
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.feeds, dk)
	delete(s.damaged, dk)
	return nil
}

func (s *Store) deletionUnfinished(dk feed.DiscoveryKey) bool {
	_, err := s.index.get(feedKey(keyDeleted, dk))
	return err == nil
}

// finishDeletions ends deletions that a crash interrupted.
func (s *Store) finishDeletions() error {
	var left []feed.DiscoveryKey
	err := s.index.each([]byte{keyDeleted}, nil, func(key, _ []byte) error {
		if len(key) != 1+len(feed.DiscoveryKey{}) {
			return fmt.Errorf("%w: note of a deletion", ErrDamaged)
		}
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
		if err := s.index.deleteKeys(feedKey(kind, dk), nil); err != nil {
			return err
		}
	}
	return s.index.write(deleteFree, entry{key: feedKey(keyDeleted, dk)})
}
