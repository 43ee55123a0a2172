package hostname

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

const port = 5353

var (
	group4 = netip.MustParseAddr("224.0.0.251")
	group6 = netip.MustParseAddr("ff02::fb")
)

// maxMessage is the longest message that mDNS allows (section 17).
const maxMessage = 9000

// A socket is the group's, of IPv4 or of IPv6. It says at which network interface
// a message came in, and sends at the one that it is told.
type socket interface {
	read(b []byte) (n, iface int, from netip.AddrPort, err error)
	write(b []byte, iface int, to netip.AddrPort) error
	join(iface *net.Interface) error
	group() netip.Addr
	Close() error
}

// listen opens the sockets that can be opened. The error says why there is none.
//
// Go shares the port of a multicast address with whoever else listens at one,
// such as libp2p's mDNS in this process or the system's: all of them get what is
// sent to the group.
func listen() ([]socket, error) {
	var all []socket
	four, err4 := net.ListenUDP("udp4", &net.UDPAddr{IP: group4.AsSlice(), Port: port})
	if err4 == nil {
		p := ipv4.NewPacketConn(four)
		if err4 = errors.Join(p.SetControlMessage(ipv4.FlagInterface, true), p.SetMulticastTTL(255)); err4 == nil {
			all = append(all, socket4{p})
		} else {
			err4 = errors.Join(err4, four.Close())
		}
	}
	six, err6 := net.ListenUDP("udp6", &net.UDPAddr{IP: group6.AsSlice(), Port: port})
	if err6 == nil {
		p := ipv6.NewPacketConn(six)
		if err6 = errors.Join(p.SetControlMessage(ipv6.FlagInterface, true), p.SetMulticastHopLimit(255)); err6 == nil {
			all = append(all, socket6{p})
		} else {
			err6 = errors.Join(err6, six.Close())
		}
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("listening at port %d: %w", port, errors.Join(err4, err6))
	}
	return all, nil
}

type socket4 struct{ *ipv4.PacketConn }

func (s socket4) group() netip.Addr { return group4 }

func (s socket4) join(iface *net.Interface) error {
	return s.JoinGroup(iface, &net.UDPAddr{IP: group4.AsSlice()})
}

func (s socket4) read(b []byte) (n, iface int, from netip.AddrPort, err error) {
	n, cm, src, err := s.ReadFrom(b)
	if cm != nil {
		iface = cm.IfIndex
	}
	return n, iface, addrPort(src), err
}

func (s socket4) write(b []byte, iface int, to netip.AddrPort) error {
	_, err := s.WriteTo(b, &ipv4.ControlMessage{IfIndex: iface}, net.UDPAddrFromAddrPort(to))
	return err
}

type socket6 struct{ *ipv6.PacketConn }

func (s socket6) group() netip.Addr { return group6 }

func (s socket6) join(iface *net.Interface) error {
	return s.JoinGroup(iface, &net.UDPAddr{IP: group6.AsSlice()})
}

func (s socket6) read(b []byte) (n, iface int, from netip.AddrPort, err error) {
	n, cm, src, err := s.ReadFrom(b)
	if cm != nil {
		iface = cm.IfIndex
	}
	return n, iface, addrPort(src), err
}

func (s socket6) write(b []byte, iface int, to netip.AddrPort) error {
	_, err := s.WriteTo(b, &ipv6.ControlMessage{IfIndex: iface}, net.UDPAddrFromAddrPort(to))
	return err
}

func addrPort(a net.Addr) netip.AddrPort {
	udp, ok := a.(*net.UDPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	p := udp.AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}
