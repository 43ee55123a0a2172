package swarm

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// A computer and a box on one cable, or on a switch without a router, have
// link-local IPv6 addresses and no others. libp2p neither tells such addresses nor
// dials them. So a box tells its own in the announcement on the local network, and
// who finds nothing else there dials a port of this computer instead, which a
// tunnel connects with the box. The peer proves its identity through it as ever.

// Bounds of tunnels.
const (
	maxLinkLocal = 4 // addresses that are told, of as many interfaces
	maxTunnels   = 8
	tunnelConns  = 4 // at a time in one tunnel
	tunnelDial   = 10 * time.Second
)

// linkLocal returns the link-local TCP addresses at which we listen, without the
// name of the interface: that is nobody else's business.
func (l *lan) linkLocal() (addrs []multiaddr.Multiaddr) {
	var ports []string
	for _, a := range l.host.Network().ListenAddresses() {
		if ip, err := manet.ToIP(a); err != nil || !ip.IsUnspecified() || ip.To4() != nil {
			continue
		}
		if port, err := a.ValueForProtocol(multiaddr.P_TCP); err == nil {
			ports = append(ports, port)
		}
	}
	if len(ports) == 0 {
		return nil
	}
	for _, ip := range l.zonedAddrs() {
		for _, port := range ports {
			if a, err := multiaddr.NewMultiaddr(fmt.Sprintf("/ip6/%s/tcp/%s", ip.WithZone(""), port)); err == nil && len(addrs) < maxLinkLocal {
				addrs = append(addrs, a)
			}
		}
	}
	return addrs
}

// zonedAddrs returns our own link-local addresses, with their interfaces.
func (l *lan) zonedAddrs() (ips []netip.Addr) {
	ifaces := l.ifaces
	if ifaces == nil {
		ifaces, _ = net.Interfaces() // none where the system does not tell
	}
	for _, iface := range ifaces {
		if iface.Flags&net.FlagUp == 0 || iface.Flags&net.FlagMulticast == 0 || iface.Flags&net.FlagLoopback != 0 {
			continue
		}
		addrs, err := iface.Addrs()
		if err != nil {
			continue
		}
		for _, a := range addrs {
			if p, err := netip.ParsePrefix(a.String()); err == nil && p.Addr().Is6() && p.Addr().IsLinkLocalUnicast() {
				ips = append(ips, p.Addr().WithZone(iface.Name))
			}
		}
	}
	return ips
}

// tunnels lead from ports of this computer to link-local addresses.
type tunnels struct {
	mu   sync.Mutex
	open map[netip.AddrPort]net.Listener // mu; by the far end
}

// through adds to a peer's addresses, where they are all link-local, those of
// tunnels to them: one for each interface on which the peer may be.
func (h *Host) through(info peer.AddrInfo) peer.AddrInfo {
	if slices.ContainsFunc(info.Addrs, func(a multiaddr.Multiaddr) bool { return !manet.IsIP6LinkLocal(a) }) {
		return info
	}
	zones := h.lan.zonedAddrs()
	for _, a := range info.Addrs {
		far, err := manet.ToNetAddr(a)
		if err != nil {
			continue
		}
		tcp, ok := far.(*net.TCPAddr)
		if !ok {
			continue
		}
		for _, own := range zones {
			to := netip.AddrPortFrom(tcp.AddrPort().Addr().WithZone(own.Zone()), uint16(tcp.Port))
			if near, err := h.tunnel(to); err == nil {
				info.Addrs = append(info.Addrs, near)
			} else {
				h.log.Debug("no tunnel", "to", to, "err", err)
			}
		}
	}
	return info
}

// tunnel returns an address of this computer that leads to a link-local one. It
// lasts as long as the host.
func (h *Host) tunnel(to netip.AddrPort) (multiaddr.Multiaddr, error) {
	h.tunnels.mu.Lock()
	defer h.tunnels.mu.Unlock()
	l := h.tunnels.open[to]
	if l == nil {
		if len(h.tunnels.open) == maxTunnels {
			return nil, errors.New("there are too many")
		}
		var err error
		if l, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return nil, err
		}
		if h.tunnels.open == nil {
			h.tunnels.open = make(map[netip.AddrPort]net.Listener)
		}
		h.tunnels.open[to] = l
		go func() {
			<-h.closed
			_ = l.Close()
		}()
		go h.serveTunnel(l, to)
	}
	return manet.FromNetAddr(l.Addr())
}

func (h *Host) serveTunnel(l net.Listener, to netip.AddrPort) {
	slots := make(chan struct{}, tunnelConns)
	for {
		conn, err := l.Accept()
		if err != nil {
			return // the host is closed
		}
		slots <- struct{}{}
		go func() {
			defer func() { <-slots }()
			h.splice(conn, to)
		}()
	}
}

// splice carries one connection through a tunnel until either end closes it or
// the host is closed.
func (h *Host) splice(near net.Conn, to netip.AddrPort) {
	defer func() { _ = near.Close() }()
	ctx, cancel := context.WithTimeout(context.Background(), tunnelDial)
	var d net.Dialer
	far, err := d.DialContext(ctx, "tcp", to.String())
	cancel()
	if err != nil {
		h.log.Debug("nobody at a link-local address", "to", to, "err", err)
		return
	}
	defer func() { _ = far.Close() }()
	done := make(chan struct{}, 2)
	for _, way := range [][2]net.Conn{{near, far}, {far, near}} {
		go func() {
			_, _ = io.Copy(way[0], way[1])
			if c, ok := way[0].(*net.TCPConn); ok {
				_ = c.CloseWrite()
			}
			done <- struct{}{}
		}()
	}
	for range 2 {
		select {
		case <-done:
		case <-h.closed:
			return
		}
	}
}
