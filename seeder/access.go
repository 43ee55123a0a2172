package seeder

import (
	"fmt"
	"sync"
	"time"

	"cobox/seeder/api"
	"cobox/seeder/identity"
	"cobox/seeder/swarm"
)

// access knows which peers are whose. A device enters with its certificate and
// leaves with its connection; operators are those whom the box's authority names.
type access struct {
	mu      sync.Mutex
	devices map[identity.PeerID]identity.DeviceCert // mu
	seen    map[identity.PeerID]struct{}            // mu; devices and boxes that were here since the start
	boxes   map[identity.PeerID]struct{}            // mu; other boxes, which a partner's list names
	members map[identity.PeerID]string              // mu; roles
	// table is what the authority said last; nil before it has, and for a box that
	// was given its operators at start and has no authority.
	table *api.Access // mu
	alone bool        // there is no authority

	// lists are the lists of revoked devices, of partners whose devices have come
	// since start.
	lists map[identity.PartnerKey]*revokedList // mu
	// listing is held while a list is read, compared and kept: one at a time.
	listing sync.Mutex

	readers readers // devices that may only read
}

// maxDevices bounds the peers that are known at one time. The host's limit on
// connections is lower.
const maxDevices = 1024

// follow takes in the authority's table.
func (a *access) follow(t *api.Access) {
	members := make(map[identity.PeerID]string, len(t.Members))
	for _, m := range t.Members {
		members[m.Key.PeerID()] = m.Role
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.table, a.members = t, members
}

// knows reports whether a peer is an operator, or a device that has shown its
// certificate on the connection that it has.
func (a *access) knows(p swarm.PeerID) bool {
	id := identity.PeerID(p)
	a.mu.Lock()
	defer a.mu.Unlock()
	_, device := a.devices[id]
	_, box := a.boxes[id]
	return device || box || a.members[id] != ""
}

// role returns an operator's role, "" for other peers.
func (a *access) role(p swarm.PeerID) string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.members[identity.PeerID(p)]
}

// expecting reports whether somebody may come whom the box does not know yet: an
// owner, somebody with an invite, or a partner's device.
func (a *access) expecting() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	t := a.table
	return a.alone || t != nil && t.Retired.IsZero() && (!t.Claimed || t.Invites > 0) || t != nil && len(t.Partners) > 0
}

// ofPartner returns the connected devices of a partner.
func (a *access) ofPartner(p identity.PartnerKey) (list []identity.PeerID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for id, cert := range a.devices {
		if cert.Partner == p {
			list = append(list, id)
		}
	}
	return list
}

// certify checks a device certificate against the peer that shows it.
func certify(peer identity.PeerID, text string, now time.Time) (identity.DeviceCert, error) {
	st, err := identity.ParseStatement([]byte(text))
	if err != nil {
		return identity.DeviceCert{}, unauthorised(err)
	}
	key, err := peer.Key()
	if err != nil {
		return identity.DeviceCert{}, unauthorised(err)
	}
	cert, err := identity.OpenDeviceCert(st, identity.DeviceKey(key))
	if err == nil {
		err = cert.CheckTime(now)
	}
	if err != nil {
		return identity.DeviceCert{}, unauthorised(err)
	}
	return cert, nil
}

// admit lets a device in whose certificate was checked, unless its partner has
// revoked it. The two are one step, so that a device that comes while it is
// being revoked is either refused here or cut off by [access.revoke].
func (a *access) admit(peer identity.PeerID, cert identity.DeviceCert) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if l := a.lists[cert.Partner]; l != nil && l.list.Has(cert.Device) {
		delete(a.devices, peer)
		delete(a.seen, peer)
		return &api.Error{
			Code: api.Revoked, Text: "this device was revoked by its partner: it has no access any more",
			Hint: "ask whoever looks after your organisation's backups; a new device key is needed (cobox device request)",
		}
	}
	if _, known := a.devices[peer]; !known && len(a.devices) >= maxDevices {
		return &api.Error{Code: api.Unauthorised, Text: "too many devices are connected", Hint: "try again later"}
	}
	a.devices[peer] = cert
	a.sawLocked(peer)
	return nil
}

func (a *access) sawLocked(peer identity.PeerID) {
	for old := range a.seen { // any one has to go for the new one
		if len(a.seen) < maxDevices {
			break
		}
		delete(a.seen, old)
	}
	a.seen[peer] = struct{}{}
}

// familiar reports whether a peer is an operator, or a device or a box that was here before.
// They say who they are only when they are connected: this is for what has to be decided
// before, and gives no rights.
func (a *access) familiar(p swarm.PeerID) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	_, seen := a.seen[identity.PeerID(p)]
	return seen || a.members[identity.PeerID(p)] != ""
}

func unauthorised(err error) error {
	return &api.Error{
		Code: api.Unauthorised,
		Text: fmt.Sprintf("checking the device certificate: %v", err),
		Hint: "renew it on a computer that has the recovery phrase",
	}
}

// who returns the certificate of a connected device.
func (a *access) who(peer identity.PeerID) (identity.DeviceCert, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	cert, ok := a.devices[peer]
	return cert, ok
}

// left forgets a device whose connection has ended.
func (a *access) left(peer identity.PeerID) {
	a.mu.Lock()
	defer a.mu.Unlock()
	delete(a.devices, peer)
	delete(a.boxes, peer)
}
