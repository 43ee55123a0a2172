package replicate_test

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"cobox/seeder/compact"
	"cobox/seeder/feed"
	"cobox/seeder/replicate"
	"cobox/seeder/wire"
)

// meet has a peer that answers as it likes send a feed of w's to a host that has
// some blocks of it already, and returns what came of it.
func meet(t *testing.T, w *writer, f *memFeed, answer func(*wire.Request) []wire.Message) (*host, error) {
	t.Helper()
	to := newHost(t, replicate.Config{})
	to.Add(f, replicate.Options{Download: true})
	s := newScript(t, to, w.Key())
	s.answer = answer
	stop := s.start(t, w)
	err := to.wait()
	stop()
	return to, err
}

// Case 41: a tree head that another key signed is refused, and who brought it is
// cut off.
func TestCase41ForgedHead(t *testing.T) {
	w := newWriter(t, 30)
	w.append(t, blocks(20, 64)...)
	f := newMemFeed(w.Key())
	to, err := meet(t, w, f, func(req *wire.Request) []wire.Message {
		d := honest(w, req)
		if d.Upgrade != nil {
			d.Upgrade.Signature = bytes.Clone(d.Upgrade.Signature)
			copy(d.Upgrade.Signature[len(d.Upgrade.Signature)-ed25519.SignatureSize:], ed25519.Sign(ed25519.NewKeyFromSeed(make([]byte, 32)), []byte("a head")))
		}
		return []wire.Message{d}
	})
	if !errors.Is(err, replicate.ErrPeer) || to.Stats().InvalidProofs != 1 {
		t.Errorf("the session ended with %v, and %+v", err, to.Stats())
	}
	if f.Durable().Head.Length != 0 || f.Known(0) {
		t.Error("something of it was stored")
	}
}

// Case 45: blocks that are longer, shorter or other than what was signed are
// refused, and nothing of them is stored.
func TestCase45WrongBlock(t *testing.T) {
	for name, change := range map[string]func([]byte) []byte{
		"a byte more":  func(b []byte) []byte { return append(b, 0) },
		"a byte less":  func(b []byte) []byte { return b[1:] },
		"nothing":      func([]byte) []byte { return []byte{} },
		"another byte": func(b []byte) []byte { b[7]++; return b },
		"huge":         func(b []byte) []byte { return append(b, make([]byte, 8<<20)...) },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWriter(t, 31)
			w.append(t, blocks(20, 64)...)
			f := newMemFeed(w.Key())
			_, err := meet(t, w, f, func(req *wire.Request) []wire.Message {
				d := honest(w, req)
				if d.Block != nil {
					d.Block.Value = change(d.Block.Value)
				}
				return []wire.Message{d}
			})
			if !errors.Is(err, replicate.ErrPeer) {
				t.Errorf("the session ended with %v", err)
			}
			if len(f.blocks) != 0 {
				t.Errorf("%d blocks were stored", len(f.blocks))
			}
		})
	}
}

// Case 44: a peer that claims a length beyond all bounds is not asked for it, and
// makes nobody set memory aside; when it comes back to reason it is listened to.
func TestCase44EndlessFeed(t *testing.T) {
	w := newWriter(t, 32)
	w.append(t, blocks(5, 64)...)
	f := newMemFeed(w.Key())
	to := newHost(t, replicate.Config{})
	to.Add(f, replicate.Options{Download: true})
	s := newScript(t, to, w.Key())
	s.answer = func(req *wire.Request) []wire.Message {
		if req.Upgrade != nil && req.Upgrade.Length > feed.MaxLength {
			t.Errorf("it was asked for %d blocks", req.Upgrade.Length)
		}
		return []wire.Message{honest(w, req)}
	}
	stop := s.start(t, nil)
	before := heap()
	for _, length := range []uint64{feed.MaxLength + 1, 1<<53 - 1} {
		s.say(&wire.Sync{Length: length, CanUpgrade: true, Uploading: true, Downloading: true, HasManifest: true})
		s.say(&wire.Range{Start: 0, Length: length})
		s.say(&wire.Bitfield{Start: length &^ 31, Words: []uint32{1<<32 - 1}})
	}
	s.say(&wire.Sync{Length: 5, CanUpgrade: true, Uploading: true, Downloading: true, HasManifest: true})
	s.say(&wire.Range{Start: 0, Length: 5})
	until(t, to, f, complete(f, w))
	if after := heap(); after > before+16<<20 {
		t.Errorf("memory grew from %d to %d bytes", before, after)
	}
	stop()
	if err := to.wait(); err != nil {
		t.Error(err)
	}
}

// heap returns the bytes of memory that are in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// Case 47: an old head, played again, changes nothing: what is newer stays.
func TestCase47OldHead(t *testing.T) {
	w := newWriter(t, 33)
	w.append(t, blocks(8, 64)...)
	old := newWriter(t, 33)
	old.append(t, blocks(8, 64)...)
	w.append(t, blocks(20, 64)[8:]...)
	f := newMemFeed(w.Key())
	from, to := newHost(t, replicate.Config{}), newHost(t, replicate.Config{})
	from.Add(w, replicate.Options{Writer: true})
	to.Add(f, replicate.Options{Download: true})
	cut := join(t, from, to)
	until(t, to, f, complete(f, w))
	cut()
	_ = to.wait()

	s := newScript(t, to, w.Key())
	s.answer = func(req *wire.Request) []wire.Message { return []wire.Message{honest(old, req)} }
	stop := s.start(t, old)
	// The whole old head comes unasked as well, as if it were evidence of something.
	st := old.Durable()
	p, err := feed.Prove(st.Head, st.Manifest, old, feed.Request{Upgrade: &feed.UpgradeRequest{Length: 8}})
	if err != nil {
		t.Fatal(err)
	}
	s.say(&wire.Data{Proof: *p})
	s.say(&wire.Request{ID: 9, Request: feed.Request{Block: &feed.BlockRequest{Index: 19}}})
	if s.hears(func(m wire.Message) bool { _, ok := m.(*wire.Data); return ok }) == nil {
		t.Error("the newest block is not given out any more")
	}
	stop()
	_ = to.wait()
	if got := f.Durable().Head; got.Hash != w.Durable().Head.Hash || f.Frozen() != nil || !complete(f, w)() {
		t.Errorf("length %d, frozen %v", got.Length, f.Frozen())
	}
}

// gappy makes a feed of n blocks of which the host has every other one.
func gappy(t *testing.T, n int) *writer {
	t.Helper()
	w := newWriter(t, 34)
	w.append(t, blocks(n, 1)...)
	for i := 0; i < n; i += 2 {
		w.drop(uint64(i))
	}
	return w
}

// Peers that send as much as they can, and read nothing of the answers, are not
// read from any more when there is enough, and cut off after a time. What they
// make us hold is bounded, whatever they send.
func TestStorms(t *testing.T) {
	const enough = 200_000 // far more than may be taken from such a peer
	r := rand.New(rand.NewPCG(1, 1))
	for name, say := range map[string]func(s *script) error{
		"wants": func(s *script) error {
			return s.send(&wire.Want{Start: uint64(r.IntN(100)) * 32, Length: 1 << 20})
		},
		"requests": func(s *script) error {
			return s.send(&wire.Request{ID: r.Uint64N(1 << 40), Request: feed.Request{Block: &feed.BlockRequest{Index: 1 + 2*r.Uint64N(100)}}})
		},
		"requests for what is not there": func(s *script) error {
			return s.send(&wire.Request{ID: 1, Request: feed.Request{Block: &feed.BlockRequest{Index: 1 << 52}}})
		},
		"channels": func(s *script) error {
			var id [32]byte
			id[0], id[1], id[2] = byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())
			c := s.mux.Open("hypercore/alpha", id[:], nil)
			if c != nil {
				s.mux.Close(c)
			}
			for _, f := range s.mux.Frames() {
				if err := s.conn.WriteFrame(f); err != nil {
					return err
				}
			}
			return nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := gappy(t, 5000)
			synctest.Test(t, func(t *testing.T) {
				h := newHost(t, replicate.Config{})
				h.Add(w, replicate.Options{Writer: true})
				s := deaf(t, h, w)
				before := heap()
				taken := 0
				var storm sync.WaitGroup
				storm.Go(func() {
					for taken < enough && say(s) == nil {
						taken++
					}
				})
				synctest.Wait()
				if taken == enough {
					t.Errorf("all %d were taken in, and no answer was read", enough)
				}
				if after := heap(); after > before+8<<20 {
					t.Errorf("after %d, memory grew by %d bytes", taken, after-before)
				}
				time.Sleep(5 * time.Minute) // of the bubble's clock
				synctest.Wait()
				if st := h.Stats(); st.Sessions != 0 {
					t.Error("a peer that reads nothing is still there after five minutes")
				}
				_ = s.conn.Close()
				storm.Wait()
				_ = h.wait()
			})
		})
	}
}

// deaf connects a peer that opens the feed's channel, and reads nothing after that.
func deaf(t *testing.T, h *host, w *writer) *script {
	t.Helper()
	x, y := connect()
	s := &script{conn: x, mux: wire.NewMux(), key: w.Key()}
	h.serve(t.Context(), y, replicate.Peer{Name: "deaf"})
	s.openChannel(s.key.Capability(true, s.conn.HandshakeHash()))
	for opened := false; !opened; {
		frame, err := s.conn.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		err = s.mux.Receive(frame, func(ev wire.Event) error {
			opened = opened || ev.Kind == wire.Opened
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// send is say, with its error.
func (s *script) send(m wire.Message) error {
	return s.conn.WriteFrame(m.Append(s.ch.AppendHeader(nil, m.Type())))
}

// One frame may hold many messages. Their answers do not pile up either.
func TestStormInOneFrame(t *testing.T) {
	w := gappy(t, 60_000)
	synctest.Test(t, func(t *testing.T) {
		h := newHost(t, replicate.Config{})
		h.Add(w, replicate.Options{Writer: true})
		s := deaf(t, h, w)
		// A batch: the channel, then messages with their lengths. All ask for what is
		// held of 60,000 blocks, 7,500 bytes.
		header := s.ch.AppendHeader(nil, (&wire.Want{}).Type())
		d := compact.NewDecoder(header)
		channel := d.Uint()
		item := (&wire.Want{Length: 1 << 21}).Append(d.Rest())
		frame := compact.AppendUint([]byte{0, 0}, channel)
		for range wire.MaxBatchItems - 1 {
			frame = append(compact.AppendUint(frame, uint64(len(item))), item...)
		}
		before := heap()
		if err := s.conn.WriteFrame(frame); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if after := heap(); after > before+16<<20 {
			t.Errorf("one frame of %d bytes made memory grow by %d", len(frame), after-before)
		}
		_ = s.conn.Close()
		_ = h.wait()
	})
}

// What peers announce far and wide is forgotten again, not kept.
func TestAnnouncementStorm(t *testing.T) {
	w := newWriter(t, 35)
	w.append(t, blocks(10, 10)...)
	h := newHost(t, replicate.Config{})
	h.Add(w, replicate.Options{Writer: true})
	s := newScript(t, h, w.Key())
	stop := s.start(t, nil)
	before := heap()
	words := make([]uint32, 1<<16)
	for i := range words {
		words[i] = 0x55555555
	}
	for i := range uint64(100) {
		s.say(&wire.Bitfield{Start: i << 30, Words: words})
	}
	for i := range uint64(20_000) {
		s.say(&wire.Range{Start: i << 20, Length: 1})
		s.say(&wire.Range{Start: i << 20, Length: 1, Drop: true})
	}
	s.say(&wire.Request{ID: 1, Request: feed.Request{Block: &feed.BlockRequest{Index: 3}}})
	if s.hears(func(m wire.Message) bool { _, ok := m.(*wire.Data); return ok }) == nil {
		t.Error("the session ended")
	}
	if after := heap(); after > before+8<<20 {
		t.Errorf("memory grew by %d bytes", after-before)
	}
	stop()
	_ = h.wait()
}

// Blocks of no bytes and the largest that there may be come whole.
func TestBlocksOfAllSizes(t *testing.T) {
	w := newWriter(t, 36)
	w.append(t, []byte{}, []byte("x"), make([]byte, 15<<20), []byte{})
	f := newMemFeed(w.Key())
	from, to := newHost(t, replicate.Config{}), newHost(t, replicate.Config{})
	from.Add(w, replicate.Options{Writer: true})
	to.Add(f, replicate.Options{Download: true})
	cut := join(t, from, to)
	until(t, to, f, complete(f, w))
	sameBlocks(t, f, w)
	cut()
	_, _ = from.wait(), to.wait()
}

// A block that no frame can hold cannot be sent. Who asks for it is told so, and
// gets the others of its feed.
func TestBlockBeyondAFrame(t *testing.T) {
	w := newWriter(t, 37)
	w.append(t, []byte("before"), make([]byte, 16<<20), []byte("after"))
	h := newHost(t, replicate.Config{})
	h.Add(w, replicate.Options{Writer: true})
	s := newScript(t, h, w.Key())
	stop := s.start(t, nil)
	for i := range uint64(3) {
		s.say(&wire.Request{ID: i, Request: feed.Request{Block: &feed.BlockRequest{Index: i}}})
	}
	answers := make(map[uint64]string)
	s.hears(func(m wire.Message) bool {
		switch m := m.(type) {
		case *wire.Data:
			answers[m.ID] = string(m.Block.Value[:min(10, len(m.Block.Value))])
		case *wire.NoData:
			answers[m.ID] = "no data"
		}
		return len(answers) == 3
	})
	if answers[0] != "before" || answers[1] != "no data" || answers[2] != "after" {
		t.Errorf("the answers are %v", answers)
	}
	stop()
	if err := h.wait(); err != nil {
		t.Error(err)
	}
}
