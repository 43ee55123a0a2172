package store

import (
	"fmt"

	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/pin"
)

// PutPin keeps a pin, durably; one of the same feed and partner is replaced.
func (s *Store) PutPin(p pin.Pin) error {
	value, err := p.Append(nil)
	if err == nil {
		err = s.index.write(deleteFree, entry{pinKey(p.Feed, p.Partner), value})
	}
	if err != nil {
		return fmt.Errorf("storing a pin: %w", err)
	}
	return nil
}

// DeletePin deletes a pin, durably. Deleting one that is not there does nothing.
func (s *Store) DeletePin(key feed.Key, partner identity.PartnerKey) error {
	if err := s.index.write(deleteFree, entry{key: pinKey(key, partner)}); err != nil {
		return fmt.Errorf("deleting a pin: %w", err)
	}
	return nil
}

// Pins returns all pins, in the order of their feed keys.
func (s *Store) Pins() (pins []pin.Pin, err error) {
	err = s.index.each([]byte{keyPin}, nil, func(_, value []byte) error {
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
	if err := s.index.write(deleteFree, entry{metaKey(name), append([]byte{}, value...)}); err != nil {
		return fmt.Errorf("storing %s: %w", name, err)
	}
	return nil
}

// Meta returns a record of the store's owner, or [ErrNotFound].
func (s *Store) Meta(name string) ([]byte, error) { return s.index.get(metaKey(name)) }

func metaKey(name string) []byte { return append([]byte{keyMeta}, name...) }
