package seeder_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"cobox/seeder/api"
	"cobox/seeder/client"
	"cobox/seeder/identity"
	"cobox/seeder/pin"
	"cobox/seeder/replicate"
	"cobox/seeder/swarm"
)

// revoke makes the list that follows old, with these devices too.
func revoke(t *testing.T, partner ed25519.PrivateKey, old identity.Revoked, devices ...byte) (identity.Revoked, []byte) {
	t.Helper()
	old.Partner = identity.PartnerKeyOf(partner)
	next := old.Next(time.Now())
	for _, n := range devices {
		next.Add(identity.DeviceKeyOf(key(n)), time.Time{})
	}
	st, err := identity.SignRevoked(partner, next)
	if err != nil {
		t.Fatal(err)
	}
	return next, st.Append(nil)
}

// show has a device show a list to the box, and returns the connection.
func (d *device) show(t *testing.T, b *box, list []byte) *client.Box {
	t.Helper()
	if err := d.client.SetRevoked(list); err != nil {
		t.Fatal(err)
	}
	return d.connect(t, b)
}

// refused checks that a device's Hello is refused because it is revoked.
func (d *device) refused(t *testing.T, b *box) {
	t.Helper()
	if _, err := d.client.Connect(t.Context(), b.Addrs()[0]); !hasCode(err, api.Revoked) || !strings.Contains(err.Error(), "revoked by its partner") {
		t.Errorf("hello of a revoked device = %v, want %s", err, api.Revoked)
	}
}

// Case 36, for devices: a revoked device with open streams is cut off at once, and
// refused from then on, also after a restart of the box. Others are not touched.
func TestCase36RevokedDevice(t *testing.T) {
	b := startBox(t, stateDir(t))
	partner, another := key(60), key(61)
	b.grant(t, partner, 1<<20, time.Now())
	b.grant(t, another, 1<<20, time.Now())
	main, lost, other := newDevice(t, partner, 62), newDevice(t, partner, 63), newDevice(t, another, 64)

	c := lost.connect(t, b)
	l := newLog(t, 65)
	l.write(t, 3, 10, 1)
	if _, err := c.Pin(t.Context(), l.Key(), api.PinRequest{}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	x := replicate.New(replicate.Config{})
	x.Add(l, replicate.Options{Writer: true})
	go func() { ended <- c.Replicate(t.Context(), x) }()
	wait(t, c, l.Key(), pin.Complete, 3)
	cut := make(chan struct{})
	once := sync.OnceFunc(func() { close(cut) })
	lost.host.OnDisconnect(func(swarm.PeerID) { once() })
	theirs := other.connect(t, b)

	first, list := revoke(t, partner, identity.Revoked{}, 63)
	mine := main.show(t, b, list)
	<-cut
	if err := <-ended; err == nil {
		t.Error("replication with the revoked device goes on")
	}
	if got, kept := mine.Revoked(); got.Counter != first.Counter || !kept {
		t.Errorf("the box follows list %d, kept %v", got.Counter, kept)
	}
	lost.refused(t, b)
	if _, err := mine.Pins(t.Context()); err != nil {
		t.Errorf("the partner's other device: %v", err)
	}
	if _, err := theirs.Pins(t.Context()); err != nil {
		t.Errorf("another partner's device: %v", err)
	}

	// A device that knows no list gets it, and with it whoever recovers.
	fresh := newDevice(t, partner, 66)
	fresh.connect(t, b)
	if got, text := fresh.client.Revoked(); got.Counter != first.Counter || !bytes.Equal(text, list) {
		t.Errorf("a fresh device learns of list %d, want %d", got.Counter, first.Counter)
	}

	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	b = startBox(t, b.state)
	lost.refused(t, b)
	newDevice(t, partner, 67).connect(t, b)
	other.connect(t, b)

	// The list goes on; what was revoked stays so.
	second, list := revoke(t, partner, first, 66)
	main.show(t, b, list)
	fresh.refused(t, b)
	lost.refused(t, b)
	if second.Counter != first.Counter+1 {
		t.Errorf("list %d follows %d", second.Counter, first.Counter)
	}
}

// Case 37: a device whose certificate is over, is of an organisation without a
// grant, is another device's, or was made by itself, is refused, and told why.
func TestCase37DeviceCertificate(t *testing.T) {
	b := startBox(t, stateDir(t))
	partner, foreign := key(60), key(61)
	b.grant(t, partner, 1<<20, time.Now())
	d := newDevice(t, partner, 62)
	signed := func(by ed25519.PrivateKey, change func(*identity.DeviceCert)) []byte {
		t.Helper()
		cert := identity.DeviceCert{Partner: identity.PartnerKeyOf(by), Device: identity.DeviceKeyOf(key(62)), Scope: identity.ScopeFull, Issued: time.Now()}
		change(&cert)
		st, err := identity.SignDeviceCert(by, cert)
		if err != nil {
			t.Fatal(err)
		}
		return st.Append(nil)
	}
	as := func(*identity.DeviceCert) {}
	good := signed(partner, as)
	// Whoever makes a certificate for himself can write the partner's key into it.
	selfMade := bytes.ReplaceAll(signed(key(62), as), []byte(identity.PartnerKeyOf(key(62)).String()), []byte(identity.PartnerKeyOf(partner).String()))
	if bytes.Equal(selfMade, signed(key(62), as)) {
		t.Fatal("a certificate does not show its partner")
	}
	for what, c := range map[string]struct {
		cert []byte
		says string
	}{
		"that is over": {signed(partner, func(c *identity.DeviceCert) {
			c.Issued, c.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
		}), "expired"},
		"of another organisation":            {signed(foreign, as), "no grant"},
		"of another device":                  {signed(partner, func(c *identity.DeviceCert) { c.Device = identity.DeviceKeyOf(key(63)) }), "device"},
		"that it made itself":                {signed(key(62), as), "no grant"},
		"that it made in the partner's name": {selfMade, "certificate"},
		"that is none":                       {[]byte("COBOX"), "certificate"},
	} {
		_, err := client.New(d.host, c.cert).Connect(t.Context(), b.Addrs()[0])
		if !hasCode(err, api.Unauthorised) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("a certificate %s: %v, want %s and %q", what, err, api.Unauthorised, c.says)
		}
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 1
		if _, err := client.New(d.host, bad).Connect(t.Context(), b.Addrs()[0]); err == nil {
			t.Errorf("byte %d changed: the device was let in", i)
		}
	}
	d.connect(t, b)
}

// No list brings a revoked device back: not an older one, not one that leaves it
// out, not another partner's, not a forged one.
func TestListsThatDoNotCount(t *testing.T) {
	b := startBox(t, stateDir(t))
	partner, another := key(70), key(71)
	b.grant(t, partner, 1<<20, time.Now())
	b.grant(t, another, 1<<20, time.Now())
	empty, none := revoke(t, partner, identity.Revoked{})
	first, list := revoke(t, partner, empty, 72)
	newDevice(t, partner, 78).show(t, b, list)

	// hello says what a device could say that has been tampered with.
	hosts := make(map[byte]*device)
	hello := func(p ed25519.PrivateKey, n byte, list string) (api.Welcome, error) {
		d := hosts[n]
		if d == nil {
			d = newDevice(t, p, n)
			hosts[n] = d
		}
		st, err := identity.SignDeviceCert(p, identity.DeviceCert{
			Partner: identity.PartnerKeyOf(p), Device: identity.DeviceKeyOf(key(n)), Scope: identity.ScopeFull, Issued: time.Now(),
		})
		if err != nil {
			t.Fatal(err)
		}
		peer, err := d.host.Connect(t.Context(), b.Addrs()[0])
		if err != nil {
			t.Fatal(err)
		}
		var w api.Welcome
		return w, ask(t, d.host, peer, api.Hello{Device: st.String(), Revoked: list}, &w)
	}
	if _, err := hello(partner, 72, string(none)); !hasCode(err, api.Revoked) {
		t.Errorf("a revoked device with an older list = %v, want %s", err, api.Revoked)
	}
	if w, err := hello(partner, 73, string(none)); err != nil || w.Revoked != string(list) {
		t.Errorf("an older list is answered by %q, %v, want the newer one", w.Revoked, err)
	}
	leavesOut := first.Next(time.Now())
	leavesOut.Devices = nil
	st, err := identity.SignRevoked(partner, leavesOut)
	if err != nil {
		t.Fatal(err)
	}
	if w, err := hello(partner, 73, st.String()); err != nil || w.Revoked != string(list) {
		t.Errorf("a list that leaves a device out is answered by %q, %v, want the one that holds", w.Revoked, err)
	}
	for what, bad := range map[string][]byte{
		"another partner's": second(revoke(t, another, identity.Revoked{}, 73)),
		"a forged one":      bytes.Replace(list, []byte(`"counter":2`), []byte(`"counter":9`), 1),
		"no list at all":    []byte("{}"),
	} {
		if _, err := hello(partner, 73, string(bad)); !hasCode(err, api.BadRequest) {
			t.Errorf("%s = %v, want %s", what, err, api.BadRequest)
		}
	}
	// Another partner cannot hand in this one's list either, nor learn of it.
	if _, err := hello(another, 74, string(list)); !hasCode(err, api.BadRequest) {
		t.Errorf("another partner's device with this partner's list = %v, want %s", err, api.BadRequest)
	}
	if w, err := hello(another, 74, ""); err != nil || w.Revoked != "" {
		t.Errorf("another partner's device learns of %q, %v", w.Revoked, err)
	}
	hosts[72].refused(t, b)

	// A stranger makes the box keep nothing.
	stranger := key(75)
	if _, err := hello(stranger, 76, string(second(revoke(t, stranger, identity.Revoked{}, 77)))); !hasCode(err, api.Unauthorised) {
		t.Errorf("a stranger's list = %v, want %s", err, api.Unauthorised)
	}
	if files, _ := os.ReadDir(filepath.Join(b.state, "store", ".revoked")); len(files) != 1 {
		t.Errorf("the box keeps %d lists, want 1", len(files))
	}
}

func second[A, B any](_ A, b B) B { return b }

// A device that connects while it is being revoked is out afterwards, however the
// two meet.
func TestRevokeRaces(t *testing.T) {
	b := startBox(t, stateDir(t))
	partner := key(80)
	b.grant(t, partner, 1<<20, time.Now())
	main := newDevice(t, partner, 81)
	var list identity.Revoked
	for n := byte(90); n < 98; n++ {
		lost := newDevice(t, partner, n)
		ctx, cancel := context.WithCancel(t.Context())
		var tries sync.WaitGroup
		for range 4 {
			tries.Go(func() {
				for ctx.Err() == nil {
					if c, err := lost.client.Connect(ctx, b.Addrs()[0]); err == nil {
						_, _ = c.Pins(ctx)
						c.Close()
					}
				}
			})
		}
		var text []byte
		list, text = revoke(t, partner, list, n)
		main.show(t, b, text)
		// From here on nothing works, in whatever state the box caught it.
		for range 5 {
			if c, err := lost.client.Connect(t.Context(), b.Addrs()[0]); err == nil {
				t.Error("a revoked device got in")
				c.Close()
			}
		}
		cancel()
		tries.Wait()
		lost.refused(t, b)
	}
}

// Two computers that revoke without knowing of each other: the box follows the
// one that came first and hands it to the other, which signs one list for both.
func TestListsMeet(t *testing.T) {
	b := startBox(t, stateDir(t))
	partner := key(100)
	b.grant(t, partner, 1<<20, time.Now())
	one, text := revoke(t, partner, identity.Revoked{}, 101)
	newDevice(t, partner, 102).show(t, b, text)
	two, text := revoke(t, partner, identity.Revoked{}, 103)
	d := newDevice(t, partner, 104)
	c := d.show(t, b, text)
	theirs, _ := c.Revoked()
	ours, _ := d.client.Revoked()
	if theirs.Has(identity.DeviceKeyOf(key(103))) || ours.Has(identity.DeviceKeyOf(key(101))) || theirs.Counter != one.Counter || ours.Counter != two.Counter {
		t.Fatalf("the box follows %+v, the device %+v", theirs, ours)
	}
	both := ours.Next(time.Now(), theirs)
	st, err := identity.SignRevoked(partner, both)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.client.SetRevoked(st.Append(nil)); err != nil {
		t.Fatal(err)
	}
	if err := c.Introduce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if theirs, kept := c.Revoked(); theirs.Counter != both.Counter || !kept {
		t.Errorf("the box follows list %d, want %d", theirs.Counter, both.Counter)
	}
	newDevice(t, partner, 101).refused(t, b)
	newDevice(t, partner, 103).refused(t, b)
}

// A list that cannot be read lets nobody in on a guess; a list from a computer
// of the partner takes its place.
func TestDamagedList(t *testing.T) {
	b := startBox(t, stateDir(t))
	partner := key(110)
	b.grant(t, partner, 1<<20, time.Now())
	_, text := revoke(t, partner, identity.Revoked{}, 111)
	newDevice(t, partner, 112).show(t, b, text)
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(b.state, "store", ".revoked")
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Fatal(files, err)
	}
	name := filepath.Join(dir, files[0].Name())
	if err := os.WriteFile(name, text[:len(text)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	b = startBox(t, b.state)
	for _, n := range []byte{111, 113} {
		if _, err := newDevice(t, partner, n).client.Connect(t.Context(), b.Addrs()[0]); !hasCode(err, api.Internal) || !strings.Contains(err.Error(), "damaged") {
			t.Errorf("hello beside a damaged list = %v, want that it is damaged", err)
		}
	}
	newDevice(t, partner, 112).show(t, b, text)
	newDevice(t, partner, 113).connect(t, b)
	newDevice(t, partner, 111).refused(t, b)
	if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, text) {
		t.Errorf("the list on the disk is not the one that was shown: %v", err)
	}
}

// A list that the disk does not take counts until the next start, and is
// shown and tried again.
func TestListThatCannotBeKept(t *testing.T) {
	b := startBox(t, stateDir(t))
	partner := key(115)
	b.grant(t, partner, 1<<20, time.Now())
	list, text := revoke(t, partner, identity.Revoked{}, 116)
	main := newDevice(t, partner, 117)
	main.connect(t, b) // from now on the box knows that there is no list yet
	dir := filepath.Join(b.state, "store", ".revoked")
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // a file where the folder should be
		t.Fatal(err)
	}
	c := main.show(t, b, text)
	if got, kept := c.Revoked(); got.Counter != list.Counter || kept {
		t.Errorf("the box follows list %d, kept %v; want %d, not kept", got.Counter, kept, list.Counter)
	}
	newDevice(t, partner, 116).refused(t, b)
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := c.Introduce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, kept := c.Revoked(); !kept {
		t.Error("the list is not kept although the disk takes it now")
	}
}

// A device that may only read gets what is kept, and changes nothing: it cannot
// pin, unpin, or bring blocks or heads.
func TestReadOnlyDevice(t *testing.T) {
	b := startBox(t, stateDir(t))
	partner := key(120)
	b.grant(t, partner, 1<<20, time.Now())
	writer := newDevice(t, partner, 121)
	l := newLog(t, 122)
	l.write(t, 5, 100, 1)
	c := writer.connect(t, b)
	if _, err := c.Pin(t.Context(), l.Key(), api.PinRequest{}); err != nil {
		t.Fatal(err)
	}
	stop := push(t, c, l)
	wait(t, c, l.Key(), pin.Complete, 5)
	stop()

	reader := newDeviceWith(t, partner, 123, identity.ScopeRead)
	r := reader.connect(t, b)
	if _, err := r.Pin(t.Context(), l.Key(), api.PinRequest{Open: true}); !hasCode(err, api.Unauthorised) {
		t.Errorf("pinning = %v, want %s", err, api.Unauthorised)
	}
	if _, _, err := r.Unpin(t.Context(), identity.PartnerKeyOf(partner), l.Key()); !hasCode(err, api.Unauthorised) {
		t.Errorf("unpinning = %v, want %s", err, api.Unauthorised)
	}
	if _, _, err := r.Receipt(t.Context(), identity.PartnerKeyOf(partner), l.Key()); err != nil {
		t.Errorf("asking for a receipt: %v", err)
	}

	// It has a longer feed, rightly signed, and offers it.
	l.write(t, 5, 100, 50)
	pushing := push(t, r, l)
	from := client.NewReader(replicate.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	var reading sync.WaitGroup
	reading.Go(func() { _ = r.Replicate(ctx, from.Exchange()) })
	if h, err := from.Head(t.Context(), l.Key(), 1); err != nil || h.Length != 5 {
		t.Errorf("the reader is shown a head of %d blocks, %v, want 5", h.Length, err)
	}
	for i := range uint64(5) {
		got, err := from.Block(t.Context(), l.Key(), i)
		if want, _ := l.Block(i, nil); err != nil || !bytes.Equal(got, want) {
			t.Errorf("block %d is not what was written: %v", i, err)
		}
	}
	// What is pinned meanwhile can be read too.
	more := newLog(t, 124)
	more.write(t, 2, 10, 1)
	if _, err := c.Pin(t.Context(), more.Key(), api.PinRequest{}); err != nil {
		t.Fatal(err)
	}
	push(t, c, more)
	wait(t, c, more.Key(), pin.Complete, 2)
	if _, err := from.Block(t.Context(), more.Key(), 1); err != nil {
		t.Errorf("reading what was pinned later: %v", err)
	}
	if st := wait(t, c, l.Key(), pin.Complete, 1); st.Head.Length != 5 {
		t.Errorf("the box has %d blocks: it took some from a device that may only read", st.Head.Length)
	}
	pushing()
	cancel()
	reading.Wait()

	// From a device that may write, the same blocks are taken.
	push(t, writer.connect(t, b), l)
	wait(t, c, l.Key(), pin.Complete, 10)
}

// newDeviceWith is newDevice with another scope.
func newDeviceWith(t *testing.T, partner ed25519.PrivateKey, n byte, scope identity.Scope) *device {
	t.Helper()
	d := newDevice(t, partner, n)
	st, err := identity.SignDeviceCert(partner, identity.DeviceCert{
		Partner: identity.PartnerKeyOf(partner), Device: identity.DeviceKeyOf(key(n)), Scope: scope, Issued: time.Now(),
	})
	if err != nil {
		t.Fatal(err)
	}
	d.client = client.New(d.host, st.Append(nil))
	return d
}

// ask says Hello as the bytes say, past the client's own checks.
func ask(t *testing.T, h *swarm.Host, peer swarm.PeerID, hello api.Hello, w *api.Welcome) error {
	t.Helper()
	text, err := json.Marshal(hello)
	if err != nil {
		t.Fatal(err)
	}
	c := &http.Client{Transport: &http.Transport{DialContext: h.Dialer(peer, api.Protocol)}}
	defer c.CloseIdleConnections()
	resp, err := c.Post("http://box/v1/hello", "application/json", bytes.NewReader(text))
	if err != nil {
		return err
	}
	return errors.Join(api.ReadAnswer(resp, 1<<20, w), resp.Body.Close())
}
