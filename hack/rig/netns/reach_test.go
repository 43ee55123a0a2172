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
	for _, test := range []struct {
		name         string
		box, partner nat
		relay        func(*host) string
		megabytes    int
		relayed      bool
	}{
		{"direct", noNAT, steady, (*host).relay, 16, false},
		{"hole punched", steady, steady, (*host).relay, 16, false},
		{"our relay", fickle, fickle, (*host).relay, 16, true},
		{"our relay, one fickle NAT", steady, fickle, (*host).relay, 16, true},
		{"a stranger's relay, hole punched", steady, steady, (*host).strangersRelay, 16, false},
		{"a stranger's relay", fickle, fickle, (*host).strangersRelay, 8, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			relay := w.host("relay", noNAT)
			addr := test.relay(relay)
			box := w.host("box", test.box).box(addr)
			ada := w.host("operator", steady).person("coboxctl", addr)
			until(t, "pairing", func() error { return ada.try(nil, box.code, "pair", "-addr", box.id) })
			var invite struct{ Invite string }
			ada.do(&invite, "", "invite", "-partner", "Food Coop", "-quota", "1GB", box.id)

			coop := w.host("partner", test.partner).person("cobox", addr)
			coop.do(nil, "", "init", "-yes")
			coop.do(nil, invite.Invite, "accept")
			source, want := randomFolder(t, test.megabytes)
			coop.do(nil, "", "space", "create", "docs", source)
			coop.do(nil, "", "pin", "docs", box.id)

			before := relay.received()
			backup := coop.timed(t, test.megabytes, "backup", "docs")
			restored := filepath.Join(t.TempDir(), "restored")
			restore := coop.timed(t, test.megabytes, "restore", "-space", "docs", restored)
			passed := relay.received() - before
			if got, err := os.ReadFile(filepath.Join(restored, "data")); err != nil || !bytes.Equal(got, want) {
				t.Errorf("the restored file differs (%v)", err)
			}

			var status struct{ Route string }
			ada.do(&status, "", "status", box.id)
			t.Logf("box behind %v, partner behind %v: backup %s, restore %s, of %d MB; %.1f MB passed the relay; the operator's status says: %s",
				test.box, test.partner, backup, restore, test.megabytes, float64(passed)/1e6, status.Route)
			if relayed := passed > uint64(test.megabytes)*1e6; relayed != test.relayed {
				t.Errorf("%d bytes passed the relay, for %d MB there and back", passed, test.megabytes)
			}
		})
	}
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
