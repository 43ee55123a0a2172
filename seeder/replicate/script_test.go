package replicate_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cobox/seeder/feed"
	"cobox/seeder/replicate"
	"cobox/seeder/wire"
)

// A script is a peer that says what the test wants it to say.
type script struct {
	conn   *frameConn
	mux    *wire.Mux
	ch     *wire.Channel
	key    feed.Key
	answer func(*wire.Request) []wire.Message

	opened chan struct{}
	mu     sync.Mutex
	got    []wire.Message // deep enough to compare numbers; mu
	heard  *sync.Cond
	ended  bool
}

// newScript connects a script to h; the script opens the connection.
func newScript(t *testing.T, h *host, key feed.Key) *script {
	t.Helper()
	x, y := connect()
	s := &script{conn: x, mux: wire.NewMux(), key: key, opened: make(chan struct{})}
	s.heard = sync.NewCond(&s.mu)
	h.serve(t.Context(), y, replicate.Peer{Name: "script"})
	return s
}

// start opens the feed's channel and, when w is given, announces all of w.
func (s *script) start(t *testing.T, w *writer) (stop func()) {
	t.Helper()
	s.openChannel(s.key.Capability(true, s.conn.HandshakeHash()))
	var wg sync.WaitGroup
	wg.Go(s.read)
	<-s.opened
	if w != nil {
		h := w.Durable().Head
		s.say(&wire.Sync{Fork: h.Fork, Length: h.Length, CanUpgrade: true, Uploading: true, Downloading: true, HasManifest: true})
		s.say(&wire.Range{Start: 0, Length: h.Length})
	}
	return func() {
		_ = s.conn.Close()
		wg.Wait()
	}
}

func (s *script) openChannel(capability feed.Hash) {
	dk := s.key.DiscoveryKey()
	hs := wire.Handshake{Seeks: true, Capability: capability}
	s.ch = s.mux.Open("hypercore/alpha", dk[:], hs.Append(nil))
	s.flush()
}

func (s *script) flush() {
	for _, f := range s.mux.Frames() {
		_ = s.conn.WriteFrame(f)
	}
}

// say sends a message on the feed's channel.
func (s *script) say(m wire.Message) {
	_ = s.conn.WriteFrame(m.Append(s.ch.AppendHeader(nil, m.Type())))
}

func (s *script) read() {
	for {
		frame, err := s.conn.ReadFrame()
		if err != nil {
			break
		}
		err = s.mux.Receive(frame, func(ev wire.Event) error {
			switch ev.Kind {
			case wire.Opened:
				close(s.opened)
			case wire.Received:
				m, err := wire.ParseMessage(ev.Type, bytes.Clone(ev.Body))
				if err != nil {
					return err
				}
				s.take(m)
			}
			return nil
		})
		if err != nil {
			break
		}
		s.flush()
	}
	s.mu.Lock()
	s.ended = true
	s.heard.Broadcast()
	s.mu.Unlock()
}

func (s *script) take(m wire.Message) {
	s.mu.Lock()
	s.got = append(s.got, m)
	s.heard.Broadcast()
	s.mu.Unlock()
	if req, ok := m.(*wire.Request); ok && s.answer != nil {
		for _, a := range s.answer(req) {
			s.say(a)
		}
	}
}

// hears waits for a message that ok accepts; nil when the connection ended without one.
func (s *script) hears(ok func(wire.Message) bool) wire.Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := 0; ; i++ {
		for i == len(s.got) {
			if s.ended {
				return nil
			}
			s.heard.Wait()
		}
		if ok(s.got[i]) {
			return s.got[i]
		}
	}
}

// honest answers a request from w as a good peer would.
func honest(w *writer, req *wire.Request) *wire.Data {
	st := w.Durable()
	p, err := feed.Prove(st.Head, st.Manifest, w, req.Request)
	if err != nil {
		return nil
	}
	if p.Block != nil {
		p.Block.Value, _ = w.Block(p.Block.Index, nil)
	}
	return &wire.Data{ID: req.ID, Proof: *p}
}

func (s *script) answerUpgradesOnly(w *writer) func(*wire.Request) []wire.Message {
	return func(req *wire.Request) []wire.Message {
		if req.Upgrade == nil {
			return nil
		}
		return []wire.Message{honest(w, req)}
	}
}

// Peers that lie are cut off and counted, and nothing of it is stored.
func TestForgers(t *testing.T) {
	other := newWriter(t, 99)
	other.append(t, blocks(20, 64)...)
	lies := map[string]func(w *writer, req *wire.Request, d *wire.Data){
		"a flipped bit in a block": func(_ *writer, _ *wire.Request, d *wire.Data) {
			if d.Block != nil {
				d.Block.Value[5] ^= 1
			}
		},
		"a block too short": func(_ *writer, _ *wire.Request, d *wire.Data) {
			if d.Block != nil {
				d.Block.Value = d.Block.Value[1:]
			}
		},
		"a flipped bit in a node": func(_ *writer, _ *wire.Request, d *wire.Data) {
			if d.Block != nil && len(d.Block.Nodes) > 0 {
				d.Block.Nodes[0].Hash[0] ^= 1
			}
		},
		"another block": func(w *writer, _ *wire.Request, d *wire.Data) {
			if d.Block != nil {
				d.Block.Index ^= 1
			}
		},
		"a flipped bit in the signature": func(_ *writer, _ *wire.Request, d *wire.Data) {
			if d.Upgrade != nil {
				d.Upgrade.Signature = bytes.Clone(d.Upgrade.Signature)
				d.Upgrade.Signature[20] ^= 1
			}
		},
		"another feed's head": func(_ *writer, req *wire.Request, d *wire.Data) {
			if d.Upgrade != nil {
				d.Upgrade = honest(other, req).Upgrade
			}
		},
		"another feed's manifest": func(_ *writer, _ *wire.Request, d *wire.Data) {
			if d.Manifest != nil {
				d.Manifest = other.manifest
			}
		},
		"a shorter upgrade than asked": func(_ *writer, _ *wire.Request, d *wire.Data) {
			if d.Upgrade != nil {
				d.Upgrade.Length--
			}
		},
		"a fork that was not asked for": func(_ *writer, _ *wire.Request, d *wire.Data) { d.Fork = 7 },
		"an upgrade with a block":       func(w *writer, _ *wire.Request, d *wire.Data) { d.Hash = &feed.HashProof{} },
	}
	for name, lie := range lies {
		t.Run(name, func(t *testing.T) {
			w := newWriter(t, 12)
			w.append(t, blocks(20, 64)...)
			f := newMemFeed(w.Key())
			to := newHost(t, replicate.Config{})
			to.Add(f, replicate.Options{Download: true})
			s := newScript(t, to, w.Key())
			s.answer = func(req *wire.Request) []wire.Message {
				d := honest(w, req)
				lie(w, req, d)
				return []wire.Message{d}
			}
			stop := s.start(t, w)
			err := to.wait()
			stop()
			if !errors.Is(err, replicate.ErrPeer) {
				t.Errorf("session ended with %v, want an error that wraps %v", err, replicate.ErrPeer)
			}
			for i := range f.blocks {
				if got, _ := f.Block(i, nil); !bytes.Equal(got, block(int(i), 64)) {
					t.Errorf("a forged block %d was stored", i)
				}
			}
		})
	}
}

// A peer that answers our open without knowing the feed key has been told of the
// feed already, and is cut off.
func TestWrongCapability(t *testing.T) {
	w := newWriter(t, 13)
	w.append(t, blocks(3, 10)...)
	h := newHost(t, replicate.Config{})
	h.Add(w, replicate.Options{Writer: true})
	x, y := connect()
	h.serve(t.Context(), y, replicate.Peer{Open: true})
	s := &script{conn: x, mux: wire.NewMux(), key: w.Key()}
	// What the responder would say: a peer that reflects our own capability knows nothing.
	s.openChannel(w.Key().Capability(false, s.conn.HandshakeHash()))
	if err := h.wait(); !errors.Is(err, replicate.ErrPeer) {
		t.Errorf("session ended with %v, want an error that wraps %v", err, replicate.ErrPeer)
	}
}

// TestTrace follows a session by its trace: messages by name, and nothing of
// keys or contents.
func TestTrace(t *testing.T) {
	w := newWriter(t, 15)
	w.append(t, []byte("the contents of a block"))
	var mu sync.Mutex
	var trace strings.Builder
	h := newHost(t, replicate.Config{Trace: func(line string) {
		mu.Lock()
		defer mu.Unlock()
		trace.WriteString(line + "\n")
	}})
	h.Add(w, replicate.Options{Writer: true})
	s := newScript(t, h, w.Key())
	stop := s.start(t, nil)
	s.say(&wire.Request{ID: 1, Request: feed.Request{Block: &feed.BlockRequest{}, Upgrade: &feed.UpgradeRequest{Length: 1}, Manifest: true}})
	s.hears(func(m wire.Message) bool { _, ok := m.(*wire.Data); return ok })
	stop()
	_ = h.wait()
	mu.Lock()
	defer mu.Unlock()
	got := trace.String()
	dk := w.Key().DiscoveryKey().String()[:8]
	for _, want := range []string{
		"script < " + dk + " open\n", "script > " + dk + " open\n", "script > " + dk + " Sync fork 0 length 1 ",
		"script < " + dk + " Request 1 fork 0, block 0 with 0 nodes, upgrade 0+1, manifest\n",
		"script > " + dk + " Data 1 fork 0, block 0 of 23 bytes with 0 nodes, upgrade 0+1 with 0 and 0 nodes, manifest\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("the trace lacks %q:\n%s", want, got)
		}
	}
	for _, secret := range []string{w.Key().String(), hex.EncodeToString(w.key[:]), "contents"} {
		if strings.Contains(got, secret) {
			t.Errorf("the trace tells %q:\n%s", secret, got)
		}
	}
}

// A feed that we do not have, one that the peer may not have and one whose key it
// does not know look the same.
func TestNotAllowed(t *testing.T) {
	w := newWriter(t, 14)
	w.append(t, blocks(3, 10)...)
	answers := map[string][]byte{}
	for _, what := range []string{"not here", "not allowed", "key not known"} {
		x, y := connect()
		h := newHost(t, replicate.Config{})
		if what != "not here" {
			h.Add(w, replicate.Options{Writer: true})
		}
		ctx, cancel := context.WithCancel(t.Context())
		h.serve(ctx, y, replicate.Peer{Allow: func(feed.Key) bool { return what != "not allowed" }})
		s := &script{conn: x, mux: wire.NewMux(), key: w.Key()}
		s.openChannel(w.Key().Capability(what != "key not known", x.HandshakeHash()))
		frame, err := x.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		answers[what] = frame
		cancel()
		if err := h.wait(); err != nil {
			t.Fatal(err)
		}
	}
	for what, got := range answers {
		if !bytes.Equal(got, answers["not here"]) {
			t.Errorf("%s: answered %x; a feed that is not here is answered %x", what, got, answers["not here"])
		}
	}
}

// Every request is answered, with NoData where there is nothing to say.
func TestEveryRequestIsAnswered(t *testing.T) {
	w := newWriter(t, 15)
	w.append(t, blocks(9, 10)...)
	w.drop(4)
	h := newHost(t, replicate.Config{})
	h.Add(w, replicate.Options{Writer: true})
	s := newScript(t, h, w.Key())
	stop := s.start(t, nil)
	defer stop()

	const none = 99
	rows := []struct {
		name   string
		req    wire.Request
		reason uint64 // none for Data
	}{
		{"a block", wire.Request{Request: feed.Request{Block: &feed.BlockRequest{Index: 2, Nodes: 3}}}, none},
		{"a block that is not here", wire.Request{Request: feed.Request{Block: &feed.BlockRequest{Index: 4, Nodes: 3}}}, wire.NotAvailable},
		{"a block beyond the end", wire.Request{Request: feed.Request{Block: &feed.BlockRequest{Index: 9}}}, wire.NotAvailable},
		{"a block far beyond", wire.Request{Request: feed.Request{Block: &feed.BlockRequest{Index: 1 << 52, Nodes: 1 << 52}}}, wire.NotAvailable},
		{"too many nodes", wire.Request{Request: feed.Request{Block: &feed.BlockRequest{Index: 2, Nodes: 60}}}, wire.InvalidRequest},
		{"another fork", wire.Request{Fork: 3, Request: feed.Request{Block: &feed.BlockRequest{Index: 2, Nodes: 3}}}, wire.NotAvailable},
		{"a node", wire.Request{Request: feed.Request{Hash: &feed.HashRequest{Index: 3, Nodes: 1}}}, none},
		{"a seek", wire.Request{Request: feed.Request{Seek: &feed.SeekRequest{Bytes: 35}, Upgrade: &feed.UpgradeRequest{Length: 9}}}, none},
		{"an upgrade", wire.Request{Request: feed.Request{Upgrade: &feed.UpgradeRequest{Start: 4, Length: 5}}}, none},
		{"an upgrade beyond the end", wire.Request{Request: feed.Request{Upgrade: &feed.UpgradeRequest{Start: 4, Length: 6}}}, wire.InvalidRequest},
		{"an upgrade by nothing", wire.Request{Request: feed.Request{Upgrade: &feed.UpgradeRequest{Start: 9}}}, wire.InvalidRequest},
	}
	for i, row := range rows {
		row.req.ID = uint64(i + 1)
		s.say(&row.req)
		m := s.hears(func(m wire.Message) bool {
			switch m := m.(type) {
			case *wire.Data:
				return m.ID == row.req.ID
			case *wire.NoData:
				return m.ID == row.req.ID
			}
			return false
		})
		switch m := m.(type) {
		case *wire.Data:
			if row.reason != none {
				t.Errorf("%s: answered with data, want NoData %d", row.name, row.reason)
			}
		case *wire.NoData:
			if m.Reason != row.reason {
				t.Errorf("%s: NoData %d, want %d (%d is data)", row.name, m.Reason, row.reason, none)
			}
		default:
			t.Fatalf("%s: the connection ended", row.name)
		}
	}
}

// The conflict probe is answered like an upgrade request.
func TestConflictProbeIsAnswered(t *testing.T) {
	w := newWriter(t, 16)
	w.append(t, blocks(9, 10)...)
	h := newHost(t, replicate.Config{})
	h.Add(w, replicate.Options{Writer: true})
	s := newScript(t, h, w.Key())
	stop := s.start(t, nil)
	defer stop()
	s.say(&wire.Request{ID: 0, Request: feed.Request{Upgrade: &feed.UpgradeRequest{Length: 6}, Manifest: true}})
	m := s.hears(func(m wire.Message) bool { _, ok := m.(*wire.Data); return ok })
	d, ok := m.(*wire.Data)
	if !ok || d.ID != 0 || d.Upgrade == nil || d.Upgrade.Length != 6 || d.Manifest == nil {
		t.Errorf("answer = %+v, want the upgrade with the manifest", m)
	}
}

// A sparse holder answers a Want with what it has.
func TestWants(t *testing.T) {
	w := newWriter(t, 17)
	w.append(t, blocks(70, 10)...)
	w.drop(1, 2, 40)
	h := newHost(t, replicate.Config{})
	h.Add(w, replicate.Options{Writer: true})
	s := newScript(t, h, w.Key())
	stop := s.start(t, nil)
	defer stop()

	s.say(&wire.Want{Start: 0, Length: 4096})
	m := s.hears(func(m wire.Message) bool { _, ok := m.(*wire.Bitfield); return ok })
	words := m.(*wire.Bitfield).Words
	for i := range uint64(70) {
		want := i != 1 && i != 2 && i != 40
		if got := words[i/32]>>(i%32)&1 == 1; got != want {
			t.Errorf("bit %d = %v, want %v", i, got, want)
		}
	}
	s.say(&wire.Want{Start: 2, Length: 100, Any: true})
	m = s.hears(func(m wire.Message) bool { r, ok := m.(*wire.Range); return ok && r.Start != 0 })
	if r := m.(*wire.Range); r.Start != 3 || r.Length != 37 {
		t.Errorf("first run in the window = %+v, want blocks 3 to 39", r)
	}
}

// A peer that cannot answer the conflict probe, or sits on it, is followed all the same.
func TestProbeWithoutAnswer(t *testing.T) {
	for _, refuses := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			w := newWriter(t, 18)
			w.append(t, blocks(5, 10)...)
			f := newMemFeed(w.Key())
			to := newHost(t, replicate.Config{RequestTimeout: 5 * time.Second})
			to.Add(f, replicate.Options{Download: true})
			from := newHost(t, replicate.Config{})
			from.Add(w, replicate.Options{Writer: true})
			cut := join(t, from, to)
			until(t, to, f, complete(f, w))
			cut()
			_ = to.wait()

			s := newScript(t, to, w.Key())
			s.answer = func(req *wire.Request) []wire.Message {
				switch {
				case req.ID != 0:
					return []wire.Message{honest(w, req)}
				case refuses:
					return []wire.Message{&wire.NoData{ID: 0, Reason: wire.NotAvailable}}
				}
				return nil
			}
			stop := s.start(t, w) // as long as ours: it is probed
			synctest.Wait()
			w.append(t, blocks(3, 20)...)
			h := w.Durable().Head
			s.say(&wire.Sync{Length: h.Length, CanUpgrade: true, Uploading: true, Downloading: true, HasManifest: true})
			s.say(&wire.Range{Length: h.Length})
			time.Sleep(20 * time.Second) // of the bubble's clock
			synctest.Wait()
			if !complete(f, w)() {
				t.Errorf("refuses %v: the feed has %d blocks of %d", refuses, f.Contiguous(), h.Length)
			}
			stop()
			if err := to.wait(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Evidence of a conflict that a peer sends unasked is looked at, and freezes the feed.
func TestUnaskedEvidence(t *testing.T) {
	ours, theirs := newWriter(t, 19), newWriter(t, 19)
	ours.append(t, blocks(6, 10)...)
	theirs.append(t, []byte("another history"))
	h := newHost(t, replicate.Config{})
	h.Add(ours, replicate.Options{Writer: true})
	s := newScript(t, h, ours.Key())
	stop := s.start(t, nil)
	req := &wire.Request{Request: feed.Request{Upgrade: &feed.UpgradeRequest{Length: 1}, Manifest: true}}
	s.say(honest(theirs, req))
	until(t, h, ours.memFeed, func() bool { return ours.Frozen() != nil })
	stop()
	if err := h.wait(); err != nil {
		t.Fatal(err)
	}
}

// A head that is announced while the conflict probe is under way is followed.
func TestAppendDuringProbe(t *testing.T) {
	w := newWriter(t, 20)
	w.append(t, blocks(5, 10)...)
	f := newMemFeed(w.Key())
	to, from := newHost(t, replicate.Config{}), newHost(t, replicate.Config{})
	to.Add(f, replicate.Options{Download: true})
	from.Add(w, replicate.Options{Writer: true})
	cut := join(t, from, to)
	until(t, to, f, complete(f, w))
	cut()
	_ = to.wait()

	s := newScript(t, to, w.Key())
	s.answer = func(req *wire.Request) []wire.Message {
		if req.ID != 0 {
			return []wire.Message{honest(w, req)}
		}
		probed := honest(w, req)
		w.append(t, []byte("one more"))
		h := w.Durable().Head
		return []wire.Message{
			&wire.Sync{Length: h.Length, CanUpgrade: true, Uploading: true, Downloading: true, HasManifest: true},
			&wire.Range{Length: h.Length},
			probed,
		}
	}
	stop := s.start(t, w)
	until(t, to, f, complete(f, w))
	stop()
	if err := to.wait(); err != nil {
		t.Fatal(err)
	}
}

// A block waits for others that are under way, to be hashed together with them,
// but not for long; and not at all when there are enough of them.
func TestGathering(t *testing.T) {
	const gathering = 5 * time.Millisecond // a little more than it may wait
	for _, answered := range []int{1, feed.HashWidth()} {
		synctest.Test(t, func(t *testing.T) {
			w := newWriter(t, 21)
			w.append(t, blocks(feed.HashWidth()+3, 8<<10)...)
			f := newMemFeed(w.Key())
			h := newHost(t, replicate.Config{RequestTimeout: time.Hour})
			h.Add(f, replicate.Options{Download: true})
			s := newScript(t, h, w.Key())
			n := 0
			s.answer = func(req *wire.Request) []wire.Message {
				if req.Block != nil {
					if n++; n > answered {
						return nil
					}
				}
				return []wire.Message{honest(w, req)}
			}
			stop := s.start(t, w)
			synctest.Wait()
			held := func() (n int) {
				for i := range w.Durable().Head.Length {
					if f.Known(i) {
						n++
					}
				}
				return n
			}
			if at := held(); answered == feed.HashWidth() && at != answered || answered < feed.HashWidth() && at != 0 {
				t.Errorf("%d blocks came, and %d were stored at once", answered, at)
			}
			time.Sleep(gathering) // of the bubble's clock
			synctest.Wait()
			if at := held(); at != answered {
				t.Errorf("%d blocks came, and %d were stored after %v", answered, at, gathering)
			}
			stop()
			if err := h.wait(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
