package seeder

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"cobox/seeder/api"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/store"
)

// What the authority has ordered is carried out once. How far that got is noted
// in the store, beside what the orders are about: a disk that is put in anew has
// its own history.
const (
	// ordersNote holds the epoch and the number of the last order about pins that
	// was carried out: an unpin must not hit a pin that the partner made after it.
	ordersNote = "orders"
	// wipedNote holds the epoch of the last wipe that was carried out.
	wipedNote = "wiped"
)

// carryOut does what operators ordered about pins.
func (s *Seeder) carryOut(a *api.Access) {
	noted, err := s.readNote(ordersNote, 2)
	if err != nil {
		s.log.Error("reading which orders were carried out", "error", err)
		return
	}
	epoch, done := noted[0], noted[1]
	if epoch != a.Head.Epoch {
		// A reset of a box whose chain of orders was damaged goes back to lower
		// numbers; those from where the ownership began on are new in any case.
		done = min(done, a.Began)
	}
	last := done
	for _, o := range a.Pins {
		if o.Seq <= done || o.Pin {
			continue // a pin is the partner's own to make; the order only lifts an unpin
		}
		key, err := feed.ParseKey(o.Feed)
		if err == nil {
			_, err = s.Unpin(key, o.Partner)
		}
		if err != nil && !errors.Is(err, errNoPin) {
			s.log.Error("carrying out an operator's order", "seq", o.Seq, "error", err)
			break
		}
		last = max(last, o.Seq)
	}
	if last > done || epoch != 0 && epoch != a.Head.Epoch {
		if err := s.writeNote(ordersNote, a.Head.Epoch, last); err != nil {
			s.log.Error("noting which orders were carried out", "error", err)
		}
	}
}

// drop deletes what is kept for a partner whose notice is over.
func (s *Seeder) drop(p identity.PartnerKey) {
	s.mu.Lock()
	var keys []feed.Key
	for key, k := range s.feeds {
		if k.of(p) != nil {
			keys = append(keys, key)
		}
	}
	s.mu.Unlock()
	for _, key := range keys {
		if _, err := s.Unpin(key, p); err != nil && !errors.Is(err, errNoPin) {
			s.log.Error("deleting what was kept for a partner who has left", "partner", p, "error", err)
		}
	}
}

// wipe deletes everything that is kept, once for each epoch that began with a
// wipe: not for want of partners in the table, which is empty when the chain of
// orders is damaged too. It may be cut off and begins again then; nobody pins
// anything before it has ended.
func (s *Seeder) wipe(epoch uint64) error {
	if epoch == 0 {
		return nil
	}
	noted, err := s.readNote(wipedNote, 1)
	if err != nil {
		return fmt.Errorf("wiping: %w", err)
	}
	if noted[0] >= epoch {
		return nil
	}
	for _, g := range s.ledger.Grants() {
		s.endGrant(g.Partner)
	}
	feeds := 0
	for _, key := range s.store.Feeds() {
		for _, p := range s.partnersOf(key) {
			if _, err := s.Unpin(key, p); err != nil && !errors.Is(err, errNoPin) {
				return fmt.Errorf("wiping: %w", err)
			}
		}
		// One that nobody pinned: its unpinning was cut off.
		if err := s.store.Delete(key); err != nil {
			return fmt.Errorf("wiping: %w", err)
		}
		feeds++
	}
	if err := s.writeNote(wipedNote, epoch); err != nil {
		return fmt.Errorf("wiping: %w", err)
	}
	s.log.Warn("the box was wiped by a reset card", "epoch", epoch, "feeds", feeds)
	return nil
}

// readNote reads n numbers from the store; zeros when they are not there.
func (s *Seeder) readNote(name string, n int) ([]uint64, error) {
	text, err := s.store.Meta(name)
	if errors.Is(err, store.ErrNotFound) {
		return make([]uint64, n), nil
	}
	if err != nil {
		return nil, err
	}
	words := strings.Fields(string(text))
	if len(words) != n {
		return nil, fmt.Errorf("the note %s holds %.32q, not %d numbers", name, text, n)
	}
	numbers := make([]uint64, n)
	for i, word := range words {
		if numbers[i], err = strconv.ParseUint(word, 10, 64); err != nil {
			return nil, fmt.Errorf("the note %s: %w", name, err)
		}
	}
	return numbers, nil
}

func (s *Seeder) writeNote(name string, numbers ...uint64) error {
	var text []byte
	for _, n := range numbers {
		text = append(strconv.AppendUint(text, n, 10), ' ')
	}
	return s.store.PutMeta(name, text)
}
