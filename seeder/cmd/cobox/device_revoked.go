package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"cobox/seeder/client"
	"cobox/seeder/durable"
	"cobox/seeder/identity"
)

// maxBoxes bounds the boxes that are remembered.
const maxBoxes = 256

// readRevoked returns the newest list of revoked devices that this computer
// knows, and its text; both zero when there is none.
func (h *home) readRevoked() (identity.Revoked, []byte, error) {
	path := filepath.Join(h.dir, revokedFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return identity.Revoked{}, nil, nil
	}
	if err != nil {
		return identity.Revoked{}, nil, fmt.Errorf("reading the list of revoked devices: %w", err)
	}
	st, err := identity.ParseStatement(text)
	if err != nil {
		return identity.Revoked{}, nil, fmt.Errorf("reading %s: %w", path, err)
	}
	r, err := identity.OpenRevoked(st, h.partner())
	if err != nil {
		return identity.Revoked{}, nil, fmt.Errorf("reading %s: %w", path, err)
	}
	return r, text, nil
}

// keepRevoked makes a list durable, unless a newer one is there already: other
// commands may run at the same time.
func (h *home) keepRevoked(list identity.Revoked, text []byte) error {
	return h.alone(func() error {
		old, _, err := h.readRevoked()
		if err == nil && list.Replaces(old, time.Now()) != nil {
			return nil
		}
		// A list that cannot be read is replaced: boxes have the one before it.
		if err := durable.WriteFile(filepath.Join(h.dir, revokedFile), text, 0o600); err != nil {
			return fmt.Errorf("keeping the list of revoked devices: %w", err)
		}
		return nil
	})
}

// alone runs fn while no other command changes the home folder's lists. What fn
// does is short; still, who waits for longer than a moment is told.
func (h *home) alone(fn func() error) error {
	for try := 0; ; try++ {
		unlock, err := durable.Lock(h.dir)
		if err == nil {
			return errors.Join(fn(), unlock())
		}
		if !errors.Is(err, durable.ErrLocked) || try == 50 {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// showRevoked has the session show boxes the list that this computer knows.
func (s *session) showRevoked() error {
	_, text, err := s.h.readRevoked()
	if err != nil {
		fmt.Fprintf(os.Stderr, "cobox: warning: %v; the boxes have it\n", err)
		return nil
	}
	if text == nil {
		return nil
	}
	return s.client.SetRevoked(text)
}

// rememberRevoked keeps the list that a box has handed back, when it is newer.
// In a home that is being made it waits for [home.save].
func (s *session) rememberRevoked() {
	list, text := s.client.Revoked()
	if list.Partner.IsZero() {
		return
	}
	s.h.revoked = text
	if _, err := os.Lstat(filepath.Join(s.h.dir, certFile)); err != nil {
		return
	}
	if err := s.h.keepRevoked(list, text); err != nil && !errors.Is(err, durable.ErrLocked) {
		fmt.Fprintf(os.Stderr, "cobox: warning: %v\n", err)
	}
}

// met does what is to be done when a box has welcomed us: it is remembered, and
// where its list of revoked devices and ours have grown apart, one is signed that
// replaces both. Nothing of it may keep the command from its work.
func (s *session) met(ctx context.Context, b *client.Box, target string) {
	s.lists.Lock()
	if err := s.h.rememberBox(b.ID(), target); err != nil {
		fmt.Fprintf(os.Stderr, "cobox: warning: %v\n", err)
	}
	signed, err := s.joinLists(b)
	s.lists.Unlock()
	if signed {
		err = b.Introduce(ctx)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "cobox: warning: bringing the lists of revoked devices together with box %s: %v\n", b.ID(), err)
	}
	s.shareKeepers(ctx, b)
}

// joinLists signs a list that replaces ours and a box's, when they are different
// and this computer can sign.
func (s *session) joinLists(b *client.Box) (signed bool, err error) {
	ours, _ := s.client.Revoked()
	theirs, _ := b.Revoked()
	if s.h.secret == nil || theirs.Partner.IsZero() || sameList(ours, theirs) || ours.Replaces(theirs, time.Now()) == nil {
		return false, nil
	}
	return true, s.signRevoked(ours.Next(time.Now(), theirs))
}

// signRevoked signs a list, keeps it, and shows it from now on.
func (s *session) signRevoked(list identity.Revoked) error {
	st, err := identity.SignRevoked(s.h.secret.PartnerKey(), list)
	if err != nil {
		return err
	}
	// It is on this computer's disk before a box hears of it: a list that was said
	// once must never be forgotten by who said it.
	if err := s.h.keepRevoked(list, st.Append(nil)); err != nil {
		return err
	}
	return s.client.SetRevoked(st.Append(nil))
}

// sameList reports whether two lists of one partner say the same.
func sameList(a, b identity.Revoked) bool {
	if a.Counter != b.Counter || len(a.Devices) != len(b.Devices) {
		return false
	}
	for i, d := range a.Devices {
		if e := b.Devices[i]; e.ID != d.ID || !e.Until.Equal(d.Until) {
			return false
		}
	}
	return true
}

// knownBoxes returns the boxes that have welcomed this computer: how each was
// found, by its ID.
func (h *home) knownBoxes() (map[string]string, error) {
	text, err := os.ReadFile(filepath.Join(h.dir, boxesFile))
	if errors.Is(err, fs.ErrNotExist) {
		return map[string]string{}, nil
	}
	boxes := make(map[string]string)
	if err == nil {
		err = json.Unmarshal(text, &boxes)
	}
	if err != nil {
		return nil, fmt.Errorf("reading which boxes are known: %w", err)
	}
	return boxes, nil
}

// rememberBox notes a box, so that a revocation reaches those too where no space
// is pinned.
func (h *home) rememberBox(id, target string) error {
	boxes, err := h.knownBoxes()
	if err != nil {
		boxes = make(map[string]string) // it is a help, and made anew
	}
	if boxes[id] == target || len(boxes) >= maxBoxes {
		return nil
	}
	if _, err := os.Lstat(h.dir); err != nil {
		return nil // a home that is being made
	}
	boxes[id] = target
	return h.writeJSON(boxesFile, boxes)
}

// writeJSON replaces a file of the home folder.
func (h *home) writeJSON(name string, v any) error {
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err
	}
	return durable.WriteFile(filepath.Join(h.dir, name), append(text, '\n'), 0o600)
}
