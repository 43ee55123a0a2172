package netns

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"
)

// A nat is how the router between a host and the bridge behaves, as far as matters
// for punching holes (RFC 4787). All drop what comes unasked, as those in homes do;
// one that answers with a reset would also spoil the port's mapping in Linux.
type nat int

const (
	// noNAT is no router: the host has a public address.
	noNAT nat = iota
	// steady keeps a host's port the same towards everybody
	// (endpoint-independent mapping): what the relay sees is true for all.
	steady
	// fickle uses another port for each destination ("symmetric"): what the relay
	// sees is of no use to others.
	fickle
)

func (n nat) String() string { return [...]string{"no NAT", "steady NAT", "fickle NAT"}[n] }

// The public addresses. They have to be such as could be anybody's: libp2p does not
// try private ones and those for documentation from afar. They exist only here.
const (
	publicNet = "20.0.0."
	relayHost = 2
)

// A world is some hosts around one bridge.
type world struct {
	t     *testing.T
	name  string // prefix of all its namespaces
	hosts int    // how many there are
}

// A host is a network namespace with programs in it.
type host struct {
	world *world
	ns    string
	ip    string // its address, which for one behind NAT is private
	group string // the folder of a control group that its programs are in; "": none
}

// newWorld makes a bridge without hosts. It is all removed when the test ends.
func newWorld(t *testing.T) *world {
	t.Helper()
	var suffix [4]byte
	if _, err := rand.Read(suffix[:]); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, name: "cobox-" + hex.EncodeToString(suffix[:])}
	w.namespace("internet")
	w.ip("-n", w.ns("internet"), "link", "add", "bridge", "type", "bridge")
	w.ip("-n", w.ns("internet"), "link", "set", "bridge", "up")
	return w
}

func (w *world) ns(name string) string { return w.name + "-" + name }

// namespace makes a namespace. Deleting it deletes the interfaces in it, and their
// other ends.
func (w *world) namespace(name string) {
	w.t.Helper()
	ns := w.ns(name)
	w.ip("netns", "add", ns)
	w.t.Cleanup(func() {
		if out, err := exec.Command("ip", "netns", "del", ns).CombinedOutput(); err != nil {
			w.t.Errorf("removing namespace %s: %v\n%s", ns, err, out)
		}
	})
	w.ip("-n", ns, "link", "set", "lo", "up")
}

func (w *world) ip(args ...string) string {
	w.t.Helper()
	out, err := exec.Command("ip", args...).CombinedOutput()
	if err != nil {
		w.t.Fatalf("ip %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// plug connects a namespace to the bridge under a public address.
func (w *world) plug(name string, number int) (ip string) {
	w.t.Helper()
	ip = publicNet + strconv.Itoa(number)
	ns, port := w.ns(name), "port"+strconv.Itoa(number)
	w.ip("-n", ns, "link", "add", "wan", "type", "veth", "peer", "name", port, "netns", w.ns("internet"))
	w.ip("-n", w.ns("internet"), "link", "set", port, "master", "bridge", "up")
	w.ip("-n", ns, "addr", "add", ip+"/24", "dev", "wan")
	w.ip("-n", ns, "link", "set", "wan", "up")
	return ip
}

// host makes a host behind a router of its own, or with a public address.
func (w *world) host(name string, kind nat) *host {
	w.t.Helper()
	number := relayHost + w.hosts
	w.hosts++
	h := &host{world: w, ns: w.ns(name)}
	w.namespace(name)
	if kind == noNAT {
		h.ip = w.plug(name, number)
		return h
	}
	router := name + "-router"
	w.namespace(router)
	wan := w.plug(router, number)
	lan := fmt.Sprintf("192.168.%d.", number)
	h.ip = lan + "2"
	w.ip("-n", h.ns, "link", "add", "eth0", "type", "veth", "peer", "name", "lan", "netns", w.ns(router))
	w.ip("-n", h.ns, "addr", "add", h.ip+"/24", "dev", "eth0")
	w.ip("-n", h.ns, "link", "set", "eth0", "up")
	w.ip("-n", w.ns(router), "addr", "add", lan+"1/24", "dev", "lan")
	w.ip("-n", w.ns(router), "link", "set", "lan", "up")
	w.ip("-n", h.ns, "route", "add", "default", "via", lan+"1")
	w.masquerade(w.ns(router), kind, wan)
	return h
}

// masquerade makes a namespace a router with NAT.
func (w *world) masquerade(ns string, kind nat, wan string) {
	w.t.Helper()
	how := "masquerade"
	if kind == fickle {
		how = "masquerade random,fully-random"
	}
	rules := fmt.Sprintf(`
table ip router {
	chain input {
		type filter hook input priority filter; policy drop;
		iifname "lo" accept
		iifname "lan" accept
		ct state established,related accept
	}
	chain forward {
		type filter hook forward priority filter; policy drop;
		iifname "lan" accept
		ct state established,related accept
	}
	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		oifname "wan" ip saddr != %s %s
	}
}
`, wan, how)
	nft := exec.Command("ip", "netns", "exec", ns, "nft", "-f", "-")
	nft.Stdin = strings.NewReader(rules)
	if out, err := nft.CombinedOutput(); err != nil {
		w.t.Fatalf("nft in %s: %v\n%s", ns, err, out)
	}
	forward := exec.Command("ip", "netns", "exec", ns, "sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward")
	if out, err := forward.CombinedOutput(); err != nil {
		w.t.Fatalf("forwarding in %s: %v\n%s", ns, err, out)
	}
}

// received returns how many bytes have come in on the host's public interface.
func (h *host) received() uint64 {
	h.world.t.Helper()
	out := h.world.ip("netns", "exec", h.ns, "cat", "/sys/class/net/wan/statistics/rx_bytes")
	n, err := strconv.ParseUint(strings.TrimSpace(out), 10, 64)
	if err != nil {
		h.world.t.Fatal(err)
	}
	return n
}
