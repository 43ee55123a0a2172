package provision

import (
	"net"
	"net/netip"
	"testing"
)

// Case 20: a box that can be claimed from its own network alone knows what that is.
func TestCase20Near(t *testing.T) {
	var own []net.Addr
	for _, text := range []string{"192.0.2.7/24", "203.0.113.7/16", "2001:db8:0:1::7/64", "2001:db8:2::7/48", "198.51.100.7/32"} {
		ip, network, err := net.ParseCIDR(text)
		if err != nil {
			t.Fatal(err)
		}
		own = append(own, &net.IPNet{IP: ip, Mask: network.Mask})
	}
	for addr, want := range map[string]bool{
		"192.0.2.9": true, "192.0.3.9": false,
		"203.0.113.9":      false, // a network of a provider's size
		"2001:db8:0:1::9":  true,
		"2001:db8:0:2::9":  false,
		"2001:db8:2::9":    false,
		"198.51.100.9":     false,
		"198.51.100.7":     true,
		"::ffff:192.0.2.9": false, // unmapped by near
	} {
		if got := within(netip.MustParseAddr(addr), own); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
	for addr, want := range map[string]bool{
		"192.168.1.2": true, "::ffff:192.168.1.2": true, "10.0.0.1": true, "fe80::1": true, "fe80::1%eth0": true, "fd00::1": true, "127.0.0.1": true,
		"233.252.0.1": false, "3fff::1": false,
	} {
		if got := Near(netip.MustParseAddr(addr)); got != want {
			t.Errorf("%s: %v", addr, got)
		}
	}
	if Near(netip.Addr{}) {
		t.Error("somebody behind a relay is near")
	}
}
