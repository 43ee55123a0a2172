package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"cobox/seeder/client"
	"cobox/seeder/durable"
	"cobox/seeder/identity"
)

// keepersFile holds the partner's list of the boxes that keep its feeds, as it was
// signed last: with it they fill each other's gaps while this computer is off.
const keepersFile = "keepers"

// shareKeepers has a box follow the list of all boxes of this computer's spaces.
// Only a computer with the recovery phrase's secret can sign one. Nothing of it
// may keep a command from its work.
func (s *session) shareKeepers(ctx context.Context, b *client.Box) {
	if s.h.secret == nil {
		return
	}
	s.lists.Lock()
	st, list, err := s.h.currentKeepers(b.Welcome.Keepers, time.Now())
	s.lists.Unlock()
	if err == nil && list.Counter > b.Welcome.Keepers {
		_, err = b.SetKeepers(ctx, st)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "cobox: warning: telling box %s which other boxes keep the same: %v\n", b.ID(), err)
	}
}

// currentKeepers returns the list to be followed: the one that is kept here, or a
// new one when the boxes are others now, or when a box follows one with a higher
// number, which another computer has signed. It is zero while one box is all there is.
func (h *home) currentKeepers(seen uint64, now time.Time) (identity.Statement, identity.Keepers, error) {
	boxes, err := h.allBoxes()
	if err != nil {
		return identity.Statement{}, identity.Keepers{}, err
	}
	st, old, err := h.readKeepers()
	if err != nil {
		return st, old, err
	}
	same := slices.Equal(boxes, old.Boxes)
	if old.Counter == 0 && seen == 0 && len(boxes) < 2 || same && old.Counter >= seen && old.Counter > 0 {
		return st, old, nil
	}
	next := identity.Keepers{Partner: h.partner(), Issued: now, Counter: max(old.Counter, seen) + 1, Boxes: boxes}
	if old.Issued.After(now) {
		next.Issued = old.Issued // a clock that was ahead must not stop us
	}
	if st, err = identity.SignKeepers(h.secret.PartnerKey(), next); err != nil {
		return st, next, err
	}
	if err := durable.WriteFile(filepath.Join(h.dir, keepersFile), st.Append(nil), 0o600); err != nil {
		return st, next, fmt.Errorf("keeping the list of keepers: %w", err)
	}
	return st, next, nil
}

func (h *home) readKeepers() (identity.Statement, identity.Keepers, error) {
	text, err := os.ReadFile(filepath.Join(h.dir, keepersFile))
	if errors.Is(err, fs.ErrNotExist) {
		return identity.Statement{}, identity.Keepers{}, nil
	}
	var st identity.Statement
	var k identity.Keepers
	if err == nil {
		st, err = identity.ParseStatement(text)
	}
	if err == nil {
		k, err = identity.OpenKeepers(st, h.partner())
	}
	if err != nil {
		return st, k, fmt.Errorf("reading the list of keepers: %w", err)
	}
	return st, k, nil
}

// allBoxes returns the boxes of all spaces, as a list names them.
func (h *home) allBoxes() ([]identity.Keeper, error) {
	spaces, err := h.spaces()
	if err != nil {
		return nil, err
	}
	var boxes []identity.Keeper
	for _, sp := range spaces {
		for _, name := range sp.Boxes {
			peer, err := identity.ParsePeerID(boxFileName(name))
			if err != nil {
				continue // said when it is dialled
			}
			key, err := peer.Key()
			if err != nil {
				continue
			}
			addr, _, _ := strings.Cut(name, "/p2p/")
			if addr == name || len(addr) > identity.MaxKeeperAddr {
				addr = ""
			}
			boxes = append(boxes, identity.Keeper{Box: identity.BoxKey(key), Addr: addr})
		}
	}
	slices.SortStableFunc(boxes, func(a, b identity.Keeper) int { return bytes.Compare(a.Box[:], b.Box[:]) })
	boxes = slices.CompactFunc(boxes, func(a, b identity.Keeper) bool { return a.Box == b.Box })
	return boxes[:min(len(boxes), identity.MaxKeepers)], nil
}
