package kill

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"flag"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"cobox/hack/rig/programs"
	"cobox/seeder/api"
	"cobox/seeder/client"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/replicate"
	"cobox/seeder/store"
	"cobox/seeder/store/storetest"
	"cobox/seeder/swarm"
)

var (
	kills = flag.Int("kills", 5, "how often the box is killed")
	seed  = flag.Uint64("seed", 1, "when it is killed, and what is sent")
)

func keyOf(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

var operator, partner, device, writer = keyOf(1), keyOf(2), keyOf(3), keyOf(4)

// A scene is a box that is killed, and a partner with a feed.
type scene struct {
	t       *testing.T
	program string
	state   string
	grant   string

	box    *exec.Cmd
	log    bytes.Buffer
	addr   string
	client *client.Client
	feed   *store.Feed
	m      *feed.Manifest

	acked    identity.Receipt // the longest
	receipts int
}

// TestKill: whatever a box has given a receipt for is there after it was killed.
func TestKill(t *testing.T) {
	s := newScene(t)
	r := rand.New(rand.NewPCG(*seed, 0))
	began, grown := time.Now(), 0
	for n := range *kills {
		s.start()
		before := s.receipts
		s.ingest(r, time.Duration(20+r.IntN(400))*time.Millisecond)
		s.kill()
		if s.receipts > before {
			grown++
		}
		if n%2 == 0 { // the other half of the starts find the store as the kill left it
			s.check(n)
		}
	}
	s.check(*kills)
	if s.receipts == 0 {
		t.Error("nothing was acknowledged")
	}
	t.Logf("killed %d times in %v: %d receipts in %d of the lives, the last for %d blocks of %d bytes; seed %d",
		*kills, time.Since(began).Round(time.Second), s.receipts, grown, s.acked.Length, s.acked.Bytes, *seed)
}

func newScene(t *testing.T) *scene {
	t.Helper()
	dir, err := os.MkdirTemp("", "kill") // short: a socket's path is bounded
	must(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	s := &scene{t: t, program: filepath.Join(dir, "seederd"), state: filepath.Join(dir, "box"), grant: filepath.Join(dir, "grant")}
	must(t, programs.Into(dir, programs.Seederd))
	must(t, os.MkdirAll(s.state, 0o700))
	box := keyOf(5)
	must(t, os.WriteFile(filepath.Join(s.state, "box.key"), box.Seed(), 0o600))
	st, err := identity.SignGrant(operator, identity.Grant{
		Box: identity.BoxKeyOf(box), Partner: identity.PartnerKeyOf(partner), QuotaBytes: 10 << 30, MaxFeeds: 1, Issued: time.Now(),
	})
	must(t, err)
	must(t, os.WriteFile(s.grant, st.Append(nil), 0o600))

	own, err := store.Open(filepath.Join(dir, "partner"), store.Config{})
	must(t, err)
	t.Cleanup(func() { _ = own.Close() })
	s.m = feed.NewManifest(writer.Public().(ed25519.PublicKey))
	s.feed, err = own.Create(s.m.Key())
	must(t, err)
	must(t, s.feed.SetManifest(s.m))

	h, err := swarm.New(swarm.Config{Key: device})
	must(t, err)
	t.Cleanup(func() { _ = h.Close() })
	cert, err := identity.SignDeviceCert(partner, identity.DeviceCert{
		Partner: identity.PartnerKeyOf(partner), Device: identity.DeviceKeyOf(device), Scope: identity.ScopeFull, Issued: time.Now(),
	})
	must(t, err)
	s.client = client.New(h, cert.Append(nil))
	t.Cleanup(func() {
		if s.box != nil {
			s.kill()
		}
	})
	return s
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// start starts the box and waits until it says where it is.
func (s *scene) start() {
	s.t.Helper()
	s.log.Reset()
	s.box = exec.Command(s.program, "-state", s.state, "-operator", identity.OperatorKeyOf(operator).String(), "-grant", s.grant,
		"-listen", "/ip4/127.0.0.1/tcp/0", "-mdns=off", "-dht", "off")
	s.box.Stdout, s.box.Stderr = &s.log, &s.log
	must(s.t, s.box.Start())
	socket := api.SocketClient(api.SocketPath(s.state))
	defer socket.CloseIdleConnections()
	for {
		var st api.BoxStatus
		resp, err := socket.Get("http://box/v1/status")
		if err == nil {
			err = api.ReadAnswer(resp, 1<<20, &st)
			_ = resp.Body.Close()
		}
		if err == nil && len(st.Addrs) > 0 {
			s.addr = st.Addrs[0]
			return
		}
		select {
		case <-s.t.Context().Done():
			s.t.Fatalf("the box does not start: %v\n%s", err, s.log.String())
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// ingest sends blocks for some time, and asks for receipts.
func (s *scene) ingest(r *rand.Rand, d time.Duration) {
	ctx, cancel := context.WithTimeout(s.t.Context(), 20*time.Second)
	defer cancel()
	c, err := s.client.Connect(ctx, s.addr)
	must(s.t, err)
	defer c.Close()
	_, err = c.Pin(ctx, s.feed.Key(), api.PinRequest{})
	must(s.t, err)
	x := replicate.New(replicate.Config{})
	x.Add(s.feed, replicate.Options{Writer: true})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = c.Replicate(ctx, x)
	}()
	defer func() {
		cancel()
		<-ended
	}()
	for over := time.Now().Add(d); time.Now().Before(over); {
		blocks := storetest.RandomBlocks(r, 1+r.IntN(30), 40_000)
		_, err := s.feed.Append(ctx, blocks, func(h feed.Head) (feed.Head, error) { return feed.Sign(s.feed.Key(), s.m, writer, h) })
		must(s.t, err)
		receipt, _, err := c.Receipt(ctx, identity.PartnerKeyOf(partner), s.feed.Key())
		if e, ok := errors.AsType[*api.Error](err); ok && e.Code == api.NotSynced {
			continue
		}
		must(s.t, err)
		s.receipts++
		if receipt.Length > s.acked.Length {
			s.acked = receipt
		}
	}
}

// kill kills the box.
func (s *scene) kill() {
	_ = s.box.Process.Kill()
	_ = s.box.Wait() // it was killed
	s.box = nil
}

// check looks at the store of the killed box.
func (s *scene) check(n int) {
	s.t.Helper()
	kept, err := store.Open(filepath.Join(s.state, "store"), store.Config{})
	must(s.t, err)
	defer func() { _ = kept.Close() }()
	f, err := kept.Feed(s.feed.Key())
	must(s.t, err)
	h := f.Durable().Head
	if h.Length < s.acked.Length {
		s.t.Fatalf("after kill %d (seed %d) the head has %d blocks; %d were acknowledged", n, *seed, h.Length, s.acked.Length)
	}
	for i := range h.Length {
		if !f.Has(i) && i >= s.acked.Length {
			continue
		}
		got, err := f.Block(i, nil)
		want, wantErr := s.feed.Block(i, nil)
		must(s.t, wantErr)
		if err != nil || !bytes.Equal(got, want) {
			s.t.Fatalf("after kill %d (seed %d) block %d is not as it was sent, of %d acknowledged: %v", n, *seed, i, s.acked.Length, err)
		}
	}
	must(s.t, kept.Scrub(s.t.Context(), 0, func(d store.Damage) { s.t.Errorf("after kill %d (seed %d): %+v", n, *seed, d) }))
}
