package replicate

import (
	"context"
	"slices"
	"sync"
	"time"

	"cobox/seeder/feed"
	"cobox/seeder/wire"
)

// A replica is a feed in an Exchange: what its sessions have in common.
//
// Locks, in the order in which they may be taken: apply, mu, session.mu. None
// is held while reading from or writing to the network.
type replica struct {
	x    *Exchange
	feed Feed
	dk   feed.DiscoveryKey
	// keeps says that the feed retains the values of blocks: see [Options.Keeps].
	keeps bool

	// apply makes one step of "verify against the state, then store", so that
	// two sessions cannot extend the same state. Blocks are hashed before it is taken.
	apply sync.Mutex

	mu       sync.Mutex
	opts     Options                    // mu
	peers    []*peer                    // mu; in order of arrival
	unwatch  func()                     // mu; set while there are peers
	inflight map[uint64]*request        // mu; by block
	again    map[uint64]struct{}        // mu; blocks to ask for again that peers' cursors have passed
	tip      blockRange                 // mu; the newest blocks, to be asked for before older ones
	wanted   []uint64                   // mu; blocks that Fetch waits for, in order
	waiters  map[uint64][]chan struct{} // mu
	upgrade  *request                   // mu; the one upgrade under way
	refused  uint64                     // mu; length of the head that Admit refused, 0 for none
	retries  int                        // mu; how often what was refused is to be tried again
	problem  error                      // mu; why storing does not work at the moment
	last     time.Time                  // mu
	gone     bool                       // mu; removed from the Exchange
	shunned  map[string]*shunned        // mu; by the peer's name
	watchers []*func()                  // mu
	fork     uint64                     // mu; of the newest state
	length   uint64                     // mu; of the newest state
	bytes    uint64                     // mu; of the newest state
}

func newReplica(x *Exchange, f Feed, o Options) *replica {
	return &replica{x: x, feed: f, dk: f.Key().DiscoveryKey(), keeps: o.Keeps, opts: o}
}

// note puts something into a map that is made when it is needed: there are very many
// replicas with nothing to ask for.
func note[K comparable, V any](m *map[K]V, key K, value V) {
	if *m == nil {
		*m = make(map[K]V)
	}
	(*m)[key] = value
}

func (r *replica) setOptions(o Options) {
	r.mu.Lock()
	r.opts = o
	r.refused = 0
	r.retries++
	peers := slices.Clone(r.peers)
	r.mu.Unlock()
	wake(peers)
}

// join adds a peer whose channel is open on both sides.
func (r *replica) join(p *peer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone {
		return
	}
	r.peers = append(r.peers, p)
	if r.unwatch == nil {
		r.unwatch = r.feed.Watch(r.durableChanged)
	}
	r.notifyLocked()
}

// leave takes a peer out and gives its requests to the others.
func (r *replica) leave(p *peer) {
	r.mu.Lock()
	i := slices.Index(r.peers, p)
	if i < 0 {
		r.mu.Unlock()
		return
	}
	r.peers = slices.Delete(r.peers, i, i+1)
	for _, q := range p.requests {
		r.giveUpLocked(q)
	}
	clear(p.requests)
	var unwatch func()
	if len(r.peers) == 0 {
		unwatch, r.unwatch = r.unwatch, nil
	}
	peers := slices.Clone(r.peers)
	r.notifyLocked()
	r.mu.Unlock()
	if unwatch != nil {
		unwatch()
	}
	wake(peers)
}

// remove ends replication of the feed.
func (r *replica) remove() {
	r.mu.Lock()
	r.gone = true
	peers := slices.Clone(r.peers)
	for _, list := range r.waiters {
		for _, c := range list {
			close(c)
		}
	}
	clear(r.waiters)
	r.wanted = nil
	r.mu.Unlock()
	for _, p := range peers {
		p.s.closePeer(p)
	}
}

// giveUpLocked takes a request off the books so that its block or upgrade can
// be asked of another peer.
func (r *replica) giveUpLocked(q *request) {
	if q.done {
		return
	}
	q.done = true
	q.p.s.released(q)
	switch {
	case q.upgrade:
		if r.upgrade == q {
			r.upgrade = nil
		}
	case r.inflight[q.index] == q:
		delete(r.inflight, q.index)
		r.againLocked(q.index)
	}
}

// againLocked notes a block that must be asked for once more, although the
// cursors of the peers have passed it. Blocks that Fetch waits for need no note.
func (r *replica) againLocked(i uint64) {
	if r.opts.Download {
		note(&r.again, i, struct{}{})
	}
}

// durableChanged is called by the store after each commit.
func (r *replica) durableChanged() {
	r.mu.Lock()
	peers := slices.Clone(r.peers)
	r.notifyLocked()
	r.mu.Unlock()
	for _, p := range peers {
		p.s.tell(p)
	}
}

func (r *replica) retry() {
	r.mu.Lock()
	r.refused, r.problem = 0, nil
	r.retries++
	for _, p := range r.peers {
		p.cursor = 0
	}
	peers := slices.Clone(r.peers)
	r.mu.Unlock()
	wake(peers)
}

// wake lets the sessions of peers look for something to request.
func wake(peers []*peer) {
	for _, p := range peers {
		p.s.hunger(p)
		p.s.pump()
	}
}

func (r *replica) fetch(ctx context.Context, indexes []uint64) error {
	var waits []chan struct{}
	r.mu.Lock()
	if r.gone {
		r.mu.Unlock()
		return ErrUnknownFeed
	}
	for _, i := range indexes {
		if r.feed.Known(i) {
			continue
		}
		c := make(chan struct{})
		if _, asked := r.waiters[i]; !asked {
			r.wanted = append(r.wanted, i)
		}
		note(&r.waiters, i, append(r.waiters[i], c))
		waits = append(waits, c)
	}
	peers := slices.Clone(r.peers)
	r.mu.Unlock()
	if len(waits) == 0 {
		return nil
	}
	wake(peers)

	for n, c := range waits {
		select {
		case <-c:
		case <-ctx.Done():
			r.forget(indexes, waits[n:])
			return ctx.Err()
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone {
		return ErrUnknownFeed
	}
	return nil
}

// forget takes waiting channels out again.
func (r *replica) forget(indexes []uint64, waits []chan struct{}) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, i := range indexes {
		list := slices.DeleteFunc(r.waiters[i], func(c chan struct{}) bool { return slices.Contains(waits, c) })
		if len(list) > 0 {
			note(&r.waiters, i, list)
			continue
		}
		delete(r.waiters, i)
		if n := slices.Index(r.wanted, i); n >= 0 {
			r.wanted = slices.Delete(r.wanted, n, n+1)
		}
	}
}

// arrivedLocked tells those who wait for block i.
func (r *replica) arrivedLocked(i uint64) {
	delete(r.again, i)
	list, ok := r.waiters[i]
	if !ok {
		return
	}
	for _, c := range list {
		close(c)
	}
	delete(r.waiters, i)
	if n := slices.Index(r.wanted, i); n >= 0 {
		r.wanted = slices.Delete(r.wanted, n, n+1)
	}
}

func (r *replica) progress() Progress {
	r.mu.Lock()
	defer r.mu.Unlock()
	g := Progress{Inflight: len(r.inflight), Last: r.last, Problem: r.problem}
	for _, p := range r.peers {
		if !p.heard {
			continue
		}
		g.Remotes = append(g.Remotes, Remote{
			Peer: p.s.peer.Name, Fork: p.remote.Fork, Length: p.remote.Length,
			Contiguous: min(p.have.contiguous, p.remote.Length),
		})
	}
	return g
}

func (r *replica) watch(fn func()) (stop func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watchers = append(r.watchers, &fn)
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.watchers = slices.DeleteFunc(r.watchers, func(w *func()) bool { return w == &fn })
	}
}

func (r *replica) notify() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.notifyLocked()
}

func (r *replica) notifyLocked() {
	for _, fn := range r.watchers {
		(*fn)()
	}
}

// sizeLocked estimates the bytes of a block from the signed totals.
func (r *replica) sizeLocked() int {
	if r.length == 0 {
		return 0
	}
	return int(min(r.bytes/r.length, wire.MaxFrame))
}
