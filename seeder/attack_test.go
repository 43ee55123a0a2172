package seeder_test

import (
	"bytes"
	"crypto/ed25519"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cobox/seeder/api"
	"cobox/seeder/identity"
	"cobox/seeder/pin"
	"cobox/seeder/replicate"
)

// A partner has room for one more feed of a thousand bytes, and offers fifty at
// once. One is stored, whichever it is; the quota holds to the byte.
func TestQuotaFromFiftyStreams(t *testing.T) {
	b := startBox(t, stateDir(t))
	partner := key(120)
	g := grantFor(t, b.ID(), partner, 1999, time.Now()) // two would need a byte more
	g.MaxFeeds = 50
	st, err := identity.SignGrant(operator, g)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.AddGrant(st.Append(nil)); err != nil {
		t.Fatal(err)
	}
	c := newDevice(t, partner, 121).connect(t, b)
	var logs []*log
	x := replicate.New(replicate.Config{})
	for n := range byte(50) {
		l := newLog(t, 122+n)
		l.write(t, 1, 1000, n)
		logs = append(logs, l)
		if _, err := b.Pin(pin.Pin{Feed: l.Key(), Partner: identity.PartnerKeyOf(partner), Created: time.Now()}); err != nil {
			t.Fatal(err)
		}
		x.Add(l, replicate.Options{Writer: true})
	}
	for range 4 { // over several streams, too
		go func() { _ = c.Replicate(t.Context(), x) }()
	}
	for over := 0; over < len(logs)-1; {
		pins, err := c.Pins(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		over = 0
		for _, p := range pins {
			if p.State == pin.OverQuota {
				over++
			}
		}
	}
	f := b.Figures()
	if f.Store.Bytes > 1999 || f.Partners[identity.PartnerKeyOf(partner)].UsedBytes > 1999 {
		t.Errorf("%d bytes are stored, %d are accounted for, of a quota of 1999", f.Store.Bytes, f.Partners[identity.PartnerKeyOf(partner)].UsedBytes)
	}
}

// What a thief reads from a card: that a box keeps feeds, whose, and how much of them;
// nothing that opens a block. Of the things that partners and operators have, no
// secret is on it (TestCase64NoSecrets looks for each of them).
func TestStolenCard(t *testing.T) {
	b := startBox(t, stateDir(t))
	partner := key(110)
	b.grant(t, partner, 1<<20, time.Now())
	c := newDevice(t, partner, 111).connect(t, b)
	l := newLog(t, 112)
	l.write(t, 5, 1000, 1)
	if _, err := c.Pin(t.Context(), l.Key(), api.PinRequest{}); err != nil {
		t.Fatal(err)
	}
	push(t, c, l)
	wait(t, c, l.Key(), pin.Complete, 5)
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	card := readAll(t, b.state)
	for what, k := range map[string]ed25519.PrivateKey{"an operator's key": operator, "a partner's key": partner, "a device's key": key(111), "a writer's key": l.private} {
		for name, text := range card {
			if bytes.Contains(text, k.Seed()) {
				t.Errorf("%s is in %s", what, name)
			}
		}
	}
	// And these are there, as THREATS.md says.
	boxKey, err := os.ReadFile(filepath.Join(b.state, "box.key"))
	if err != nil {
		t.Fatal(err)
	}
	feedKey, who := l.Key(), identity.PartnerKeyOf(partner)
	for what, secret := range map[string][]byte{"the box key": boxKey, "feed keys": feedKey[:], "who pins": who[:]} {
		found := false
		for _, text := range card {
			found = found || bytes.Contains(text, secret)
		}
		if !found {
			t.Errorf("%s: not found on the card: THREATS.md says more than there is", what)
		}
	}
}

// readAll returns the files of a folder.
func readAll(t *testing.T, dir string) map[string][]byte {
	t.Helper()
	all := make(map[string][]byte)
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		all[path], err = os.ReadFile(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
