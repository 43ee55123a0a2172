package seeder

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"cobox/seeder/api"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/pin"
	"cobox/seeder/replicate"
	"cobox/seeder/store"
)

// A kept is a feed that at least one partner pins.
type kept struct {
	feed    *store.Feed
	pins    []*held  // one a partner; the seeder's mutex
	unwatch []func() // pinMu
}

// of returns a partner's pin, or nil. The seeder's mutex is held.
func (k *kept) of(p identity.PartnerKey) *held {
	for _, h := range k.pins {
		if h.partner == p {
			return h
		}
	}
	return nil
}

// A held is one partner's pin of a feed.
type held struct {
	partner identity.PartnerKey
	tracker *pin.Tracker
	charged uint64 // bytes committed in the ledger for it
}

// keep begins to keep a pinned feed: it is replicated from now on.
func (s *Seeder) keep(p pin.Pin, f *store.Feed, charged uint64, now time.Time) *held {
	h := &held{partner: p.Partner, tracker: pin.NewTracker(p, now), charged: charged}
	s.mu.Lock()
	k := s.feeds[p.Feed]
	fresh := k == nil
	if fresh {
		k = &kept{feed: f}
		s.feeds[p.Feed] = k
	}
	k.pins = append(slices.DeleteFunc(k.pins, func(old *held) bool { return old.partner == p.Partner }), h)
	s.mu.Unlock()
	s.exchangeFeed(p.Feed, f)
	if key := p.Feed; fresh {
		changed := func() { s.poke(key) }
		k.unwatch = []func(){f.Watch(changed), s.exchange.Watch(key, changed)}
	}
	s.poke(p.Feed)
	return h
}

// exchangeFeed makes the exchange replicate a feed, or look again who may have
// it. The seeder's mutex must not be held: the exchange asks back.
func (s *Seeder) exchangeFeed(key feed.Key, f *store.Feed) {
	s.exchange.Add(f, replicate.Options{
		Download: true,
		Admit:    func(st feed.State) (func(bool), error) { return s.admit(key, st) },
	})
}

// poke notes that something changed for a feed; the keeper looks at it soon.
// It does not block, and takes no lock that is held while the store is called.
func (s *Seeder) poke(key feed.Key) {
	s.pokedMu.Lock()
	s.poked[key] = struct{}{}
	s.pokedMu.Unlock()
	select {
	case s.pokes <- struct{}{}:
	default:
	}
}

// Pin keeps a feed for a partner from now on, or changes the partner's own
// words about the pin. It is durable when it returns. Errors wrap
// [pin.ErrNoGrant] and [pin.ErrOverQuota].
func (s *Seeder) Pin(p pin.Pin) (pin.Status, error) {
	if err := p.Check(); err != nil {
		return pin.Status{}, &api.Error{Code: api.BadRequest, Text: err.Error()}
	}
	s.pinMu.Lock()
	defer s.pinMu.Unlock()
	now := time.Now()
	if h := s.heldPin(p.Feed, p.Partner); h != nil {
		old := h.tracker.Pin()
		p.Created, p.Frozen = old.Created, old.Frozen
		if err := s.store.PutPin(p); err != nil {
			return pin.Status{}, fmt.Errorf("keeping the pin: %w", err)
		}
		h.tracker.Change(p.Open, p.Drive, p.Label)
		s.reconsider(p.Feed)
		return h.tracker.Status(now), nil
	}
	if err := s.ledger.AddFeed(p.Partner); err != nil {
		return pin.Status{}, err
	}
	f, err := s.store.Create(p.Feed)
	if err == nil {
		err = s.store.PutPin(p)
	}
	var h *held
	if err == nil {
		h = s.keep(p, f, 0, now)
		err = s.charge(h, f.Durable().Head.Bytes, p.Partner)
	}
	if err != nil && h == nil {
		s.ledger.RemoveFeed(p.Partner, 0)
		return pin.Status{}, fmt.Errorf("pinning feed %s: %w", p.Feed.DiscoveryKey(), err)
	}
	if err != nil { // another partner's pin brought it here, and this one's quota does not cover it
		h.tracker.OverQuota(err.Error(), now)
	}
	s.look(p.Feed, now)
	s.mend.poke() // another box may have it
	s.log.Info("feed pinned", "feed", p.Feed.DiscoveryKey(), "partner", p.Partner)
	return h.tracker.Status(now), nil
}

// reconsider has the exchange look again who may replicate a feed.
func (s *Seeder) reconsider(key feed.Key) {
	s.mu.Lock()
	k := s.feeds[key]
	s.mu.Unlock()
	if k != nil {
		s.exchangeFeed(key, k.feed)
	}
}

// followDrive pins the blobs feed of a Hyperdrive for those who pin the drive,
// as soon as its key can be computed.
func (s *Seeder) followDrive(key feed.Key) {
	for _, partner := range s.partnersOf(key) {
		h := s.heldPin(key, partner)
		if h == nil || !h.tracker.Pin().Drive {
			continue
		}
		p := h.tracker.Pin()
		blobs, ok := s.blobsOf(key)
		if !ok || s.heldPin(blobs, partner) != nil {
			continue
		}
		now := time.Now()
		if _, err := s.Pin(pin.Pin{Feed: blobs, Partner: partner, Created: now, Open: p.Open, Label: p.Label}); err != nil {
			h.tracker.OverQuota(fmt.Sprintf("the drive's blobs are not kept: %v", err), now)
		}
	}
}

// blobsOf returns the key of the blobs feed of a Hyperdrive, once the manifest of
// the drive's database is known and tells it.
func (s *Seeder) blobsOf(key feed.Key) (feed.Key, bool) {
	s.mu.Lock()
	k := s.feeds[key]
	s.mu.Unlock()
	if k == nil {
		return feed.Key{}, false
	}
	m := k.feed.State().Manifest
	if m == nil {
		return feed.Key{}, false
	}
	blobs := m.Blobs(key)
	if blobs == nil {
		return feed.Key{}, false
	}
	return blobs.Key(), true
}

// Unpin ends a partner's pin, and for a Hyperdrive that of its blobs. The feed is
// deleted when nobody else pins it. What it returns is to be signed.
func (s *Seeder) Unpin(key feed.Key, partner identity.PartnerKey) (identity.Deletion, error) {
	s.pinMu.Lock()
	defer s.pinMu.Unlock()
	if h := s.heldPin(key, partner); h != nil && h.tracker.Pin().Drive {
		if blobs, ok := s.blobsOf(key); ok {
			if _, err := s.unpin(blobs, partner); err != nil && !errors.Is(err, errNoPin) {
				return identity.Deletion{}, err
			}
		}
	}
	return s.unpin(key, partner)
}

// unpin ends one pin. pinMu is held.
func (s *Seeder) unpin(key feed.Key, partner identity.PartnerKey) (done identity.Deletion, err error) {
	s.mu.Lock()
	k := s.feeds[key]
	if k == nil || k.of(partner) == nil {
		s.mu.Unlock()
		return done, errNoPin
	}
	h := k.of(partner)
	k.pins = slices.DeleteFunc(k.pins, func(other *held) bool { return other == h })
	last := len(k.pins) == 0
	if last {
		delete(s.feeds, key)
	}
	charged := h.charged
	s.mu.Unlock()

	if err := s.store.DeletePin(key, partner); err != nil {
		return done, fmt.Errorf("unpinning feed %s: %w", key.DiscoveryKey(), err)
	}
	if last {
		for _, stop := range k.unwatch {
			stop()
		}
		s.exchange.Remove(key)
		if err := s.store.Delete(key); err != nil {
			return done, fmt.Errorf("deleting feed %s: %w", key.DiscoveryKey(), err)
		}
	} else {
		s.reconsider(key) // it may have been this pin that was open
	}
	s.ledger.RemoveFeed(partner, charged)
	s.log.Info("feed unpinned", "feed", key.DiscoveryKey(), "partner", partner, "deleted", last)
	s.retryAll() // there is room now
	return identity.Deletion{Box: s.key, Partner: partner, Feed: key, Bytes: charged, Gone: last, Deleted: time.Now()}, nil
}

// charge brings what a partner is charged for a pin up to bytes.
func (s *Seeder) charge(h *held, bytes uint64, partner identity.PartnerKey) error {
	s.mu.Lock()
	missing := bytes - min(bytes, h.charged)
	s.mu.Unlock()
	if missing == 0 {
		return nil
	}
	r, err := s.ledger.Reserve(partner, missing)
	if err != nil {
		return err
	}
	defer r.Release()
	if err := r.Commit(missing); err != nil {
		return err
	}
	s.mu.Lock()
	h.charged += missing
	s.mu.Unlock()
	return nil
}

// A claim is room reserved for one pin's share of a new head.
type claim struct {
	h    *held
	room *pin.Reservation
	n    uint64
}

// admit decides whether a new head may be stored: at least one of the partners
// who pin the feed must have the room, which is reserved before the first byte
// of it comes. Partners who have not are told so in the state of their pin.
func (s *Seeder) admit(key feed.Key, st feed.State) (done func(stored bool), err error) {
	var claims []claim
	var refusal error
	allowed := false
	now := time.Now()
	for _, partner := range s.partnersOf(key) {
		h := s.heldPin(key, partner)
		if h == nil {
			continue
		}
		s.mu.Lock()
		missing := st.Head.Bytes - min(st.Head.Bytes, h.charged)
		s.mu.Unlock()
		room, err := s.ledger.Reserve(partner, missing)
		if err != nil {
			refusal = err
			h.tracker.OverQuota(err.Error(), now)
			continue
		}
		h.tracker.WithinQuota(now)
		allowed = true
		claims = append(claims, claim{h, room, missing})
	}
	if !allowed {
		if refusal == nil {
			refusal = errors.New("nobody pins the feed any more")
		}
		return nil, refusal
	}
	return func(stored bool) { s.settle(claims, stored) }, nil
}

// settle turns reserved room into used room, when the head was stored.
func (s *Seeder) settle(claims []claim, stored bool) {
	for _, c := range claims {
		if stored {
			if err := c.room.Commit(c.n); err != nil {
				panic("seeder: " + err.Error()) // it was reserved for this alone
			}
			s.mu.Lock()
			c.h.charged += c.n
			s.mu.Unlock()
		}
		c.room.Release()
	}
}

// look brings the states of a feed's pins up to what the store and the exchange say.
func (s *Seeder) look(key feed.Key, now time.Time) {
	s.mu.Lock()
	k := s.feeds[key]
	if k == nil {
		s.mu.Unlock()
		return
	}
	pins := slices.Clone(k.pins)
	s.mu.Unlock()

	head := pin.HeadOf(k.feed.Durable().Head)
	blocks, bytes := k.feed.Held()
	peers := len(s.exchange.Progress(key).Remotes)
	for _, h := range pins {
		h.tracker.Peers(peers, now)
		h.tracker.Seen(head, now)
		h.tracker.Held(blocks, bytes, now)
	}
	if e := k.feed.Frozen(); e != nil {
		s.freezeAll(pins, e, now)
	}
}

// freezeAll freezes the pins of a feed that are not frozen yet. Several may look at
// a feed at the same time, and the fork counts once.
func (s *Seeder) freezeAll(pins []*held, e *feed.ForkError, now time.Time) {
	s.forkMu.Lock()
	defer s.forkMu.Unlock()
	news := false
	for _, h := range pins {
		if !h.tracker.Pin().Frozen {
			s.freeze(h, e, now)
			news = true
		}
	}
	if news {
		s.tally.forked()
	}
}

// freeze keeps and tells that a feed's writer contradicted himself.
func (s *Seeder) freeze(h *held, e *feed.ForkError, now time.Time) {
	p := h.tracker.Pin()
	p.Frozen = true
	if err := s.store.PutPin(p); err != nil {
		s.log.Error("keeping a frozen pin", "feed", p.Feed.DiscoveryKey(), "error", err)
	}
	h.tracker.Freeze(fmt.Sprintf("%v. Both tree heads are kept as evidence, and nothing is taken in or deleted: the partner should find out whether a device was restored from an old copy, or a key was stolen.", e), now)
}

// lookAtPoked looks at the feeds that changed. Looks are gathered
// for a moment, so that a busy feed costs little.
func (s *Seeder) lookAtPoked(now time.Time) {
	s.pokedMu.Lock()
	keys := make([]feed.Key, 0, len(s.poked))
	for key := range s.poked {
		keys = append(keys, key)
	}
	clear(s.poked)
	s.pokedMu.Unlock()
	for _, key := range keys {
		s.look(key, now)
		s.followDrive(key)
	}
}

func (s *Seeder) heldPin(key feed.Key, partner identity.PartnerKey) *held {
	s.mu.Lock()
	defer s.mu.Unlock()
	if k := s.feeds[key]; k != nil {
		return k.of(partner)
	}
	return nil
}

func (s *Seeder) partnersOf(key feed.Key) []identity.PartnerKey {
	s.mu.Lock()
	defer s.mu.Unlock()
	var list []identity.PartnerKey
	if k := s.feeds[key]; k != nil {
		for _, h := range k.pins {
			list = append(list, h.partner)
		}
	}
	return list
}

// pinStatus returns how a partner's pin of a feed stands.
func (s *Seeder) pinStatus(key feed.Key, partner identity.PartnerKey) (pin.Status, bool) {
	h := s.heldPin(key, partner)
	if h == nil {
		return pin.Status{}, false
	}
	now := time.Now()
	s.look(key, now)
	return h.tracker.Status(now), true
}

// statuses returns the pins that a caller may see, oldest first.
func (s *Seeder) statuses(c caller) []pin.Status {
	s.mu.Lock()
	keys := make([]feed.Key, 0, len(s.feeds))
	for key, k := range s.feeds {
		if c.operator || k.of(c.cert.Partner) != nil {
			keys = append(keys, key)
		}
	}
	s.mu.Unlock()
	list := []pin.Status{}
	for _, key := range keys {
		for _, partner := range s.partnersOf(key) {
			if !c.operator && partner != c.cert.Partner {
				continue
			}
			if st, ok := s.pinStatus(key, partner); ok {
				list = append(list, st)
			}
		}
	}
	slices.SortFunc(list, func(a, b pin.Status) int {
		if n := a.Created.Compare(b.Created); n != 0 {
			return n
		}
		return slices.Compare(a.Feed[:], b.Feed[:])
	})
	return list
}

// Receipt signs what the box holds of a feed for a partner: the newest length
// up to which every block is synced. A feed with gaps before its first block
// has no receipt.
func (s *Seeder) Receipt(key feed.Key, partner identity.PartnerKey) (identity.Statement, error) {
	s.mu.Lock()
	k := s.feeds[key]
	mine := k != nil && k.of(partner) != nil
	s.mu.Unlock()
	if !mine {
		return identity.Statement{}, errNoPin
	}
	if e := k.feed.Frozen(); e != nil {
		return identity.Statement{}, &api.Error{Code: api.Frozen, Text: e.Error()}
	}
	head := k.feed.Durable().Head
	if n := k.feed.Contiguous(); n < head.Length || head.Length == 0 {
		return identity.Statement{}, &api.Error{Code: api.NotSynced, Text: fmt.Sprintf("%d of %d blocks are on the disk", n, head.Length), Hint: "ask again when all of it is there"}
	}
	return identity.SignReceipt(s.private, identity.Receipt{
		Box: s.key, Partner: partner, Feed: key,
		Fork: head.Fork, Length: head.Length, Bytes: head.Bytes, Root: head.Hash, Synced: time.Now(),
	})
}

// retryAll lets the exchange try again what was refused or failed.
func (s *Seeder) retryAll() {
	s.mu.Lock()
	keys := make([]feed.Key, 0, len(s.feeds))
	for key := range s.feeds {
		keys = append(keys, key)
	}
	s.mu.Unlock()
	for _, key := range keys {
		s.exchange.Retry(key)
	}
}
