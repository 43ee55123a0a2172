package client_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"cobox/seeder/api"
	"cobox/seeder/client"
	"cobox/seeder/identity"
	"cobox/seeder/swarm"
)

func key(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

var partner = key(1)

// A fakeBox answers every Hello as a test says: boxes are not to be trusted.
type fakeBox struct {
	addr string
	host *swarm.Host

	mu     sync.Mutex
	shown  string // the list that it was shown last; mu
	answer string // its list; mu
}

// says sets the list that the box answers with.
func (b *fakeBox) says(answer string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answer = answer
}

// saw returns the list that the box was shown last.
func (b *fakeBox) saw() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.shown
}

func startFake(t *testing.T, n byte) *fakeBox {
	t.Helper()
	return startFakeWith(t, swarm.Config{Key: key(n), Listen: []string{"/ip4/127.0.0.1/tcp/0"}})
}

func startFakeWith(t *testing.T, cfg swarm.Config) *fakeBox {
	t.Helper()
	h, err := swarm.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	b := &fakeBox{addr: h.Addrs()[0], host: h}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var hello api.Hello
		if err := api.ReadRequest(r, &hello); err != nil {
			api.WriteError(w, err)
			return
		}
		b.mu.Lock()
		defer b.mu.Unlock()
		b.shown = hello.Revoked
		api.WriteAnswer(w, api.Welcome{Box: identity.BoxKeyOf(cfg.Key), Partner: identity.PartnerKeyOf(partner), Revoked: b.answer})
	})}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(h.Listener(api.Protocol)) }()
	t.Cleanup(func() {
		_ = srv.Close()
		<-ended
		_ = h.Close()
	})
	return b
}

func newClient(t *testing.T, n byte) *client.Client {
	t.Helper()
	h, err := swarm.New(swarm.Config{Key: key(n)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	st, err := identity.SignDeviceCert(partner, identity.DeviceCert{
		Partner: identity.PartnerKeyOf(partner), Device: identity.DeviceKeyOf(key(n)), Scope: identity.ScopeFull, Issued: time.Now(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return client.New(h, st.Append(nil))
}

// list signs a list that follows old, with one more device.
func list(t *testing.T, signer ed25519.PrivateKey, old identity.Revoked, n byte) (identity.Revoked, string) {
	t.Helper()
	old.Partner = identity.PartnerKeyOf(signer)
	next := old.Next(time.Now())
	next.Add(identity.DeviceKeyOf(key(n)), time.Time{})
	st, err := identity.SignRevoked(signer, next)
	if err != nil {
		t.Fatal(err)
	}
	return next, st.String()
}

// A newer list of a box's is taken and shown to the next box; an older one, and
// one that does not replace ours, are not.
func TestRevokedListsTravel(t *testing.T) {
	one, two := startFake(t, 10), startFake(t, 11)
	c := newClient(t, 12)
	first, firstText := list(t, partner, identity.Revoked{}, 20)
	second, secondText := list(t, partner, first, 21)
	_, otherText := list(t, partner, first, 22) // as new as the second, of another computer

	for _, step := range []struct {
		box          *fakeBox
		answer       string
		shown        string
		knows, keeps uint64
		kept         bool
	}{
		{one, "", "", 0, 0, true},
		{one, firstText, "", 1, 1, true},
		{two, "", firstText, 1, 1, true},
		{two, secondText, firstText, 2, 2, true},
		{one, firstText, secondText, 2, 1, true},
		{one, otherText, secondText, 2, 2, true},
		{one, secondText, secondText, 2, 2, false}, // it could not put it on its disk
		{one, "", secondText, 2, 2, true},
	} {
		step.box.says(step.answer)
		b, err := c.Connect(t.Context(), step.box.addr)
		if err != nil {
			t.Fatal(err)
		}
		b.Close()
		if shown := step.box.saw(); shown != step.shown {
			t.Errorf("the box was shown %.60q..., want %.60q...", shown, step.shown)
		}
		ours, text := c.Revoked()
		theirs, kept := b.Revoked()
		if ours.Counter != step.knows || theirs.Counter != step.keeps || kept != step.kept || (len(text) > 0) != (step.knows > 0) {
			t.Errorf("after the answer %.60q... we know list %d, the box follows %d, kept %v; want %d, %d, %v",
				step.answer, ours.Counter, theirs.Counter, kept, step.knows, step.keeps, step.kept)
		}
	}
	if ours, _ := c.Revoked(); !ours.Has(identity.DeviceKeyOf(key(21))) || second.Counter != ours.Counter {
		t.Errorf("we know %+v, want the second list", ours)
	}
}

// A box that makes a list up is found out, and nothing of it is taken.
func TestBoxesThatMakeListsUp(t *testing.T) {
	box := startFake(t, 30)
	c := newClient(t, 31)
	_, good := list(t, partner, identity.Revoked{}, 40)
	_, others := list(t, key(2), identity.Revoked{}, 41)
	for what, answer := range map[string]string{
		"another partner's": others,
		"changed":           strings.Replace(good, `"counter":1`, `"counter":2`, 1),
		"no statement":      "{}",
		"too long":          strings.Repeat("x", identity.MaxStatement+1),
	} {
		box.says(answer)
		if b, err := c.Connect(t.Context(), box.addr); err == nil || !strings.Contains(err.Error(), "list of revoked devices") {
			t.Errorf("%s: Connect = %v, %v, want that the list is none", what, b, err)
		}
		if known, _ := c.Revoked(); !known.Partner.IsZero() {
			t.Errorf("%s: it was taken: %+v", what, known)
		}
	}
	if err := c.SetRevoked([]byte(others)); !errors.Is(err, identity.ErrNotTrusted) {
		t.Errorf("SetRevoked with another partner's list = %v, want ErrNotTrusted", err)
	}
	box.says("")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.Connect(ctx, box.addr); err == nil {
		t.Error("Connect with a context that is over succeeds")
	}
}
