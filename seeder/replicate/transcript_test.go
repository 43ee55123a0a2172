package replicate_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"sync"
	"testing"

	"cobox/seeder/feed"
	"cobox/seeder/replicate"
	"cobox/seeder/wire"
)

// The transcripts are whole replications between two JavaScript peers, a and b
// (testdata/08-transcripts.json, made with hypercore 11.37.1). Replaying one
// puts a session of ours in the place of either peer and plays the other's part.
type transcript struct {
	Name          string
	Key           *string
	DriveKey      *string
	BlobsKey      *string
	HandshakeHash string
	Streams       struct{ Initiator string }
	Frames        []struct{ From, Frame string }
	Final         json.RawMessage
}

func readTranscripts(t *testing.T) map[string]transcript {
	t.Helper()
	text, err := os.ReadFile("testdata/08-transcripts.json")
	if err != nil {
		t.Fatal(err)
	}
	var file struct{ Transcripts []transcript }
	if err := json.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	m := make(map[string]transcript)
	for _, tr := range file.Transcripts {
		m[tr.Name] = tr
	}
	return m
}

func (tr *transcript) keys(t *testing.T) (keys []feed.Key) {
	t.Helper()
	for _, s := range []*string{tr.Key, tr.DriveKey, tr.BlobsKey} {
		if s == nil {
			continue
		}
		k, err := feed.ParseKey(*s)
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
	}
	return keys
}

// said is a message of a transcript with its place.
type said struct {
	from string
	key  feed.DiscoveryKey
	msg  wire.Message
}

// messages decodes a transcript: who said what about which feed, in order.
func (tr *transcript) messages(t *testing.T) (list []said) {
	t.Helper()
	// Each mux takes in what one side sent. What it would answer is thrown
	// away: it opens what the side opens, so that the channels pair.
	muxes := map[string]*wire.Mux{"a": wire.NewMux(), "b": wire.NewMux()}
	for _, f := range tr.Frames {
		frame, err := hex.DecodeString(f.Frame)
		if err != nil {
			t.Fatal(err)
		}
		m := muxes[f.From]
		err = m.Receive(frame, func(ev wire.Event) error {
			switch ev.Kind {
			case wire.RemoteOpen:
				m.Accept(ev.Channel, make([]byte, 33))
			case wire.Received:
				msg, err := wire.ParseMessage(ev.Type, ev.Body)
				if err != nil {
					return err
				}
				list = append(list, said{f.From, feed.DiscoveryKey(ev.Channel.ID()), msg})
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		m.Frames()
	}
	return list
}

// playSide runs the part of side "a" against our session, which stands for
// "b": it announces what a announced, in order, and answers our requests with
// a's recorded answers. Announcements that a made after a recorded answer are
// held back until we have asked for that answer, or for all we want.
func playSide(t *testing.T, tr transcript, h *host) (stop func()) {
	t.Helper()
	x, y := connect()
	hash, err := hex.DecodeString(tr.HandshakeHash)
	if err != nil {
		t.Fatal(err)
	}
	x.hash, y.hash = [64]byte(hash), [64]byte(hash)
	x.initiator = tr.Streams.Initiator == "a"
	y.initiator = !x.initiator
	h.serve(t.Context(), y, replicate.Peer{Name: "transcript"})

	msgs := tr.messages(t)
	mux := wire.NewMux()
	channels := map[feed.DiscoveryKey]*wire.Channel{}
	opened := map[feed.DiscoveryKey]bool{}
	for _, key := range tr.keys(t) {
		dk := key.DiscoveryKey()
		hs := wire.Handshake{Seeks: true, Capability: key.Capability(x.initiator, &x.hash)}
		channels[dk] = mux.Open("hypercore/alpha", dk[:], hs.Append(nil))
	}
	flush := func() {
		for _, f := range mux.Frames() {
			_ = x.WriteFrame(f)
		}
	}
	say := func(dk feed.DiscoveryKey, m wire.Message) {
		c := channels[dk]
		_ = x.WriteFrame(m.Append(c.AppendHeader(nil, m.Type())))
	}
	flush()

	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			frame, err := x.ReadFrame()
			if err != nil {
				return
			}
			_ = mux.Receive(frame, func(ev wire.Event) error {
				switch ev.Kind {
				case wire.Opened:
					dk := feed.DiscoveryKey(ev.Channel.ID())
					opened[dk] = true
					if len(opened) != len(channels) {
						return nil
					}
					for _, s := range msgs {
						switch s.msg.(type) {
						case *wire.Sync, *wire.Range, *wire.Bitfield:
							if s.from == "a" {
								say(s.key, s.msg)
							}
						}
					}
				case wire.Received:
					m, err := wire.ParseMessage(ev.Type, ev.Body)
					if err != nil {
						return err
					}
					if req, ok := m.(*wire.Request); ok {
						dk := feed.DiscoveryKey(ev.Channel.ID())
						say(dk, recorded(msgs, dk, req))
					}
				}
				return nil
			})
			flush()
		}
	})
	return func() {
		_ = x.Close()
		wg.Wait()
	}
}

// recorded returns a's answer to an equal request of b's, with our request's id.
func recorded(msgs []said, dk feed.DiscoveryKey, req *wire.Request) wire.Message {
	for _, s := range msgs {
		d, ok := s.msg.(*wire.Data)
		if !ok || s.from != "a" || s.key != dk || d.Fork != req.Fork {
			continue
		}
		same := (req.Block != nil) == (d.Block != nil) && (req.Upgrade != nil) == (d.Upgrade != nil) && d.Hash == nil && d.Seek == nil
		if same && req.Block != nil {
			same = d.Block.Index == req.Block.Index
		}
		if same && req.Upgrade != nil {
			same = d.Upgrade.Start == req.Upgrade.Start && d.Upgrade.Length == req.Upgrade.Length
		}
		if same {
			c := *d
			c.ID = req.ID
			return &c
		}
	}
	return &wire.NoData{ID: req.ID, Reason: wire.NotAvailable}
}

// Ours in the place of the JavaScript downloader.
func TestTranscriptsDownload(t *testing.T) {
	trs := readTranscripts(t)
	rows := []struct {
		name string
		want map[int]uint64 // contiguous blocks by feed
	}{
		{"t1-blind-full", map[int]uint64{0: 12}},
		{"t4-sparse-holder", map[int]uint64{0: 4}},
		{"t7-hyperdrive", map[int]uint64{0: 3, 1: 1}},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			tr, ok := trs[row.name]
			if !ok {
				t.Fatal("no such transcript")
			}
			h := newHost(t, replicate.Config{})
			var feeds []*memFeed
			for _, k := range tr.keys(t) {
				f := newMemFeed(k)
				feeds = append(feeds, f)
				h.Add(f, replicate.Options{Download: true})
			}
			stop := playSide(t, tr, h)
			for i, n := range row.want {
				until(t, h, feeds[i], func() bool { return feeds[i].Contiguous() >= n })
			}
			stop()
			if err := h.wait(); err != nil {
				t.Fatal(err)
			}
			checkBlocks(t, tr, feeds)
			checkFinal(t, tr, feeds[0])
		})
	}
}

// checkBlocks compares stored blocks with those that a sent.
func checkBlocks(t *testing.T, tr transcript, feeds []*memFeed) {
	t.Helper()
	for _, s := range tr.messages(t) {
		d, ok := s.msg.(*wire.Data)
		if !ok || d.Block == nil || s.from != "a" {
			continue
		}
		i := slices.IndexFunc(feeds, func(f *memFeed) bool { return f.Key().DiscoveryKey() == s.key })
		got, err := feeds[i].Block(d.Block.Index, nil)
		if err != nil || !bytes.Equal(got, d.Block.Value) {
			t.Errorf("feed %d block %d = %d bytes, %v; want the block that was sent", i, d.Block.Index, len(got), err)
		}
	}
}

func checkFinal(t *testing.T, tr transcript, f *memFeed) {
	t.Helper()
	var final struct {
		Length        uint64
		TreeHash      string
		HeadSignature string
	}
	if tr.Final == nil {
		return
	}
	if err := json.Unmarshal(tr.Final, &final); err != nil {
		t.Fatal(err)
	}
	h := f.Durable().Head
	if h.Length != final.Length || h.Hash.String() != final.TreeHash || hex.EncodeToString(h.Signature) != final.HeadSignature {
		t.Errorf("head = %+v, want %+v", h, final)
	}
}

// Forks: the head that the writer signed for the new fork is taken over.
func TestTranscriptsFork(t *testing.T) {
	trs := readTranscripts(t)
	for _, name := range []string{"t5-fork", "t6-fork-offline"} {
		t.Run(name, func(t *testing.T) {
			tr, ok := trs[name]
			if !ok {
				t.Fatal("no such transcript")
			}
			var final struct {
				B struct {
					Fork, Length uint64
					TreeHash     string
				}
			}
			if err := json.Unmarshal(tr.Final, &final); err != nil {
				t.Fatal(err)
			}
			f := newMemFeed(tr.keys(t)[0])
			h := newHost(t, replicate.Config{})
			h.Add(f, replicate.Options{Download: true})
			stop := playSide(t, tr, h)
			until(t, h, f, func() bool { return f.Durable().Head.Hash.String() == final.B.TreeHash })
			stop()
			if err := h.wait(); err != nil {
				t.Fatal(err)
			}
			if got := f.Durable().Head; got.Fork != final.B.Fork || got.Length != final.B.Length {
				t.Errorf("head = fork %d length %d, want fork %d length %d", got.Fork, got.Length, final.B.Fork, final.B.Length)
			}
		})
	}
}

// Ours in the place of the JavaScript server: what b asked in the transcript
// gets the answer that JavaScript gave, byte for byte.
func TestTranscriptsServe(t *testing.T) {
	trs := readTranscripts(t)
	full := newMemFeed(onlyKey(t, trs["t1-blind-full"]))
	h := newHost(t, replicate.Config{})
	h.Add(full, replicate.Options{Download: true})
	stop := playSide(t, trs["t1-blind-full"], h)
	until(t, h, full, func() bool { return full.Contiguous() == 12 })
	stop()
	if err := h.wait(); err != nil {
		t.Fatal(err)
	}

	tr := trs["t3-blind-serves-reader"]
	if onlyKey(t, tr) != full.Key() {
		t.Fatal("t3 is not about the feed of t1")
	}
	msgs := tr.messages(t)
	s := newScript(t, h, full.Key())
	end := s.start(t, nil)
	defer end()
	compared := 0
	for _, m := range msgs {
		req, ok := m.msg.(*wire.Request)
		if !ok || m.from != "b" {
			continue
		}
		i := slices.IndexFunc(msgs, func(m said) bool {
			d, ok := m.msg.(*wire.Data)
			return ok && m.from == "a" && d.ID == req.ID && d.Fork == req.Fork
		})
		if i < 0 {
			continue
		}
		want := msgs[i].msg.Append(nil)
		s.say(req)
		got := s.hears(func(m wire.Message) bool {
			d, ok := m.(*wire.Data)
			return ok && bytes.Equal(d.Append(nil), want) || isNoData(m, req.ID)
		})
		if d, ok := got.(*wire.Data); !ok || !bytes.Equal(d.Append(nil), want) {
			t.Errorf("request %+v: answered with %+v, JavaScript's was %x", req, got, want)
		}
		compared++
	}
	if compared < 10 {
		t.Errorf("only %d answers compared", compared)
	}
}

func isNoData(m wire.Message, id uint64) bool {
	n, ok := m.(*wire.NoData)
	return ok && n.ID == id
}

func onlyKey(t *testing.T, tr transcript) feed.Key {
	t.Helper()
	return tr.keys(t)[0]
}
