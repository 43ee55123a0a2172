package swarm

import (
	"context"
	"net"
	"sync"
)

// Listener returns a listener for the streams that peers open for protocol, for
// use by an [net/http.Server]. The address of a connection's remote end is the
// peer's ID in text form; [RemotePeer] and [ConnContext] give it as a [PeerID].
// Whoever accepts a connection closes it. Closing the listener, or the host, makes
// Accept return [net.ErrClosed]. It takes the place of an earlier handler for protocol.
//
// A client that keeps connections open (as [net/http.Transport] does) holds a
// stream for each: set its MaxConnsPerHost below the limit for streams per peer.
func (h *Host) Listener(protocolID string) net.Listener {
	l := &listener{h: h, protocol: protocolID, conns: make(chan *stream), done: make(chan struct{})}
	h.handle(protocolID, l.offer)
	return l
}

type listener struct {
	h        *Host
	protocol string
	conns    chan *stream
	done     chan struct{} // closed by Close
	once     sync.Once
}

// offer waits until somebody accepts st. The limits for streams bound how many wait.
func (l *listener) offer(st *stream) {
	select {
	case l.conns <- st:
	case <-l.done:
		_ = st.Reset()
	case <-l.h.closed:
		_ = st.Reset()
	}
}

func (l *listener) Accept() (net.Conn, error) {
	select {
	case st := <-l.conns:
		return conn{st}, nil
	case <-l.done:
	case <-l.h.closed:
	}
	return nil, net.ErrClosed
}

func (l *listener) Close() error {
	l.once.Do(func() {
		close(l.done)
		l.h.unhandle(l.protocol)
	})
	return nil
}

func (l *listener) Addr() net.Addr { return addr(l.h.ID()) }

// Dialer returns a function for [net/http.Transport]'s DialContext that opens a
// stream to peer for protocol, as [Host.Open] does, whatever network and address
// it is asked for: in an http.Client's URLs the host name means nothing.
func (h *Host) Dialer(peer PeerID, protocolID string) func(ctx context.Context, network, address string) (net.Conn, error) {
	return func(ctx context.Context, _, _ string) (net.Conn, error) {
		st, err := h.open(ctx, peer, protocolID)
		if err != nil {
			return nil, err
		}
		return conn{st}, nil
	}
}

// conn is a stream as a net.Conn. It has all methods of Stream.
type conn struct{ Stream }

// Conn returns a stream as a connection, like those of a [Host.Listener]: the
// addresses of its ends are the peers' IDs.
func Conn(st Stream) net.Conn { return conn{st} }

func (c conn) LocalAddr() net.Addr  { return addr(c.Local()) }
func (c conn) RemoteAddr() net.Addr { return addr(c.Remote()) }

// addr is the address of a peer among peers: its ID.
type addr PeerID

func (addr) Network() string  { return "libp2p" }
func (a addr) String() string { return PeerID(a).String() }

// RemotePeer returns whose connection c is, for one that came from a [Host.Listener]
// or a [Host.Dialer]; false for any other.
func RemotePeer(c net.Conn) (PeerID, bool) {
	s, ok := c.(conn)
	if !ok {
		return "", false
	}
	return s.Remote(), true
}

type peerKey struct{}

// ConnContext is for [net/http.Server]'s field of that name: it lets handlers
// find the peer with [PeerFromContext].
func ConnContext(ctx context.Context, c net.Conn) context.Context {
	if p, ok := RemotePeer(c); ok {
		return context.WithValue(ctx, peerKey{}, p)
	}
	return ctx
}

// PeerFromContext returns the peer whose request ctx belongs to; false when the
// request came another way, such as a Unix socket.
func PeerFromContext(ctx context.Context) (PeerID, bool) {
	p, ok := ctx.Value(peerKey{}).(PeerID)
	return p, ok
}
