package swarm

import (
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	"github.com/multiformats/go-multiaddr"
)

// The kinds of a [Route].
const (
	Direct      = "direct"       // one end could dial the other
	HolePunched = "hole punched" // made with the help of a relay, which the bytes do not pass
	Relayed     = "relayed"      // all bytes pass a relay
)

// A Route says how a peer is connected. The zero value says that it is not.
type Route struct {
	Kind      string // Direct, HolePunched or Relayed; "": not connected
	Transport string // "tcp", "quic" or "relay"
	Relay     PeerID // whose relay it is; only when Relayed

	// What the relay lets one circuit carry in each direction, and for how long; 0:
	// it has no limit. When one is reached the circuit ends, and bulk streams go on
	// over the next.
	LimitBytes int64
	LimitTime  time.Duration
}

// String describes the route for people: "direct, tcp", "hole punched, quic",
// "relayed by 12D3Koo..., 131072 bytes or 2m0s a circuit", "not connected".
func (r Route) String() string {
	switch {
	case r.Kind == "":
		return "not connected"
	case r.Kind != Relayed:
		return r.Kind + ", " + r.Transport
	}
	text := "relayed by " + r.Relay.String()
	switch {
	case r.LimitBytes > 0 && r.LimitTime > 0:
		text += fmt.Sprintf(", %d bytes or %v a circuit", r.LimitBytes, r.LimitTime)
	case r.LimitBytes > 0:
		text += fmt.Sprintf(", %d bytes a circuit", r.LimitBytes)
	case r.LimitTime > 0:
		text += fmt.Sprintf(", %v a circuit", r.LimitTime)
	}
	return text
}

// Route says how a peer is connected, by the best of its connections.
func (h *Host) Route(to PeerID) Route {
	best, ok := bestOf(h.p2p.Network().ConnsToPeer(peer.ID(to)))
	if !ok {
		return Route{}
	}
	return h.routeOf(best)
}

// bestOf returns the connection that is used for new streams: direct before
// relayed, then the oldest.
func bestOf(conns []network.Conn) (best network.Conn, ok bool) {
	for _, c := range conns {
		if !c.IsClosed() && (best == nil || better(c, best)) {
			best = c
		}
	}
	return best, best != nil
}

func better(a, b network.Conn) bool {
	if relayed(a) != relayed(b) {
		return relayed(b)
	}
	return a.Stat().Opened.Before(b.Stat().Opened)
}

func (h *Host) routeOf(c network.Conn) Route {
	r := Route{Kind: Direct, Transport: transportOf(c)}
	if relayed(c) {
		r.Kind, r.Relay = Relayed, relayOf(c.RemoteMultiaddr())
		r.LimitBytes, r.LimitTime = circuitLimits(c)
		return r
	}
	if _, yes := h.punched.Load(c.ID()); yes {
		r.Kind = HolePunched
	}
	return r
}

func relayed(c network.Conn) bool { return has(c.RemoteMultiaddr(), multiaddr.P_CIRCUIT) }

// relayOf returns whose relay is in a circuit's address, /…/p2p/RELAY/p2p-circuit/….
func relayOf(m multiaddr.Multiaddr) PeerID {
	before, _ := multiaddr.SplitFunc(m, func(c multiaddr.Component) bool { return c.Protocol().Code == multiaddr.P_CIRCUIT })
	if before == nil {
		return ""
	}
	id, err := peer.IDFromP2PAddr(before)
	if err != nil {
		return ""
	}
	return PeerID(id)
}

// circuitLimits returns what a relay told of a circuit's limits; 0: there is none.
func circuitLimits(c network.Conn) (bytes int64, limit time.Duration) {
	stat := c.Stat()
	if n, ok := stat.Extra[client.StatLimitData].(uint64); ok {
		bytes = int64(min(n, 1<<62))
	}
	limit, _ = stat.Extra[client.StatLimitDuration].(time.Duration)
	return bytes, limit
}

// notePunched remembers that c came about while the peer was connected by a relay:
// a hole was punched, or the far end dialled back. It is forgotten with c.
func (h *Host) notePunched(n network.Network, c network.Conn) {
	if relayed(c) {
		return
	}
	for _, other := range n.ConnsToPeer(c.RemotePeer()) {
		if relayed(other) {
			h.punched.Store(c.ID(), struct{}{})
			return
		}
	}
}
