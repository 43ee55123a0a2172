package store

import (
	"fmt"

	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/pin"

	"github.com/dgraph-io/badger/v4"
)

func pinKey(key feed.Key, partner identity.PartnerKey) []byte {
	b := append([]byte{keyPin}, key[:]...)
	return append(b, partner[:]...)
}

// PutPin keeps a pin, durably; one of the same feed and partner is replaced.
func (s *Store) PutPin(p pin.Pin) error {
	value, err := p.Append(nil)
	if err != nil {
		return err
	}
	if err := s.update(func(t *badger.Txn) error { return t.Set(pinKey(p.Feed, p.Partner), value) }); err != nil {
		return fmt.Errorf("storing a pin: %w", err)
	}
	return nil
}

// DeletePin deletes a pin, durably. Deleting one that is not there does nothing.
func (s *Store) DeletePin(key feed.Key, partner identity.PartnerKey) error {
	if err := s.update(func(t *badger.Txn) error { return t.Delete(pinKey(key, partner)) }); err != nil {
		return fmt.Errorf("deleting a pin: %w", err)
	}
	return nil
}

// Pins returns all pins, in the order of their feed keys.
func (s *Store) Pins() (pins []pin.Pin, err error) {
	err = s.each([]byte{keyPin}, func(_, value []byte) error {
		p, err := pin.Parse(value)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
		pins = append(pins, p)
		return nil
	})
	return pins, err
}

// PutMeta keeps a small record of the store's owner under a name, durably.
func (s *Store) PutMeta(name string, value []byte) error {
	key := append([]byte{keyMeta}, name...)
	if err := s.update(func(t *badger.Txn) error { return t.Set(key, value) }); err != nil {
		return fmt.Errorf("storing %s: %w", name, err)
	}
	return nil
}

// Meta returns a record of the store's owner, or [ErrNotFound].
func (s *Store) Meta(name string) ([]byte, error) { return s.get(append([]byte{keyMeta}, name...)) }
