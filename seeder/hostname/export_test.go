package hostname

import (
	"net"
	"net/netip"

	"golang.org/x/net/dns/dnsmessage"
)

// On makes a responder answer on the networks that a test says.
func (r *Responder) On(interfaces func() ([]net.Interface, error)) { r.interfaces = interfaces }

// Answer returns what is answered to a message, as Run does when it came from
// the network.
func Answer(message []byte, name string, addrs []netip.Addr, legacy bool) (answer []byte, unicast, ok bool) {
	q, err := parseQuery(message, full(name))
	if err != nil {
		return nil, false, false
	}
	h := host{full(name), addrs}
	answer, ok = h.answer(q, legacy)
	return answer, legacy || q.unicast, ok
}

// Near reports whether an address is one of the same network.
var Near = near

// TypeNSEC is the type of the record that says which others there are.
const TypeNSEC dnsmessage.Type = typeNSEC
