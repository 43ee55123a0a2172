package swarm

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/autonat"
	"github.com/multiformats/go-multiaddr"
)

// A PeerInfo tells of a connected peer, by the best of its connections: direct
// before relayed, then the oldest.
type PeerInfo struct {
	ID        PeerID
	Route     Route
	Transport string // "tcp", "quic" or "relay"
	Limited   bool   // the relay bounds time and bytes
	Inbound   bool   // the peer dialled us
	Local     bool   // by an address of the local network, or of this computer
	Since     time.Time
	Streams   int // over all its connections, libp2p's own included
}

// Peers returns the connected peers, in order of their IDs.
func (h *Host) Peers() []PeerInfo {
	conns := make(map[peer.ID][]network.Conn)
	for _, c := range h.p2p.Network().Conns() {
		conns[c.RemotePeer()] = append(conns[c.RemotePeer()], c)
	}
	out := make([]PeerInfo, 0, len(conns))
	for id, all := range conns {
		c, ok := bestOf(all)
		if !ok {
			continue
		}
		stat := c.Stat()
		p := PeerInfo{
			ID: PeerID(id), Route: h.routeOf(c), Transport: transportOf(c), Limited: stat.Limited,
			Inbound: stat.Direction == network.DirInbound, Since: stat.Opened, Local: local(c),
		}
		for _, c := range all {
			p.Streams += c.Stat().NumStreams
		}
		out = append(out, p)
	}
	slices.SortFunc(out, func(a, b PeerInfo) int { return cmp.Compare(a.ID, b.ID) })
	return out
}

// HasRelay reports whether others can reach us by way of a relay.
func (h *Host) HasRelay() bool {
	return slices.ContainsFunc(h.p2p.Addrs(), func(a multiaddr.Multiaddr) bool { return has(a, multiaddr.P_CIRCUIT) })
}

// local reports whether a connection's other end is in the local network.
func local(c network.Conn) bool {
	a := addrOf(c.RemoteMultiaddr())
	return !relayed(c) && (a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast())
}

// ClosePeer ends all connections to peer, and with them its streams. The peer may
// come back unless the [Gate] says otherwise: change the gate first. The peers in
// Config.Bootstrap and Config.Relays stay, as the gate is not asked about them: a
// box that hung up on its relay would not be found until the next reservation.
func (h *Host) ClosePeer(p PeerID) {
	if h.gater.configured[peer.ID(p)] {
		return
	}
	_ = h.p2p.Network().ClosePeer(peer.ID(p)) // what cannot be closed is closed
}

// OnConnect calls fn when a peer that had no connection has got one, until stop is
// called. What is said of fn at [Host.OnDisconnect] holds here too.
func (h *Host) OnConnect(fn func(PeerID)) (stop func()) { return h.came.add(fn) }

// OnDisconnect calls fn after the last connection to a peer has ended, until stop
// is called. Connections that come and go at the same time may make for a call too
// many: look at [Host.Peers] when it matters. fn is called by several goroutines of
// the host, which closing the host waits for: it must return soon, and must call
// neither stop nor the host's methods that dial or close.
func (h *Host) OnDisconnect(fn func(PeerID)) (stop func()) { return h.gone.add(fn) }

func (h *Host) connectedTo(n network.Network, c network.Conn) {
	h.notePunched(n, c)
	if !relayed(c) {
		h.direct.call(PeerID(c.RemotePeer()))
	}
	if len(n.ConnsToPeer(c.RemotePeer())) == 1 {
		h.came.call(PeerID(c.RemotePeer()))
	}
}

func (h *Host) disconnected(n network.Network, c network.Conn) {
	h.punched.Delete(c.ID())
	if n.Connectedness(c.RemotePeer()) == network.NotConnected {
		h.gone.call(PeerID(c.RemotePeer()))
	}
}

// watchers are functions to call about a peer.
type watchers struct {
	mu  sync.RWMutex
	fns map[*func(PeerID)]struct{}
}

func (w *watchers) add(fn func(PeerID)) (stop func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fns == nil {
		w.fns = make(map[*func(PeerID)]struct{})
	}
	w.fns[&fn] = struct{}{}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.fns, &fn)
	}
}

func (w *watchers) call(p PeerID) {
	w.mu.RLock()
	defer w.mu.RUnlock()
	for fn := range w.fns {
		(*fn)(p)
	}
}

// Reachability says whether others can dial us, as far as AutoNAT has found out
// from the peers that we are connected to: "public", "private" (behind NAT or a
// firewall: by relay or hole punching only) or "unknown".
func (h *Host) Reachability() string {
	// libp2p's two AutoNAT protocols give their results by these methods, which its
	// Host interface does not have.
	if v2, ok := h.p2p.(interface {
		ConfirmedAddrs() (reachable, unreachable, unknown []multiaddr.Multiaddr)
	}); ok {
		reachable, unreachable, unknown := v2.ConfirmedAddrs()
		if len(reachable) > 0 {
			return "public"
		}
		if len(unreachable) > 0 && len(unknown) == 0 {
			return "private"
		}
	}
	if v1, ok := h.p2p.(interface{ GetAutoNat() autonat.AutoNAT }); ok && v1.GetAutoNat() != nil {
		switch v1.GetAutoNat().Status() {
		case network.ReachabilityPublic:
			return "public"
		case network.ReachabilityPrivate:
			return "private"
		}
	}
	return "unknown"
}
