package replicate

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"

	"cobox/seeder/feed"
	"cobox/seeder/wire"
)

// The protocol names of a feed's channel; JavaScript pairs both.
const (
	protocolName  = "hypercore/alpha"
	protocolAlias = "hypercore"
)

// Peer says who is at the other end of a session, and what it may do.
type Peer struct {
	// Name is for logs and [Progress]; it must not be secret.
	Name string
	// Allow says which feeds may be replicated with the peer; nil allows all. A
	// feed that is not allowed looks to the peer like one that we do not have.
	Allow func(feed.Key) bool
	// Open opens a channel for every allowed feed, now and when one is added.
	// Without it the peer must open them, and prove the feed key by it, before it
	// learns whether we have the feed.
	Open bool
	// Services answer the channels of other protocols that the peer opens, by
	// protocol. Channels of protocols that are not here are refused.
	Services map[string]Service
}

// A session is one connection. Its reader handles messages, its writer sends
// small frames first and then answers one request at a time, so that a slow
// peer holds one block in memory.
type session struct {
	x    *Exchange
	conn Conn
	peer Peer

	// answers is written by the writer alone: the buffer of the block that is sent.
	answers []byte
	// only is the reader's alone: the frame at hand, where it holds one message.
	only []byte

	mu       sync.Mutex
	work     *sync.Cond  // something for the writer, or room for the reader; mu
	mux      *wire.Mux   // mu
	frames   [][]byte    // mu; small frames to write
	queued   int         // mu; their bytes
	asks     []ask       // mu; requests of the peer, in the order to answer them
	parked   []ask       // mu; requests of the peer that wait for what we are about to have
	untold   []*peer     // mu; peers whose side has to hear what we have
	hungry   []*peer     // mu; peers that may have something for us
	arrived  []answer    // mu; blocks on their way to the keepers
	toKeep   *sync.Cond  // enough of them, or the end; mu
	gather   *time.Timer // since the first of them came
	overdue  bool        // it has fired; mu
	keeping  int         // mu; bytes of blocks from the reader to the store
	extra    int         // mu; of them, what is taken of Exchange.extra
	readAll  bool        // mu; the reader has ended: no more blocks come
	probing  int         // mu; conflict probes under way; they are not in flow
	deferred []deferred  // mu while collecting; then the reader's own
	flow     flow        // mu
	nextID   uint64      // mu
	reopened map[feed.DiscoveryKey]int
	refused  map[feed.DiscoveryKey]feed.Hash // mu; what the peer asked for in vain
	denied   map[feed.DiscoveryKey]struct{}  // mu; what we asked the peer for in vain: it bounds them by our feeds
	lastData time.Time                       // mu
	writing  time.Time                       // mu; when the write under way began, zero for none
	ended    bool                            // mu
	err      error                           // mu; why, nil when the peer or the caller ended it
}

// deferred is an event that is handled after the mux has taken in its frame.
type deferred struct {
	what  eventKind
	p     *peer
	serve Service
	typ   uint64
	body  []byte
}

type eventKind int

const (
	peerJoined eventKind = iota
	peerDenied
	peerLeft
	peerSaid
	serviceSaid
)

// Serve runs a session until the peer ends it, ctx is done, or the peer breaks
// the protocol; it closes c. It returns nil in the first two cases, and an
// error that wraps [ErrPeer] in the last.
func (x *Exchange) Serve(ctx context.Context, c Conn, p Peer) error {
	s := &session{x: x, conn: c, peer: p, mux: wire.NewMux(), reopened: make(map[feed.DiscoveryKey]int), refused: make(map[feed.DiscoveryKey]feed.Hash),
		denied: make(map[feed.DiscoveryKey]struct{})}
	s.mux.Alias(protocolAlias, protocolName) // JavaScript pairs both
	s.work, s.toKeep = sync.NewCond(&s.mu), sync.NewCond(&s.mu)

	x.mu.Lock()
	x.sessions[s] = struct{}{}
	replicas := make([]*replica, 0, len(x.replicas))
	for _, r := range x.replicas {
		replicas = append(replicas, r)
	}
	x.mu.Unlock()
	for _, r := range replicas {
		s.openWanted(r)
	}

	s.gather = time.AfterFunc(gatherTime, s.gathered)
	defer s.gather.Stop()
	stop := context.AfterFunc(ctx, func() { s.end(nil) })
	defer stop()
	var wg sync.WaitGroup
	done := make(chan struct{})
	wg.Go(s.write)
	wg.Go(func() { s.tick(done) })

	for range keepers() {
		wg.Go(s.keep)
	}

	s.end(s.read())
	close(done)
	s.mu.Lock()
	s.readAll = true
	s.toKeep.Broadcast()
	s.mu.Unlock()
	wg.Wait()

	x.mu.Lock()
	delete(x.sessions, s)
	x.mu.Unlock()
	for _, p := range s.peers() {
		p.r.leave(p)
	}
	return s.err
}

// end closes the connection and keeps the first reason.
func (s *session) end(err error) {
	s.mu.Lock()
	if s.ended {
		s.mu.Unlock()
		return
	}
	s.ended = true
	s.err = err
	s.work.Broadcast()
	s.mu.Unlock()
	_ = s.conn.Close()
}

// peers returns the peers of the session that have joined their replica.
func (s *session) peers() []*peer {
	s.x.mu.RLock()
	replicas := make([]*replica, 0, len(s.x.replicas))
	for _, r := range s.x.replicas {
		replicas = append(replicas, r)
	}
	s.x.mu.RUnlock()
	var list []*peer
	for _, r := range replicas {
		r.mu.Lock()
		for _, p := range r.peers {
			if p.s == s {
				list = append(list, p)
			}
		}
		r.mu.Unlock()
	}
	return list
}

// read handles frames until the connection ends.
func (s *session) read() error {
	for {
		if !s.waitForRoom() {
			return nil
		}
		frame, err := s.conn.ReadFrame()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return fmt.Errorf("replicating with %s: %w", s.peer.Name, err)
		}
		if err := s.take(frame); err != nil {
			return fmt.Errorf("replicating with %s: %w: %w", s.peer.Name, ErrPeer, err)
		}
		s.pump()
	}
}

// waitForRoom waits until the peer has read enough of what we owe it. It
// reports false when the session has ended.
func (s *session) waitForRoom() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.ended && (len(s.asks) >= maxQueuedRequests || s.queued >= maxQueuedFrames) {
		s.work.Wait()
	}
	return !s.ended
}

// take handles one frame.
func (s *session) take(frame []byte) error {
	s.mu.Lock()
	s.deferred = s.deferred[:0]
	err := s.mux.Receive(frame, s.event)
	s.collectLocked()
	s.mu.Unlock()
	if err != nil {
		return err
	}
	s.only = nil
	if len(s.deferred) == 1 {
		s.only = frame
	}
	for i, d := range s.deferred {
		// A frame may hold many messages, and each may be answered by a large one.
		if i > 0 && !s.waitForRoom() {
			return nil
		}
		switch d.what {
		case peerJoined:
			d.p.r.join(d.p)
			s.tell(d.p)
		case peerDenied:
			d.p.r.notify()
		case peerLeft:
			d.p.r.leave(d.p)
			s.reopen(d.p)
		case peerSaid:
			if err := d.p.message(d.typ, d.body); err != nil {
				return err
			}
		case serviceSaid:
			if err := s.served(d.serve, d.typ, d.body); err != nil {
				return err
			}
		}
	}
	return nil
}

// event is called by the mux, with mu held.
func (s *session) event(ev wire.Event) error {
	switch ev.Kind {
	case wire.RemoteOpen:
		return s.remoteOpen(ev)
	case wire.Opened:
		p := ev.Channel.Data.(*peer)
		h, err := wire.ParseHandshake(ev.Handshake)
		if err != nil {
			return err
		}
		if !s.proves(p.r.feed.Key(), h.Capability) {
			return errors.New("it opened a feed without knowing the feed key")
		}
		s.trace("<", p, "open")
		delete(s.denied, p.r.dk)
		s.deferred = append(s.deferred, deferred{what: peerJoined, p: p})
	case wire.Rejected:
		p := ev.Channel.Data.(*peer)
		s.trace("<", p, "reject")
		p.closed = true
		s.denied[p.r.dk] = struct{}{}
		s.deferred = append(s.deferred, deferred{what: peerDenied, p: p})
	case wire.Closed:
		if p, ok := ev.Channel.Data.(*peer); ok && !p.closed {
			s.trace("<", p, "close")
			p.closed = true
			s.deferred = append(s.deferred, deferred{what: peerLeft, p: p})
		}
	case wire.Received:
		d := deferred{what: peerSaid, typ: ev.Type, body: ev.Body}
		switch data := ev.Channel.Data.(type) {
		case *peer:
			d.p = data
		case Service:
			d.what, d.serve = serviceSaid, data
		}
		s.deferred = append(s.deferred, d)
	}
	return nil
}

// remoteOpen answers a channel that the peer opened. Feeds that we do not have,
// feeds that the peer may not have and feeds whose key it does not know are
// refused alike: what is here is nobody's business who could not read it.
func (s *session) remoteOpen(ev wire.Event) error {
	protocol := ev.Channel.Protocol()
	if serve, ok := s.peer.Services[protocol]; ok {
		s.trace("<", nil, "open "+protocol)
		ev.Channel.Data = serve
		s.mux.Accept(ev.Channel, nil)
		return nil
	}
	if protocol != protocolName && protocol != protocolAlias {
		s.trace("<", nil, "open "+strconv.Quote(protocol)+", refused")
		return nil // the mux refuses it
	}
	var dk feed.DiscoveryKey
	if copy(dk[:], ev.Channel.ID()) != len(dk) || len(ev.Channel.ID()) != len(dk) {
		return nil
	}
	h, err := wire.ParseHandshake(ev.Handshake)
	if err != nil {
		return err
	}
	r := s.x.find(dk)
	if r == nil || !s.proves(r.feed.Key(), h.Capability) || !s.allowed(r) {
		s.trace("<", nil, "open "+dk.String()[:8]+", refused")
		s.refuseLocked(dk, h.Capability)
		return nil
	}
	p := newPeer(s, r, ev.Channel)
	s.trace("<", p, "open")
	s.mux.Accept(ev.Channel, s.handshake(r.feed.Key()))
	s.trace(">", p, "open")
	delete(s.denied, dk)
	s.deferred = append(s.deferred, deferred{what: peerJoined, p: p})
	return nil
}

func (s *session) allowed(r *replica) bool {
	return s.peer.Allow == nil || s.peer.Allow(r.feed.Key())
}

func (s *session) handshake(key feed.Key) []byte {
	h := wire.Handshake{Seeks: true, Capability: key.Capability(s.conn.Initiator(), s.conn.HandshakeHash())}
	return h.Append(nil)
}

// openWanted opens a channel for r when the session opens channels by itself, or
// the peer has asked for the feed before.
func (s *session) openWanted(r *replica) {
	if s.allowed(r) && (s.peer.Open || s.askedFor(r)) {
		s.open(r)
	}
}

func (s *session) open(r *replica) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return
	}
	if c := s.mux.Open(protocolName, r.dk[:], s.handshake(r.feed.Key())); c != nil {
		p := newPeer(s, r, c)
		s.trace(">", p, "open")
	}
	s.collectLocked()
}

// reopen opens a channel again that the peer closed while it had more for us.
func (s *session) reopen(p *peer) {
	r := p.r
	r.mu.Lock()
	more := !r.gone && p.heard && p.remote.Uploading && p.remote.Length > r.length && !r.opts.Writer
	r.mu.Unlock()
	if more && s.reopened[r.dk] < maxReopens && s.allowed(r) {
		s.reopened[r.dk]++
		s.open(r)
	}
}

// closePeer ends the channel of p from our side.
func (s *session) closePeer(p *peer) {
	s.mu.Lock()
	if !p.closed && !s.ended {
		s.trace(">", p, "close")
		p.closed = true
		s.mux.Close(p.ch)
		s.collectLocked()
	}
	s.mu.Unlock()
	p.r.leave(p)
}

// collectLocked queues the control frames that the mux made.
func (s *session) collectLocked() {
	for _, f := range s.mux.Frames() {
		s.frames = append(s.frames, f)
		s.queued += len(f)
	}
	s.work.Broadcast()
}

// send queues a small message.
func (s *session) send(p *peer, m wire.Message) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.closed || s.ended {
		return
	}
	s.trace(">", p, m)
	frame := m.Append(p.ch.AppendHeader(nil, m.Type()))
	s.frames = append(s.frames, frame)
	s.queued += len(frame)
	s.work.Broadcast()
}

// tell notes that p's side has to hear what we have by now. The writer builds
// the messages when it is about to send them, so that many changes make one message.
func (s *session) tell(p *peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.closed || p.untold {
		return
	}
	p.untold = true
	s.untold = append(s.untold, p)
	s.work.Broadcast()
}

// hunger notes that p may have something for us.
func (s *session) hunger(p *peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if p.closed || p.hungry {
		return
	}
	p.hungry = true
	s.hungry = append(s.hungry, p)
}

// pump sends requests as long as the link has room, feed by feed in turns. It
// must be called without locks.
func (s *session) pump() {
	for {
		s.mu.Lock()
		if s.ended || len(s.hungry) == 0 || !s.flow.room(0) {
			s.mu.Unlock()
			return
		}
		p := s.hungry[0]
		s.hungry = s.hungry[1:]
		p.hungry = false
		s.mu.Unlock()

		switch p.request(quantum) {
		case noRoom:
			s.hunger(p)
			return
		case moreToAsk:
			s.hunger(p)
		case nothingToAsk:
		}
	}
}

// reserve takes room for a request of n bytes and gives it an id; false when there is none.
func (s *session) reserve(q *request) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || !s.flow.room(q.size) {
		return false
	}
	s.nextID++
	q.id = s.nextID
	s.flow.sent(q.size)
	return true
}

// released gives the room of a request back.
func (s *session) released(q *request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flow.released(q.size)
}

// write sends until the session ends.
func (s *session) write() {
	flushed := true
	for {
		frames, untold, next, ok := s.nextWork(&flushed)
		if !ok {
			return
		}
		for _, p := range untold {
			p.announce()
			s.unpark(p)
		}
		err := s.writeFrames(frames)
		if err == nil && next != nil {
			err = s.answer(next)
		}
		if err != nil {
			s.end(fmt.Errorf("replicating with %s: writing: %w", s.peer.Name, err))
			return
		}
	}
}

// nextWork waits for something to write. It flushes before it waits.
func (s *session) nextWork(flushed *bool) (frames [][]byte, untold []*peer, next *ask, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.writing = time.Time{}
	for !s.ended && len(s.frames) == 0 && len(s.untold) == 0 && len(s.asks) == 0 {
		if *flushed {
			s.work.Wait()
			continue
		}
		s.writing = time.Now()
		s.mu.Unlock()
		err := s.conn.Flush()
		*flushed = true
		s.mu.Lock()
		s.writing = time.Time{}
		if err != nil {
			s.mu.Unlock()
			s.end(fmt.Errorf("replicating with %s: writing: %w", s.peer.Name, err))
			s.mu.Lock()
		}
	}
	if s.ended {
		return nil, nil, nil, false
	}
	*flushed = false
	s.writing = time.Now()
	frames, s.frames, s.queued = s.frames, nil, 0
	untold, s.untold = s.untold, nil
	for _, p := range untold {
		p.untold = false
	}
	if len(untold) == 0 && len(s.asks) > 0 {
		a := s.asks[0]
		s.asks = s.asks[1:]
		next = &a
	}
	s.work.Broadcast()
	return frames, untold, next, true
}

func (s *session) writeFrames(frames [][]byte) error {
	for _, f := range frames {
		if err := s.conn.WriteFrame(f); err != nil {
			return err
		}
	}
	return nil
}

// tick looks for requests that the peer sits on, and for a peer that does not read.
func (s *session) tick(done <-chan struct{}) {
	every := min(time.Second, s.x.requestTimeout/4)
	t := time.NewTicker(every)
	defer t.Stop()
	looked := time.Now()
	for {
		select {
		case <-done:
			return
		case now := <-t.C:
			if now.Sub(looked) >= lookEvery {
				looked = now
				s.lookAgain()
			}
			s.mu.Lock()
			stuck := !s.writing.IsZero() && now.Sub(s.writing) > s.x.writeTimeout
			waiting := s.flow.requests > 0 || s.probing > 0
			s.mu.Unlock()
			if stuck {
				s.end(fmt.Errorf("replicating with %s: it has not read for %v", s.peer.Name, s.x.writeTimeout))
				return
			}
			if waiting {
				s.passOver(now)
				s.pump()
			}
			s.unpark(nil) // an answer is due some day, whatever it is
		}
	}
}

// lookAgain looks at every feed of the session as if something had just
// happened to it. Nothing should wait for that; but a session may last for
// years, and must not stand still for ever when an event was missed.
func (s *session) lookAgain() {
	for _, p := range s.peers() {
		s.tell(p)
		s.hunger(p)
	}
	s.pump()
}

// passOver gives requests that were not answered in time to other peers.
func (s *session) passOver(now time.Time) {
	for _, p := range s.peers() {
		p.expire(now)
	}
}
