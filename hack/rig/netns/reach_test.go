package netns

import (
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestReach pairs with a box, invites a partner, backs a folder up and restores it,
// each of the three behind a router of its own, over each kind of way that there is;
// and measures it. Which way the bytes went is told by the relay's own interface.
func TestReach(t *testing.T) {
	needNetns(t)
	const megabytes = 8
	for _, test := range []struct {
		name         string
		box, partner nat
		relay        func(*host) string
		route        string // as it begins in the status
		relayed      bool
	}{
		{"direct", noNAT, steady, (*host).relay, "direct, ", false},
		{"hole punched", steady, steady, (*host).relay, "hole punched, ", false},
		{"our relay", fickle, fickle, (*host).relay, "relayed by ", true},
		{"our relay, one fickle NAT", steady, fickle, (*host).relay, "relayed by ", true},
		{"a stranger's relay, hole punched", steady, steady, (*host).strangersRelay, "hole punched, ", false},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := newReach(t, test.box, test.partner, test.relay)
			source, want := randomFolder(t, megabytes)
			r.coop.do(nil, "", "space", "create", "docs", source)
			r.coop.do(nil, "", "pin", "docs", r.box.id)

			before := r.relay.received()
			backup := r.coop.timed(t, megabytes, "backup", "docs")
			restored := filepath.Join(t.TempDir(), "restored")
			restore := r.coop.timed(t, megabytes, "restore", "-space", "docs", restored)
			passed := r.relay.received() - before
			if got, err := os.ReadFile(filepath.Join(restored, "data")); err != nil || !bytes.Equal(got, want) {
				t.Errorf("the restored file differs (%v)", err)
			}

			var operators struct{ Route string }
			r.ada.do(&operators, "", "status", r.box.id)
			var partners struct{ Boxes []struct{ Route string } }
			r.coop.do(&partners, "", "status", "docs")
			t.Logf("box behind %v, partner behind %v: backup %s, restore %s, of %d MB; %.1f MB passed the relay; the operator's status says: %s; the partner's: %s",
				test.box, test.partner, backup, restore, megabytes, float64(passed)/1e6, operators.Route, partners.Boxes[0].Route)
			if relayed := passed > megabytes*1e6; relayed != test.relayed {
				t.Errorf("%d bytes passed the relay, for %d MB there and back", passed, megabytes)
			}
			if got := partners.Boxes[0].Route; !strings.HasPrefix(got, test.route) {
				t.Errorf("the partner's status says %q, want %q", got, test.route)
			}
		})
	}
}

// TestReachNarrow backs up where nothing but a relay with libp2p's usual limits is
// between: no block gets through it, and the person hears what to do.
func TestReachNarrow(t *testing.T) {
	needNetns(t)
	r := newReach(t, fickle, fickle, (*host).strangersRelay)
	source, _ := randomFolder(t, 8)
	r.coop.do(nil, "", "space", "create", "docs", source)
	r.coop.do(nil, "", "pin", "docs", r.box.id)
	var result struct{ Boxes []struct{ Error string } }
	err := r.coop.try(&result, "", "backup", "docs")
	if err == nil {
		t.Fatal("8 MB got through circuits of 128 KiB")
	}
	if len(result.Boxes) != 1 || !strings.Contains(result.Boxes[0].Error, "lets 128 KiB pass at a time") {
		t.Errorf("the result does not say why: %+v", result)
	}
	if !strings.Contains(err.Error(), "hint: run coboxctl relay") {
		t.Errorf("the error does not say what to do:\n%v", err)
	}
}

// A reach is a relay, a box, its owner, and a partner with room on it.
type reach struct {
	relay *host
	box   *box
	ada   person
	coop  person
}

func newReach(t *testing.T, ofBox, ofPartner nat, relay func(*host) string) *reach {
	t.Helper()
	w := newWorld(t)
	r := &reach{relay: w.host("relay", noNAT)}
	addr := relay(r.relay)
	r.box = w.host("box", ofBox).box(addr)
	r.ada = w.host("operator", steady).person("coboxctl", addr)
	until(t, "pairing", func() error { return r.ada.try(nil, r.box.code, "pair", "-addr", r.box.id) })
	var invite struct{ Invite string }
	r.ada.do(&invite, "", "invite", "-partner", "Food Coop", "-quota", "1GB", r.box.id)
	r.coop = w.host("partner", ofPartner).person("cobox", addr)
	r.coop.do(nil, "", "init", "-yes")
	r.coop.do(nil, invite.Invite, "accept")
	return r
}

// strangersRelay runs a relay with the usual limits on the host.
func (h *host) strangersRelay() string {
	h.world.t.Helper()
	self, err := os.Executable()
	if err != nil {
		h.world.t.Fatal(err)
	}
	return relayAddr(h.world.t, h.daemon(self, "-strangers-relay"))
}

// randomFolder makes a folder with one file that cannot be compressed.
func randomFolder(t *testing.T, megabytes int) (dir string, content []byte) {
	t.Helper()
	dir, content = t.TempDir(), make([]byte, megabytes*1_000_000)
	if _, err := rand.Read(content); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "data"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	return dir, content
}

// timed runs a command and says how fast it was: the search for the box and the
// time that was given to hole punching included.
func (p person) timed(t *testing.T, megabytes int, args ...string) string {
	t.Helper()
	start := time.Now()
	p.do(nil, "", args...)
	took := time.Since(start)
	return fmt.Sprintf("%.1f MB/s (%v)", float64(megabytes)/took.Seconds(), took.Round(100*time.Millisecond))
}

// TestNothingReachable asks for a box that is nowhere, and wants to hear what was tried.
func TestNothingReachable(t *testing.T) {
	needNetns(t)
	w := newWorld(t)
	addr := w.host("relay", noNAT).relay()
	ada := w.host("operator", steady).person("coboxctl", addr)
	ada.do(nil, "", "init")
	const nobody = "12D3KooWQYhTNQdmr3ArTeUHRYzFg94BKyTkoWBDWez9kSCVe2Xo"
	err := ada.try(nil, "", "status", nobody)
	if err == nil {
		t.Fatal("a box that does not exist was found")
	}
	for _, tried := range []string{"known addresses: ", "mDNS: ", "relays: ", "DHT: ", "hint: "} {
		if !strings.Contains(err.Error(), tried) {
			t.Errorf("the error does not tell of %q:\n%v", tried, err)
		}
	}
	t.Log(err)
}
