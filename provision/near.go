package provision

import (
	"net"
	"net/netip"
)

// Near reports whether an address is of the box's own network: private,
// link-local, this computer's, or within the network of one of the box's own
// addresses. The last is for homes with IPv6, where all addresses are public. One
// that is not valid, which a relay's peer has, is not near.
func Near(a netip.Addr) bool {
	if !a.IsValid() {
		return false
	}
	a = a.Unmap()
	if a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return true
	}
	own, err := net.InterfaceAddrs()
	return err == nil && within(a, own)
}

// widest is the largest network, by the bits of its prefix, that is taken for one
// where people know each other: at some providers a customer's router gets an
// address in a network of thousands.
const (
	widest4 = 24
	widest6 = 64
)

// within reports whether an address is in the network of one of own.
func within(a netip.Addr, own []net.Addr) bool {
	for _, o := range own {
		p, err := netip.ParsePrefix(o.String())
		if err != nil {
			continue
		}
		widest := widest4
		if p.Addr().Is6() {
			widest = widest6
		}
		if p.Bits() >= widest && p.Contains(a.WithZone("")) {
			return true
		}
	}
	return false
}
