package replicate_test

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"os"
	"slices"
	"sync"
	"testing"

	"cobox/seeder/compact"
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
	// What each side's channel ids stand for. A side opens a channel anew, with
	// the same id, after the other has rejected it.
	channels := map[string]map[uint64]feed.DiscoveryKey{"a": {}, "b": {}}
	for _, f := range tr.Frames {
		frame, err := hex.DecodeString(f.Frame)
		if err != nil {
			t.Fatal(err)
		}
		for _, item := range items(t, frame) {
			if item.channel == 0 {
				item.control(channels[f.From])
				continue
			}
			msg, err := wire.ParseMessage(item.typ, item.body)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, said{f.From, channels[f.From][item.channel], msg})
		}
	}
	return list
}

// An item is one message of a frame, control messages included.
type item struct {
	channel, typ uint64
	body         []byte
}

// items takes a frame apart (PROTOCOL.md, "Frames").
func items(t *testing.T, frame []byte) (list []item) {
	t.Helper()
	d := compact.NewDecoder(frame)
	channel, typ := d.Uint(), d.Uint()
	if channel != 0 || typ != 0 {
		return []item{{channel, typ, d.Rest()}}
	}
	for channel = d.Uint(); d.Len() > 0; {
		n := d.Uint()
		if n == 0 {
			channel = d.Uint()
			continue
		}
		in := compact.NewDecoder(d.Bytes(n))
		list = append(list, item{channel, in.Uint(), in.Rest()})
	}
	if d.Err() != nil {
		t.Fatal(d.Err())
	}
	return list
}

// control notes which feed a side opens a channel for.
func (i *item) control(ours map[uint64]feed.DiscoveryKey) {
	const open = 1
	if i.typ != open {
		return
	}
	d := compact.NewDecoder(i.body)
	id, _, dk := d.Uint(), d.String(), d.Buffer()
	ours[id] = feed.DiscoveryKey(dk)
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

	// advance says what a said next, up to an answer that we have not asked for yet.
	at, asked := 0, map[int]bool{}
	advance := func() {
		for ; at < len(msgs); at++ {
			if msgs[at].from != "a" {
				continue
			}
			switch m := msgs[at].msg.(type) {
			case *wire.Sync, *wire.Range, *wire.Bitfield:
				say(msgs[at].key, m)
			case *wire.Data:
				if !asked[at] && m.Hash == nil && m.Seek == nil { // we compare forks in another way
					return
				}
			}
		}
	}

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
					if len(opened) == len(channels) {
						advance()
					}
				case wire.Received:
					m, err := wire.ParseMessage(ev.Type, ev.Body)
					if err != nil {
						return err
					}
					if req, ok := m.(*wire.Request); ok {
						dk := feed.DiscoveryKey(ev.Channel.ID())
						n, answer := recorded(msgs, dk, req)
						asked[n] = true
						say(dk, answer)
						advance()
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

// recorded returns a's answer to an equal request of b's, with our request's id,
// and its place; NoData when b never asked this. JavaScript asks for a new head
// together with its last block, and we ask for them one after the other: its
// answer is taken apart.
func recorded(msgs []said, dk feed.DiscoveryKey, req *wire.Request) (int, wire.Message) {
	for n, s := range msgs {
		d, ok := s.msg.(*wire.Data)
		if !ok || s.from != "a" || s.key != dk || d.Fork != req.Fork || d.Hash != nil || d.Seek != nil {
			continue
		}
		a := &wire.Data{ID: req.ID, Proof: feed.Proof{Fork: d.Fork}}
		switch {
		case req.Upgrade != nil && d.Upgrade != nil && d.Upgrade.Start == req.Upgrade.Start && d.Upgrade.Length == req.Upgrade.Length:
			up := *d.Upgrade
			if d.Block != nil {
				up.Nodes = append([]feed.Node{top(d.Block)}, up.Nodes...)
				slices.SortFunc(up.Nodes, func(a, b feed.Node) int { return cmp.Compare(a.Index, b.Index) })
			}
			a.Upgrade, a.Manifest = &up, d.Manifest
		case req.Block != nil && d.Block != nil && d.Block.Index == req.Block.Index:
			nodes, ok := siblings(msgs, dk, req)
			if !ok {
				continue
			}
			a.Block = &feed.BlockProof{Index: d.Block.Index, Value: d.Block.Value, Nodes: nodes}
		default:
			continue
		}
		return n, a
	}
	return -1, &wire.NoData{ID: req.ID, Reason: wire.NotAvailable}
}

// siblings returns the nodes that prove a block, from all that a sent about the
// feed and fork: JavaScript knew some nodes when it asked that we do not.
func siblings(msgs []said, dk feed.DiscoveryKey, req *wire.Request) (nodes []feed.Node, ok bool) {
	known := map[uint64]feed.Node{}
	for _, s := range msgs {
		d, isData := s.msg.(*wire.Data)
		if !isData || s.from != "a" || s.key != dk || d.Fork != req.Fork || d.Block == nil {
			continue
		}
		n := feed.Leaf(d.Block.Index, d.Block.Value)
		known[n.Index] = n
		for _, sibling := range d.Block.Nodes {
			known[sibling.Index] = sibling
		}
	}
	at := 2 * req.Block.Index
	for range req.Block.Nodes {
		n, ok := known[feed.SiblingIndex(at)]
		if !ok {
			return nil, false
		}
		nodes = append(nodes, n)
		at = feed.ParentIndex(at)
	}
	return nodes, true
}

// top hashes a block's proof up to its top node.
func top(b *feed.BlockProof) feed.Node {
	n := feed.Leaf(b.Index, b.Value)
	for _, sibling := range b.Nodes {
		if sibling.Index < n.Index {
			n = feed.Parent(sibling, n)
		} else {
			n = feed.Parent(n, sibling)
		}
	}
	return n
}

// Ours in the place of the JavaScript downloader.
func TestTranscriptsDownload(t *testing.T) {
	trs := readTranscripts(t)
	for _, name := range []string{"t1-blind-full", "t4-sparse-holder", "t7-hyperdrive"} {
		t.Run(name, func(t *testing.T) {
			tr, ok := trs[name]
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
			for i, f := range feeds {
				until(t, h, f, func() bool { return holdsAll(t, tr, feeds[i]) })
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

// holdsAll reports whether every block that a sent of a feed is stored.
func holdsAll(t *testing.T, tr transcript, f *memFeed) bool {
	t.Helper()
	for _, s := range tr.messages(t) {
		if d, ok := s.msg.(*wire.Data); ok && s.from == "a" && s.key == f.Key().DiscoveryKey() && d.Block != nil && !f.Known(d.Block.Index) {
			return false
		}
	}
	return true
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

// finalB is what the downloader of a fork ended with.
func (tr *transcript) finalB(t *testing.T) (head struct {
	Fork, Length uint64
	TreeHash     string
}) {
	t.Helper()
	final := struct{ B any }{&head}
	if err := json.Unmarshal(tr.Final, &final); err != nil {
		t.Fatal(err)
	}
	return head
}

// A fork while connected: the head that the writer signed for the new fork is
// taken over, and its blocks are fetched.
func TestTranscriptFork(t *testing.T) {
	tr := readTranscripts(t)["t5-fork"]
	want := tr.finalB(t)
	f := newMemFeed(onlyKey(t, tr))
	h := newHost(t, replicate.Config{})
	h.Add(f, replicate.Options{Download: true})
	stop := playSide(t, tr, h)
	until(t, h, f, func() bool {
		return f.Durable().Head.Hash.String() == want.TreeHash && f.Contiguous() == want.Length
	})
	stop()
	if err := h.wait(); err != nil {
		t.Fatal(err)
	}
	if got := f.Durable().Head; got.Fork != want.Fork || got.Length != want.Length {
		t.Errorf("head = fork %d length %d, want fork %d length %d", got.Fork, got.Length, want.Fork, want.Length)
	}
}

// A fork while away. The downloader of the transcript had the manifest before
// it began, and it is not in the transcript: so its heads cannot be verified
// here, and what is compared is that we ask as it did, and that its answer
// leads to its tree.
func TestTranscriptForkAway(t *testing.T) {
	tr := readTranscripts(t)["t6-fork-offline"]
	want := tr.finalB(t)
	h := newHost(t, replicate.Config{})
	f := newMemFeed(onlyKey(t, tr))
	h.Add(f, replicate.Options{Download: true})
	s := newScript(t, h, f.Key())
	stop := s.start(t, nil)
	defer stop()
	msgs := tr.messages(t)
	for _, m := range msgs {
		if m.from == "a" {
			if sync, ok := m.msg.(*wire.Sync); ok {
				s.say(sync)
			}
		}
	}
	isUpgrade := func(m wire.Message) bool { r, ok := m.(*wire.Request); return ok && r.Upgrade != nil }
	ours, ok := s.hears(isUpgrade).(*wire.Request)
	if !ok {
		t.Fatal("no upgrade was asked for")
	}
	i := slices.IndexFunc(msgs, func(m said) bool { return m.from == "b" && isUpgrade(m.msg) })
	theirs := msgs[i].msg.(*wire.Request)
	if ours.Fork != theirs.Fork || *ours.Upgrade != *theirs.Upgrade {
		t.Errorf("we asked for fork %d %+v, JavaScript for fork %d %+v", ours.Fork, ours.Upgrade, theirs.Fork, theirs.Upgrade)
	}
	_, answer := recorded(msgs, f.Key().DiscoveryKey(), ours)
	d, ok := answer.(*wire.Data)
	if !ok || feed.TreeHash(d.Upgrade.Nodes).String() != want.TreeHash {
		t.Errorf("the answer %+v does not lead to the tree %s", answer, want.TreeHash)
	}
}

// Feeds that are unknown are rejected with the bytes that JavaScript sends.
func TestTranscriptUnknown(t *testing.T) {
	tr := readTranscripts(t)["t8-unknown-core"]
	x, y := connect()
	h := newHost(t, replicate.Config{})
	h.serve(t.Context(), y, replicate.Peer{})
	compared := 0
	for i, f := range tr.Frames {
		frame, err := hex.DecodeString(f.Frame)
		if err != nil {
			t.Fatal(err)
		}
		if items(t, frame)[0].typ != 1 { // an open
			continue
		}
		if err := x.WriteFrame(frame); err != nil {
			t.Fatal(err)
		}
		got, err := x.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		if want := tr.Frames[i+1].Frame; hex.EncodeToString(got) != want {
			t.Errorf("answer to frame %d = %x, JavaScript's is %s", i, got, want)
		}
		compared++
		break // the second open is the other side's
	}
	if compared != 1 {
		t.Error("nothing was compared")
	}
	_ = x.Close()
	if err := h.wait(); err != nil {
		t.Fatal(err)
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
