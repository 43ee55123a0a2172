package netns

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// A wire is what a host on a LAN is connected with.
type wire int

const (
	ipv4 wire = iota
	ipv6      // link-local addresses alone
)

// neighbour makes a host on one LAN with all others that neighbour makes.
func (w *world) neighbour(name string, kind wire) *host {
	w.t.Helper()
	number := relayHost + w.hosts
	w.hosts++
	h := &host{world: w, ns: w.ns(name)}
	w.namespace(name)
	port := "port" + strconv.Itoa(number)
	w.ip("-n", h.ns, "link", "add", "eth0", "type", "veth", "peer", "name", port, "netns", w.ns("internet"))
	w.ip("-n", w.ns("internet"), "link", "set", port, "master", "bridge", "up")
	if kind == ipv4 {
		h.ip = "192.168.77." + strconv.Itoa(number)
		w.ip("-n", h.ns, "addr", "add", h.ip+"/24", "dev", "eth0")
	}
	w.ip("-n", h.ns, "link", "set", "eth0", "up")
	if kind == ipv6 {
		until(w.t, "an address without a network card", func() error { // it is tentative at first
			var addrs []struct {
				Info []struct{ Local string } `json:"addr_info"`
			}
			out := w.ip("-n", h.ns, "-json", "-6", "addr", "show", "dev", "eth0", "scope", "link", "-tentative")
			if err := json.Unmarshal([]byte(out), &addrs); err != nil {
				return err
			}
			if len(addrs) == 0 || len(addrs[0].Info) == 0 {
				return fmt.Errorf("none yet")
			}
			h.ip = addrs[0].Info[0].Local
			return nil
		})
	}
	return h
}

// newBox runs a box with the settings that all boxes have, and its label.
func (h *host) newBox() *box {
	t := h.world.t
	t.Helper()
	var label struct{ Code string }
	b := h.boxOf(&label)
	b.code = label.Code
	return b
}

// boxOf runs a box that is personalised with args, and reads into result what that
// prints.
func (h *host) boxOf(result any, args ...string) *box {
	t := h.world.t
	t.Helper()
	state, err := os.MkdirTemp("", "box") // short: a socket's path is bounded
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(state) })
	b := &box{host: h, state: state}
	out, err := exec.Command(filepath.Join(bin, "mkimage"), append([]string{"personalise", "-state", state, "-json"}, args...)...).Output()
	if err == nil {
		err = json.Unmarshal(out, result)
	}
	if err != nil {
		t.Fatalf("personalising the box: %v\n%s", err, out)
	}
	h.daemon("provisiond", "-state", state)
	h.daemon("seederd", "-authority", "-state", state)
	until(t, "the box", func() error {
		st, err := b.status()
		b.id = st.ID
		return err
	})
	return b
}

// paired is what coboxctl pair prints.
type paired struct {
	Tag, Role string
	Addrs     []string
}

// TestCase25TwoBoxes pairs with one of two boxes on a LAN by its code alone.
func TestCase25TwoBoxes(t *testing.T) {
	needNetns(t)
	w := newWorld(t)
	boxes := []*box{w.neighbour("one", ipv4).newBox(), w.neighbour("two", ipv4).newBox()}
	ada := w.neighbour("operator", ipv4).person("coboxctl", "")
	for _, b := range slices.Backward(boxes) {
		var p paired
		until(t, "pairing", func() error { return ada.try(&p, b.code, "pair") })
		if p.Role != "owner" {
			t.Errorf("paired as %+v", p)
		}
	}
	var known []struct{ ID string }
	ada.do(&known, "", "boxes")
	if len(known) != 2 {
		t.Errorf("after pairing with both there are %+v", known)
	}
	// By its ID alone, found by mDNS where it was not before.
	var status struct{ Route string }
	ada.do(&status, "", "status", boxes[0].id)
	if !strings.HasPrefix(status.Route, "direct") {
		t.Errorf("reached %s", status.Route)
	}
}

// TestCase66FoundByItsCard: a box whose card names its owner is found by that among
// others on a LAN, and is his without a code. Another one that was flashed for him is
// not taken for it.
func TestCase66FoundByItsCard(t *testing.T) {
	needNetns(t)
	w := newWorld(t)
	ada := w.neighbour("operator", ipv4).person("coboxctl", "")
	var me struct{ Operator string }
	ada.do(&me, "", "init")
	var cards [2]struct{ Tag, Flashed string }
	var boxes [2]*box
	for i, name := range []string{"one", "two"} {
		boxes[i] = w.neighbour(name, ipv4).boxOf(&cards[i], "-owner", me.Operator)
	}
	w.neighbour("three", ipv4).newBox() // with a code
	for i := range cards {
		var p paired
		until(t, "meeting the box", func() error { return ada.try(&p, "", "pair", "-flashed", cards[i].Flashed) })
		if p.Role != "owner" || p.Tag != cards[i].Tag {
			t.Errorf("met %+v, want tag %s", p, cards[i].Tag)
		}
		var known []struct{ ID, Tag string }
		ada.do(&known, "", "boxes")
		if len(known) != i+1 {
			t.Errorf("after meeting %d there are %+v", i+1, known)
		}
	}
	var status struct{ Route string }
	ada.do(&status, "", "status", boxes[1].id)
	if !strings.HasPrefix(status.Route, "direct") {
		t.Errorf("reached %s", status.Route)
	}
}

// TestCase26NoMulticast pairs with -addr where the network keeps multicast out,
// and says that this is the way.
func TestCase26NoMulticast(t *testing.T) {
	needNetns(t)
	w := newWorld(t)
	b := w.neighbour("box", ipv4).newBox()
	ada := w.neighbour("operator", ipv4)
	nft := exec.Command("ip", "netns", "exec", ada.ns, "nft", "-f", "-")
	nft.Stdin = strings.NewReader(`
table inet guests {
	chain input {
		type filter hook input priority filter
		udp dport 5353 drop
	}
}
`)
	if out, err := nft.CombinedOutput(); err != nil {
		t.Fatalf("nft: %v\n%s", err, out)
	}
	person := ada.person("coboxctl", "")
	err := person.try(nil, b.code, "pair")
	if err == nil || !strings.Contains(err.Error(), "no box on this network has this code") || !strings.Contains(err.Error(), "-addr") {
		t.Errorf("where nobody is heard: %v", err)
	}
	var p paired
	until(t, "pairing by address", func() error {
		return person.try(&p, b.code, "pair", "-addr", "/ip4/"+b.ip+"/tcp/4001/p2p/"+b.id)
	})
	// From then on the box is found where it was.
	person.do(nil, "", "status")
}

// TestCase27LinkLocal pairs on a network without routers, by link-local IPv6.
func TestCase27LinkLocal(t *testing.T) {
	needNetns(t)
	w := newWorld(t)
	b := w.neighbour("box", ipv6).newBox()
	ada := w.neighbour("operator", ipv6).person("coboxctl", "")
	var p paired
	until(t, "pairing", func() error { return ada.try(&p, b.code, "pair") })
	ada.do(nil, "", "status")
}

// TestCase65OpenPorts scans a box from its LAN in each of its states, TCP and UDP.
func TestCase65OpenPorts(t *testing.T) {
	needNetns(t)
	w := newWorld(t)
	b := w.neighbour("box", ipv4).newBox()
	ada := w.neighbour("operator", ipv4)
	b.scanStates(ada, ada.person("coboxctl", ""), []string{"tcp 4001", "udp 4001", "udp 5353"}, "pair")
}

// TestCase65FromWAN is the same with a box that has a public address, from elsewhere
// on the internet.
func TestCase65FromWAN(t *testing.T) {
	needNetns(t)
	w := newWorld(t)
	relay := w.host("relay", noNAT).relay()
	b := w.host("box", noNAT).box(relay)
	stranger := w.host("stranger", noNAT)
	ada := w.host("operator", steady).person("coboxctl", relay)
	b.scanStates(stranger, ada, []string{"tcp 4001", "udp 4001"}, "pair", "-addr", b.id)
}

// scanStates scans the box in each of its states, into which the owner brings it.
func (b *box) scanStates(from *host, owner person, want []string, pair ...string) {
	t := b.world.t
	t.Helper()
	check := func(state string) {
		t.Helper()
		if got := b.listening(); !slices.Equal(got, want) {
			t.Errorf("%s: the box listens at %v, want %v", state, got, want)
		}
		if got := from.scan(b.ip); !slices.Equal(got, []int{4001}) {
			t.Errorf("%s: from outside the TCP ports %v are open", state, got)
		}
	}
	check("unclaimed")
	until(t, "pairing", func() error { return owner.try(nil, b.code, pair...) })
	check("claimed")
	owner.do(nil, "", "invite", "-partner", "Food Coop", "-quota", "1GB")
	check("with an open invite")
	owner.do(nil, "", "retire", "-yes")
	check("retired")
}

// listening returns the ports at which sockets are bound in the host's namespace,
// but for those of one connection.
func (h *host) listening() []string {
	t := h.world.t
	t.Helper()
	found := make(map[string]bool)
	for _, proto := range []string{"tcp", "tcp6", "udp", "udp6"} {
		out := h.world.ip("netns", "exec", h.ns, "cat", "/proc/net/"+proto)
		for _, line := range strings.Split(out, "\n")[1:] {
			f := strings.Fields(line)
			if len(f) < 4 {
				continue
			}
			const listens, unconnected = "0A", "07"
			addr, hex, _ := strings.Cut(f[1], ":")
			remote := strings.Trim(strings.ReplaceAll(f[2], ":", ""), "0")
			if f[3] != listens && (f[3] != unconnected || remote != "") || addr == "0100007F" {
				continue
			}
			port, err := strconv.ParseUint(hex, 16, 16)
			if err != nil {
				t.Fatal(err)
			}
			found[fmt.Sprintf("%s %d", strings.TrimSuffix(proto, "6"), port)] = true
		}
	}
	var list []string
	for name := range found {
		list = append(list, name)
	}
	slices.Sort(list)
	return list
}

// scan returns the TCP ports that answer at an address, as the host sees it. The
// test program scans, run again in the namespace.
func (h *host) scan(ip string) (ports []int) {
	t := h.world.t
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := h.command(t.Context(), nil, self, "-scan", ip)
	var errOut bytes.Buffer
	cmd.Stderr = &errOut
	out, err := cmd.Output()
	if err == nil {
		err = json.Unmarshal(out, &ports)
	}
	if err != nil {
		t.Fatalf("scanning: %v\n%s", err, &errOut)
	}
	return ports
}

// scanPorts tries all TCP ports of an address, and prints those that answer.
func scanPorts(ip string) error {
	const atOnce = 256
	open := make(chan int)
	slots := make(chan struct{}, atOnce)
	go func() {
		for port := 1; port < 1<<16; port++ {
			slots <- struct{}{}
			go func() {
				defer func() { <-slots }()
				conn, err := net.Dial("tcp", net.JoinHostPort(ip, strconv.Itoa(port)))
				if err == nil {
					_ = conn.Close()
					open <- port
				}
			}()
		}
		for range atOnce {
			slots <- struct{}{}
		}
		close(open)
	}()
	ports := []int{}
	for port := range open {
		ports = append(ports, port)
	}
	slices.Sort(ports)
	return json.NewEncoder(os.Stdout).Encode(ports)
}
