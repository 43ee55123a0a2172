package replicate

import "cobox/seeder/feed"

// A Claim is what a peer says of one block.
type Claim int

const (
	Unsaid Claim = iota // nothing yet
	Lacks               // it does not have it, or not the feed at all
	Has
)

// Claims returns what the peers say of block i of a feed, by their names. Peers that
// are not there have said nothing; but of one whose answer did not verify (see
// [Options.Shun]) it is known that it lacks the block. Whoever waits for a change
// uses [Exchange.Watch].
func (x *Exchange) Claims(key feed.Key, i uint64) map[string]Claim {
	claims := make(map[string]Claim)
	r := x.find(key.DiscoveryKey())
	if r == nil {
		return claims
	}
	x.mu.RLock()
	sessions := x.sessionsLocked()
	x.mu.RUnlock()
	for _, s := range sessions {
		if s.denies(r.dk) {
			claims[s.peer.Name] = Lacks
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lengthLocked()
	for _, p := range r.peers {
		claims[p.s.peer.Name] = max(claims[p.s.peer.Name], r.claimLocked(p, i))
	}
	for name, s := range r.shunned {
		if s.has(i) {
			claims[name] = max(claims[name], Lacks)
		}
	}
	return claims
}

// denies reports whether the peer has refused to open a channel for a feed.
func (s *session) denies(dk feed.DiscoveryKey) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.denied[dk]
	return ok
}

// claimLocked returns what p says of block i.
func (r *replica) claimLocked(p *peer, i uint64) Claim {
	_, gone := p.have.missing[i]
	q := r.inflight[i]
	switch {
	case q != nil && q.p == p:
		return Has // until its answer says otherwise
	case !p.heard || p.remote.Fork > r.fork:
		return Unsaid
	case p.remote.Fork < r.fork || i >= p.remote.Length || gone || r.shunned[p.s.peer.Name].has(i):
		return Lacks
	case i >= r.length:
		return Unsaid // its head is still to come
	case p.have.has(i):
		return Has
	case i < p.have.shown:
		return Lacks
	}
	return Unsaid
}

// shunned are the blocks for which a peer is not asked any more.
type shunned struct {
	blocks map[uint64]struct{}
	all    bool // there were too many to remember
}

func (s *shunned) has(i uint64) bool {
	if s == nil {
		return false
	}
	_, ok := s.blocks[i]
	return ok || s.all
}

// shun notes that a peer sent block i, and that it did not verify.
func (r *replica) shun(name string, i uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.opts.Shun {
		return
	}
	if r.shunned == nil {
		r.shunned = make(map[string]*shunned)
	}
	s := r.shunned[name]
	if s == nil {
		s = &shunned{blocks: make(map[uint64]struct{})}
		r.shunned[name] = s
	}
	if s.all = s.all || len(s.blocks) >= maxShunned; !s.all {
		s.blocks[i] = struct{}{}
	}
	r.notifyLocked()
}
