package replicate

import (
	"errors"
	"slices"
	"time"

	"cobox/seeder/feed"
	"cobox/seeder/wire"
)

// An ask is a request of the peer that waits for its answer.
type ask struct {
	p      *peer
	req    wire.Request
	parked time.Time // since when it waits for what we are about to have; zero: it does not
}

// asked queues a request of the peer; those with a priority go before the others.
func (s *session) asked(p *peer, req *wire.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := len(s.asks)
	if req.Priority > 0 {
		if i := slices.IndexFunc(s.asks, func(a ask) bool { return a.req.Priority < req.Priority }); i >= 0 {
			at = i
		}
	}
	s.asks = slices.Insert(s.asks, at, ask{p: p, req: *req})
	s.work.Broadcast()
}

// cancelled drops a request that the peer does not need answered any more.
func (s *session) cancelled(p *peer, id uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	its := func(a ask) bool { return a.p == p && a.req.ID == id }
	s.asks = slices.DeleteFunc(s.asks, its)
	s.parked = slices.DeleteFunc(s.parked, its)
}

// park keeps a request for hashes that we do not have yet, because the feed was
// truncated and its blocks are on their way. A JavaScript peer asks for them to
// find out what the two forks have in common, at once, and gives us up after 32
// refusals.
func (s *session) park(a *ask, err error) bool {
	if a.req.Hash == nil || !errors.Is(err, feed.ErrNoNode) || !a.p.r.fetching() {
		return false
	}
	now := time.Now()
	if a.parked.IsZero() {
		a.parked = now
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if now.Sub(a.parked) >= s.x.requestTimeout || len(s.parked) >= maxParked {
		return false
	}
	s.parked = append(s.parked, *a)
	return true
}

// unpark tries parked requests again: those about p, or all with nil.
func (s *session) unpark(p *peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.parked = slices.DeleteFunc(s.parked, func(a ask) bool {
		if p != nil && a.p != p {
			return false
		}
		s.asks = append(s.asks, a)
		return true
	})
	s.work.Broadcast()
}

// fetching reports whether blocks of the feed are still to come.
func (r *replica) fetching() bool {
	r.mu.Lock()
	download := r.opts.Download
	r.mu.Unlock()
	return download && r.feed.Contiguous() < r.feed.Durable().Head.Length
}

// answer writes the answer to a request: Data or NoData, always one of them.
func (s *session) answer(a *ask) error {
	s.mu.Lock()
	closed := a.p.closed
	s.mu.Unlock()
	if closed {
		return nil
	}
	d, err := s.prove(a)
	if err != nil && s.park(a, err) {
		return nil
	}
	if err != nil {
		return s.refuse(a, err)
	}
	frame := a.p.ch.AppendHeader(nil, d.Type())
	head, value, tail := d.AppendParts(frame)
	if len(head)+len(value)+len(tail) > wire.MaxFrame {
		return s.refuse(a, errors.New("no frame can hold the block"))
	}
	s.trace(">", a.p, d)
	if d.Block != nil {
		s.x.stats.blocksOut.Add(1)
		s.x.stats.bytesOut.Add(uint64(len(value)))
	}
	return s.conn.WriteFrame(head, value, tail)
}

// refuse tells the peer that there is no answer to a request.
func (s *session) refuse(a *ask, err error) error {
	s.x.stats.noData.Add(1)
	m := noData(a, err)
	s.trace(">", a.p, m)
	return s.conn.WriteFrame(m.Append(a.p.ch.AppendHeader(nil, m.Type())))
}

func noData(a *ask, err error) *wire.NoData {
	m := &wire.NoData{ID: a.req.ID, Reason: wire.NotAvailable}
	if errors.Is(err, feed.ErrRequest) {
		m.Reason = wire.InvalidRequest
	}
	return m
}

var errNotHere = errors.New("not here")

// prove makes the answer from what is synced. The block's value is in s.answers.
func (s *session) prove(a *ask) (*wire.Data, error) {
	f := a.p.r.feed
	st := f.Durable()
	if a.req.Fork != st.Head.Fork {
		return nil, errNotHere
	}
	if b := a.req.Block; b != nil && !f.Has(b.Index) {
		return nil, errNotHere
	}
	proof, err := feed.Prove(st.Head, st.Manifest, f, a.req.Request)
	if err != nil {
		return nil, err
	}
	if proof.Block != nil {
		value, err := f.Block(proof.Block.Index, s.answers)
		if err != nil {
			return nil, err
		}
		s.answers = value
		proof.Block.Value = value
	}
	if f.Durable().Head.Fork != st.Head.Fork {
		return nil, errNotHere // truncated meanwhile: the parts may not belong together
	}
	return &wire.Data{ID: a.req.ID, Proof: *proof}, nil
}

// wantsRange answers a Want: what we have of a window (PROTOCOL.md, "Serving").
func (p *peer) sendWindow(w wire.Want) {
	f := p.r.feed
	length := f.Durable().Head.Length
	contiguous := f.Contiguous()
	if w.Start+w.Length < contiguous || contiguous >= length {
		if contiguous > 0 {
			p.s.send(p, &wire.Range{Start: 0, Length: contiguous})
		}
		return
	}
	end := min(w.Start+w.Length, length)
	if w.Any {
		p.sendAny(w.Start, end)
		return
	}
	for start := w.Start &^ 31; start < end; {
		next := min((start/wantWindow+1)*wantWindow, end)
		var words []uint32
		f.Bits(func(b *feed.Bitfield) { words = b.Words(start, int((next-start+31)/32)) })
		p.s.send(p, &wire.Bitfield{Start: start, Words: words})
		start = next
	}
}

// sendAny announces the first run of blocks in a window.
func (p *peer) sendAny(start, end uint64) {
	var first, gap uint64
	var ok bool
	p.r.feed.Bits(func(b *feed.Bitfield) {
		if first, ok = b.NextSet(start); ok {
			gap = b.NextUnset(first)
		}
	})
	if ok && first < end {
		p.s.send(p, &wire.Range{Start: first, Length: min(gap, end) - first})
	}
}
