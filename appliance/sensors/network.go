package sensors

import (
	"fmt"
	"path/filepath"
	"strings"

	"github.com/prometheus/procfs"
)

// network reads the physical interfaces; where there is none (a container, a virtual
// machine's own kind) all but the loopback.
func (r *reader) network(fs procfs.FS) *Network {
	dir := filepath.Join(r.sys, "class/net")
	var physical, others []string
	for _, name := range r.names(dir) {
		switch {
		case name == "lo":
		case exists(filepath.Join(dir, name, "device")):
			physical = append(physical, name)
		case exists(filepath.Join(dir, name, "statistics")): // not bonding_masters, a file
			others = append(others, name)
		}
	}
	if len(physical) == 0 {
		physical = others
	}
	n := Network{DefaultRoute: r.defaultRoute(fs)}
	for _, name := range physical[:min(len(physical), MaxInterfaces)] {
		n.Interfaces = append(n.Interfaces, r.iface(name, filepath.Join(dir, name)))
	}
	if n.DefaultRoute == nil && len(n.Interfaces) == 0 {
		return nil
	}
	return &n
}

func (r *reader) iface(name, dir string) Interface {
	i := Interface{Name: clip(name)}
	// The kernel refuses to tell the carrier of an interface that is down.
	if state, ok := r.text(filepath.Join(dir, "operstate")); ok && state == "down" {
		i.Link = new(bool)
	} else if carrier, ok := r.uint(filepath.Join(dir, "carrier")); ok {
		link := carrier == 1
		i.Link = &link
	}
	if mbit, ok := r.int(filepath.Join(dir, "speed")); ok && mbit > 0 && mbit < 1<<24 { // -1 when unknown
		i.BitsPerSecond = uint64(mbit) * 1e6
	}
	for _, c := range []struct {
		file string
		to   *uint64
	}{
		{"rx_bytes", &i.ReceivedBytes},
		{"tx_bytes", &i.SentBytes},
		{"rx_errors", &i.ReceiveErrors},
		{"tx_errors", &i.SendErrors},
	} {
		*c.to, _ = r.uint(filepath.Join(dir, "statistics", c.file))
	}
	addrs, err := r.addresses(name)
	if err != nil {
		// It may have gone between the listing and now: an adapter was pulled.
		if exists(dir) {
			r.fail(err)
		}
		return i
	}
	i.Addresses = addrs[:min(len(addrs), MaxAddresses)]
	return i
}

// Flags of a route (linux/route.h).
const routeUp = 0x1

// defaultRoute reports whether there is an IPv4 or IPv6 route to everywhere.
func (r *reader) defaultRoute(fs procfs.FS) *bool {
	routes, err := fs.NetRoute()
	if err != nil {
		r.fail(fmt.Errorf("reading routes: %w", err))
		return nil
	}
	var found bool
	for _, route := range routes {
		found = found || route.Destination == 0 && route.Mask == 0 && route.Flags&routeUp != 0
	}
	found = found || r.defaultRoute6()
	return &found
}

// defaultRoute6 looks for a line of /proc/net/ipv6_route with the destination ::/0 on
// an interface other than the loopback, where the kernel keeps its refusals.
func (r *reader) defaultRoute6() bool {
	s, _ := r.text(filepath.Join(r.proc, "net/ipv6_route"))
	for line := range strings.Lines(s) {
		f := strings.Fields(line)
		if len(f) == 10 && strings.Trim(f[0]+f[1], "0") == "" && f[9] != "lo" {
			return true
		}
	}
	return false
}
