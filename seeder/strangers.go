package seeder

import (
	"context"
	"net"
	"net/netip"
	"sync"
	"time"
)

// What stock Hypercore peers, of whom we know nothing, can make the box hold.
const (
	// maxStrangers bounds their connections. Each may take some hundred KB, and a
	// block while it is sent.
	maxStrangers = 128
	// maxFromOne bounds those from one address (IPv4) or one network (IPv6, /64):
	// all computers of a household or an office behind one router.
	maxFromOne = 32
	// graceTime is how long a newcomer is safe from being put out for the next
	// one; a handshake and the first proof of a key take less.
	graceTime = 5 * time.Second
)

// strangers are the connections of stock Hypercore peers.
type strangers struct {
	mu sync.Mutex
	in map[*stranger]struct{} // mu
	wg sync.WaitGroup         // Add under mu
}

// wait waits until all have left.
func (s *strangers) wait() { s.wg.Wait() }

// count returns how many are there.
func (s *strangers) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.in)
}

// enter runs serve for a new connection, in the background, when there is room.
// When there is none, the one that has been there longest and proved nothing is
// put out: so nobody keeps others out by being silent.
func (s *strangers) enter(ctx context.Context, nc net.Conn, serve func(context.Context, *stranger)) bool {
	p := &stranger{from: source(nc.RemoteAddr()), since: time.Now()}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.roomLocked(p) {
		return false
	}
	ctx, p.cancel = context.WithCancel(ctx)
	if s.in == nil {
		s.in = make(map[*stranger]struct{})
	}
	s.in[p] = struct{}{}
	s.wg.Go(func() {
		defer p.cancel()
		serve(ctx, p)
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.in, p)
	})
	return true
}

// roomLocked makes room for p, or reports that there is none.
func (s *strangers) roomLocked(p *stranger) bool {
	same := 0
	for q := range s.in {
		if q.from == p.from && p.from.IsValid() {
			same++
		}
	}
	switch {
	case same >= maxFromOne:
		return s.putOutLocked(func(q *stranger) bool { return q.from == p.from }, p.since)
	case len(s.in) >= maxStrangers:
		return s.putOutLocked(func(*stranger) bool { return true }, p.since)
	}
	return true
}

// putOutLocked ends the oldest useless connection of those chosen.
func (s *strangers) putOutLocked(chosen func(*stranger) bool, now time.Time) bool {
	var oldest *stranger
	for q := range s.in {
		if chosen(q) && !q.useful.Load() && now.Sub(q.since) > graceTime && (oldest == nil || q.since.Before(oldest.since)) {
			oldest = q
		}
	}
	if oldest == nil {
		return false
	}
	oldest.cancel()
	delete(s.in, oldest) // its room is free at once; it leaves by itself
	return true
}

// source returns what tells strangers' networks apart: the IPv4 address, or the
// /64 of the IPv6 address. It is not valid for a Unix socket.
func source(a net.Addr) netip.Addr {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	addr := tcp.AddrPort().Addr().Unmap()
	if addr.Is6() {
		p, err := addr.Prefix(64)
		if err != nil {
			return addr
		}
		return p.Addr()
	}
	return addr
}
