package seeder

import (
	"net/netip"
	"sync"
	"time"

	"cobox/seeder/swarm"
)

// Bounds of the lounge, where libp2p peers wait whom the box does not know:
// devices that are about to show a certificate, and people with a code.
// Reference: pairing, section 5.3.
const (
	loungeSeats   = 16
	loungeFromOne = 2 // of one address; this computer's own are not counted
	// loungeTime is how long a guest has to become known.
	loungeTime = 10 * time.Second
)

// A lounge holds the peers that are connected and not known. When it is full the
// one that has waited longest goes, and never the newcomer: so nobody can keep
// others out.
type lounge struct {
	mu     sync.Mutex
	guests map[swarm.PeerID]guest // mu
}

type guest struct {
	from  netip.Addr
	since time.Time
}

// enter seats a peer, and returns who has to go for it. It reports false when
// there are too many from the same address.
func (l *lounge) enter(p swarm.PeerID, from netip.Addr, now time.Time) (out swarm.PeerID, ok bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, seated := l.guests[p]; seated {
		return "", true
	}
	same := 0
	oldest := swarm.PeerID("")
	for q, g := range l.guests {
		if g.from == from && !from.IsLoopback() && from.IsValid() {
			same++
		}
		if oldest == "" || g.since.Before(l.guests[oldest].since) {
			oldest = q
		}
	}
	if same >= loungeFromOne {
		return "", false
	}
	if len(l.guests) >= loungeSeats {
		out = oldest
		delete(l.guests, oldest)
	}
	if l.guests == nil {
		l.guests = make(map[swarm.PeerID]guest)
	}
	l.guests[p] = guest{from, now}
	return out, true
}

// leave frees the seat of a peer that has become known, or has gone.
func (l *lounge) leave(p swarm.PeerID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.guests, p)
}

// overdue frees the seats of those whose time is over, and returns them.
func (l *lounge) overdue(now time.Time) (list []swarm.PeerID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for p, g := range l.guests {
		if now.Sub(g.since) > loungeTime {
			list = append(list, p)
			delete(l.guests, p)
		}
	}
	return list
}

// Allow decides who may connect, for swarm: operators, devices that have shown
// their certificate, and into the lounge anybody while somebody is expected.
func (s *Seeder) Allow(p swarm.PeerID, from netip.Addr, inbound bool) bool {
	if !inbound || s.access.knows(p) {
		return true
	}
	if !s.access.expecting() {
		return false
	}
	out, ok := s.lounge.enter(p, from, time.Now())
	if out != "" {
		s.closing <- out
	}
	return ok
}

// keepLounge puts guests out whose time is over, and those who made room.
func (s *Seeder) keepLounge(done <-chan struct{}) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case p := <-s.closing:
			s.host.ClosePeer(p)
		case now := <-tick.C:
			for _, p := range s.lounge.overdue(now) {
				s.host.ClosePeer(p)
			}
		}
	}
}
