package wire_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"

	"cobox/seeder/feed"
	"cobox/seeder/wire"
)

// A recording is what two JavaScript peers said to each other.
type recording struct {
	Name   string
	Frames []recordedFrame
}

type recordedFrame struct {
	From    string
	Frame   hexBytes
	Decoded []recordedItem
}

// A recordedItem is one message of a frame, taken apart by JavaScript.
type recordedItem struct {
	Batched bool

	Control  string // open, reject, close; empty for a message
	LocalID  uint64
	RemoteID uint64 // of a reject; some recordings call it id
	Protocol string // of an open; in some recordings of messages too
	ID       json.RawMessage

	Handshake json.RawMessage // an object, or hex where the protocol is not Hypercore's

	Channel uint64
	Type    uint64
	Message string
	Value   json.RawMessage
}

// loadRecordings returns the recordings of file 08, and of our own copy of file
// 09, which is another package's: here it is a session with other protocols
// beside the feed's.
func loadRecordings(t *testing.T) []recording {
	t.Helper()
	var v struct{ Transcripts []recording }
	load(t, "08-transcripts.json", &v)
	var blind recording
	loadFrom(t, "testdata", "09-blindpeer.json", &blind)
	blind.Name = "09-blindpeer"
	if len(v.Transcripts) == 0 || len(blind.Frames) == 0 {
		t.Fatal("transcripts are missing")
	}
	return append(v.Transcripts, blind)
}

// channelID returns the id of the channel that an open is about.
func (it *recordedItem) channelID(t *testing.T) []byte {
	t.Helper()
	var id hexBytes
	if err := json.Unmarshal(it.ID, &id); err != nil {
		t.Fatal(err)
	}
	return id
}

// rejects returns the id that a reject is about.
func (it *recordedItem) rejects(t *testing.T) uint64 {
	t.Helper()
	id := it.RemoteID
	if id == 0 {
		if err := json.Unmarshal(it.ID, &id); err != nil {
			t.Fatal(err)
		}
	}
	return id
}

// handshake returns the bytes of an open's handshake, made anew where it is a feed's.
func (it *recordedItem) handshake(t *testing.T) []byte {
	t.Helper()
	var raw hexBytes
	if json.Unmarshal(it.Handshake, &raw) == nil {
		return raw
	}
	var h vectorHandshake
	if err := json.Unmarshal(it.Handshake, &h); err != nil {
		t.Fatal(err)
	}
	return h.handshake().Append(nil)
}

// An ear takes in what one side said, in the place of the other: it opens and
// rejects what that one did.
type ear struct {
	t      *testing.T
	mux    *wire.Mux
	later  []recordedFrame // the frames of both sides from here on
	me     string
	events []wire.Event
}

// handle keeps the event; to an open it answers what the recording has.
func (e *ear) handle(ev wire.Event) error {
	e.events = append(e.events, ev)
	if ev.Kind == wire.RemoteOpen && e.willOpen(ev.Channel) {
		e.mux.Accept(ev.Channel, nil)
	}
	return nil
}

// willOpen reports whether our side opened c before it rejected anything. What
// it opened before c is opened now, for its ids.
func (e *ear) willOpen(c *wire.Channel) bool {
	var before []*recordedItem
	for _, f := range e.later {
		for i := range f.Decoded {
			it := &f.Decoded[i]
			switch {
			case f.From != e.me:
			case it.Control == "open" && it.Protocol == c.Protocol() && bytes.Equal(it.channelID(e.t), c.ID()):
				for _, it := range before {
					e.mux.Open(it.Protocol, it.channelID(e.t), nil)
				}
				return true
			case it.Control == "open":
				before = append(before, it)
			case it.Control == "reject":
				return false
			}
		}
	}
	return false
}

// TestTranscripts takes in every frame that JavaScript peers exchanged: the
// events are those that JavaScript tells of, the messages parse as what it
// says, and all of it writes again as the same bytes.
func TestTranscripts(t *testing.T) {
	for _, rec := range loadRecordings(t) {
		t.Run(rec.Name, func(t *testing.T) {
			ears := make(map[string]*ear)
			for _, f := range rec.Frames {
				if ears[f.From] == nil {
					ears[f.From] = &ear{t: t, mux: wire.NewMux(), me: f.From}
				}
			}
			for n, f := range rec.Frames {
				for me, e := range ears {
					e.later = rec.Frames[n+1:]
					if me == f.From {
						e.speak(f)
						continue
					}
					e.events = nil
					if err := e.mux.Receive(f.Frame, e.handle); err != nil {
						t.Fatalf("frame %d: Receive(%x) = %v", n, []byte(f.Frame), err)
					}
					if len(e.events) != len(f.Decoded) {
						t.Fatalf("frame %d: %d events, want %d", n, len(e.events), len(f.Decoded))
					}
					for i := range f.Decoded {
						checkEvent(t, n, &f.Decoded[i], e.events[i])
					}
				}
				if got := encodeFrame(t, f); !bytes.Equal(got, f.Frame) {
					t.Errorf("frame %d writes as\n%x, want\n%x", n, got, []byte(f.Frame))
				}
			}
		})
	}
}

// speak lets the mux know what its side opened.
func (e *ear) speak(f recordedFrame) {
	for i := range f.Decoded {
		if it := &f.Decoded[i]; it.Control == "open" {
			e.mux.Open(it.Protocol, it.channelID(e.t), nil) // nil when it was an answer
		}
	}
}

func checkEvent(t *testing.T, n int, it *recordedItem, ev wire.Event) {
	t.Helper()
	switch it.Control {
	case "open":
		if ev.Kind != wire.RemoteOpen && ev.Kind != wire.Opened || ev.Channel.Protocol() != it.Protocol || !bytes.Equal(ev.Channel.ID(), it.channelID(t)) || !bytes.Equal(ev.Handshake, it.handshake(t)) {
			t.Errorf("frame %d: event %+v, want an open of %s", n, ev, it.Protocol)
		}
		var want vectorHandshake
		if json.Unmarshal(it.Handshake, &want) == nil {
			if got, err := wire.ParseHandshake(ev.Handshake); err != nil || got != want.handshake() {
				t.Errorf("frame %d: ParseHandshake = %v, %v", n, got, err)
			}
		}
	case "reject":
		if ev.Kind != wire.Rejected {
			t.Errorf("frame %d: event %+v, want a reject", n, ev)
		}
	default:
		if ev.Kind != wire.Received || ev.Type != it.Type {
			t.Fatalf("frame %d: event %+v, want a message of type %d", n, ev, it.Type)
		}
		if it.Message == "cores" {
			return // not of this protocol
		}
		got, err := wire.ParseMessage(ev.Type, ev.Body)
		if err != nil {
			t.Fatalf("frame %d: %v", n, err)
		}
		if want := messageOf(t, it.Message, it.Value); !reflect.DeepEqual(got, want) {
			t.Errorf("frame %d: message %+v, want %+v", n, got, want)
		}
		if again := got.Append(nil); !bytes.Equal(again, ev.Body) {
			t.Errorf("frame %d: message writes as\n%x, want\n%x", n, again, ev.Body)
		}
	}
}

// encodeFrame writes what JavaScript took apart.
func encodeFrame(t *testing.T, f recordedFrame) []byte {
	t.Helper()
	items := f.Decoded
	if items[0].Message == "cores" {
		return f.Frame // not of this protocol
	}
	if items[0].Control == "" && items[0].Batched {
		var b wire.Batch
		for i := range items {
			b.Append(channelWithID(t, items[i].Channel), messageOf(t, items[i].Message, items[i].Value))
		}
		return b.Frame()
	}
	var batch []item
	for i := range items {
		frame := encodeItem(t, &items[i])
		if !items[i].Batched {
			return frame
		}
		batch = append(batch, item{0, frame[1:]}) // control messages only
	}
	return batchFrame(batch...)
}

func encodeItem(t *testing.T, it *recordedItem) []byte {
	t.Helper()
	switch it.Control {
	case "open":
		return controlFrame(t, it.LocalID, func(m *wire.Mux) { m.Open(it.Protocol, it.channelID(t), it.handshake(t)) })
	case "reject":
		return rejectOf(t, it.rejects(t))
	}
	m := messageOf(t, it.Message, it.Value)
	return m.Append(channelWithID(t, it.Channel).AppendHeader(nil, m.Type()))
}

// controlFrame returns the last frame that a Mux sends for what call does to
// it, when the next channel that it opens has the given id.
func controlFrame(t *testing.T, id uint64, call func(*wire.Mux)) []byte {
	t.Helper()
	m := wire.NewMux()
	for i := uint64(1); i < id; i++ {
		m.Open("filler", []byte{byte(i), byte(i >> 8)}, nil)
	}
	call(m)
	frames := m.Frames()
	if len(frames) == 0 {
		t.Fatal("no frame was sent")
	}
	return frames[len(frames)-1]
}

// rejectOf returns the frame that rejects the peer's channel id.
func rejectOf(t *testing.T, id uint64) []byte {
	t.Helper()
	s := newSide(t)
	for i := uint64(1); i < id; i++ {
		s.answer = func(ev wire.Event) { s.mux.Accept(ev.Channel, nil) }
		s.gets(openFrame(i, "p", string(rune('a'+i))))
	}
	s.answer = nil
	s.gets(openFrame(id, "p", "rejected"))
	frames := s.mux.Frames()
	return frames[len(frames)-1]
}

// channelWithID returns an open channel that has the given id on our side.
func channelWithID(t *testing.T, id uint64) *wire.Channel {
	t.Helper()
	var c *wire.Channel
	controlFrame(t, id, func(m *wire.Mux) { c = m.Open("p", nil, nil) })
	return c
}

// The protomux frames of file 06, made by a Mux.
func TestProtomuxVectors(t *testing.T) {
	var v struct {
		Protomux []struct {
			What                     string
			DiscoveryKey, Capability hexBytes
			ID                       hexBytes
			Frame                    hexBytes
		}
	}
	load(t, "06-wire.json", &v)
	if len(v.Protomux) != 9 {
		t.Fatalf("%d frames in the vectors, want 9", len(v.Protomux))
	}
	hs := wire.Handshake{Seeks: true, Capability: feed.Hash(v.Protomux[0].Capability)}.Append(nil)
	openFeed := func(m *wire.Mux) { m.Open("hypercore/alpha", v.Protomux[0].DiscoveryKey, hs) }
	status, have := &wire.Sync{CanUpgrade: true, Uploading: true, HasManifest: true, Length: 10}, &wire.Range{Length: 10}
	one, two := channelWithID(t, 1), channelWithID(t, 2)
	batch := func(second *wire.Channel) []byte {
		var b wire.Batch
		b.Append(one, status)
		b.Append(second, have)
		return b.Frame()
	}
	got := [][]byte{
		controlFrame(t, 1, openFeed),
		controlFrame(t, 2, func(m *wire.Mux) { m.Open("blind-peer", nil, nil) }),
		controlFrame(t, 300, func(m *wire.Mux) { m.Open("protomux-rpc", v.Protomux[2].ID, nil) }),
		rejectOf(t, 1),
		controlFrame(t, 1, func(m *wire.Mux) { m.Close(m.Open("p", nil, nil)) }),
		status.Append(one.AppendHeader(nil, status.Type())),
		batch(one),
		batch(two),
		batchFrame(item{0, controlFrame(t, 1, openFeed)[1:]}), // we send control messages alone
	}
	for i, row := range v.Protomux {
		if !bytes.Equal(got[i], row.Frame) {
			t.Errorf("%s =\n%x, want\n%x", row.What, got[i], []byte(row.Frame))
		}
	}
	s := newSide(t).accept()
	s.gets(v.Protomux[8].Frame, v.Protomux[1].Frame, v.Protomux[6].Frame, v.Protomux[7].Frame, v.Protomux[4].Frame)
	if len(s.events) != 7 {
		t.Errorf("events %q, want two opens, four messages and a close", s.events)
	}
}
