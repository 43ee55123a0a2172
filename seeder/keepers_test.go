package seeder_test

import (
	"bytes"
	"crypto/ed25519"
	"crypto/rand"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"cobox/seeder/api"
	"cobox/seeder/audit"
	"cobox/seeder/client"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/pin"
)

// name signs the partner's list of these boxes and shows it to a box.
func name(t *testing.T, partner ed25519.PrivateKey, counter uint64, c *client.Box, boxes ...*box) identity.Keepers {
	t.Helper()
	k := identity.Keepers{Partner: identity.PartnerKeyOf(partner), Issued: time.Now(), Counter: counter}
	for _, b := range boxes {
		addr, id, _ := strings.Cut(b.Addrs()[0], "/p2p/")
		peer, err := identity.ParsePeerID(id)
		if err != nil {
			t.Fatal(err)
		}
		key, err := peer.Key()
		if err != nil {
			t.Fatal(err)
		}
		k.Boxes = append(k.Boxes, identity.Keeper{Box: identity.BoxKey(key), Addr: addr})
	}
	slices.SortFunc(k.Boxes, func(a, b identity.Keeper) int { return bytes.Compare(a.Box[:], b.Box[:]) })
	st, err := identity.SignKeepers(partner, k)
	if err != nil {
		t.Fatal(err)
	}
	got, err := c.SetKeepers(t.Context(), st)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// TestBoxesMendEachOther has a partner's computer bring a feed to one box alone:
// the other one, which pins it too, gets it from there, and gets it again when its
// disk has lost blocks.
func TestBoxesMendEachOther(t *testing.T) {
	partner := key(70)
	stateA, stateB := stateDir(t), stateDir(t)
	a, b := startBox(t, stateA), startBox(t, stateB)
	a.grant(t, partner, 1<<20, time.Now())
	b.grant(t, partner, 1<<20, time.Now())
	d := newDevice(t, partner, 71)
	toA, toB := d.connect(t, a), d.connect(t, b)
	l := newLog(t, 72)
	l.write(t, 50, 1000, 1)
	for _, c := range []*client.Box{toA, toB} {
		if _, err := c.Pin(t.Context(), l.Key(), api.PinRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	stop := push(t, toA, l)
	wait(t, toA, l.Key(), pin.Complete, 50)
	stop()

	name(t, partner, 1, toA, a, b)
	if got := name(t, partner, 1, toB, a, b); got.Counter != 1 || len(got.Boxes) != 2 {
		t.Fatalf("the box follows %+v", got)
	}
	wait(t, toB, l.Key(), pin.Complete, 50)
	if w := d.connect(t, b).Welcome; w.Keepers != 1 {
		t.Errorf("the box says that it follows list %d, want 1", w.Keepers)
	}

	// The disk of the second box rots. An audit finds it, and it mends itself.
	files, err := filepath.Glob(filepath.Join(stateB, "store/feeds/*/*.blocks"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no block files: %v", err)
	}
	for _, file := range files {
		f, err := os.OpenFile(file, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt(make([]byte, 1500), 20_000); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	draws := audit.Pick(nil, []audit.Extent{{Feed: l.Key(), Length: 50}}, audit.MaxDraws)
	if r := auditBox(t, toB, draws); len(r.Failed()) == 0 || audit.EndingOf(r, 1, 2) != audit.Incomplete {
		t.Fatalf("the audit did not see what was overwritten: %+v", r)
	}
	wait(t, toB, l.Key(), pin.Complete, 50)
	if r := auditBox(t, toB, draws); len(r.Failed()) > 0 {
		t.Errorf("after it has mended itself: %+v", r.Failed())
	}
}

// A feed that is pinned on a further box comes from the others at once, also where all
// was whole before.
func TestNewPinIsMended(t *testing.T) {
	partner := key(76)
	a, b := startBox(t, stateDir(t)), startBox(t, stateDir(t))
	a.grant(t, partner, 1<<20, time.Now())
	b.grant(t, partner, 1<<20, time.Now())
	d := newDevice(t, partner, 77)
	toA, toB := d.connect(t, a), d.connect(t, b)
	name(t, partner, 1, toA, a, b)
	name(t, partner, 1, toB, a, b)
	l := newLog(t, 78)
	l.write(t, 50, 1000, 1)
	if _, err := toA.Pin(t.Context(), l.Key(), api.PinRequest{}); err != nil {
		t.Fatal(err)
	}
	stop := push(t, toA, l)
	wait(t, toA, l.Key(), pin.Complete, 50)
	stop()
	if _, err := toB.Pin(t.Context(), l.Key(), api.PinRequest{}); err != nil {
		t.Fatal(err)
	}
	wait(t, toB, l.Key(), pin.Complete, 50)
}

func auditBox(t *testing.T, c *client.Box, draws []audit.Draw) *audit.Report {
	t.Helper()
	ch := &audit.Challenge{Draws: draws}
	_, _ = rand.Read(ch.Nonce[:])
	r, _, err := c.Audit(t.Context(), ch, audit.Known{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestKeepersRights: a box reads what the list that names it allows, and nothing
// else; nobody but the partner can make a list.
func TestKeepersRights(t *testing.T) {
	partner, another := key(73), key(74)
	a := startBox(t, stateDir(t))
	a.grant(t, partner, 1<<20, time.Now())
	a.grant(t, another, 1<<20, time.Now())
	mine, theirs := newDevice(t, partner, 75).connect(t, a), newDevice(t, another, 76).connect(t, a)
	l, other := newLog(t, 77), newLog(t, 78)
	for _, x := range []struct {
		c *client.Box
		l *log
	}{{mine, l}, {theirs, other}} {
		x.l.write(t, 3, 10, 1)
		if _, err := x.c.Pin(t.Context(), x.l.Key(), api.PinRequest{}); err != nil {
			t.Fatal(err)
		}
		stop := push(t, x.c, x.l)
		wait(t, x.c, x.l.Key(), pin.Complete, 3)
		stop()
	}
	// A host with a key of its own plays another box.
	guest := client.NewKeeper(newDevice(t, key(79), 80).host)
	guestKey := identity.BoxKeyOf(key(80))
	if _, err := guest.Connect(t.Context(), a.Addrs()[0]); !hasCode(err, api.Unauthorised) {
		t.Errorf("a box that nobody named: %v, want unauthorised", err)
	}
	list := identity.Keepers{Partner: identity.PartnerKeyOf(partner), Issued: time.Now(), Counter: 1, Boxes: []identity.Keeper{{Box: guestKey}}}
	forged := list
	forged.Partner = identity.PartnerKeyOf(another)
	st, err := identity.SignKeepers(another, forged)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := mine.SetKeepers(t.Context(), st); !hasCode(err, api.BadRequest) {
		t.Errorf("another partner's list: %v, want bad request", err)
	}
	if st, err = identity.SignKeepers(partner, list); err != nil {
		t.Fatal(err)
	}
	if _, err := mine.SetKeepers(t.Context(), st); err != nil {
		t.Fatal(err)
	}
	c, err := guest.Connect(t.Context(), a.Addrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	draws := []audit.Draw{{Feed: l.Key()}, {Feed: other.Key()}}
	r := auditBox(t, c, draws)
	if r.Results[0].Finding != audit.Found || r.Results[1].Reason != audit.NotPinned {
		t.Errorf("a keeper of one partner's feeds sees %+v", r.Results)
	}
	if _, err := c.Pins(t.Context()); !hasCode(err, api.Unauthorised) {
		t.Errorf("a box that asks for pins: %v, want unauthorised", err)
	}
	if _, err := c.Pin(t.Context(), feed.Key{9}, api.PinRequest{}); !hasCode(err, api.Unauthorised) {
		t.Errorf("a box that pins: %v, want unauthorised", err)
	}
	// A newer list without it cuts it off.
	list.Counter, list.Boxes = 2, nil
	if st, err = identity.SignKeepers(partner, list); err != nil {
		t.Fatal(err)
	}
	if _, err := mine.SetKeepers(t.Context(), st); err != nil {
		t.Fatal(err)
	}
	for {
		_, err := guest.Connect(t.Context(), a.Addrs()[0])
		if hasCode(err, api.Unauthorised) {
			break
		}
		if err == nil {
			t.Fatal("a box that is named no more is welcome")
		}
		// It is being cut off just now, and the question with it.
		if t.Context().Err() != nil {
			t.Fatalf("a box that is named no more: %v, want unauthorised", err)
		}
	}
}
