package replicate

import (
	"fmt"

	"cobox/seeder/feed"
	"cobox/seeder/wire"
)

// A Service takes in the messages that a peer sends on a channel of another
// protocol (see [Peer]). It returns feeds that the peer has asked us to replicate
// with it: a channel is opened for each that is allowed. Its error ends the
// session. body is valid during the call. Calls for one session do not overlap.
type Service func(typ uint64, body []byte) (open []feed.Key, err error)

// served hands a message to the service of its channel.
func (s *session) served(serve Service, typ uint64, body []byte) error {
	keys, err := serve(typ, body)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if r := s.x.find(key.DiscoveryKey()); r != nil && s.allowed(r) {
			s.open(r)
		}
	}
	return nil
}

// maxRefused bounds what is remembered of a peer's requests for feeds that it
// was refused.
const maxRefused = 256

// refuseLocked remembers that the peer asked for a feed in vain, with what it
// showed of the feed's key: when the feed comes, or may be replicated with the
// peer after all, the channel is opened from our side. A JavaScript peer asks
// only once by itself.
func (s *session) refuseLocked(dk feed.DiscoveryKey, shown feed.Hash) {
	if _, known := s.refused[dk]; known || len(s.refused) < maxRefused {
		s.refused[dk] = shown
	}
}

// askedFor reports whether the peer has asked for a feed in vain, and knows its key.
func (s *session) askedFor(r *replica) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	shown, ok := s.refused[r.dk]
	delete(s.refused, r.dk)
	return ok && s.proves(r.feed.Key(), shown)
}

// proves reports whether the peer has shown that it knows a feed key.
func (s *session) proves(key feed.Key, shown feed.Hash) bool {
	return shown.Equal(key.Capability(!s.conn.Initiator(), s.conn.HandshakeHash()))
}

// reconsider opens the channel of a feed, or closes it, after what the peer may
// have changed.
func (s *session) reconsider(r *replica) {
	if s.allowed(r) {
		s.openWanted(r)
		return
	}
	r.mu.Lock()
	var mine []*peer
	for _, p := range r.peers {
		if p.s == s {
			mine = append(mine, p)
		}
	}
	r.mu.Unlock()
	for _, p := range mine {
		s.closePeer(p)
	}
}

// trace tells what is said on the session, where somebody wants to know.
func (s *session) trace(direction string, p *peer, m any) {
	if s.x.trace == nil {
		return
	}
	about := ""
	if p != nil {
		about = " " + p.r.dk.String()[:8]
	}
	s.x.trace(fmt.Sprintf("%s %s%s %s", s.peer.Name, direction, about, wire.Text(m)))
}
