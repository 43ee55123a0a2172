package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"cobox/appliance/health"
	"cobox/provision"
	"cobox/provision/chain"
	"cobox/provision/control"
	"cobox/provision/label"
	"cobox/provision/pairing"
	"cobox/seeder"
	"cobox/seeder/api"
	"cobox/seeder/client"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/swarm"
)

func key(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

// A box is both daemons on one state folder, on this computer alone.
type box struct {
	addr string
	id   identity.BoxKey
	code label.Code
	page string // its address
}

func startBox(t *testing.T) *box {
	t.Helper()
	state, err := os.MkdirTemp("", "box") // short: a socket's path is bounded
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(state) })
	return startBoxWith(t, provision.Config{State: state})
}

// startBoxWith starts a box with this configuration of its authority.
func startBoxWith(t *testing.T, cfg provision.Config) *box {
	t.Helper()
	said := make(lines, 1000) // more than a test makes it say
	b := startSeeder(t, cfg.State, func(ctx context.Context) error {
		return serve(ctx, cfg, "127.0.0.1:0", &figureFlags{lan: "127.0.0.1:0"}, said)
	})
	b.page = pageOf(t, said)
	return b
}

// startSeeder starts a seeder with a pairing code, and what runs its authority.
func startSeeder(t *testing.T, state string, authority func(context.Context) error) *box {
	t.Helper()
	code, err := label.New(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if err := provision.WriteCard(state, provision.Card{Claim: code.Claim().Public()}); err != nil {
		t.Fatal(err)
	}
	s, err := seeder.Open(seeder.Config{State: state, Authority: true, ScrubRate: -1,
		Swarm: swarm.Config{Listen: []string{"/ip4/127.0.0.1/tcp/0"}}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- s.Run(ctx) }()
	go func() { ended <- authority(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-ended, <-ended); err != nil {
			t.Error(err)
		}
	})
	id, err := identity.ParseBoxKey(s.ID())
	if err != nil {
		t.Fatal(err)
	}
	return &box{addr: s.Addrs()[0], id: id, code: code}
}

// lines takes a log, line by line.
type lines chan string

func (l lines) Write(p []byte) (int, error) {
	select {
	case l <- string(p):
	default:
	}
	return len(p), nil
}

// pageOf waits for the log to say where the status page is.
func pageOf(t *testing.T, said lines) string {
	t.Helper()
	for {
		select {
		case line := <-said:
			if _, addr, ok := strings.Cut(line, `msg="status page" addr=`); ok {
				return strings.TrimSpace(addr)
			}
		case <-t.Context().Done():
			t.Fatal("the log does not say where the page is")
		}
	}
}

// A person is somebody with a key, which is also the identity of a host.
type person struct {
	key    ed25519.PrivateKey
	host   *swarm.Host
	client *control.Client // nil before the first question
}

func newPerson(t *testing.T, n byte) *person {
	t.Helper()
	h, err := swarm.New(swarm.Config{Key: key(n)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return &person{key: key(n), host: h}
}

// eventually tries until it works: what a box was told takes a moment to count.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			t.Fatalf("%s: %v", what, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// use uses a code for a key.
func (p *person) use(t *testing.T, b *box, code label.Claim, kind pairing.Kind, k ed25519.PrivateKey) error {
	t.Helper()
	peer, err := p.host.Connect(t.Context(), b.addr)
	if err != nil {
		return err
	}
	st, err := p.host.Open(t.Context(), peer, api.PairProtocol)
	if err != nil {
		return err
	}
	defer st.Close()
	_, err = pairing.Ask(t.Context(), st, pairing.Request{Claim: code, Kind: kind, Key: k, Box: b.id.PeerID(), Self: identity.PeerID(st.Local())})
	return err
}

// control returns what asks the box's authority. It keeps to one stream, of
// which a peer has few.
func (p *person) control(t *testing.T, b *box) *control.Client {
	t.Helper()
	if p.client != nil {
		return p.client
	}
	peer, err := swarm.ParsePeerID(b.id.PeerID().String())
	if err != nil {
		t.Fatal(err)
	}
	tr := &http.Transport{DialContext: p.host.Dialer(peer, control.Protocol)}
	t.Cleanup(tr.CloseIdleConnections)
	p.client = &control.Client{HTTP: &http.Client{Transport: tr}}
	return p.client
}

func (p *person) order(t *testing.T, b *box, o chain.Order) error {
	t.Helper()
	c := p.control(t, b)
	st, err := c.State(t.Context())
	if err != nil {
		return err
	}
	signed, err := chain.SignOrder(p.key, st.Chain.Head(), time.Now(), o)
	if err != nil {
		return err
	}
	_, err = c.Order(t.Context(), signed)
	return err
}

// device makes a computer of a partner.
func device(t *testing.T, partner ed25519.PrivateKey, p *person) *client.Client {
	t.Helper()
	st, err := identity.SignDeviceCert(partner, identity.DeviceCert{
		Partner: identity.PartnerKeyOf(partner), Device: identity.DeviceKeyOf(p.key), Scope: identity.ScopeFull, Issued: time.Now(),
	})
	if err != nil {
		t.Fatal(err)
	}
	return client.New(p.host, st.Append(nil))
}

// TestBox goes the way of a box: claimed with a wrong code, then with the right
// one, an invite, a partner who pins, and the end of that.
func TestBox(t *testing.T) {
	b := startBox(t)
	owner, stranger := newPerson(t, 2), newPerson(t, 3)
	wrong, err := label.New(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	right := b.code.Claim()
	eventually(t, "a wrong code", func() error {
		err := owner.use(t, b, wrong.Claim(), pairing.Operator, owner.key)
		if r, ok := errors.AsType[*pairing.Refusal](err); ok && r.Answer == pairing.Denied {
			return nil
		}
		return errors.Join(errors.New("not denied"), err)
	})
	if err := owner.use(t, b, right, pairing.Operator, owner.key); err != nil {
		t.Fatal(err)
	}
	err = stranger.use(t, b, right, pairing.Operator, stranger.key)
	if r, ok := errors.AsType[*pairing.Refusal](err); ok && r.Answer != pairing.Used {
		t.Errorf("the code again, by somebody else: %v", err)
	} else if err == nil {
		t.Error("two people own the box")
	}

	// Only operators get through to the authority.
	eventually(t, "the owner asks", func() error {
		st, err := owner.control(t, b).State(t.Context())
		if err == nil && (st.Role != chain.Owner || st.Failed == 0) {
			t.Errorf("state = %+v", st)
		}
		return err
	})
	if st, err := stranger.control(t, b).State(t.Context()); err == nil {
		t.Errorf("a stranger reads %+v", st)
	}

	// Who owns the box sees how it is, and nobody else does.
	if r, err := owner.control(t, b).Health(t.Context()); err != nil || len(r.Checks) != len(health.Checks()) {
		t.Errorf("the owner sees the health %+v, %v", r, err)
	}
	var page strings.Builder
	if err := owner.control(t, b).Metrics(t.Context(), &page); err != nil || !strings.Contains(page.String(), "\ncobox_store_open 1\n") {
		t.Errorf("the owner sees the metrics %s, %v", page.String(), err)
	}
	page.Reset()
	if err := stranger.control(t, b).Metrics(t.Context(), &page); err == nil || page.Len() > 0 {
		t.Errorf("a stranger reads metrics: %s", page.String())
	}
	if r, err := stranger.control(t, b).Health(t.Context()); err == nil {
		t.Errorf("a stranger reads %+v", r)
	}

	// Metrics on the network are there when the operator turns them on, for the token.
	if s, err := owner.control(t, b).Scrape(t.Context()); err != nil || s.On || s.Token != "" {
		t.Errorf("before it is turned on: %+v, %v", s, err)
	}
	var scrape control.Scrape
	for range 2 { // each order makes another token
		if err := owner.order(t, b, chain.Set{Name: "metrics-lan", Value: "on"}); err != nil {
			t.Fatal(err)
		}
		before := scrape.Token
		eventually(t, "metrics on the network", func() error {
			if scrape, err = owner.control(t, b).Scrape(t.Context()); err == nil && len(scrape.Targets) != 1 {
				err = fmt.Errorf("they are at %v", scrape.Targets)
			}
			return err
		})
		if scrape.Token == before || len(scrape.Token) < 40 {
			t.Errorf("the token %q after %q", scrape.Token, before)
		}
	}
	for token, want := range map[string]int{scrape.Token: http.StatusOK, "": http.StatusUnauthorized, identity.PartnerKeyOf(key(40)).String(): http.StatusUnauthorized} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+scrape.Targets[0]+"/metrics", nil)
		if err != nil {
			t.Fatal(err)
		}
		if token != "" {
			req.Header.Set("Authorization", "Bearer "+token)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.StatusCode != want {
			t.Errorf("GET /metrics answered %s, want %d", resp.Status, want)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	if s, err := stranger.control(t, b).Scrape(t.Context()); err == nil {
		t.Errorf("a stranger learns %+v", s)
	}

	invite, err := label.New(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	claim := invite.Claim()
	if err := owner.order(t, b, chain.Invite{
		ID: chain.ID(claim.Public().ID()), ClaimKey: chain.PublicKey(claim.Public()), Role: chain.Partner,
		Terms: chain.Terms{QuotaBytes: 1 << 20, MaxFeeds: 3, NoticeSeconds: 3600}, NotAfter: time.Now().UTC().Add(time.Hour).Truncate(time.Second),
	}); err != nil {
		t.Fatal(err)
	}
	laptop, partner := newPerson(t, 4), key(40)
	eventually(t, "using the invite", func() error { return laptop.use(t, b, claim, pairing.Partner, partner) })
	dev := device(t, partner, laptop)
	var c *client.Box
	eventually(t, "the partner introduces himself", func() error {
		c, err = dev.Connect(t.Context(), b.addr)
		return err
	})
	if c.Welcome.Usage.QuotaBytes != 1<<20 {
		t.Errorf("welcome = %+v", c.Welcome)
	}
	feedKey := feed.NewManifest(key(50).Public().(ed25519.PublicKey)).Key()
	if _, err := c.Pin(t.Context(), feedKey, api.PinRequest{}); err != nil {
		t.Fatal(err)
	}
	if st, err := owner.control(t, b).Status(t.Context()); err != nil || len(st.Pins) != 1 {
		t.Errorf("the owner sees the status %+v, %v", st, err)
	}

	// Revoked, the partner's connection is cut; what is kept is still his
	// to read, and nothing new is taken in.
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
	eventually(t, "coming back within the notice", func() error {
		c, err = dev.Connect(t.Context(), b.addr)
		return err
	})
	if pins, err := c.Pins(t.Context()); err != nil || len(pins) != 1 {
		t.Errorf("within the notice: pins %v, %v", pins, err)
	}
	other := feed.NewManifest(key(51).Public().(ed25519.PublicKey)).Key()
	if _, err := c.Pin(t.Context(), other, api.PinRequest{}); err == nil {
		t.Error("a revoked partner pins")
	}

	// The operator's order to unpin is carried out.
	if err := owner.order(t, b, chain.Unpin{Feed: chain.FeedKey(feedKey), Partner: identity.PartnerKeyOf(partner)}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the unpin is carried out", func() error {
		st, err := owner.control(t, b).Status(t.Context())
		if err == nil && len(st.Pins) > 0 {
			err = errors.New("it is still kept")
		}
		return err
	})

	var log bytes.Buffer
	if err := owner.control(t, b).Log(t.Context(), &log); err != nil {
		t.Fatal(err)
	}
	if _, err := chain.Replay(b.id, &log); err != nil {
		t.Errorf("the exported log does not hold: %v", err)
	}

	// Retired: nobody gets in any more but its operators.
	if err := owner.order(t, b, chain.Retire{}); err != nil {
		t.Fatal(err)
	}
	if err := newPerson(t, 9).use(t, b, claim, pairing.Partner, key(60)); err == nil {
		t.Error("a retired box takes a partner in")
	}
}

// TestUsage says what is wrong with the command line.
func TestUsage(t *testing.T) {
	for _, args := range [][]string{nil, {"-state", "x", "y"}, {"-nonsense"}, {"-state", "x", "-recovery-wait", "0s"}} {
		var out strings.Builder
		if code := run(t.Context(), args, &out); code != 2 || out.Len() == 0 {
			t.Errorf("provisiond %q: code %d, %q", args, code, out.String())
		}
	}
}
