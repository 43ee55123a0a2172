package seeder_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"cobox/seeder"
	"cobox/seeder/api"
	"cobox/seeder/client"
	"cobox/seeder/feed"
	"cobox/seeder/pin"
	"cobox/seeder/replicate"
	"cobox/seeder/secretstream"
	"cobox/seeder/store"
	"cobox/seeder/wire"
)

// startHyperBox starts a box that serves stock Hypercore peers.
func startHyperBox(t *testing.T) *box {
	t.Helper()
	return startBoxWith(t, stateDir(t), func(cfg *seeder.Config) { cfg.Hypercore = "127.0.0.1:0" })
}

// dial makes a secret stream to the box, as a stock peer does.
func dial(t *testing.T, b *box, private ed25519.PrivateKey) *secretstream.Conn {
	t.Helper()
	door := b.Hypercore()
	nc, err := net.Dial("tcp", door.Addr)
	if err != nil {
		t.Fatal(err)
	}
	want, err := hex.DecodeString(door.Key)
	if err != nil {
		t.Fatal(err)
	}
	c, err := secretstream.Handshake(t.Context(), nc, secretstream.Config{Private: private, Initiator: true, Remote: secretstream.Key(want)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// exchange replicates a feed over a stock peer's connection while the test goes on.
func exchange(t *testing.T, c replicate.Conn, f replicate.Feed, o replicate.Options) *replicate.Exchange {
	t.Helper()
	x := replicate.New(replicate.Config{})
	x.Add(f, o)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = x.Serve(ctx, c, replicate.Peer{Name: "box", Open: true})
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	return x
}

// emptyFeed is a reader's copy of a feed.
func emptyFeed(t *testing.T, key feed.Key) *store.Feed {
	t.Helper()
	s, err := store.Open(t.TempDir()+"/store", store.Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	f, err := s.Create(key)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// partnerOn makes a partner with a grant and a device, connected to the box.
func partnerOn(t *testing.T, b *box, n byte) *client.Box {
	t.Helper()
	b.grant(t, key(n), 1<<30, time.Now())
	return newDevice(t, key(n), n+1).connect(t, b)
}

func pinFeed(t *testing.T, c *client.Box, key feed.Key, req api.PinRequest) {
	t.Helper()
	if _, err := c.Pin(t.Context(), key, req); err != nil {
		t.Fatal(err)
	}
}

// TestHypercorePeers has one stock peer bring a feed and another fetch it, both
// strangers that know its key.
func TestHypercorePeers(t *testing.T) {
	b := startHyperBox(t)
	c := partnerOn(t, b, 1)
	l := newLog(t, 60)
	l.write(t, 5, 1000, 'a')
	pinFeed(t, c, l.Key(), api.PinRequest{Open: true})
	exchange(t, dial(t, b, key(70)), l, replicate.Options{Writer: true})
	wait(t, c, l.Key(), pin.Complete, 5)

	copied := emptyFeed(t, l.Key())
	x := exchange(t, dial(t, b, key(71)), copied, replicate.Options{Download: true})
	if err := x.Fetch(t.Context(), l.Key(), 0, 4); err != nil {
		t.Fatal(err)
	}
	if got, err := copied.Block(4, nil); err != nil || !bytes.Equal(got, bytes.Repeat([]byte{'e'}, 1000)) {
		t.Errorf("block 4 = %.10q, %v", got, err)
	}
}

// TestHypercoreOpensLater connects the writer before the feed is pinned, and
// before it is open: a stock peer asks once, and must be asked back.
func TestHypercoreOpensLater(t *testing.T) {
	b := startHyperBox(t)
	c := partnerOn(t, b, 1)
	l := newLog(t, 61)
	l.write(t, 3, 100, 'a')
	conn := dial(t, b, key(70))
	mux := openRaw(t, conn, l.Key())
	if mux.next(t) != "reject" {
		t.Fatal("a feed that nobody pins was opened")
	}
	pinFeed(t, c, l.Key(), api.PinRequest{})
	pinFeed(t, c, l.Key(), api.PinRequest{Open: true})
	if mux.next(t) != "open" {
		t.Fatal("the box did not open the feed once it was open to us")
	}
	pinFeed(t, c, l.Key(), api.PinRequest{Open: false})
	if mux.next(t) != "close" {
		t.Fatal("the box did not close the feed")
	}
}

// Case 40, for stock Hypercore peers: a stranger asks for feeds in every way that
// must be refused. All refusals are the same bytes: nobody learns whether a feed exists.
func TestCase40HypercoreStrangers(t *testing.T) {
	b := startHyperBox(t)
	c := partnerOn(t, b, 1)
	closed, open := newLog(t, 62), newLog(t, 63)
	for _, l := range []*log{closed, open} {
		l.write(t, 3, 100, 'a')
		push(t, c, l)
	}
	pinFeed(t, c, closed.Key(), api.PinRequest{})
	pinFeed(t, c, open.Key(), api.PinRequest{Open: true})
	wait(t, c, closed.Key(), pin.Complete, 3)
	wait(t, c, open.Key(), pin.Complete, 3)

	refusal := func(name string, key feed.Key, shown feed.Key) []byte {
		t.Helper()
		conn := dial(t, b, ed25519.NewKeyFromSeed(bytes.Repeat([]byte{80}, 32)))
		m := wire.NewMux()
		dk := key.DiscoveryKey()
		m.Open("hypercore/alpha", dk[:], wire.Handshake{Capability: shown.Capability(true, conn.HandshakeHash())}.Append(nil))
		sendFrames(t, conn, m)
		answer, err := conn.ReadFrame()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return bytes.Clone(answer)
	}
	unknown := feed.Key{1, 2, 3}
	want := refusal("unknown feed", unknown, unknown)
	for name, got := range map[string][]byte{
		"pinned and not open":        refusal("closed", closed.Key(), closed.Key()),
		"open, without the feed key": refusal("no key", open.Key(), unknown),
		"neither":                    refusal("neither", closed.Key(), unknown),
	} {
		if !bytes.Equal(got, want) {
			t.Errorf("%s: answered %x; an unknown feed is answered %x", name, got, want)
		}
	}
	if got := refusal("open", open.Key(), open.Key()); bytes.Equal(got, want) {
		t.Error("an open feed was refused to one who knows its key")
	}
}

// TestBlindPeer has a stock client ask the box to keep a feed: with a grant for
// its static key it is pinned and fetched, without one the channel is refused.
func TestBlindPeer(t *testing.T) {
	b := startHyperBox(t)
	l := newLog(t, 64)
	l.write(t, 4, 100, 'a')
	clientKey := key(90)

	conn := dial(t, b, clientKey)
	m := wire.NewMux()
	m.Open(wire.BlindPeer, nil, nil)
	sendFrames(t, conn, m)
	if (&rawPeer{conn: conn, mux: m}).next(t) != "reject" {
		t.Fatal("a stranger may ask for feeds to be kept")
	}
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}

	b.grant(t, clientKey, 1<<20, time.Now())
	conn = dial(t, b, clientKey)
	m = wire.NewMux()
	blind := m.Open(wire.BlindPeer, nil, nil)
	sendFrames(t, conn, m)
	raw := &rawPeer{conn: conn, mux: m, feed: l.Key()}
	if raw.next(t) != "open" {
		t.Fatal("the channel was refused to a client with a grant")
	}
	cores := wire.Cores{Priority: 1, Announce: true, Cores: []wire.Core{{Key: l.Key(), Length: 4}}}
	sendRaw(t, conn, cores.Append(blind.AppendHeader(nil, wire.TypeCores)))
	if raw.next(t) != "open" {
		t.Fatal("the box did not open the feed that it was asked to keep")
	}
	// From here on an ordinary session of the same client brings the feed.
	exchange(t, dial(t, b, clientKey), l, replicate.Options{Writer: true})
	d := newDevice(t, clientKey, 91).connect(t, b)
	wait(t, d, l.Key(), pin.Complete, 4)

	sendRaw(t, conn, append(blind.AppendHeader(nil, wire.TypeCores), 0, 0xff)) // an array cut short
	for {
		if _, err := conn.ReadFrame(); err != nil {
			break // cut off
		}
	}
}

// TestSidecar speaks at the Unix socket as a process that ends secret streams.
func TestSidecar(t *testing.T) {
	b := startHyperBox(t)
	c := partnerOn(t, b, 1)
	l := newLog(t, 65)
	l.write(t, 3, 100, 'a')
	pinFeed(t, c, l.Key(), api.PinRequest{Open: true})
	nc, err := net.Dial("unix", api.SidecarPath(b.state))
	if err != nil {
		t.Fatal(err)
	}
	// The far peer is the initiator of the secret stream, so the box is the responder.
	far := &sidecarConn{Conn: nc, hash: [64]byte{7}}
	pre := append([]byte{0}, far.hash[:]...)
	if _, err := nc.Write(append(pre, make([]byte, 32)...)); err != nil {
		t.Fatal(err)
	}
	exchange(t, far, l, replicate.Options{Writer: true})
	wait(t, c, l.Key(), pin.Complete, 3)
}

// TestDrive pins a drive by its database's key: the blobs follow from the manifest.
func TestDrive(t *testing.T) {
	b := startHyperBox(t)
	c := partnerOn(t, b, 1)
	db := newLog(t, 66)
	db.write(t, 2, 10, 'a')
	blobs := db.m.Blobs(db.Key())
	pinFeed(t, c, db.Key(), api.PinRequest{Drive: true, Open: true})
	push(t, c, db)
	wait(t, c, db.Key(), pin.Complete, 2)
	if st := wait(t, c, blobs.Key(), pin.Queued, 0); !st.Open {
		t.Error("the blobs of an open drive are not open")
	}
	if _, _, err := c.Unpin(t.Context(), c.Welcome.Partner, db.Key()); err != nil {
		t.Fatal(err)
	}
	if pins, err := c.Pins(t.Context()); err != nil || len(pins) != 0 {
		t.Errorf("after the drive was unpinned: %v, %v", pins, err)
	}
}

// A sidecarConn is the far side of a sidecar: frames in the open.
type sidecarConn struct {
	net.Conn
	hash [64]byte
}

func (c *sidecarConn) ReadFrame() ([]byte, error) {
	var n [3]byte
	if _, err := io.ReadFull(c, n[:]); err != nil {
		return nil, err
	}
	frame := make([]byte, int(n[0])|int(n[1])<<8|int(n[2])<<16)
	_, err := io.ReadFull(c, frame)
	return frame, err
}

func (c *sidecarConn) WriteFrame(parts ...[]byte) error {
	frame := bytes.Join(parts, nil)
	n := len(frame)
	_, err := c.Write(append([]byte{byte(n), byte(n >> 8), byte(n >> 16)}, frame...))
	return err
}

func (c *sidecarConn) Detach() bool             { return false }
func (c *sidecarConn) Flush() error             { return nil }
func (c *sidecarConn) Initiator() bool          { return true }
func (c *sidecarConn) HandshakeHash() *[64]byte { return &c.hash }

// A rawPeer sees what the box does with channels, frame by frame.
type rawPeer struct {
	conn *secretstream.Conn
	mux  *wire.Mux
	feed feed.Key // the one that is opened back
}

// openRaw opens a feed's channel without an Exchange behind it.
func openRaw(t *testing.T, conn *secretstream.Conn, key feed.Key) *rawPeer {
	t.Helper()
	m := wire.NewMux()
	dk := key.DiscoveryKey()
	m.Open("hypercore/alpha", dk[:], wire.Handshake{Capability: key.Capability(true, conn.HandshakeHash())}.Append(nil))
	sendFrames(t, conn, m)
	return &rawPeer{conn: conn, mux: m, feed: key}
}

// next returns what the box does next with a channel: open, reject or close. A
// feed that it opens is opened back.
func (p *rawPeer) next(t *testing.T) (what string) {
	t.Helper()
	for what == "" {
		frame, err := p.conn.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		err = p.mux.Receive(frame, func(ev wire.Event) error {
			switch ev.Kind {
			case wire.RemoteOpen:
				h := wire.Handshake{Capability: p.feed.Capability(true, p.conn.HandshakeHash())}
				p.mux.Accept(ev.Channel, h.Append(nil))
				what = "open"
			case wire.Opened:
				what = "open"
			case wire.Rejected:
				what = "reject"
			case wire.Closed:
				what = "close"
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		sendFrames(t, p.conn, p.mux)
	}
	return what
}

func sendFrames(t *testing.T, c *secretstream.Conn, m *wire.Mux) {
	t.Helper()
	for _, f := range m.Frames() {
		sendRaw(t, c, f)
	}
}

func sendRaw(t *testing.T, c *secretstream.Conn, frame []byte) {
	t.Helper()
	if err := errors.Join(c.WriteFrame(frame), c.Flush()); err != nil {
		t.Fatal(err)
	}
}
