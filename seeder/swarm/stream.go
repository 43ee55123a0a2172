package swarm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multistream"
)

// A Stream is an authenticated, ordered stream of bytes in both directions. One
// goroutine may read while another writes; Close, Reset and the deadlines may be
// called from any. Read and Write fail with an error that is
// [os.ErrDeadlineExceeded] after a deadline, and with one that wraps [ErrBusy]
// when the peer's limits had no room for the stream.
type Stream interface {
	io.ReadWriteCloser

	// CloseWrite tells the peer that nothing more will come (it reads io.EOF).
	// Reading goes on.
	CloseWrite() error
	// Reset ends the stream at once in both directions; what is under way is lost,
	// and both ends get an error.
	Reset() error

	SetDeadline(t time.Time) error
	SetReadDeadline(t time.Time) error
	SetWriteDeadline(t time.Time) error

	// Local and Remote are the two ends' proven identities.
	Local() PeerID
	Remote() PeerID
	// From is the peer's IP address; it is not valid when a relay is between.
	From() netip.Addr
	// Transport is "tcp", "quic" or "relay".
	Transport() string
	// Limited reports that a relay bounds the connection in time and bytes: good for
	// a question and an answer, not for bulk.
	Limited() bool
}

// ErrBusy is wrapped by errors of a stream that was reset because the peer already
// serves as many as it allows. Try again later, or over fewer streams.
var ErrBusy = errors.New("the peer has no room for another stream")

// ErrNoProtocol is wrapped by errors of [Host.Open] when the peer does not speak the protocol.
var ErrNoProtocol = errors.New("the peer does not speak this protocol")

// stream is the Stream over a libp2p stream.
type stream struct {
	s    network.Stream
	h    *Host
	once sync.Once // ends the connection manager's regard for it
}

// streamTag is the connection manager's tag for connections in use. They score
// above whatever the DHT thinks of a peer (up to 10 or so).
const (
	streamTag   = "cobox/streams"
	streamScore = 100
)

func (h *Host) newStream(s network.Stream) *stream {
	h.p2p.ConnManager().UpsertTag(s.Conn().RemotePeer(), streamTag, func(n int) int { return n + streamScore })
	return &stream{s: s, h: h}
}

func (st *stream) release() {
	st.once.Do(func() {
		st.h.p2p.ConnManager().UpsertTag(st.s.Conn().RemotePeer(), streamTag, func(n int) int { return max(0, n-streamScore) })
	})
}

func (st *stream) Read(p []byte) (int, error) {
	n, err := st.s.Read(p)
	return n, explain(err)
}

func (st *stream) Write(p []byte) (int, error) {
	n, err := st.s.Write(p)
	return n, explain(err)
}

func (st *stream) Close() error {
	defer st.release()
	return explain(st.s.Close())
}

func (st *stream) Reset() error {
	defer st.release()
	return st.s.Reset()
}

func (st *stream) CloseWrite() error                  { return explain(st.s.CloseWrite()) }
func (st *stream) SetDeadline(t time.Time) error      { return st.s.SetDeadline(t) }
func (st *stream) SetReadDeadline(t time.Time) error  { return st.s.SetReadDeadline(t) }
func (st *stream) SetWriteDeadline(t time.Time) error { return st.s.SetWriteDeadline(t) }
func (st *stream) Local() PeerID                      { return PeerID(st.s.Conn().LocalPeer()) }
func (st *stream) Remote() PeerID                     { return PeerID(st.s.Conn().RemotePeer()) }
func (st *stream) Transport() string                  { return transportOf(st.s.Conn()) }
func (st *stream) From() netip.Addr                   { return addrOf(st.s.Conn().RemoteMultiaddr()) }
func (st *stream) Limited() bool                      { return st.s.Conn().Stat().Limited }

// explain puts errors of a stream into the words of [Stream].
func explain(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return err
	}
	if e, ok := errors.AsType[net.Error](err); ok && e.Timeout() {
		return os.ErrDeadlineExceeded
	}
	if e, ok := errors.AsType[*network.StreamError](err); ok && e.Remote && e.ErrorCode == network.StreamResourceLimitExceeded {
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return err
}

func transportOf(c network.Conn) string {
	if relayed(c) {
		return "relay" // libp2p calls one from outside by what carries the circuit
	}
	switch t := c.ConnState().Transport; t {
	case "quic-v1":
		return "quic"
	default:
		return t
	}
}

// Handle serves protocol with fn. Each stream that a peer opens gets a goroutine
// of its own, which the host owns: [Host.Run] waits for it after it has reset the
// stream. The stream is closed when fn returns. [Limits] bounds how many there are.
// A later call for the same protocol takes the place of an earlier one.
func (h *Host) Handle(protocolID string, fn func(Stream)) {
	h.handle(protocolID, func(st *stream) {
		defer func() { _ = st.Close() }() // the peer's loss if it does not arrive
		fn(st)
	})
}

// handle is Handle for a function that sees to closing the stream itself.
func (h *Host) handle(protocolID string, fn func(*stream)) {
	h.p2p.SetStreamHandler(protocol.ID(protocolID), func(s network.Stream) {
		h.mu.Lock()
		if h.closing {
			h.mu.Unlock()
			_ = s.Reset()
			return
		}
		h.handlers.Add(1)
		h.mu.Unlock()
		defer h.handlers.Done()
		fn(h.newStream(s))
	})
}

// Open opens a stream to peer for protocol. When there is no connection it first
// looks for the peer as [Host.Connect] does. For a protocol of Config.Bulk it then
// waits some seconds for a direct connection in the place of a relayed one, before it
// takes what there is: see [Stream.Limited]. Errors wrap [ErrNoProtocol], or what
// Connect's errors wrap.
// That the peer is busy shows only when the stream is first read ([ErrBusy]).
// The caller must close or reset the stream.
func (h *Host) Open(ctx context.Context, to PeerID, protocolID string) (Stream, error) {
	st, err := h.open(ctx, to, protocolID)
	if err != nil {
		return nil, err
	}
	return st, nil
}

func (h *Host) open(ctx context.Context, to PeerID, protocolID string) (*stream, error) {
	if err := h.reach(ctx, peer.ID(to)); err != nil {
		return nil, err
	}
	s, err := h.openBest(ctx, peer.ID(to), protocol.ID(protocolID))
	if err == nil {
		return h.newStream(s), nil
	}
	if e, ok := errors.AsType[multistream.ErrNotSupported[protocol.ID]](err); ok {
		return nil, fmt.Errorf("opening a stream to %s: %w: %s; it may run an older version", to, ErrNoProtocol, e.Protos)
	}
	return nil, fmt.Errorf("opening a stream to %s for %s: %w", to, protocolID, explain(err))
}

// openBest opens a stream on the best connection there is or, for bulk, soon will be.
func (h *Host) openBest(ctx context.Context, to peer.ID, p protocol.ID) (network.Stream, error) {
	if h.s.HolePunching && h.isBulk(p) {
		if err := h.waitDirect(ctx, to); err != nil {
			return nil, err
		}
	}
	ctx = network.WithNoDial(ctx, "connected already")
	return h.p2p.NewStream(network.WithAllowLimitedConn(ctx, "better than none"), to, p)
}

func (h *Host) isBulk(p protocol.ID) bool { return slices.Contains(h.s.Bulk, string(p)) }

// unhandle ends the serving of a protocol.
func (h *Host) unhandle(protocolID string) { h.p2p.RemoveStreamHandler(protocol.ID(protocolID)) }
