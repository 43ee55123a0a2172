package replicate

import (
	"errors"
	"slices"
	"time"

	"cobox/seeder/feed"
	"cobox/seeder/wire"
)

// A peer is one feed on one session: what the other side has and asks for.
type peer struct {
	s  *session
	r  *replica
	ch *wire.Channel

	closed, untold, hungry bool // s.mu

	// The rest is guarded by r.mu.
	remote   wire.Sync           // the last Sync that the peer sent
	heard    bool                // there was one
	have     remoteHave          // what it has
	said     wire.Sync           // the last Sync that we sent
	saidAny  bool                // there was one
	told     uint64              // contiguous blocks that we announced last
	wants    []wire.Want         // windows that it subscribed to
	held     uint64              // blocks that we held when its windows were last sent
	asked    uint64              // up to where we sent Want
	cursor   uint64              // next block to consider asking it for
	requests map[uint64]*request // under way, and given up but perhaps still answered
	stalled  bool                // it sat on requests, and has not answered since
	odd      int                 // answers in a row that could not be verified
	probe    *request            // the conflict probe under way
	probed   bool                // one was sent
	suspect  bool                // it was sent because an upgrade did not verify
	offered  bool                // the peer sent evidence of a conflict unasked
}

// A request is one of ours that is under way.
type request struct {
	p       *peer
	id      uint64
	fork    uint64
	index   uint64 // of the block
	upgrade bool   // for a head, not a block
	start   uint64 // of the upgrade
	length  uint64 // of the upgrade
	size    int    // bytes estimated
	sent    time.Time
	done    bool // answered or given up; not in the books any more
}

func newPeer(s *session, r *replica, c *wire.Channel) *peer {
	p := &peer{s: s, r: r, ch: c, requests: make(map[uint64]*request)}
	c.Data = p
	return p
}

// message handles one message. An error ends the session.
func (p *peer) message(typ uint64, body []byte) error {
	m, err := wire.ParseMessage(typ, body)
	if errors.Is(err, wire.ErrUnknownType) {
		return nil
	}
	if err != nil {
		return err
	}
	p.s.trace("<", p, m)
	switch m := m.(type) {
	case *wire.Sync:
		p.onSync(m)
	case *wire.Request:
		p.s.asked(p, m)
	case *wire.Cancel:
		p.s.cancelled(p, m.ID)
	case *wire.Data:
		return p.onData(m)
	case *wire.NoData:
		p.onNoData(m)
	case *wire.Want:
		p.onWant(m)
	case *wire.Unwant:
		p.onUnwant(m)
	case *wire.Bitfield:
		p.update(func(length uint64) {
			p.have.window(m, length)
			p.cursor = min(p.cursor, m.Start)
		})
	case *wire.Range:
		p.update(func(length uint64) {
			from := m.Start
			if from <= p.have.contiguous {
				from = min(p.have.contiguous, m.Start+m.Length)
			}
			p.have.announce(m, length)
			p.cursor = min(p.cursor, from)
		})
	case *wire.Extension: // none is ours
	}
	return nil
}

// update changes what we know of the peer and then looks for something to ask.
func (p *peer) update(change func(length uint64)) {
	p.r.mu.Lock()
	change(p.r.lengthLocked())
	p.r.notifyLocked()
	p.r.mu.Unlock()
	p.s.hunger(p)
}

// onSync takes in the peer's head. The answer, where one is due, is made by announce.
func (p *peer) onSync(m *wire.Sync) {
	p.update(func(uint64) {
		if p.heard && m.Fork != p.remote.Fork {
			p.have = remoteHave{contiguous: min(p.have.contiguous, m.Length)}
			p.cursor, p.asked = 0, 0
		}
		p.remote, p.heard = *m, true
	})
	p.s.tell(p)
}

func (p *peer) onWant(m *wire.Want) {
	switch {
	case m.Length <= wantWindow:
	case m.Any:
		m.Length = wantWindow
	default:
		m.Start, m.Length = 0, wantWindow // as JavaScript: it wants everything
	}
	p.r.mu.Lock()
	if !slices.Contains(p.wants, *m) {
		if len(p.wants) == maxWants {
			p.wants = slices.Delete(p.wants, 0, 1)
		}
		p.wants = append(p.wants, *m)
	}
	p.r.mu.Unlock()
	p.sendWindow(*m)
}

func (p *peer) onUnwant(m *wire.Unwant) {
	p.r.mu.Lock()
	defer p.r.mu.Unlock()
	p.wants = slices.DeleteFunc(p.wants, func(w wire.Want) bool { return w.Start == m.Start && w.Length == m.Length })
}

// announce sends what the peer's side has to hear: our head, and what we have.
// It is called by the session's writer.
func (p *peer) announce() {
	r := p.r
	st := r.feed.Durable()
	contiguous := min(r.feed.Contiguous(), st.Head.Length)
	var held uint64
	r.mu.Lock()
	wanting := len(p.wants) > 0 && contiguous < st.Head.Length
	told := p.told
	if p.saidAny && st.Head.Fork != p.said.Fork {
		told = max(told, p.said.Length) // any block of the old fork may have been announced
	}
	r.mu.Unlock()
	if wanting {
		r.feed.Bits(func(b *feed.Bitfield) { held = b.Count() })
	}
	// What was announced and is gone is taken back first: a peer that sees a new
	// fork would else believe that we have its blocks, and delete its own.
	for _, gap := range p.gaps(contiguous, told) {
		p.s.send(p, &gap)
	}

	r.mu.Lock()
	m := p.syncLocked(&st)
	first := !p.saidAny
	say := first || p.worthSayingLocked(&m)
	if say {
		p.said, p.saidAny = m, true
	}
	grown := contiguous > p.told
	p.told = contiguous
	var windows []wire.Want
	if wanting && held != p.held && !first {
		p.held = held
		windows = slices.Clone(p.wants)
	}
	r.mu.Unlock()

	if say {
		p.s.send(p, &m)
	}
	if grown {
		p.s.send(p, &wire.Range{Start: 0, Length: contiguous})
	}
	for _, w := range windows {
		p.sendWindow(w)
	}
}

// gaps returns the ranges of blocks below end that are not there any more, from
// the first gap on; the last one reaches to end when there are very many.
func (p *peer) gaps(from, end uint64) (list []wire.Range) {
	if from >= end {
		return nil
	}
	p.r.feed.Bits(func(b *feed.Bitfield) {
		for from < end {
			next, ok := b.NextSet(from)
			if !ok || next > end || len(list) == maxGaps {
				next = end
			}
			list = append(list, wire.Range{Drop: true, Start: from, Length: next - from})
			from = b.NextUnset(next)
		}
	})
	return list
}

// syncLocked makes our Sync for the peer (PROTOCOL.md, "Life of a peer").
func (p *peer) syncLocked(st *feed.State) wire.Sync {
	m := wire.Sync{
		Fork: st.Head.Fork, Length: st.Head.Length,
		CanUpgrade: true, Uploading: true, Downloading: true,
		HasManifest: st.Manifest != nil,
	}
	if !p.heard {
		return m
	}
	m.CanUpgrade = false
	if p.remote.Fork == m.Fork {
		m.RemoteLength = p.remote.Length
		m.CanUpgrade = p.remote.Length == 0 ||
			p.remote.Length < m.Length && p.r.holdsRoots(p.remote.Length)
	}
	return m
}

// worthSayingLocked reports whether the peer must hear m. An acknowledgement
// alone is sent only to a peer that is behind and waits for it: else two peers
// would acknowledge each other's for ever.
func (p *peer) worthSayingLocked(m *wire.Sync) bool {
	if *m == p.said {
		return false
	}
	ack := p.said
	ack.RemoteLength = m.RemoteLength
	return ack != *m || p.remote.Length < m.Length
}

// holdsRoots reports whether we can prove an upgrade from length blocks.
func (r *replica) holdsRoots(length uint64) bool {
	if length > feed.MaxLength {
		return false
	}
	for _, i := range feed.RootIndexes(length) {
		if _, err := r.feed.Node(i); err != nil {
			return false
		}
	}
	return true
}
