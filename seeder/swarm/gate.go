package swarm

import (
	"net/netip"

	"github.com/libp2p/go-libp2p/core/control"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// gater asks our Gate at libp2p's doors. Inbound peers are judged once their
// identity is proven (InterceptSecured): before that there is nothing to judge by.
type gater struct {
	gate       Gate // nil: everybody
	configured map[peer.ID]bool

	// A client that listens for hole punching alone lets in those whom connected says
	// it is connected to, which can be by a relay only. nil until New has set it.
	puncher   bool
	connected func(peer.ID) bool
}

func newGater(s *settings) *gater {
	g := &gater{gate: s.Gate, configured: make(map[peer.ID]bool), puncher: s.puncher && !s.ForceRelay}
	for _, p := range s.bootstrap {
		g.configured[p.ID] = true
	}
	for _, p := range s.relays {
		g.configured[p.ID] = true
	}
	return g
}

func (g *gater) allow(p peer.ID, from netip.Addr, inbound bool) bool {
	return g.gate == nil || g.configured[p] || g.gate.Allow(PeerID(p), from, inbound)
}

// InterceptPeerDial is asked before any address of p is dialled.
func (g *gater) InterceptPeerDial(p peer.ID) bool { return g.allow(p, netip.Addr{}, false) }

// InterceptAddrDial allows every address: whom we dial is decided by peer.
func (g *gater) InterceptAddrDial(peer.ID, multiaddr.Multiaddr) bool { return true }

// InterceptAccept allows every address: the resource manager counts them.
func (g *gater) InterceptAccept(network.ConnMultiaddrs) bool { return true }

// InterceptSecured is asked once p has proven its identity.
func (g *gater) InterceptSecured(dir network.Direction, p peer.ID, c network.ConnMultiaddrs) bool {
	if dir == network.DirOutbound {
		return true
	}
	if g.puncher && !g.connected(p) {
		return false
	}
	return g.allow(p, addrOf(c.RemoteMultiaddr()), true)
}

// addrOf returns the IP address of a connection's far end; it is not valid for
// one by way of a relay, whose address tells nothing of the peer.
func addrOf(m multiaddr.Multiaddr) netip.Addr {
	if m == nil {
		return netip.Addr{}
	}
	if _, err := m.ValueForProtocol(multiaddr.P_CIRCUIT); err == nil {
		return netip.Addr{}
	}
	ip, err := manet.ToIP(m)
	if err != nil {
		return netip.Addr{}
	}
	addr, _ := netip.AddrFromSlice(ip)
	return addr.Unmap()
}

// InterceptUpgraded is asked last, when all is known that InterceptSecured knew.
func (g *gater) InterceptUpgraded(network.Conn) (bool, control.DisconnectReason) { return true, 0 }
