package monitor

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"cobox/provision/label"
	"cobox/provision/pairing"
	"cobox/seeder/api"
	"cobox/seeder/client"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/pin"
	"cobox/seeder/replicate"
	"cobox/seeder/store"
	"cobox/seeder/swarm"
)

func key(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

// A partner is one device of an organisation, with its keys.
type partner struct {
	s    *scene
	key  ed25519.PrivateKey
	host *swarm.Host
	c    *client.Client
	box  *client.Box // nil while not connected
}

// newPartner comes with an invite that the operator has just made.
func (s *scene) newPartner(n byte, inviteFlags ...string) *partner {
	s.t.Helper()
	var made struct{ Invite string }
	args := append([]string{"invite", "-addr", s.addr, "-json", "-partner", fmt.Sprint("Partner ", n)}, inviteFlags...)
	if err := json.Unmarshal([]byte(s.coboxctl("", args...)), &made); err != nil {
		s.t.Fatal(err)
	}
	invite, err := label.ParseInvite(made.Invite)
	if err != nil {
		s.t.Fatal(err)
	}
	p := &partner{s: s, key: key(n)}
	device := key(n + 100)
	if p.host, err = swarm.New(swarm.Config{Key: device}); err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = p.host.Close() })
	s.eventually("using the invite", 30*time.Second, func() error { return p.accept(invite) })
	st, err := identity.SignDeviceCert(p.key, identity.DeviceCert{
		Partner: identity.PartnerKeyOf(p.key), Device: identity.DeviceKeyOf(device), Scope: identity.ScopeFull, Issued: time.Now(),
	})
	if err != nil {
		s.t.Fatal(err)
	}
	p.c = client.New(p.host, st.Append(nil))
	return p
}

func (p *partner) accept(invite label.Invite) error {
	ctx, cancel := context.WithTimeout(p.s.t.Context(), 10*time.Second)
	defer cancel()
	peer, err := p.host.Connect(ctx, p.s.addr)
	if err != nil {
		return err
	}
	st, err := p.host.Open(ctx, peer, api.PairProtocol)
	if err != nil {
		return err
	}
	defer st.Close()
	_, err = pairing.Ask(ctx, st, pairing.Request{
		Claim: invite.Code.Claim(), Kind: pairing.Partner, Key: p.key, Box: identity.PeerID(peer), Self: identity.PeerID(st.Local()),
	})
	return err
}

// connect has the device introduce itself.
func (p *partner) connect() *client.Box {
	p.s.t.Helper()
	if p.box != nil {
		p.box.Close() // a peer has few streams
	}
	p.s.eventually("a device connects", 30*time.Second, func() (err error) {
		p.box, err = p.c.Connect(p.s.t.Context(), p.s.addr)
		return err
	})
	return p.box
}

// A writer is a feed that a test writes.
type writer struct {
	*store.Feed
	private ed25519.PrivateKey
	m       *feed.Manifest
	lies    atomic.Bool // its blocks are not what it signed
}

// Block returns a block, or something else.
func (w *writer) Block(i uint64, buf []byte) ([]byte, error) {
	b, err := w.Feed.Block(i, buf)
	if err == nil && w.lies.Load() && len(b) > 0 {
		b[0]++
	}
	return b, err
}

func (s *scene) newWriter(n byte) *writer {
	s.t.Helper()
	st, err := store.Open(filepath.Join(s.t.TempDir(), "store"), store.Config{})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = st.Close() })
	w := &writer{private: key(n)}
	w.m = feed.NewManifest(w.private.Public().(ed25519.PublicKey))
	if w.Feed, err = st.Create(w.m.Key()); err == nil {
		err = w.SetManifest(w.m)
	}
	if err != nil {
		s.t.Fatal(err)
	}
	return w
}

// write appends blocks of a size, told apart by fill.
func (w *writer) write(t *testing.T, n, size int, fill byte) {
	t.Helper()
	var blocks [][]byte
	for i := range n {
		blocks = append(blocks, bytes.Repeat([]byte{fill + byte(i)}, size))
	}
	if _, err := w.Append(t.Context(), blocks, func(h feed.Head) (feed.Head, error) { return feed.Sign(w.Key(), w.m, w.private, h) }); err != nil {
		t.Fatal(err)
	}
}

// push replicates a feed with the box until stop is called; ended is closed when the
// box has hung up.
func (p *partner) push(w *writer) (stop func(), ended <-chan struct{}) {
	x := replicate.New(replicate.Config{})
	x.Add(w, replicate.Options{Writer: true})
	ctx, cancel := context.WithCancel(p.s.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = p.box.Replicate(ctx, x) // it ends in many ways
	}()
	stop = func() {
		cancel()
		<-done
	}
	p.s.t.Cleanup(stop)
	return stop, done
}

func (p *partner) pin(w *writer) {
	p.s.t.Helper()
	if _, err := p.box.Pin(p.s.t.Context(), w.Key(), api.PinRequest{}); err != nil {
		p.s.t.Fatal(err)
	}
}

// wait waits until the pin of a feed is in a state.
func (p *partner) wait(w *writer, want pin.State) {
	p.s.t.Helper()
	p.s.eventually("the pin is "+string(want), time.Minute, func() error {
		pins, err := p.box.Pins(p.s.t.Context())
		for _, st := range pins {
			if st.Feed == w.Key() && st.State == want {
				return nil
			}
		}
		return fmt.Errorf("pins %v, %w", pins, err)
	})
}
