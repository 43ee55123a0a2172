package seeder

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"cobox/seeder/api"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/pin"
	"cobox/seeder/store"
	"cobox/seeder/swarm"
)

// tally is what a seeder remembers for its figures beside what its parts count.
type tally struct {
	mu    sync.Mutex
	notes notes     // mu
	saved time.Time // when the notes were last written; mu
	stale bool      // they have changed since; mu

	scrub  api.ScrubFigures    // Since and Finished are in the notes; mu
	round  scrubRound          // mu
	lost   map[feed.Key]uint64 // blocks that scrubs found lost; mu
	broken map[feed.Key]bool   // feeds whose head does not fit, in this round; mu

	failed  uint64     // failures of the store at the last look; mu
	hourly  [60]uint64 // failures by minute of the hour; mu
	minute  int64      // the minute of the last look; mu
	punched bool       // a peer came through both sides' routers; mu
}

// notes outlast a restart: without them a partner that has gone silent would be
// forgotten by the next update.
type notes struct {
	Partners map[identity.PartnerKey]contact `json:"partners,omitempty"`
	Forks    uint64                          `json:"forks,omitempty"`
	Since    time.Time                       `json:"since,omitzero"`    // since when there is something to read back
	Finished time.Time                       `json:"finished,omitzero"` // the last round of reading back
}

// A contact says when a partner was last heard of.
type contact struct {
	Seen   time.Time `json:"seen,omitzero"`
	Newest time.Time `json:"newest,omitzero"` // when the newest tree head came
}

// A scrubRound is the round of reading back that is under way.
type scrubRound struct {
	from  uint64 // bytes read back before it
	bytes uint64 // that it has to read
}

// figuresNote is the note in the store that holds [notes].
const figuresNote = "figures"

// notesEvery is how often the notes are written when they have changed: what a
// power cut takes is a few minutes of when somebody was seen. That a partner was
// seen at all is written at the next look: its silence could not be told otherwise.
const notesEvery = 10 * time.Minute

// loadTally reads what was noted for the figures. What is not there, or cannot be
// read, begins anew: nothing depends on it but figures.
func (s *Seeder) loadTally() {
	t := &s.tally
	t.lost, t.broken = make(map[feed.Key]uint64), make(map[feed.Key]bool)
	text, err := s.store.Meta(figuresNote)
	if err == nil {
		err = json.Unmarshal(text, &t.notes)
	}
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		s.log.Warn("reading the notes for the figures: they begin anew", "error", err)
		t.notes = notes{}
	}
	if t.notes.Partners == nil {
		t.notes.Partners = make(map[identity.PartnerKey]contact)
	}
}

// saveTally writes the notes when they have changed and it is time, or at the end.
func (s *Seeder) saveTally(now time.Time, end bool) error {
	t := &s.tally
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.stale || !end && now.Sub(t.saved) < notesEvery {
		return nil
	}
	for p := range t.notes.Partners {
		if !s.known(p) {
			delete(t.notes.Partners, p)
		}
	}
	text, err := json.Marshal(t.notes)
	if err != nil {
		return err
	}
	t.saved, t.stale = now, false
	if err := s.store.PutMeta(figuresNote, text); err != nil {
		return fmt.Errorf("keeping the notes for the figures: %w", err)
	}
	return nil
}

// heard notes that a partner was heard of, and when its newest head came if one did.
func (t *tally) heard(p identity.PartnerKey, seen, newest time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.notes.Partners[p]
	if c.Seen.IsZero() && !seen.IsZero() {
		t.saved = time.Time{}
	}
	if seen.After(c.Seen) {
		c.Seen, t.stale = seen.UTC().Truncate(time.Second), true
	}
	if newest.After(c.Newest) {
		c.Newest, t.stale = newest.UTC().Truncate(time.Second), true
	}
	t.notes.Partners[p] = c
}

// forked notes that a writer contradicted himself.
func (t *tally) forked() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.notes.Forks++
	t.stale = true
}

// scrubBegins notes that a round of reading back begins.
func (t *tally) scrubBegins(st store.Stats, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	clear(t.broken)
	t.scrub.Running, t.scrub.Progress = true, 0
	t.round = scrubRound{st.ScrubbedBytes, st.Bytes}
	if t.notes.Since.IsZero() && st.Blocks > 0 {
		t.notes.Since, t.stale = now.UTC().Truncate(time.Second), true
	}
}

// scrubEnds notes that a round has ended, whole or not.
func (t *tally) scrubEnds(whole bool, now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.scrub.Running = false
	if whole {
		t.scrub.Progress = 1
		t.notes.Finished, t.stale = now.UTC().Truncate(time.Second), true
	}
}

// damaged notes what a scrub has found.
func (t *tally) damaged(d store.Damage) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case d.Mended:
		t.scrub.MendedBlocks++
	case d.Lost > 0:
		t.scrub.LostBlocks += d.Lost
		t.lost[d.Feed] += d.Lost
	default: // the signed head does not fit the tree: a person must look
		t.scrub.LostBlocks++
		t.broken[d.Feed] = true
	}
}

// recentLocked counts the store's failures in the last hour, minute by minute.
func (t *tally) recentLocked(total uint64, now time.Time) (sum uint64) {
	minute := now.Unix() / 60
	for m := max(t.minute+1, minute-int64(len(t.hourly))+1); m <= minute; m++ {
		t.hourly[m%int64(len(t.hourly))] = 0
	}
	t.minute = minute
	t.hourly[minute%int64(len(t.hourly))] += total - t.failed
	t.failed = total
	for _, n := range t.hourly {
		sum += n
	}
	return sum
}

// Figures returns what the seeder counts and measures of itself.
func (s *Seeder) Figures() api.Figures {
	now := time.Now()
	f := api.Figures{
		Pins: make(map[pin.State]int), Peers: make(map[api.Connection]int), Partners: make(map[identity.PartnerKey]api.Keeping),
	}
	if s.cfg.Program != nil {
		f.Program = s.cfg.Program()
	}
	s.replicationFigures(&f)
	s.peerFigures(&f, now)
	s.feedFigures(&f, now)
	s.partnerFigures(&f)
	if s.store == nil {
		f.Store.Trouble = s.cfg.Lack().Trouble
		return f
	}
	s.storeFigures(&f, now)
	if err := s.saveTally(now, false); err != nil {
		s.log.Warn("keeping the figures", "error", err)
	}
	return f
}

func (s *Seeder) replicationFigures(f *api.Figures) {
	x := s.exchange.Stats()
	f.Replication = api.ReplicationFigures{
		Sessions: x.Sessions, ReceivedBlocks: x.BlocksIn, ReceivedBytes: x.BytesIn, SentBlocks: x.BlocksOut, SentBytes: x.BytesOut,
		Heads: x.Upgrades, InvalidProofs: x.InvalidProofs, Stalls: x.Stalls, NoData: x.NoData, DuplicateBlocks: x.Duplicates,
	}
}

// peerFigures counts the peers, and says how others reach the box.
func (s *Seeder) peerFigures(f *api.Figures, now time.Time) {
	punched := false
	for _, p := range s.host.Peers() {
		switch {
		case p.Route.Kind == swarm.Relayed:
			f.Peers[api.RelayedPeer]++
		case p.Route.Kind == swarm.HolePunched:
			f.Peers[api.HolePunchedPeer]++
			punched = true
		case p.Local:
			f.Peers[api.LocalPeer]++
		default:
			f.Peers[api.DirectPeer]++
		}
		if cert, ok := s.access.who(identity.PeerID(p.ID)); ok {
			s.tally.heard(cert.Partner, now, time.Time{}) // it is here
		}
	}
	if n := s.strangers.count(); n > 0 {
		f.Peers[api.HypercorePeer] = n
	}
	s.tally.mu.Lock()
	s.tally.punched = s.tally.punched || punched
	punched = s.tally.punched
	s.tally.mu.Unlock()
	switch s.host.Reachability() {
	case "public":
		f.NAT, f.Reach = api.PublicNAT, api.Direct
	case "private":
		f.NAT = api.PrivateNAT
		switch {
		case punched:
			f.Reach = api.HolePunched
		case s.host.HasRelay():
			f.Reach = api.Relayed
		default:
			f.Reach = api.Unreachable
		}
	}
}

// missing returns how many blocks each of the feeds lacks that scrubs found
// damaged, as their store has it: what pins say of it comes a moment later.
func (s *Seeder) missing() map[feed.Key]uint64 {
	s.tally.mu.Lock()
	keys := slices.Collect(maps.Keys(s.tally.lost))
	s.tally.mu.Unlock()
	missing := make(map[feed.Key]uint64)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, key := range keys {
		if k := s.feeds[key]; k != nil {
			blocks, _ := k.feed.Held()
			length := k.feed.Durable().Head.Length
			missing[key] = length - min(length, blocks)
		}
	}
	return missing
}

// feedFigures adds up the pins.
func (s *Seeder) feedFigures(f *api.Figures, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.feeds {
		var worst pin.Standing
		for _, h := range k.pins {
			st := h.tracker.Standing(now)
			of := f.Partners[h.partner]
			if of.Pins == nil {
				of.Pins = make(map[pin.State]int)
			}
			of.Pins[st.State]++
			of.BacklogBlocks += st.MissingBlocks
			if st.Newest.After(of.NewestHead) {
				of.NewestHead = st.Newest
			}
			f.Partners[h.partner] = of
			f.Pins[st.State]++
			if st.Newest.After(f.Feeds.NewestHead) {
				f.Feeds.NewestHead = st.Newest
			}
			if st.MissingBlocks >= worst.MissingBlocks {
				worst = st // the partners of a feed see the same blocks
			}
		}
		if worst.MissingBlocks == 0 {
			continue
		}
		f.Feeds.Behind++
		f.Feeds.BacklogBlocks += worst.MissingBlocks
		f.Feeds.BacklogBytes += worst.MissingBytes
		if worst.State != pin.Frozen && worst.State != pin.OverQuota {
			f.Feeds.BehindFor = max(f.Feeds.BehindFor, now.Sub(worst.Behind))
		}
	}
}

func (s *Seeder) storeFigures(f *api.Figures, now time.Time) {
	st := s.store.Stats()
	f.Store = api.StoreFigures{
		Feeds: st.Feeds, Blocks: st.Blocks, Bytes: st.Bytes, IndexBytes: st.IndexBytes, PendingBytes: st.PendingBytes,
		Errors: api.StoreErrors{Read: st.ReadFailures, Write: st.WriteFailures, Index: st.IndexFailures},
	}
	t := &s.tally
	t.mu.Lock()
	running := t.scrub.Running
	t.mu.Unlock()
	missing := s.missing() // after the look whether a scrub runs
	t.mu.Lock()
	defer t.mu.Unlock()
	f.Store.RecentErrors = t.recentLocked(f.Store.Errors.Total(), now)
	f.Scrub = t.scrub
	f.Scrub.Since, f.Scrub.Finished, f.Scrub.CheckedBytes = t.notes.Since, t.notes.Finished, st.ScrubbedBytes
	if t.scrub.Running && t.round.bytes > 0 {
		f.Scrub.Progress = min(1, float64(st.ScrubbedBytes-t.round.from)/float64(t.round.bytes))
	}
	for key, lost := range t.lost {
		// While a scrub runs, what it has found may not be on record yet.
		if !running && !t.scrub.Running {
			if lost = min(lost, missing[key]); lost == 0 {
				delete(t.lost, key) // whole again, or kept no more
			}
		}
		f.Scrub.Damaged += lost
	}
	f.Scrub.Damaged += uint64(len(t.broken))
	f.Feeds.Forks = t.notes.Forks
}

// partnerFigures says of each partner what it uses, and when it was heard of.
func (s *Seeder) partnerFigures(f *api.Figures) {
	for _, g := range s.ledger.Grants() {
		if _, ok := f.Partners[g.Partner]; !ok {
			f.Partners[g.Partner] = api.Keeping{} // it has a grant, and no pins
		}
	}
	for p, of := range f.Partners {
		of.UsedBytes, of.ReservedBytes, _, of.Feeds, _ = s.ledger.Usage(p)
		s.tally.heard(p, time.Time{}, of.NewestHead)
		c := s.tally.contact(p)
		of.Seen, of.NewestHead = c.Seen, c.Newest
		if of.NewestHead.After(f.Feeds.NewestHead) {
			f.Feeds.NewestHead = of.NewestHead
		}
		f.Partners[p] = of
	}
}

func (t *tally) contact(p identity.PartnerKey) contact {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.notes.Partners[p]
}
