package seeder_test

import (
	"context"
	"crypto/ed25519"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"cobox/seeder"
	"cobox/seeder/api"
	"cobox/seeder/durable"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/pin"
	"cobox/seeder/store"
)

// An authority says what the test wants said, as provisiond does.
type authority struct {
	mu      sync.Mutex
	table   api.Access
	changed chan struct{}
}

func startAuthority(t *testing.T, state string) *authority {
	t.Helper()
	a := &authority{changed: make(chan struct{})}
	a.table.Head.Epoch = 1
	path := api.AuthorityPath(state)
	if err := durable.Mkdir(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: http.HandlerFunc(a.answer)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = srv.Serve(l)
	}()
	t.Cleanup(func() {
		_ = srv.Close()
		<-ended
	})
	return a
}

func (a *authority) answer(w http.ResponseWriter, r *http.Request) {
	for {
		a.mu.Lock()
		table, changed := a.table, a.changed
		a.mu.Unlock()
		q := r.URL.Query()
		if q.Get("after") != strconv.FormatUint(table.Head.Seq, 10) || q.Get("epoch") != strconv.FormatUint(table.Head.Epoch, 10) {
			api.WriteAnswer(w, table)
			return
		}
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		}
	}
}

// say changes the table.
func (a *authority) say(change func(t *api.Access)) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.table.Head.Seq++
	change(&a.table)
	close(a.changed)
	a.changed = make(chan struct{})
}

func partnerAccess(p ed25519.PrivateKey) api.PartnerAccess {
	return api.PartnerAccess{Number: 1, Key: identity.PartnerKeyOf(p), Terms: api.Terms{QuotaBytes: 1 << 20, MaxFeeds: 3}, Issued: time.Now()}
}

// eventually tries until it works: what an authority says takes a moment to count.
func eventually(t *testing.T, what string, try func() error) {
	t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		err := try()
		if err == nil {
			return
		}
		select {
		case <-deadline:
			t.Fatalf("%s: %v", what, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// pinned waits until the authority's table lets a partner pin a feed.
func (b *box) pinned(t *testing.T, key feed.Key, p ed25519.PrivateKey) {
	t.Helper()
	eventually(t, "pinning", func() error {
		_, err := b.Pin(pin.Pin{Feed: key, Partner: identity.PartnerKeyOf(p), Created: time.Now()})
		return err
	})
}

func (b *box) isPinned(t *testing.T, key feed.Key) bool {
	t.Helper()
	resp, err := api.SocketClient(api.SocketPath(b.state)).Get("http://box/v1/pins")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var list api.Pins
	if err := api.ReadAnswer(resp, 1<<20, &list); err != nil {
		t.Fatal(err)
	}
	for _, st := range list.Pins {
		if st.Feed == key {
			return true
		}
	}
	return false
}

// gone waits until a feed is not pinned any more.
func (b *box) gone(t *testing.T, key feed.Key) {
	t.Helper()
	eventually(t, "waiting for a feed to go", func() error {
		if b.isPinned(t, key) {
			return errors.New("it is pinned")
		}
		return nil
	})
}

func feedKey(n byte) feed.Key { return feed.NewManifest(key(n).Public().(ed25519.PublicKey)).Key() }

// lines is a log that tests wait for.
type lines struct {
	slog.Handler
	said chan string
}

func newLines() *lines { return &lines{slog.DiscardHandler, make(chan string, 1000)} }

func (l *lines) Enabled(context.Context, slog.Level) bool { return true }

func (l *lines) Handle(_ context.Context, r slog.Record) error {
	select {
	case l.said <- r.Message:
	default: // nobody waits any more
	}
	return nil
}

func (l *lines) wait(t *testing.T, message string) {
	t.Helper()
	for {
		select {
		case got := <-l.said:
			if got == message {
				return
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("the log does not say %q", message)
		}
	}
}

func withAuthority(cfg *seeder.Config) { cfg.Authority = true }

// TestWipe: everything kept goes once for each wipe that the authority tells of,
// also when it was cut off; it never goes because the table is empty.
func TestWipe(t *testing.T) {
	state, partner := stateDir(t), key(31)
	a := startAuthority(t, state)
	b := startBoxWith(t, state, withAuthority)
	first, second, third := feedKey(51), feedKey(52), feedKey(53)
	a.say(func(t *api.Access) { t.Partners = []api.PartnerAccess{partnerAccess(partner)} })
	b.pinned(t, first, partner)

	a.say(func(t *api.Access) { t.Partners = nil }) // such as of a damaged chain
	a.say(func(t *api.Access) { t.Partners = []api.PartnerAccess{partnerAccess(partner)} })
	b.pinned(t, second, partner)
	if !b.isPinned(t, first) {
		t.Fatal("a feed went because there were no partners")
	}

	a.say(func(t *api.Access) { t.Head.Epoch, t.Wiped = 2, 2 })
	b.gone(t, first)
	b.gone(t, second)
	b.pinned(t, third, partner) // the grant of the new ownership
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}

	// A restart wipes nothing again.
	b = startBoxWith(t, state, withAuthority)
	b.pinned(t, first, partner) // the table was taken in
	if !b.isPinned(t, third) {
		t.Fatal("what came after the wipe has gone")
	}
	// Cut off before it was noted, another wipe begins again.
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	a.say(func(t *api.Access) { t.Head.Epoch, t.Wiped, t.Partners = 3, 3, nil })
	b = startBoxWith(t, state, withAuthority)
	b.gone(t, third)
	b.gone(t, first)
}

// TestWipeNoteDamaged: who cannot tell whether a wipe was carried out does not
// wipe, and does not let anybody in either.
func TestWipeNoteDamaged(t *testing.T) {
	state, partner := stateDir(t), key(31)
	kept := feedKey(51)
	st, err := store.Open(filepath.Join(state, "store"), store.Config{})
	if err == nil {
		_, err = st.Create(kept)
	}
	if err == nil {
		err = st.PutPin(pin.Pin{Feed: kept, Partner: identity.PartnerKeyOf(partner), Created: time.Now()})
	}
	if err == nil {
		err = st.PutMeta("wiped", []byte("two"))
	}
	if err == nil {
		err = st.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	a, said := startAuthority(t, state), newLines()
	a.say(func(t *api.Access) {
		t.Head.Epoch, t.Wiped, t.Partners = 2, 2, []api.PartnerAccess{partnerAccess(partner)}
	})
	b := startBoxWith(t, state, func(cfg *seeder.Config) { cfg.Authority, cfg.Log = true, slog.New(said) })
	said.wait(t, "following the box's authority")
	if !b.isPinned(t, kept) {
		t.Error("a damaged note wiped the box")
	}
	if _, err := b.Pin(pin.Pin{Feed: feedKey(52), Partner: identity.PartnerKeyOf(partner), Created: time.Now()}); !errors.Is(err, pin.ErrNoGrant) {
		t.Errorf("pinning: %v, want ErrNoGrant", err)
	}
}

// TestOrders: an unpin is carried out once, also when the numbers of orders went
// back with a chain that was damaged.
func TestOrders(t *testing.T) {
	state, partner := stateDir(t), key(31)
	a := startAuthority(t, state)
	b := startBoxWith(t, state, withAuthority)
	f := feedKey(51)
	unpin := func(seq uint64) []api.PinOrder {
		return []api.PinOrder{{Feed: f.String(), Partner: identity.PartnerKeyOf(partner), Seq: seq}}
	}
	a.say(func(t *api.Access) { t.Partners = []api.PartnerAccess{partnerAccess(partner)} })
	b.pinned(t, f, partner)
	a.say(func(t *api.Access) { t.Head.Seq, t.Pins = 40, unpin(40) })
	b.gone(t, f)
	b.pinned(t, f, partner) // again, after the order
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	b = startBoxWith(t, state, withAuthority)
	other := feedKey(52)
	b.pinned(t, other, partner) // the table was taken in
	if !b.isPinned(t, f) {
		t.Fatal("an order was carried out twice")
	}
	a.say(func(t *api.Access) { t.Head.Epoch, t.Began, t.Head.Seq, t.Pins = 2, 10, 12, unpin(12) })
	b.gone(t, f)
	b.pinned(t, f, partner)
	a.say(func(t *api.Access) { t.Head.Epoch, t.Began, t.Head.Seq = 3, 20, 20 })
	third := feedKey(53)
	a.say(func(t *api.Access) {
		t.Pins = append(unpin(12), api.PinOrder{Feed: other.String(), Partner: identity.PartnerKeyOf(partner), Seq: 21})
	})
	b.gone(t, other)
	b.pinned(t, third, partner)
	if !b.isPinned(t, f) {
		t.Error("an order of the ownership before was carried out again")
	}
}

// TestHypercoreSetting: the setting opens the door for stock peers while the box
// runs, and closing it ends their connections.
func TestHypercoreSetting(t *testing.T) {
	state := stateDir(t)
	a := startAuthority(t, state)
	b := startBoxWith(t, state, func(cfg *seeder.Config) { cfg.Authority, cfg.Hypercore = true, "127.0.0.1:0" })
	is := func(open bool) {
		t.Helper()
		eventually(t, "turning hypercore "+strconv.FormatBool(open), func() error {
			if (b.Hypercore() != nil) != open {
				return errors.New("it is not so yet")
			}
			return nil
		})
	}
	sidecar := api.SidecarPath(state)
	a.say(func(t *api.Access) { t.Claimed = true })
	for range 2 {
		if b.Hypercore() != nil {
			t.Fatal("the door is open before the setting is on")
		}
		a.say(func(t *api.Access) { t.Settings = map[string]string{"hypercore": "on"} })
		is(true)
		addr := b.Hypercore().Addr
		c := dial(t, b, key(90))
		a.say(func(t *api.Access) { t.Settings = map[string]string{"hypercore": "off"} })
		is(false)
		for {
			if _, err := c.ReadFrame(); err != nil {
				break // the box has closed it
			}
		}
		if nc, err := net.Dial("tcp", addr); err == nil {
			_ = nc.Close()
			t.Error("the box still listens")
		}
		if _, err := os.Stat(sidecar); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the sidecar's socket: %v", err)
		}
	}
	a.say(func(t *api.Access) { t.Settings = map[string]string{"hypercore": "on"} })
	is(true) // and it ends with the box
}

// TestHypercoreSettingWithoutAddress: the operator is told in the log, once, and
// the box goes on.
func TestHypercoreSettingWithoutAddress(t *testing.T) {
	state := stateDir(t)
	a, said := startAuthority(t, state), newLines()
	b := startBoxWith(t, state, func(cfg *seeder.Config) { cfg.Authority, cfg.Log = true, slog.New(said) })
	a.say(func(t *api.Access) { t.Settings = map[string]string{"hypercore": "on"} })
	said.wait(t, "the setting hypercore is on, and there is no address to listen at: start seederd with -hypercore")
	if b.Hypercore() != nil {
		t.Error("the door is open")
	}
}
