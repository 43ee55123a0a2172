package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"testing"
	"time"

	"cobox/provision/chain"
	"cobox/provision/control"
	"cobox/provision/label"
	"cobox/provision/pairing"
	"cobox/seeder/api"
	"cobox/seeder/client"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/swarm"
)

// claimed returns a box with its owner.
func claimed(t *testing.T) (*box, *person) {
	t.Helper()
	b, owner := startBox(t), newPerson(t, 2)
	eventually(t, "pairing", func() error { return owner.use(t, b, b.code.Claim(), pairing.Operator, owner.key) })
	eventually(t, "the owner asks", func() error {
		_, err := owner.control(t, b).State(t.Context())
		return err
	})
	return b, owner
}

// invited makes a partner of a box, and returns one of its computers.
func invited(t *testing.T, b *box, owner *person, partner ed25519.PrivateKey) (*person, *client.Client) {
	t.Helper()
	code, err := label.New(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	claim := code.Claim()
	if err := owner.order(t, b, chain.Invite{
		ID: chain.ID(claim.Public().ID()), ClaimKey: chain.PublicKey(claim.Public()), Role: chain.Partner,
		Terms: chain.Terms{QuotaBytes: 1 << 20, MaxFeeds: 3, NoticeSeconds: 3600}, NotAfter: time.Now().UTC().Add(time.Hour).Truncate(time.Second),
	}); err != nil {
		t.Fatal(err)
	}
	laptop := newPerson(t, 4)
	eventually(t, "using the invite", func() error { return laptop.use(t, b, claim, pairing.Partner, partner) })
	return laptop, device(t, partner, laptop)
}

// hears reports whether a person gets a word out of the box by a protocol. The box may
// end the stream, or the connection, or not take it at all.
func (p *person) hears(t *testing.T, b *box, protocol string, say string) bool {
	t.Helper()
	peer, err := p.host.Connect(t.Context(), b.addr)
	if err != nil {
		return false
	}
	st, err := p.host.Open(t.Context(), peer, protocol)
	if err != nil {
		return false
	}
	defer st.Close()
	if _, err := st.Write([]byte(say)); err != nil {
		return false
	}
	n, _ := st.Read(make([]byte, 1))
	return n > 0
}

// question is what the box's protocols over HTTP are asked.
const question = "GET /v1/state HTTP/1.1\r\nHost: box\r\n\r\n"

// Case 38: somebody whom the box does not know gets nothing out of it by any of its
// protocols.
func TestCase38Unknown(t *testing.T) {
	b, owner := claimed(t)
	if !owner.hears(t, b, control.Protocol, question) {
		t.Error("the owner hears nothing either")
	}
	stranger := newPerson(t, 3)
	for _, protocol := range []string{control.Protocol, api.PairProtocol, api.Protocol, api.ReplicateProtocol} {
		if stranger.hears(t, b, protocol, question) {
			t.Errorf("a stranger hears something by %s", protocol)
		}
	}
}

// Case 39: a partner gets nothing out of the operators' protocol.
func TestCase39Partner(t *testing.T) {
	b, owner := claimed(t)
	laptop, dev := invited(t, b, owner, key(40))
	eventually(t, "the partner introduces himself", func() error {
		_, err := dev.Connect(t.Context(), b.addr)
		return err
	})
	if laptop.hears(t, b, control.Protocol, question) {
		t.Error("a partner hears something of the authority")
	}
	if _, err := laptop.control(t, b).State(t.Context()); err == nil {
		t.Error("a partner reads the state")
	}
	if _, err := dev.Connect(t.Context(), b.addr); err != nil {
		t.Errorf("afterwards the partner's own protocol: %v", err)
	}
}

// Case 36: a revoked partner's connection is cut; what is kept is still his to read
// during the notice, and nothing new is taken in.
func TestCase36RevokedPartner(t *testing.T) {
	b, owner := claimed(t)
	partner := key(40)
	laptop, dev := invited(t, b, owner, partner)
	var c *client.Box
	eventually(t, "the partner introduces himself", func() (err error) {
		c, err = dev.Connect(t.Context(), b.addr)
		return err
	})
	if _, err := c.Pin(t.Context(), feed.NewManifest(key(50).Public().(ed25519.PublicKey)).Key(), api.PinRequest{}); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{}, 1)
	defer laptop.host.OnDisconnect(func(swarm.PeerID) { gone <- struct{}{} })()
	if err := owner.order(t, b, chain.Revoke{Partner: identity.PartnerKeyOf(partner), NoticeSeconds: 3600}); err != nil {
		t.Fatal(err)
	}
	select {
	case <-gone:
	case <-time.After(20 * time.Second):
		t.Fatal("the connection of a revoked partner goes on")
	}
	eventually(t, "coming back within the notice", func() (err error) {
		c, err = dev.Connect(t.Context(), b.addr)
		return err
	})
	if pins, err := c.Pins(t.Context()); err != nil || len(pins) != 1 {
		t.Errorf("within the notice: pins %v, %v", pins, err)
	}
	if _, err := c.Pin(t.Context(), feed.NewManifest(key(51).Public().(ed25519.PublicKey)).Key(), api.PinRequest{}); err == nil {
		t.Error("a revoked partner pins")
	}
}
