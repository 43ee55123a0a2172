package swarm

import (
	"fmt"
	"net"
	"sync"
	"sync/atomic"

	"github.com/libp2p/go-libp2p/core/network"
	p2pyamux "github.com/libp2p/go-libp2p/p2p/muxer/yamux"
	"github.com/libp2p/go-yamux/v5"
)

// minWindow is the window that every yamux stream starts with; the specification fixes it.
const minWindow = 256 << 10

// A muxer is yamux whose streams have a wide receive window from their start with
// familiar peers, as long as places for them last.
//
// The window that yamux 5.1 grows by itself is little use on a long line. Each time it
// doubles, it forgets to announce what it had freed just before: after some doublings the
// peer has hardly more than half of it, and the next announcement comes when half of it
// has been read, so that the peer stands still for most of each round trip. Nor does it
// grow any more when it lasts for four round trips (go-yamux issue 136).
// A window that is wide from the start is announced in full.
type muxer struct {
	usual    *p2pyamux.Transport
	wide     uint32 // bytes
	familiar func(PeerID) bool
	places   atomic.Int64 // free ones
}

func newMuxer(l Limits, familiar func(PeerID) bool) *muxer {
	usual := *p2pyamux.DefaultTransport
	usual.MaxStreamWindowSize = l.WindowBytes
	m := &muxer{usual: &usual, wide: min(l.FamiliarWindowBytes, l.WindowBytes), familiar: familiar}
	m.places.Store(int64(l.FamiliarConns))
	return m
}

// NewConn implements [network.Multiplexer].
func (m *muxer) NewConn(nc net.Conn, isServer bool, scope network.PeerScope) (network.MuxedConn, error) {
	if scope == nil || m.familiar == nil || !m.familiar(PeerID(scope.Peer())) {
		return m.usual.NewConn(nc, isServer, scope)
	}
	if m.places.Add(-1) < 0 || !m.roomy(scope) {
		m.leave()
		return m.usual.NewConn(nc, isServer, scope)
	}
	cfg := *m.usual.Config()
	cfg.InitialStreamWindowSize = m.wide
	begin := yamux.Client
	if isServer {
		begin = yamux.Server
	}
	session, err := begin(nc, &cfg, m.reserve(scope))
	if err != nil {
		m.leave()
		return nil, err
	}
	return &wideConn{MuxedConn: p2pyamux.NewMuxedConn(session), leave: sync.OnceFunc(m.leave)}, nil
}

func (m *muxer) leave() { m.places.Add(1) }

// roomyStreams is how many wide streams there must be memory for when a connection begins.
const roomyStreams = 4

// roomy reports whether there is memory for wide windows. Where others have taken much of it,
// a peer has the usual ones: it is slower on a long line, and none of its streams is refused.
func (m *muxer) roomy(scope network.PeerScope) bool {
	span, err := scope.BeginSpan()
	if err != nil {
		return false
	}
	defer span.Done()
	return span.ReserveMemory(roomyStreams*int(m.wide), network.ReservationPriorityMedium) == nil
}

// reserve takes what a wide window may hold beyond what yamux itself reserves for a
// stream, and leaves the last fifth of the memory to usual windows. Where there is none left,
// yamux ends the connection.
func (m *muxer) reserve(scope network.PeerScope) func() (yamux.MemoryManager, error) {
	return func() (yamux.MemoryManager, error) {
		span, err := scope.BeginSpan()
		if err != nil {
			return nil, err
		}
		if err := span.ReserveMemory(int(m.wide-minWindow), network.ReservationPriorityHigh); err != nil {
			span.Done()
			return nil, fmt.Errorf("a receive window of %d bytes: %w", m.wide, err)
		}
		return span, nil
	}
}

// A wideConn gives its place back when it is closed.
type wideConn struct {
	network.MuxedConn
	leave func()
}

func (c *wideConn) Close() error {
	defer c.leave()
	return c.MuxedConn.Close()
}

func (c *wideConn) CloseWithError(code network.ConnErrorCode) error {
	defer c.leave()
	return c.MuxedConn.CloseWithError(code)
}
