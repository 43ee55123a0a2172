package torture

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"time"

	"cobox/seeder/swarm"
)

// A network carries streams between hosts, and breaks when it is told to. All
// bytes of a stream come in order or not at all, as from libp2p; those of
// different streams overtake each other.
type network struct {
	seed uint64

	mu    sync.Mutex
	hosts map[swarm.PeerID]*host   // mu
	links int                      // made so far; mu
	slow  time.Duration            // the longest that a write takes to arrive; mu
	apart map[swarm.PeerID]bool    // hosts that nobody reaches; mu
	met   map[[2]swarm.PeerID]bool // who has had a link to whom; mu
}

// linked reports whether two of the boxes have had a link.
func (n *network) linked(boxes []*box) bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, a := range boxes {
		for _, b := range boxes {
			if n.met[[2]swarm.PeerID{a.id(), b.id()}] {
				return true
			}
		}
	}
	return false
}

func newNetwork(seed uint64) *network {
	return &network{seed: seed, hosts: make(map[swarm.PeerID]*host), apart: make(map[swarm.PeerID]bool), met: make(map[[2]swarm.PeerID]bool), slow: 20 * time.Millisecond}
}

// chance returns a source of randomness for one thing of a seed, so that what one
// part of the world draws does not change what another draws.
func chance(seed uint64, name string) *rand.Rand {
	h := fnv.New64a()
	_, _ = io.WriteString(h, name)
	return rand.New(rand.NewPCG(seed, h.Sum64()))
}

// A link is a connection of two hosts.
type link struct {
	n    *network
	ends [2]*host
	name string

	mu      sync.Mutex
	streams map[*stream]struct{} // mu; of both ends
	made    int                  // mu
	over    bool                 // mu
}

var errCut = errors.New("the connection was cut")

// A host is a place in the network. It implements seeder.Host.
type host struct {
	n    *network
	id   swarm.PeerID
	gate swarm.Gate

	mu       sync.Mutex
	handlers map[string]func(*stream) // mu
	gone     map[int]func(swarm.PeerID)
	nextGone int
	links    map[swarm.PeerID]*link // mu
	closing  bool                   // mu
	serving  sync.WaitGroup
	closed   chan struct{}
}

// join makes a host; one of the same ID must have been closed.
func (n *network) join(cfg swarm.Config) *host {
	h := &host{
		n: n, id: idOf(cfg.Key), gate: cfg.Gate,
		handlers: make(map[string]func(*stream)), gone: make(map[int]func(swarm.PeerID)),
		links: make(map[swarm.PeerID]*link), closed: make(chan struct{}),
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.hosts[h.id] = h
	return h
}

func (h *host) linkTo(p swarm.PeerID) *link {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.links[p]
}

// Connect makes a link to a host, given by its ID or an address that ends with it.
func (h *host) Connect(ctx context.Context, target string) (swarm.PeerID, error) {
	_, text, ok := strings.Cut(target, "/p2p/")
	if !ok {
		text = target
	}
	to, err := swarm.ParsePeerID(text)
	if err != nil {
		return "", err
	}
	return to, h.reach(ctx, to)
}

func (h *host) reach(ctx context.Context, to swarm.PeerID) error {
	if h.linkTo(to) != nil {
		return nil
	}
	h.n.mu.Lock()
	other, slow := h.n.hosts[to], h.n.slow
	apart := h.n.apart[to] || h.n.apart[h.id]
	h.n.links++
	name := fmt.Sprint("link ", h.n.links)
	h.n.mu.Unlock()
	select {
	case <-time.After(slow):
	case <-ctx.Done():
		return ctx.Err()
	}
	if other == nil || apart {
		return errors.New("nobody answers")
	}
	from := netip.MustParseAddr("127.0.0.1")
	if h.gate != nil && !h.gate.Allow(to, netip.Addr{}, false) || other.gate != nil && !other.gate.Allow(h.id, from, true) {
		return errors.New("the gate is closed")
	}
	return h.n.connect(&link{n: h.n, ends: [2]*host{h, other}, name: name, streams: make(map[*stream]struct{})})
}

func (n *network) connect(l *link) error {
	a, b := l.ends[0], l.ends[1]
	n.mu.Lock()
	defer n.mu.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	if a.closing || b.closing {
		return errors.New("nobody answers")
	}
	if a.links[b.id] == nil && b.links[a.id] == nil { // else the other end was faster
		a.links[b.id], b.links[a.id] = l, l
		n.met[[2]swarm.PeerID{a.id, b.id}] = true
	}
	return nil
}

// cut ends a link. quiet says that the first end hears nothing of it, as when the
// other lost its power: its streams hang until a keep-alive finds out.
func (l *link) cut(quiet time.Duration) {
	l.mu.Lock()
	if l.over {
		l.mu.Unlock()
		return
	}
	l.over = true
	list := make([]*stream, 0, len(l.streams))
	for s := range l.streams {
		list = append(list, s)
	}
	l.mu.Unlock()
	end := func() {
		for _, s := range list {
			_ = s.Reset()
		}
		l.part(0)
	}
	l.part(1)
	if quiet == 0 {
		end()
		return
	}
	for _, s := range list {
		s.in.stall()
		s.out.stall()
	}
	time.AfterFunc(quiet, end)
}

// part takes the link from one of its ends.
func (l *link) part(end int) {
	h, other := l.ends[end], l.ends[1-end]
	h.mu.Lock()
	var fns []func(swarm.PeerID)
	if h.links[other.id] == l {
		delete(h.links, other.id)
		for _, fn := range h.gone {
			fns = append(fns, fn)
		}
	}
	h.mu.Unlock()
	for _, fn := range fns {
		fn(other.id)
	}
}

// cutAll cuts all links of a host.
func (h *host) cutAll(quiet time.Duration) {
	h.mu.Lock()
	list := make([]*link, 0, len(h.links))
	for _, l := range h.links {
		list = append(list, l)
	}
	h.mu.Unlock()
	for _, l := range list {
		if l.ends[1] != h {
			l.cut(0) // this end made it
		} else {
			l.cut(quiet)
		}
	}
}

func (h *host) Open(ctx context.Context, to swarm.PeerID, protocol string) (swarm.Stream, error) {
	return h.open(ctx, to, protocol)
}

func (h *host) open(ctx context.Context, to swarm.PeerID, protocol string) (*stream, error) {
	if err := h.reach(ctx, to); err != nil {
		return nil, err
	}
	l := h.linkTo(to)
	if l == nil {
		return nil, errCut
	}
	other := l.ends[0]
	if other == h {
		other = l.ends[1]
	}
	other.mu.Lock()
	fn := other.handlers[protocol]
	if other.closing || fn == nil {
		other.mu.Unlock()
		return nil, swarm.ErrNoProtocol
	}
	other.serving.Add(1)
	other.mu.Unlock()
	mine, theirs, err := l.stream(h, other)
	if err != nil {
		other.serving.Done()
		return nil, err
	}
	go func() {
		defer other.serving.Done()
		fn(theirs)
	}()
	return mine, nil
}

func (h *host) Dialer(to swarm.PeerID, protocol string) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		st, err := h.open(ctx, to, protocol)
		if err != nil {
			return nil, err
		}
		return swarm.Conn(st), nil
	}
}

func (h *host) handle(protocol string, fn func(*stream)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.handlers[protocol] = fn
}

func (h *host) Handle(protocol string, fn func(swarm.Stream)) {
	h.handle(protocol, func(s *stream) {
		defer func() { _ = s.Close() }()
		fn(s)
	})
}

func (h *host) Listener(protocol string) net.Listener {
	l := &listener{h: h, conns: make(chan *stream), done: make(chan struct{})}
	h.handle(protocol, func(s *stream) {
		select {
		case l.conns <- s:
		case <-l.done:
			_ = s.Reset()
		case <-h.closed:
			_ = s.Reset()
		}
	})
	return l
}

type listener struct {
	h     *host
	conns chan *stream
	done  chan struct{}
	once  sync.Once
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case s := <-l.conns:
		return swarm.Conn(s), nil
	case <-l.done:
	case <-l.h.closed:
	}
	return nil, net.ErrClosed
}

func (l *listener) Close() error {
	l.once.Do(func() { close(l.done) })
	return nil
}

func (l *listener) Addr() net.Addr { return &net.UnixAddr{} }

func (h *host) OnDisconnect(fn func(swarm.PeerID)) (stop func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.nextGone++
	id := h.nextGone
	h.gone[id] = fn
	return func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.gone, id)
	}
}

func (h *host) ClosePeer(p swarm.PeerID) {
	if l := h.linkTo(p); l != nil {
		l.cut(0)
	}
}

func (h *host) Peers() (list []swarm.PeerInfo) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id := range h.links {
		list = append(list, swarm.PeerInfo{ID: id, Route: h.Route(id), Transport: "tcp"})
	}
	return list
}

func (h *host) Route(swarm.PeerID) swarm.Route {
	return swarm.Route{Kind: swarm.Direct, Transport: "tcp"}
}

func (h *host) Settle(_ context.Context, p swarm.PeerID) (swarm.Route, error) { return h.Route(p), nil }
func (h *host) OnDirect(func(swarm.PeerID)) (stop func())                     { return func() {} }
func (h *host) Addrs() []string                                               { return []string{"/ip4/127.0.0.1/tcp/1/p2p/" + h.id.String()} }
func (h *host) Announce(...string)                                            {}
func (h *host) Remember(...string)                                            {}
func (h *host) Reachability() string                                          { return "public" }
func (h *host) HasRelay() bool                                                { return false }

func (h *host) Run(ctx context.Context) error {
	<-ctx.Done()
	return h.Close()
}

// Close ends all links, and waits for those who serve streams.
func (h *host) Close() error {
	h.mu.Lock()
	was := h.closing
	h.closing = true
	h.mu.Unlock()
	if !was {
		h.n.mu.Lock()
		if h.n.hosts[h.id] == h {
			delete(h.n.hosts, h.id)
		}
		h.n.mu.Unlock()
		close(h.closed)
	}
	h.cutAll(0)
	h.serving.Wait()
	return nil
}

// A stream is one end of a stream. It implements swarm.Stream.
type stream struct {
	l             *link
	local, remote swarm.PeerID
	in, out       *pipe
	other         *stream
}

func (l *link) stream(a, b *host) (mine, theirs *stream, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.over {
		return nil, nil, errCut
	}
	l.made++
	there := newPipe(l.n, chance(l.n.seed, fmt.Sprint(l.name, " there ", l.made)))
	back := newPipe(l.n, chance(l.n.seed, fmt.Sprint(l.name, " back ", l.made)))
	mine = &stream{l: l, local: a.id, remote: b.id, in: back, out: there}
	theirs = &stream{l: l, local: b.id, remote: a.id, in: there, out: back, other: mine}
	mine.other = theirs
	l.streams[mine], l.streams[theirs] = struct{}{}, struct{}{}
	return mine, theirs, nil
}

func (s *stream) forget() {
	s.l.mu.Lock()
	defer s.l.mu.Unlock()
	delete(s.l.streams, s)
}

func (s *stream) Read(p []byte) (int, error)  { return s.in.read(p) }
func (s *stream) Write(p []byte) (int, error) { return s.out.write(p) }

func (s *stream) Close() error {
	s.out.finish()
	s.in.fail(io.ErrClosedPipe)
	s.forget()
	return nil
}

func (s *stream) Reset() error {
	s.out.fail(errCut)
	s.in.fail(errCut)
	s.forget()
	s.other.forget()
	return nil
}

func (s *stream) CloseWrite() error {
	s.out.finish()
	return nil
}

func (s *stream) SetDeadline(t time.Time) error {
	s.in.setDeadline(&s.in.readBy, t)
	s.out.setDeadline(&s.out.writeBy, t)
	return nil
}

func (s *stream) SetReadDeadline(t time.Time) error {
	s.in.setDeadline(&s.in.readBy, t)
	return nil
}

func (s *stream) SetWriteDeadline(t time.Time) error {
	s.out.setDeadline(&s.out.writeBy, t)
	return nil
}

func (s *stream) Local() swarm.PeerID  { return s.local }
func (s *stream) Remote() swarm.PeerID { return s.remote }
func (s *stream) From() netip.Addr     { return netip.MustParseAddr("127.0.0.1") }
func (s *stream) Transport() string    { return "tcp" }
func (s *stream) Limited() bool        { return false }

// pipeRoom is how many bytes may be under way in one direction of a stream.
const pipeRoom = 256 << 10

// A pipe is one direction of a stream.
type pipe struct {
	n *network
	r *rand.Rand // mu

	mu              sync.Mutex
	changed         *sync.Cond
	chunks          []chunk // mu; under way, in order
	size            int     // of chunks; mu
	finished        bool    // mu
	stalled         bool    // nothing arrives any more; mu
	err             error   // mu
	readBy, writeBy time.Time
	timers          []*time.Timer // mu; of the deadlines
}

type chunk struct {
	data []byte
	at   time.Time // when it arrives
}

func newPipe(n *network, r *rand.Rand) *pipe {
	p := &pipe{n: n, r: r}
	p.changed = sync.NewCond(&p.mu)
	return p
}

func (p *pipe) wake() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changed.Broadcast()
}

func passed(t time.Time) bool { return !t.IsZero() && !time.Now().Before(t) }

func (p *pipe) read(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.err != nil:
			return 0, p.err
		case len(b) == 0:
			return 0, nil
		case len(p.chunks) > 0 && !p.stalled && passed(p.chunks[0].at):
			n := copy(b, p.chunks[0].data)
			if p.chunks[0].data = p.chunks[0].data[n:]; len(p.chunks[0].data) == 0 {
				p.chunks = p.chunks[1:]
			}
			p.size -= n
			p.changed.Broadcast()
			return n, nil
		case len(p.chunks) == 0 && p.finished:
			return 0, io.EOF
		case passed(p.readBy):
			return 0, os.ErrDeadlineExceeded
		}
		p.changed.Wait()
	}
}

func (p *pipe) write(b []byte) (n int, err error) {
	slow := p.n.slowness()
	p.mu.Lock()
	defer p.mu.Unlock()
	for n < len(b) {
		switch {
		case p.err != nil:
			return n, p.err
		case p.finished:
			return n, io.ErrClosedPipe
		case passed(p.writeBy):
			return n, os.ErrDeadlineExceeded
		case p.size >= pipeRoom:
			p.changed.Wait()
			continue
		}
		part := b[n:min(len(b), n+pipeRoom-p.size)]
		at := time.Now().Add(time.Duration(p.r.Int64N(int64(slow))))
		if k := len(p.chunks); k > 0 && at.Before(p.chunks[k-1].at) {
			at = p.chunks[k-1].at
		}
		p.chunks = append(p.chunks, chunk{append([]byte(nil), part...), at})
		p.size += len(part)
		n += len(part)
		time.AfterFunc(time.Until(at), p.wake)
	}
	return n, nil
}

// change changes how the network is.
func (n *network) change(fn func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	fn()
}

func (n *network) slowness() time.Duration {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.slow
}

func (p *pipe) finish() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.finished = true
	p.changed.Broadcast()
}

func (p *pipe) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.err = err
	}
	for _, t := range p.timers {
		t.Stop()
	}
	p.changed.Broadcast()
}

func (p *pipe) stall() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stalled = true
}

func (p *pipe) setDeadline(which *time.Time, t time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	*which = t
	if !t.IsZero() && p.err == nil {
		p.timers = append(p.timers, time.AfterFunc(time.Until(t), p.wake))
	}
	p.changed.Broadcast()
}
