package seeder

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"cobox/seeder/api"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/store"
	"cobox/seeder/swarm"
)

// keepers are the partners' lists of the boxes that keep their feeds. They are
// kept in the store, as they were signed; a partner without a grant or pins gets
// none.
type keepers struct {
	mu    sync.Mutex
	lists map[identity.PartnerKey]keeperList // mu; of partners that were asked about
}

// A keeperList is the list that the box follows for a partner.
type keeperList struct {
	list identity.Keepers // zero for none
	text string           // its statement
}

func keepersNote(p identity.PartnerKey) string { return "keepers " + p.String() }

// keepersOf returns a partner's list; one that cannot be read counts as none,
// until a device of the partner's shows it again.
func (s *Seeder) keepersOf(p identity.PartnerKey) keeperList {
	s.keepers.mu.Lock()
	defer s.keepers.mu.Unlock()
	if l, ok := s.keepers.lists[p]; ok {
		return l
	}
	var l keeperList
	if s.store == nil {
		return l
	}
	text, err := s.store.Meta(keepersNote(p))
	if err == nil {
		l.list, err = openKeepers(string(text), p)
		l.text = string(text)
	}
	if err != nil {
		l = keeperList{}
		if !errors.Is(err, store.ErrNotFound) {
			s.log.Error("reading a partner's list of keepers", "partner", p, "error", err)
		}
	}
	s.keepers.rememberLocked(p, l)
	return l
}

func (k *keepers) rememberLocked(p identity.PartnerKey, l keeperList) {
	if k.lists == nil {
		k.lists = make(map[identity.PartnerKey]keeperList)
	}
	k.lists[p] = l
}

func openKeepers(text string, p identity.PartnerKey) (identity.Keepers, error) {
	st, err := identity.ParseStatement([]byte(text))
	if err != nil {
		return identity.Keepers{}, err
	}
	return identity.OpenKeepers(st, p)
}

// takeKeepers follows a list from now on if it replaces the one that the box has,
// and cuts off boxes that are in no list any more.
func (s *Seeder) takeKeepers(p identity.PartnerKey, text string) (keeperList, error) {
	list, err := openKeepers(text, p)
	if err != nil {
		return keeperList{}, &api.Error{Code: api.BadRequest, Text: err.Error()}
	}
	old := s.keepersOf(p)
	if list.Replaces(old.list) != nil {
		return old, nil
	}
	l := keeperList{list, text}
	s.keepers.mu.Lock()
	err = s.store.PutMeta(keepersNote(p), []byte(text))
	if err == nil {
		s.keepers.rememberLocked(p, l)
	}
	s.keepers.mu.Unlock()
	if err != nil {
		return keeperList{}, fmt.Errorf("keeping the list of keepers: %w", err)
	}
	for _, peer := range s.access.keepers() {
		if len(s.namedBy(peer)) == 0 {
			s.host.ClosePeer(swarm.PeerID(peer))
		}
	}
	s.log.Info("a partner named the boxes that keep its feeds", "partner", p, "boxes", len(list.Boxes))
	s.mend.poke()
	return l, nil
}

// namedBy returns the partners with pins here whose lists name the peer.
func (s *Seeder) namedBy(peer identity.PeerID) (partners []identity.PartnerKey) {
	key, err := peer.Key()
	if err != nil {
		return nil
	}
	for _, p := range s.partners() {
		if s.keepersOf(p).list.Has(identity.BoxKey(key)) {
			partners = append(partners, p)
		}
	}
	return partners
}

// partners returns who pins something here.
func (s *Seeder) partners() (list []identity.PartnerKey) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.feeds {
		for _, h := range k.pins {
			if !slices.Contains(list, h.partner) {
				list = append(list, h.partner)
			}
		}
	}
	return list
}

// welcomeKeeper lets a box in that a partner's list names.
func (s *Seeder) welcomeKeeper(peer identity.PeerID) (*api.Welcome, error) {
	if len(s.namedBy(peer)) == 0 {
		return nil, &api.Error{Code: api.Unauthorised, Text: "no partner has named this box as a keeper of its feeds"}
	}
	if err := s.access.admitKeeper(peer); err != nil {
		return nil, err
	}
	return &api.Welcome{Box: s.key, Version: s.cfg.Version}, nil
}

// admitKeeper notes that a box was let in.
func (a *access) admitKeeper(peer identity.PeerID) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, known := a.boxes[peer]; !known && len(a.devices)+len(a.boxes) >= maxDevices {
		return &api.Error{Code: api.Busy, Text: "too many devices are connected", Hint: "try again later"}
	}
	if a.boxes == nil {
		a.boxes = make(map[identity.PeerID]struct{})
	}
	a.boxes[peer] = struct{}{}
	a.sawLocked(peer)
	return nil
}

// keepers returns the boxes that were let in and are connected.
func (a *access) keepers() (list []identity.PeerID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id := range a.boxes {
		list = append(list, id)
	}
	return list
}

// keeperOf returns for which partners a connected box was let in.
func (s *Seeder) keeperOf(peer identity.PeerID) []identity.PartnerKey {
	s.access.mu.Lock()
	_, in := s.access.boxes[peer]
	s.access.mu.Unlock()
	if !in {
		return nil
	}
	return s.namedBy(peer)
}

// pinnedByAny reports whether one of the partners pins a feed.
func (s *Seeder) pinnedByAny(key feed.Key, partners []identity.PartnerKey) bool {
	return slices.ContainsFunc(partners, func(p identity.PartnerKey) bool { return s.heldPin(key, p) != nil })
}

func (s *Seeder) getKeepers(c caller, _ *http.Request) (any, error) {
	return api.Keepers{Keepers: s.keepersOf(c.cert.Partner).text}, nil
}

func (s *Seeder) putKeepers(c caller, r *http.Request) (any, error) {
	var req api.Keepers
	if err := api.ReadRequest(r, &req); err != nil {
		return nil, err
	}
	l, err := s.takeKeepers(c.cert.Partner, req.Keepers)
	return api.Keepers{Keepers: l.text}, err
}
