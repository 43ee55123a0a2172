package seeder_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cobox/seeder"
	"cobox/seeder/api"
	"cobox/seeder/client"
	"cobox/seeder/durable"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/pin"
	"cobox/seeder/replicate"
	"cobox/seeder/store"
	"cobox/seeder/swarm"
)

// A box is a seeder that runs, on this computer alone.
type box struct {
	*seeder.Seeder
	state string
	stop  func() error
}

var operator = key(200)

func key(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

func startBox(t *testing.T, state string) *box {
	t.Helper()
	return startBoxWith(t, state, func(*seeder.Config) {})
}

func startBoxWith(t *testing.T, state string, change func(*seeder.Config)) *box {
	t.Helper()
	cfg := config(state)
	change(&cfg)
	s, err := seeder.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	b := &box{Seeder: s, state: state}
	b.stop = func() error {
		cancel()
		err, ok := <-ended
		if ok {
			close(ended)
		}
		return err
	}
	t.Cleanup(func() {
		if err := b.stop(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func config(state string) seeder.Config {
	return seeder.Config{
		State: state, Operators: []identity.OperatorKey{identity.OperatorKeyOf(operator)},
		Swarm: swarm.Config{Listen: []string{"/ip4/127.0.0.1/tcp/0"}}, ScrubRate: -1,
	}
}

// stateDir is short: a socket's path is bounded.
func stateDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "box")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "state")
}

func (b *box) grant(t *testing.T, p ed25519.PrivateKey, quota uint64, issued time.Time) {
	t.Helper()
	st, err := identity.SignGrant(operator, grantFor(t, b.ID(), p, quota, issued))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.AddGrant(st.Append(nil)); err != nil {
		t.Fatal(err)
	}
}

func grantFor(t *testing.T, id string, p ed25519.PrivateKey, quota uint64, issued time.Time) identity.Grant {
	t.Helper()
	k, err := identity.ParseBoxKey(id)
	if err != nil {
		t.Fatal(err)
	}
	return identity.Grant{Box: k, Partner: identity.PartnerKeyOf(p), QuotaBytes: quota, MaxFeeds: 3, Issued: issued}
}

// A device is one computer of a partner.
type device struct {
	partner ed25519.PrivateKey
	host    *swarm.Host
	client  *client.Client
}

func newDevice(t *testing.T, partner ed25519.PrivateKey, n byte) *device {
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
	return &device{partner, h, client.New(h, st.Append(nil))}
}

func (d *device) connect(t *testing.T, b *box) *client.Box {
	t.Helper()
	c, err := d.client.Connect(t.Context(), b.Addrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// A log is a feed that a test writes.
type log struct {
	*store.Feed
	private ed25519.PrivateKey
	m       *feed.Manifest
}

func newLog(t *testing.T, n byte) *log {
	t.Helper()
	s, err := store.Open(filepath.Join(t.TempDir(), "store"), store.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	l := &log{private: key(n)}
	l.m = feed.NewManifest(l.private.Public().(ed25519.PublicKey))
	if l.Feed, err = s.Create(l.m.Key()); err != nil {
		t.Fatal(err)
	}
	if err := l.SetManifest(l.m); err != nil {
		t.Fatal(err)
	}
	return l
}

func (l *log) write(t *testing.T, n, size int, fill byte) {
	t.Helper()
	var blocks [][]byte
	for i := range n {
		blocks = append(blocks, bytes.Repeat([]byte{fill + byte(i)}, size))
	}
	_, err := l.Append(t.Context(), blocks, func(h feed.Head) (feed.Head, error) {
		return feed.Sign(l.Key(), l.m, l.private, h)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// push replicates a log with a box while the test goes on.
func push(t *testing.T, c *client.Box, l *log) (stop func()) {
	t.Helper()
	x := replicate.New(replicate.Config{})
	x.Add(l, replicate.Options{Writer: true})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = c.Replicate(ctx, x)
	}()
	stop = func() {
		cancel()
		<-ended
	}
	t.Cleanup(stop)
	return stop
}

// wait asks the box until a pin is in a state.
func wait(t *testing.T, c *client.Box, key feed.Key, want pin.State, length uint64) pin.Status {
	t.Helper()
	for {
		pins, err := c.Pins(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range pins {
			if p.Feed == key && p.State == want && p.Head.Length >= length {
				return p
			}
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("the pin did not become %s", want)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// The main job: pinned, replicated, receipted; and all of it there after a restart.
func TestBoxKeepsAFeed(t *testing.T) {
	b := startBox(t, stateDir(t))
	partner := key(1)
	b.grant(t, partner, 1<<20, time.Now())
	d := newDevice(t, partner, 2)
	c := d.connect(t, b)
	l := newLog(t, 3)
	l.write(t, 20, 1000, 1)
	if _, err := c.Pin(t.Context(), l.Key(), api.PinRequest{Label: "mine"}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := c.Receipt(t.Context(), identity.PartnerKeyOf(partner), l.Key()); !hasCode(err, api.NotSynced) {
		t.Errorf("receipt before anything is there = %v, want %s", err, api.NotSynced)
	}
	push(t, c, l)
	st := wait(t, c, l.Key(), pin.Complete, 20)
	if st.Blocks != 20 || st.HeldBytes != 20_000 || st.Label != "mine" {
		t.Errorf("status = %+v, want 20 blocks of 1000 bytes", st)
	}
	check := func(c *client.Box) {
		t.Helper()
		r, _, err := c.Receipt(t.Context(), identity.PartnerKeyOf(partner), l.Key())
		if err != nil {
			t.Fatal(err)
		}
		if h := l.Durable().Head; r.Length != h.Length || r.Root != h.Hash || r.Bytes != h.Bytes {
			t.Errorf("receipt = %+v, want one for %+v", r, h)
		}
	}
	check(c)
	id := b.ID()
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	b = startBox(t, b.state)
	if b.ID() != id {
		t.Errorf("the box is %s after a restart, it was %s", b.ID(), id)
	}
	c = d.connect(t, b)
	wait(t, c, l.Key(), pin.Complete, 20)
	check(c)
	if u := c.Welcome.Usage; u.UsedBytes != 20_000 || u.Feeds != 1 || u.QuotaBytes != 1<<20 {
		t.Errorf("usage after a restart = %+v", u)
	}
	done, _, err := c.Unpin(t.Context(), c.Welcome.Partner, l.Key())
	if err != nil || done.Bytes != 20_000 || !done.Gone || done.Box != c.Key() || time.Since(done.Deleted) > time.Minute {
		t.Fatalf("the box's word about the deletion: %+v, %v", done, err)
	}
	if entries, _ := os.ReadDir(filepath.Join(b.state, "store", "feeds")); len(entries) != 0 {
		t.Errorf("%d feeds lie on the disk after the last was unpinned", len(entries))
	}
	if c = d.connect(t, b); c.Welcome.Usage.UsedBytes != 0 || c.Welcome.Usage.Feeds != 0 {
		t.Errorf("usage after unpinning = %+v, want none", c.Welcome.Usage)
	}
}

func hasCode(err error, code api.Code) bool {
	e, ok := errors.AsType[*api.Error](err)
	return ok && e.Code == code && e.Text != ""
}

// Case 40: who has no grant is told so, and what is another's looks like nothing.
func TestCase40OthersFeed(t *testing.T) {
	b := startBox(t, stateDir(t))
	one, two := key(10), key(11)
	if _, err := newDevice(t, one, 12).client.Connect(t.Context(), b.Addrs()[0]); !hasCode(err, api.Unauthorised) || !strings.Contains(err.Error(), "no grant") {
		t.Errorf("hello without a grant = %v, want that there is no grant", err)
	}
	b.grant(t, one, 1<<20, time.Now())
	b.grant(t, two, 1<<20, time.Now())
	l := newLog(t, 13)
	l.write(t, 3, 10, 1)
	mine := newDevice(t, one, 14).connect(t, b)
	if _, err := mine.Pin(t.Context(), l.Key(), api.PinRequest{}); err != nil {
		t.Fatal(err)
	}
	push(t, mine, l)
	wait(t, mine, l.Key(), pin.Complete, 3)

	other := newDevice(t, two, 15).connect(t, b)
	if pins, err := other.Pins(t.Context()); err != nil || len(pins) != 0 {
		t.Errorf("another partner sees %d pins, %v", len(pins), err)
	}
	if _, _, err := other.Unpin(t.Context(), other.Welcome.Partner, l.Key()); !hasCode(err, api.NotFound) {
		t.Errorf("unpinning another's pin = %v, want %s", err, api.NotFound)
	}
	r := client.NewReader(replicate.Config{})
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	go func() { _ = other.Replicate(ctx, r.Exchange()) }()
	if h, err := r.Head(ctx, l.Key(), 1); err == nil {
		t.Errorf("another partner, who knows the feed key, gets the head %+v", h)
	}
	if st, err := other.Status(t.Context()); err != nil || len(st.Pins) != 0 || len(st.Partners) != 1 || st.Peers != nil {
		t.Errorf("status for another partner = %+v, %v: it must tell of him alone", st, err)
	}

	// A device that has not introduced itself gets no replication at all.
	h, err := swarm.New(swarm.Config{Key: key(16)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = h.Close() }()
	peer, err := h.Connect(t.Context(), b.Addrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	if s, err := h.Open(t.Context(), peer, api.ReplicateProtocol); err == nil {
		if _, err := replicate.Secure(t.Context(), s, true, []byte(s.Local()), []byte(s.Remote())); err == nil {
			t.Error("a device that has not introduced itself may replicate")
		}
	}
}

// A partner sees figures of its own pins, and nothing that tells of another or of the
// box as a whole, whatever it asks for.
func TestPartnerSeesItsOwn(t *testing.T) {
	b := startBox(t, stateDir(t))
	one, two := key(10), key(11)
	b.grant(t, one, 1<<20, time.Now())
	b.grant(t, two, 1<<20, time.Now())
	l := newLog(t, 13)
	l.write(t, 3, 1234, 1)
	mine := newDevice(t, one, 14)
	c := mine.connect(t, b)
	if _, err := c.Pin(t.Context(), l.Key(), api.PinRequest{}); err != nil {
		t.Fatal(err)
	}
	push(t, c, l)
	wait(t, c, l.Key(), pin.Complete, 3)
	other := newDevice(t, two, 15)
	other.connect(t, b)

	ask := func(d *device, path string) (int, string) {
		peer, err := d.host.Connect(t.Context(), b.Addrs()[0])
		if err != nil {
			t.Fatal(err)
		}
		h := &http.Client{Transport: &http.Transport{DialContext: d.host.Dialer(peer, api.Protocol)}}
		defer h.CloseIdleConnections()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://box"+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := h.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		text, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		return resp.StatusCode, string(text)
	}
	traces := []string{l.Key().String(), identity.PartnerKeyOf(one).String(), "3702", mine.host.ID().String()}
	if code, text := ask(mine, "/v1/status"); code != http.StatusOK || !strings.Contains(text, traces[0]) || !strings.Contains(text, traces[1]) || !strings.Contains(text, traces[2]) {
		t.Fatalf("its own pin is not in its status: %d %s", code, text)
	}
	for _, path := range []string{"/v1/status", "/v1/pins", "/v1/pins/" + l.Key().String(), "/v1/pins/" + l.Key().String() + "/receipt", "/v1/keepers"} {
		_, text := ask(other, path)
		for _, trace := range traces {
			if strings.Contains(text, trace) && !strings.Contains(path, trace) {
				t.Errorf("%s tells another partner of %q: %s", path, trace, text)
			}
		}
	}
	for _, path := range []string{"/v1/figures", "/v1/metrics", "/v1/health", "/v1/state", "/v1/access", "/metrics"} {
		if code, text := ask(mine, path); code != http.StatusNotFound {
			t.Errorf("a partner who asks for %s gets %d %s", path, code, text)
		}
	}
}

// Case 34: over quota nothing of the new head is taken in, and other partners are
// not affected; a larger grant lets it go on by itself.
func TestCase34Quota(t *testing.T) {
	b := startBox(t, stateDir(t))
	partner := key(20)
	b.grant(t, partner, 10_000, time.Now().Add(-time.Hour))
	c := newDevice(t, partner, 21).connect(t, b)
	l := newLog(t, 22)
	l.write(t, 5, 1000, 1)
	if _, err := c.Pin(t.Context(), l.Key(), api.PinRequest{}); err != nil {
		t.Fatal(err)
	}
	push(t, c, l)
	wait(t, c, l.Key(), pin.Complete, 5)
	l.write(t, 20, 1000, 100)
	st := wait(t, c, l.Key(), pin.OverQuota, 5)
	if st.Head.Length != 5 || st.Blocks != 5 || !strings.Contains(st.Why, "quota") {
		t.Errorf("over quota: %+v, want the five blocks of before, and why", st)
	}
	another := key(23)
	b.grant(t, another, 10_000, time.Now())
	theirs, their := newDevice(t, another, 24).connect(t, b), newLog(t, 25)
	their.write(t, 5, 1000, 1)
	if _, err := theirs.Pin(t.Context(), their.Key(), api.PinRequest{}); err != nil {
		t.Fatal(err)
	}
	push(t, theirs, their)
	wait(t, theirs, their.Key(), pin.Complete, 5)
	b.grant(t, partner, 100_000, time.Now())
	if st := wait(t, c, l.Key(), pin.Complete, 25); st.HeldBytes != 25_000 {
		t.Errorf("with a larger grant: %+v", st)
	}
	for n := byte(30); ; n++ {
		_, err := c.Pin(t.Context(), newLog(t, n).Key(), api.PinRequest{})
		if n < 32 && err != nil {
			t.Fatal(err)
		}
		if n == 32 {
			if !hasCode(err, api.OverQuota) {
				t.Errorf("a fourth feed of three = %v, want %s", err, api.OverQuota)
			}
			return
		}
	}
}

// Case 35: a partner that unpins and pins in a loop is stopped, with and without
// data, and told until when; what it keeps stays, and others are not affected.
func TestCase35Loop(t *testing.T) {
	b := startBox(t, stateDir(t))
	partner, another := key(70), key(71)
	b.grant(t, partner, 10_000, time.Now())
	b.grant(t, another, 10_000, time.Now())
	c := newDevice(t, partner, 72).connect(t, b)
	l, kept := newLog(t, 73), newLog(t, 74)
	l.write(t, 4, 1000, 1)
	if _, err := c.Pin(t.Context(), kept.Key(), api.PinRequest{}); err != nil {
		t.Fatal(err)
	}
	stopped := func(err error) bool {
		if err != nil && !hasCode(err, api.Busy) {
			t.Fatal(err)
		}
		e, _ := errors.AsType[*api.Error](err)
		return e != nil && strings.Contains(e.Hint, "pin again in")
	}
	rounds := 0
	for ; rounds <= 3; rounds++ {
		if _, err := c.Pin(t.Context(), l.Key(), api.PinRequest{}); stopped(err) {
			break
		}
		stop := push(t, c, l)
		wait(t, c, l.Key(), pin.Complete, 4)
		stop()
		if _, _, err := c.Unpin(t.Context(), c.Welcome.Partner, l.Key()); err != nil {
			t.Fatal(err)
		}
	}
	if rounds != 3 { // 12,000 bytes were deleted of a quota of 10,000
		t.Errorf("stopped in round %d, want 3", rounds)
	}
	if pins, err := c.Pins(t.Context()); err != nil || len(pins) != 1 {
		t.Errorf("the partner's other pin: %v, %v", pins, err)
	}

	other := newDevice(t, another, 75).connect(t, b)
	pins := 0
	for ; pins <= 100; pins++ { // a grant of three feeds
		if _, err := other.Pin(t.Context(), l.Key(), api.PinRequest{}); stopped(err) {
			break
		}
		if _, _, err := other.Unpin(t.Context(), other.Welcome.Partner, l.Key()); err != nil {
			t.Fatal(err)
		}
	}
	if pins < 6 || pins > 100 {
		t.Errorf("%d pins in a loop, want six and hardly more", pins)
	}
	if _, _, err := c.Unpin(t.Context(), c.Welcome.Partner, kept.Key()); err != nil {
		t.Errorf("unpinning meanwhile: %v", err)
	}
}

// A writer that goes back to an old copy of its state is found out: the pin is
// frozen with both heads as evidence, and no receipt is given any more.
// Case 42: a writer contradicts himself. The first head stays, the pin is frozen, and
// the box gives no receipt any more.
func TestCase42ForkFreezesThePin(t *testing.T) {
	b := startBox(t, stateDir(t))
	partner := key(40)
	b.grant(t, partner, 1<<20, time.Now())
	c := newDevice(t, partner, 41).connect(t, b)
	l, twin := newLog(t, 42), newLog(t, 42)
	l.write(t, 6, 100, 1)
	twin.write(t, 9, 100, 77)
	if _, err := c.Pin(t.Context(), l.Key(), api.PinRequest{}); err != nil {
		t.Fatal(err)
	}
	stop := push(t, c, l)
	wait(t, c, l.Key(), pin.Complete, 6)
	stop()
	push(t, c, twin)
	st := wait(t, c, l.Key(), pin.Frozen, 6)
	if st.Head.Length != 6 || !strings.Contains(st.Why, "evidence") {
		t.Errorf("frozen: %+v, want the head of before, and why", st)
	}
	if _, _, err := c.Receipt(t.Context(), identity.PartnerKeyOf(partner), l.Key()); !hasCode(err, api.Frozen) {
		t.Errorf("receipt for a frozen feed = %v, want %s", err, api.Frozen)
	}
}

// Case 46: a partner pins ten thousand feeds, and gets as many as the grant says.
func TestCase46ManyFeeds(t *testing.T) {
	b := startBox(t, stateDir(t))
	partner := key(44)
	b.grant(t, partner, 1<<20, time.Now()) // for three feeds
	taken := 0
	for n := range 10_000 {
		_, err := b.Pin(pin.Pin{Feed: feed.Key{byte(n), byte(n >> 8), 1}, Partner: identity.PartnerKeyOf(partner), Created: time.Now()})
		switch {
		case err == nil:
			taken++
		case !errors.Is(err, pin.ErrOverQuota):
			t.Fatalf("pin %d = %v, want %v", n, err, pin.ErrOverQuota)
		}
	}
	if taken != 3 {
		t.Errorf("%d feeds are pinned, of three", taken)
	}
	entries, err := os.ReadDir(filepath.Join(b.state, "store", "feeds"))
	if err != nil || len(entries) > 3 {
		t.Errorf("there are %d folders of feeds, %v", len(entries), err)
	}
}

// Case 50: the index of the store is damaged. The seeder does not begin an empty one
// over the blocks, says what to do, and who owns the box and what was granted is not
// in it: with the store moved away the box is the same box, and fills again.
func TestCase50DamagedStore(t *testing.T) {
	state := stateDir(t)
	b := startBox(t, state)
	partner := key(45)
	b.grant(t, partner, 1<<20, time.Now())
	l := newLog(t, 47)
	l.write(t, 10, 500, 1)
	keep := func() {
		t.Helper()
		c := newDevice(t, partner, 46).connect(t, b)
		if _, err := c.Pin(t.Context(), l.Key(), api.PinRequest{}); err != nil {
			t.Fatal(err)
		}
		stop := push(t, c, l)
		wait(t, c, l.Key(), pin.Complete, 10)
		stop()
	}
	keep()
	id := b.ID()
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	manifest := filepath.Join(state, "store", "index", "MANIFEST")
	if err := os.WriteFile(manifest, []byte("what is this?"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if s, err := seeder.Open(config(state)); err == nil {
			_ = s.Close()
			t.Fatal("a damaged store was opened")
		}
	}
	if blocks, err := filepath.Glob(filepath.Join(state, "store", "feeds", "*", "*.blocks")); err != nil || len(blocks) != 1 {
		t.Errorf("the blocks: %v, %v", blocks, err)
	}
	if err := os.Rename(filepath.Join(state, "store"), filepath.Join(state, "damaged")); err != nil {
		t.Fatal(err)
	}
	b = startBox(t, state)
	if b.ID() != id {
		t.Errorf("the box is %s now, and was %s", b.ID(), id)
	}
	keep()
}

func TestGrants(t *testing.T) {
	b := startBox(t, stateDir(t))
	p := key(50)
	now := time.Now()
	ended := grantFor(t, b.ID(), p, 1000, now.Add(-2*time.Hour))
	ended.NotAfter = now.Add(-time.Hour)
	otherBox := grantFor(t, identity.BoxKeyOf(key(51)).PeerID().String(), p, 1000, now)
	for name, row := range map[string]struct {
		by ed25519.PrivateKey
		g  identity.Grant
	}{
		"of another operator": {key(52), grantFor(t, b.ID(), p, 1000, now)},
		"for another box":     {operator, otherBox},
		"that has ended":      {operator, ended},
	} {
		st, err := identity.SignGrant(row.by, row.g)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := b.AddGrant(st.Append(nil)); !hasCode(err, api.BadRequest) {
			t.Errorf("a grant %s = %v, want %s", name, err, api.BadRequest)
		}
	}
	b.grant(t, p, 2000, now)
	b.grant(t, p, 9000, now.Add(-time.Hour)) // an older one, played again
	c := newDevice(t, p, 53).connect(t, b)
	if q := c.Welcome.Usage.QuotaBytes; q != 2000 {
		t.Errorf("quota = %d after an older grant came again, want 2000", q)
	}
}

// State folders that cannot be used are refused, with what to do.
func TestBadStateFolders(t *testing.T) {
	b := startBox(t, stateDir(t))
	if _, err := seeder.Open(config(b.state)); !errors.Is(err, durable.ErrLocked) {
		t.Errorf("a second seeder on one state folder = %v, want %v", err, durable.ErrLocked)
	}
	short := stateDir(t)
	if err := os.MkdirAll(short, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(short, "box.key"), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := seeder.Open(config(short)); err == nil || !strings.Contains(err.Error(), "box.key") {
		t.Errorf("a damaged box key = %v, want that it is refused", err)
	}
	if text, _ := os.ReadFile(filepath.Join(short, "box.key")); string(text) != "short" {
		t.Error("the damaged box key was replaced")
	}
	foreign := stateDir(t)
	if err := os.MkdirAll(filepath.Join(foreign, "store", "photos"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := seeder.Open(config(foreign)); !errors.Is(err, store.ErrNotStore) {
		t.Errorf("somebody else's folder = %v, want %v", err, store.ErrNotStore)
	}
}
