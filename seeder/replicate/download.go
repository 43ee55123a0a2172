package replicate

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"time"

	"cobox/seeder/feed"
	"cobox/seeder/wire"
)

// pumped is what [peer.request] has to say to the session's pump.
type pumped int

const (
	nothingToAsk pumped = iota
	moreToAsk
	noRoom
)

// lengthLocked brings what we keep of the newest state up to date and returns its length.
func (r *replica) lengthLocked() uint64 {
	h := r.feed.State().Head
	r.fork, r.length, r.bytes = h.Fork, h.Length, h.Bytes
	return h.Length
}

// request sends at most n requests for the peer's blocks, and one for its head.
func (p *peer) request(n int) pumped {
	r := p.r
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.gone || !p.heard || !slices.Contains(r.peers, p) {
		return nothingToAsk
	}
	r.lengthLocked()
	if r.feed.Frozen() == nil {
		r.compareLocked(p)
	}
	if r.opts.Writer {
		return nothingToAsk
	}
	r.upgradeLocked(p)
	if p.remote.Fork != r.fork || r.problem != nil || r.feed.Frozen() != nil {
		return nothingToAsk
	}
	r.wantLocked(p)
	if p.stalled && len(p.requests) > 0 && !p.answeredAllLocked() {
		return nothingToAsk // one at a time until it answers
	}
	for range n {
		i, ok := r.nextLocked(p)
		if !ok {
			return nothingToAsk
		}
		if !r.askLocked(p, i) {
			r.againLocked(i)
			return noRoom
		}
		if p.stalled {
			return nothingToAsk
		}
	}
	return moreToAsk
}

// answeredAllLocked reports whether no request to p is open.
func (p *peer) answeredAllLocked() bool {
	for _, q := range p.requests {
		if !q.done {
			return false
		}
	}
	return true
}

// upgradeLocked asks for the peer's head when it is newer than ours.
func (r *replica) upgradeLocked(p *peer) {
	m := &p.remote
	newer := m.Fork == r.fork && m.Length > r.length && m.CanUpgrade || m.Fork > r.fork && m.Length > 0
	if !newer || r.upgrade != nil || m.Length > feed.MaxLength || r.problem != nil || r.feed.Frozen() != nil {
		return
	}
	if m.Length == r.refused || p.probe != nil && p.suspect {
		return
	}
	if p.stalled && len(r.peers) > 1 {
		return
	}
	q := &request{p: p, fork: m.Fork, upgrade: true, length: m.Length}
	if m.Fork == r.fork {
		q.start, q.length = r.length, m.Length-r.length
	}
	if !p.s.reserve(q) {
		return
	}
	q.sent = time.Now()
	r.upgrade = q
	p.requests[q.id] = q
	st := r.feed.State()
	p.s.send(p, &wire.Request{ID: q.id, Fork: q.fork, Request: feed.Request{
		Upgrade:  &feed.UpgradeRequest{Start: q.start, Length: q.length},
		Manifest: st.Manifest == nil && m.HasManifest,
	}})
}

// wantLocked subscribes to what the peer has, where it does not have everything from the start.
func (r *replica) wantLocked(p *peer) {
	if p.have.contiguous >= r.length || p.asked >= r.length {
		return
	}
	for start := max(p.asked, p.have.contiguous) / wantWindow * wantWindow; start < r.length; start += wantWindow {
		p.s.send(p, &wire.Want{Start: start, Length: wantWindow})
		p.asked = start + wantWindow
	}
}

// nextLocked chooses the next block to ask p for: first what somebody waits
// for, then what another peer failed to give, then the newest ones of a feed that
// is far behind, then the next one in order.
func (r *replica) nextLocked(p *peer) (uint64, bool) {
	if p.stalled && r.othersLocked(p) {
		return 0, false
	}
	for _, i := range r.wanted {
		if r.inflight[i] == nil && i < r.length && p.have.has(i) && !r.feed.Known(i) && !r.shunned[p.s.peer.Name].has(i) {
			return i, true
		}
	}
	if !r.opts.Download {
		return 0, false
	}
	for i := range r.again {
		if i >= r.length || r.inflight[i] != nil || r.feed.Known(i) {
			delete(r.again, i)
			continue
		}
		if p.have.has(i) {
			delete(r.again, i)
			return i, true
		}
	}
	for i := r.tip.start; i < r.tip.end && p.have.has(i); i++ {
		r.tip.start = i + 1
		if r.inflight[i] == nil && !r.feed.Known(i) {
			return i, true
		}
	}
	for {
		i, ok := p.have.next(p.cursor, r.length)
		if !ok {
			return 0, false
		}
		p.cursor = i + 1
		if r.feed.Has(i) {
			r.feed.Bits(func(b *feed.Bitfield) { p.cursor = b.NextUnset(i) })
			continue
		}
		if r.inflight[i] == nil && !r.feed.Known(i) {
			return i, true
		}
	}
}

// othersLocked reports whether a peer that answers could be asked instead of
// the stalled p: one that has as much of the feed.
func (r *replica) othersLocked(p *peer) bool {
	return slices.ContainsFunc(r.peers, func(o *peer) bool {
		return o != p && !o.stalled && o.heard && o.remote.Fork == p.remote.Fork && o.have.contiguous >= p.have.contiguous
	})
}

// askLocked sends the request for block i; false when there is no room for it.
func (r *replica) askLocked(p *peer, i uint64) bool {
	nodes, ok := feed.NodesToProve(r.feed, 2*i, r.length)
	if !ok {
		// No ancestor is stored: our own roots are missing, which Put does not let happen.
		r.problem = fmt.Errorf("feed %s: the tree has no root over block %d", r.dk, i)
		return true
	}
	q := &request{p: p, fork: r.fork, index: i, size: r.sizeLocked()}
	if !p.s.reserve(q) {
		return false
	}
	q.sent = time.Now()
	note(&r.inflight, i, q)
	p.requests[q.id] = q
	p.s.send(p, &wire.Request{ID: q.id, Fork: q.fork, Request: feed.Request{
		Block: &feed.BlockRequest{Index: i, Nodes: nodes},
	}})
	return true
}

// onData handles an answer. An error ends the session.
func (p *peer) onData(d *wire.Data) error {
	r := p.r
	if d.ID == 0 {
		return p.onProbe(d)
	}
	r.mu.Lock()
	q := p.requests[d.ID]
	if q == nil {
		r.mu.Unlock()
		return nil // cancelled, or given up long ago
	}
	delete(p.requests, d.ID)
	p.stalled = false
	late := q.done
	if !late {
		// Only its room is given back; the block stays in the books until it is stored.
		q.done = true
		p.s.answered(q, d)
	}
	r.mu.Unlock()

	if err := q.matches(d, r.feed.State().Manifest); err != nil {
		r.finished(q, late)
		return err
	}
	if d.Block == nil {
		return p.keepSmall(answer{p: p, q: q, d: d, late: late})
	}
	if r.feed.Known(q.index) {
		r.x.stats.duplicates.Add(1)
		r.finished(q, late)
		return nil
	}
	if len(d.Block.Value) < handOver {
		return p.keepSmall(answer{p: p, q: q, d: d, late: late})
	}
	p.s.hand(answer{p: p, q: q, d: d, late: late})
	return nil
}

// keepSmall hashes, verifies and stores an answer that is not worth the way to a
// keeper. An error ends the session.
func (p *peer) keepSmall(a answer) error {
	if a.d.Block != nil {
		if p.r.keeps { // it is in the frame's buffer
			a.d.Block.Value = bytes.Clone(a.d.Block.Value)
		}
		a.d.Block.HashBlock()
	}
	return p.keep(a)
}

// keep verifies and stores an answer. An error ends the session.
func (p *peer) keep(a answer) error {
	err := p.r.store(a.d)
	p.r.finished(a.q, a.late)
	return p.judge(a.q, err)
}

// answered takes an answered request off the session's books.
func (s *session) answered(q *request, d *wire.Data) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	s.lastData = now
	s.flow.released(q.size)
	if d.Block != nil {
		s.flow.answered(len(d.Block.Value), now.Sub(q.sent), now)
	}
}

// matches checks that an answer is one to the request, no more. m is the feed's
// manifest when it is known.
func (q *request) matches(d *wire.Data, m *feed.Manifest) error {
	switch {
	case d.Fork != q.fork:
		return fmt.Errorf("it answered for fork %d instead of %d", d.Fork, q.fork)
	case d.Hash != nil || d.Seek != nil:
		return errors.New("it sent proofs that were not asked for")
	case q.upgrade:
		if d.Manifest != nil {
			m = d.Manifest // what it is worth shows when it is verified
		}
		if d.Block != nil || d.Upgrade == nil || !q.upgrades(d.Upgrade, m) {
			return errors.New("it answered another upgrade than the one asked for")
		}
	case d.Block == nil || d.Block.Index != q.index || d.Upgrade != nil || d.Manifest != nil:
		return fmt.Errorf("it did not answer with block %d alone", q.index)
	}
	return nil
}

// upgrades reports whether an upgrade is the one asked for, or the one to the
// prologue: a peer answers with that first to who has less than the prologue,
// whatever was asked (FORMAT.md, section 7).
func (q *request) upgrades(u *feed.UpgradeProof, m *feed.Manifest) bool {
	if u.Start == q.start && u.Length == q.length {
		return true
	}
	return m != nil && m.Prologue != nil && q.start < m.Prologue.Length && u.Start == 0 && u.Length == m.Prologue.Length
}

// admit asks the feed's owner whether a verified head may be stored.
func (r *replica) admit(st *feed.State) (done func(stored bool), retries int, err error) {
	r.mu.Lock()
	admit, retries := r.opts.Admit, r.retries
	r.mu.Unlock()
	if admit == nil {
		return func(bool) {}, retries, nil
	}
	done, err = admit(*st)
	return done, retries, err
}

// refusal wraps the error of Admit.
type refusal struct {
	err     error
	retries int // of the feed, when Admit was asked
}

func (e *refusal) Error() string { return e.err.Error() }
func (e *refusal) Unwrap() error { return e.err }

// store verifies an answer and puts what it establishes into the feed.
func (r *replica) store(d *wire.Data) error {
	r.apply.Lock()
	defer r.apply.Unlock()
	st := r.feed.State()
	batch, err := st.Verify(r.feed, &d.Proof)
	if err != nil {
		return err
	}
	stored := false
	if batch.Upgraded != nil {
		done, retries, err := r.admit(batch.Upgraded)
		if err != nil {
			return &refusal{err, retries}
		}
		defer func() { done(stored) }()
	}
	if batch.Block != nil && r.feed.Known(batch.Block.Index) {
		r.x.stats.duplicates.Add(1)
		return nil
	}
	if err := r.feed.Put(batch); err != nil {
		return &storeError{err}
	}
	stored = true
	if batch.Block != nil {
		r.x.stats.blocksIn.Add(1)
		r.x.stats.bytesIn.Add(uint64(len(batch.Block.Value)))
	}
	if batch.Upgraded != nil {
		r.x.stats.upgrades.Add(1)
		r.upgraded(batch)
	}
	return nil
}

// storeError says that our own side could not store something.
type storeError struct{ err error }

func (e *storeError) Error() string { return e.err.Error() }
func (e *storeError) Unwrap() error { return e.err }

// upgraded adjusts the books to a new head.
func (r *replica) upgraded(b *feed.Batch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	length := r.lengthLocked()
	r.refused = 0
	r.tip = blockRange{}
	if length > r.feed.Contiguous()+tipFirst {
		r.tip = blockRange{length - tipBlocks, length}
	}
	for _, p := range r.peers {
		if b.Reorg {
			// Blocks after the common part are others now; requests for the old
			// fork come back as NoData, or as answers that do not match.
			p.cursor, p.asked = min(p.cursor, b.Common), 0
			for _, q := range p.requests {
				if !q.upgrade {
					r.giveUpLocked(q)
				}
			}
		}
		if p.have.grown(length) {
			p.asked = 0
		}
		p.s.hunger(p)
	}
	if b.Reorg {
		clear(r.again)
	}
}

// finished takes an answered request off the feed's books.
func (r *replica) finished(q *request, late bool) {
	r.mu.Lock()
	if !late {
		if q.upgrade && r.upgrade == q {
			r.upgrade = nil
		}
		if !q.upgrade && r.inflight[q.index] == q {
			delete(r.inflight, q.index)
		}
	}
	stored := false
	if !q.upgrade {
		stored = r.feed.Known(q.index)
		if stored {
			r.arrivedLocked(q.index)
			r.last = time.Now()
		} else {
			r.againLocked(q.index)
		}
	}
	r.notifyLocked()
	peers := slices.Clone(r.peers)
	r.mu.Unlock()
	if q.upgrade || !stored {
		for _, p := range peers {
			p.s.hunger(p)
			if p.s != q.p.s {
				p.s.pump()
			}
		}
		return
	}
	q.p.s.hunger(q.p)
}

// judge decides what an answer that could not be stored means.
func (p *peer) judge(q *request, err error) error {
	r := p.r
	var refused *refusal
	var ours *storeError
	var fork *feed.ForkError
	switch {
	case err == nil:
		r.mu.Lock()
		p.odd = 0
		r.mu.Unlock()
		return nil
	case errors.As(err, &refused):
		r.refuse(q.start+q.length, refused)
		p.s.hunger(p)
		return nil
	case errors.As(err, &ours):
		r.fail(ours.err)
		return nil
	case errors.As(err, &fork):
		r.freeze(fork)
		return nil
	case errors.Is(err, feed.ErrMissing) && p.oddAnswer():
		return nil // our tree changed while the answer was under way
	case q.upgrade && q.start > 0:
		// It may be a forger, or the feed's writer on another history than
		// ours: ask for the whole head, and look which.
		return p.askProbe(q.start)
	}
	r.x.stats.invalid.Add(1)
	if !q.upgrade {
		r.shun(p.s.peer.Name, q.index)
	}
	return err
}

func (p *peer) oddAnswer() bool {
	p.r.mu.Lock()
	defer p.r.mu.Unlock()
	p.odd++
	return p.odd < maxUnverifiable
}

func (r *replica) refuse(length uint64, e *refusal) {
	err := e.err
	r.mu.Lock()
	if r.retries == e.retries { // else it is to be tried again already
		r.refused = length
	}
	r.notifyLocked()
	r.mu.Unlock()
	r.x.log.Warn("new head refused", "feed", r.dk, "length", length, "reason", err)
}

// fail notes that storing does not work; it is tried again after the next Retry.
func (r *replica) fail(err error) {
	r.mu.Lock()
	first := r.problem == nil
	r.problem = err
	r.notifyLocked()
	r.mu.Unlock()
	if first {
		r.x.log.Error("cannot store a feed", "feed", r.dk, "error", err)
	}
}

func (r *replica) freeze(e *feed.ForkError) {
	r.x.log.Error("the writer signed two different heads: feed is frozen", "feed", r.dk, "error", e)
	if err := r.feed.Freeze(e); err != nil {
		r.fail(err)
	}
	r.mu.Lock()
	r.notifyLocked()
	r.mu.Unlock()
}

// askProbe asks the peer to prove its head from the empty tree (PROTOCOL.md, "Conflict probe").
func (p *peer) askProbe(length uint64) error {
	p.r.mu.Lock()
	defer p.r.mu.Unlock()
	if p.suspect {
		return feed.ErrProof
	}
	p.suspect = true
	p.probeLocked(min(length, p.remote.Length))
	return nil
}

// probeLocked sends a conflict probe.
func (p *peer) probeLocked(length uint64) {
	p.probed = true
	p.probe = &request{p: p, fork: p.r.fork, upgrade: true, length: length, sent: time.Now()}
	p.s.mu.Lock()
	p.s.probing++
	p.s.mu.Unlock()
	p.s.send(p, &wire.Request{ID: 0, Fork: p.probe.fork, Request: feed.Request{
		Upgrade:  &feed.UpgradeRequest{Length: length},
		Manifest: true,
	}})
}

// probeEndedLocked takes the conflict probe off the books, when there is one.
func (p *peer) probeEndedLocked() {
	if p.probe == nil {
		return
	}
	p.probe = nil
	p.s.mu.Lock()
	p.s.probing--
	p.s.mu.Unlock()
}

// compareLocked asks a peer that is not ahead of us for its head, once: its
// Sync says how long the feed is there, but not that it is the same feed. A
// writer that went back to an old copy of its state is found out in this way.
func (r *replica) compareLocked(p *peer) {
	m := &p.remote
	if !p.probed && m.Fork == r.fork && m.Length > 0 && m.Length <= r.length {
		p.probeLocked(m.Length)
	}
}

// onProbe handles the answer to a conflict probe: evidence of a fork, or the end of the session.
func (p *peer) onProbe(d *wire.Data) error {
	r := p.r
	r.mu.Lock()
	q, suspect := p.probe, p.suspect
	p.probeEndedLocked()
	// JavaScript sends the evidence of a conflict unasked, before it closes the
	// channel. It is looked at once: the look costs a signature check.
	unasked := q == nil && !p.offered && d.Upgrade != nil && d.Upgrade.Start == 0
	p.offered = p.offered || unasked
	r.mu.Unlock()
	switch {
	case unasked:
		suspect = false
	case q == nil:
		return nil
	default:
		if err := q.matches(d, r.feed.State().Manifest); err != nil {
			return err
		}
	}
	st := r.feed.State()
	err := st.CheckConflict(r.feed, &d.Proof)
	var fork *feed.ForkError
	if errors.As(err, &fork) {
		r.freeze(fork)
		return nil
	}
	if err == nil && !suspect || unasked {
		p.s.hunger(p) // there may be more to ask for than before
		return nil
	}
	r.x.stats.invalid.Add(1)
	if err == nil {
		err = feed.ErrProof // the head is the one we have, so its upgrade was forged
	}
	return err
}

// onNoData handles a request that the peer cannot answer.
func (p *peer) onNoData(m *wire.NoData) {
	r := p.r
	r.mu.Lock()
	if m.ID == 0 {
		p.probeEndedLocked() // it cannot show its head: upgrades may be asked for again
	}
	q := p.requests[m.ID]
	if q == nil {
		r.mu.Unlock()
		p.s.hunger(p)
		return
	}
	delete(p.requests, m.ID)
	p.stalled = false
	r.giveUpLocked(q)
	if q.upgrade {
		p.remote.CanUpgrade = false // until it says otherwise
	} else if q.fork == p.remote.Fork && !p.have.gone(q.index) { // of another fork it says nothing
		p.have = remoteHave{shown: feed.MaxLength}
	}
	r.notifyLocked()
	peers := slices.Clone(r.peers)
	r.mu.Unlock()
	wake(peers)
}

// expire gives the requests that p sits on to others, and tries again what failed.
func (p *peer) expire(now time.Time) {
	r := p.r
	r.mu.Lock()
	p.s.mu.Lock()
	last := p.s.lastData
	p.s.mu.Unlock()
	var expired []*request
	for id, q := range p.requests {
		since := q.sent
		if last.After(since) {
			since = last // the link is slow, but the peer is at it
		}
		if now.Sub(since) < r.x.requestTimeout {
			continue
		}
		if q.done {
			delete(p.requests, id)
			continue
		}
		r.giveUpLocked(q)
		expired = append(expired, q)
	}
	if len(expired) > 0 {
		p.stalled = true
		r.x.stats.stalls.Add(1)
	}
	if p.probe != nil && now.Sub(p.probe.sent) >= r.x.requestTimeout {
		p.probeEndedLocked()
		p.s.hunger(p)
	}
	peers := slices.Clone(r.peers)
	r.mu.Unlock()

	for _, q := range expired {
		p.s.send(p, &wire.Cancel{ID: q.id})
	}
	if len(expired) > 0 {
		r.x.log.Warn("peer does not answer: asking others", "feed", r.dk, "peer", p.s.peer.Name, "requests", len(expired))
		wake(peers)
	}
}
