package seeder

import (
	"sync"

	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/replicate"
	"cobox/seeder/store"
)

// readers serve the devices that may only read. They have an exchange of their
// own, which gives blocks and asks for none: whatever such a device announces,
// nothing of it is taken in. While there is no such device it does not exist.
type readers struct {
	mu       sync.Mutex
	exchange *replicate.Exchange      // mu; nil without sessions
	sessions int                      // mu
	feeds    map[feed.Key]*store.Feed // mu; those in the exchange
}

// exchangeFor returns the exchange that serves a device, by its scope. The
// caller must call done when the device's session has ended.
func (s *Seeder) exchangeFor(cert identity.DeviceCert) (x *replicate.Exchange, done func()) {
	if cert.MayWrite() {
		return s.exchange, func() {}
	}
	r := &s.access.readers
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.exchange == nil {
		r.exchange = replicate.New(replicate.Config{Log: s.log, Trace: s.cfg.Trace})
		r.feeds = make(map[feed.Key]*store.Feed)
	}
	r.sessions++
	r.refreshLocked(s)
	return r.exchange, r.leave
}

// leave ends one session.
func (r *readers) leave() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.sessions--; r.sessions > 0 {
		return
	}
	for key := range r.feeds {
		r.exchange.Remove(key) // it watches the feed
	}
	r.exchange, r.feeds = nil, nil
}

// refresh brings the exchange up to what is pinned now. What partners' devices
// pin and unpin shows at once; what the box does by itself (an operator's order,
// the blobs of a drive) when the next device comes, or the next pin is changed.
// Who may read a feed is decided by the pins in any case.
func (r *readers) refresh(s *Seeder) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.exchange != nil {
		r.refreshLocked(s)
	}
}

func (r *readers) refreshLocked(s *Seeder) {
	s.mu.Lock()
	pinned := make(map[feed.Key]*store.Feed, len(s.feeds))
	for key, k := range s.feeds {
		pinned[key] = k.feed
	}
	s.mu.Unlock()
	for key, f := range r.feeds {
		if pinned[key] != f {
			r.exchange.Remove(key)
		}
	}
	for key, f := range pinned {
		if r.feeds[key] != f {
			// As if we wrote it: nothing is fetched, and no head is followed.
			r.exchange.Add(f, replicate.Options{Writer: true})
		}
	}
	r.feeds = pinned
}
