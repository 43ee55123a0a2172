package seeder

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"cobox/seeder/api"
	"cobox/seeder/durable"
	"cobox/seeder/identity"
	"cobox/seeder/swarm"
)

// revokedDir holds the partners' lists of revoked devices, one file a partner:
// the statements as they were signed. The store passes over names with a dot.
const revokedDir = "store/.revoked"

const revokedSuffix = ".revoked"

// maxLists bounds the files in [revokedDir], of at most [identity.MaxStatement]
// bytes each. Only partners with a grant or pins get one; those of partners who
// have left go when there are so many.
const maxLists = 1024

// A revokedList is what is known of a partner's revoked devices.
type revokedList struct {
	list identity.Revoked // in force; zero for none
	text string           // its statement, "" for none
	kept bool             // text is on the disk
	// damaged says that there is a file that cannot be read: until a computer of
	// the partner shows a list, nobody can tell who is revoked.
	damaged bool
}

// takeRevoked takes in the list of revoked devices that a device of the partner
// has shown ("" for none), if it replaces what is known. It returns the statement
// that the box follows now ("" for none), and whether that is on the disk. A list
// that is older, or leaves devices out, changes nothing. Devices that a new list
// revokes are cut off before it returns. The partner must have a grant, or pins.
func (s *Seeder) takeRevoked(partner identity.PartnerKey, shown string, now time.Time) (text string, kept bool, err error) {
	l, cut, err := s.compareRevoked(partner, shown, now)
	if err != nil {
		return "", false, err
	}
	for _, id := range cut {
		s.host.ClosePeer(swarm.PeerID(id))
		s.log.Info("a revoked device was cut off", "partner", partner)
	}
	return l.text, l.kept, nil
}

func (s *Seeder) compareRevoked(partner identity.PartnerKey, shown string, now time.Time) (_ *revokedList, cut []identity.PeerID, err error) {
	s.access.listing.Lock()
	defer s.access.listing.Unlock()
	old, err := s.listOf(partner)
	switch {
	case err != nil:
		return nil, nil, err
	case shown == "" && old.damaged:
		return nil, nil, &api.Error{Code: api.Internal, Text: "the box's list of this partner's revoked devices is damaged",
			Hint: "cobox device revoke, on the computer with the recovery phrase, hands it over again"}
	case shown == "" || shown == old.text && old.kept:
		return old, nil, nil
	}
	l := &revokedList{text: shown, kept: true}
	if l.list, err = openRevoked(shown, partner); err != nil {
		return nil, nil, &api.Error{Code: api.BadRequest, Text: fmt.Sprintf("taking in a list of revoked devices: %v", err)}
	}
	if err := l.list.Replaces(old.list, now); err != nil && shown != old.text {
		s.log.Debug("a list of revoked devices changes nothing", "partner", partner, "error", err)
		return old, nil, nil
	}
	if err := s.keepRevoked(partner, shown); err != nil {
		// It counts all the same, until the next start. The device learns of it from
		// the answer, and shows the list again.
		s.log.Error("keeping a list of revoked devices", "partner", partner, "error", err)
		l.kept = false
	}
	return l, s.access.revoke(partner, l), nil
}

// listOf returns what is known of a partner's revoked devices; it reads the disk
// the first time. listing is held.
func (s *Seeder) listOf(partner identity.PartnerKey) (*revokedList, error) {
	a := &s.access
	a.mu.Lock()
	l := a.lists[partner]
	a.mu.Unlock()
	if l != nil {
		return l, nil
	}
	l = &revokedList{kept: true}
	text, err := os.ReadFile(s.revokedPath(partner))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil: // nobody is let in on a guess
		return nil, fmt.Errorf("reading the list of revoked devices: %w", err)
	default:
		if l.list, err = openRevoked(string(text), partner); err != nil {
			s.log.Error("a list of revoked devices is damaged", "partner", partner, "error", err)
			l.damaged = true
			break
		}
		l.text = string(text)
	}
	a.revoke(partner, l)
	return l, nil
}

func openRevoked(text string, partner identity.PartnerKey) (identity.Revoked, error) {
	st, err := identity.ParseStatement([]byte(text))
	if err != nil {
		return identity.Revoked{}, err
	}
	return identity.OpenRevoked(st, partner)
}

func (s *Seeder) revokedPath(partner identity.PartnerKey) string {
	return filepath.Join(s.cfg.State, revokedDir, strings.TrimPrefix(partner.String(), "partner:")+revokedSuffix)
}

// keepRevoked makes a list durable.
func (s *Seeder) keepRevoked(partner identity.PartnerKey, text string) error {
	dir := filepath.Join(s.cfg.State, revokedDir)
	if err := durable.Mkdir(dir, 0o700); err != nil {
		return err
	}
	if err := s.pruneRevoked(dir); err != nil {
		return err
	}
	return durable.WriteFile(s.revokedPath(partner), []byte(text), 0o600)
}

// pruneRevoked makes room when there are too many lists: those of partners who
// have neither a grant nor a pin go, which the box does not let in anyway.
func (s *Seeder) pruneRevoked(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) < maxLists {
		return err
	}
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), revokedSuffix)
		p, err := identity.ParsePartnerKey("partner:" + name)
		if ok && err == nil && s.known(p) {
			continue
		}
		if err := durable.Remove(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
		s.access.forget(p)
	}
	return nil
}

// revoke makes a list count, and forgets and returns the connected devices that
// are in it: the caller closes their connections.
func (a *access) revoke(partner identity.PartnerKey, l *revokedList) (cut []identity.PeerID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lists == nil {
		a.lists = make(map[identity.PartnerKey]*revokedList)
	}
	a.lists[partner] = l
	for id, cert := range a.devices {
		if cert.Partner == partner && l.list.Has(cert.Device) {
			delete(a.devices, id)
			delete(a.seen, id)
			cut = append(cut, id)
		}
	}
	return cut
}

// forget drops what is known of a partner's revoked devices.
func (a *access) forget(partner identity.PartnerKey) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.lists, partner)
}
