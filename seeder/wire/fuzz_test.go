package wire_test

import (
	"bytes"
	"reflect"
	"testing"

	"cobox/seeder/wire"
)

// FuzzParseMessage: no panic, and what parses writes as something that parses
// as the same, which is no longer than it was but for flags of older peers.
func FuzzParseMessage(f *testing.F) {
	for _, v := range loadMessages(f) {
		if v.TypeID != nil {
			f.Add(*v.TypeID, []byte(v.Encoded))
		}
	}
	var transcripts struct {
		Transcripts []struct {
			Frames []struct{ Frame hexBytes }
		}
	}
	load(f, "08-transcripts.json", &transcripts)
	for _, tr := range transcripts.Transcripts {
		for _, fr := range tr.Frames {
			if fr.Frame[0] != 0 {
				f.Add(uint64(fr.Frame[1]), []byte(fr.Frame[2:]))
			}
		}
	}
	f.Fuzz(func(t *testing.T, typ uint64, body []byte) {
		m, err := wire.ParseMessage(typ, body)
		if err != nil {
			if m != nil {
				t.Errorf("ParseMessage = %v with error %v", m, err)
			}
			return
		}
		if m.Type() != typ {
			t.Fatalf("Type = %d, want %d", m.Type(), typ)
		}
		b := m.Append(nil)
		if len(b) > len(body)+1 {
			t.Errorf("%d bytes write as %d", len(body), len(b))
		}
		again, err := wire.ParseMessage(typ, b)
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Fatalf("%+v writes as what parses as %+v, %v", m, again, err)
		}
		if d, ok := m.(*wire.Data); ok {
			head, value, tail := d.AppendParts(nil)
			if !bytes.Equal(bytes.Join([][]byte{head, value, tail}, nil), b) {
				t.Fatal("the parts are not the message")
			}
		}
	})
}

func FuzzParseHandshake(f *testing.F) {
	for _, v := range loadMessages(f) {
		if v.TypeID == nil {
			f.Add([]byte(v.Encoded))
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, err := wire.ParseHandshake(b)
		if err != nil {
			return
		}
		if again, err := wire.ParseHandshake(h.Append(nil)); err != nil || again != h {
			t.Fatalf("%v writes as what parses as %v, %v", h, again, err)
		}
	})
}

// FuzzReceive gives a Mux frames, each with its length before it, and an owner
// that does something to each event. No panic; what the Mux holds and answers is bounded.
func FuzzReceive(f *testing.F) {
	script := func(frames ...[]byte) (b []byte) {
		for _, fr := range frames {
			b = append(append(b, byte(len(fr))), fr...)
		}
		return b
	}
	f.Add(script(openFrame(1, "p", "x", 1), messageFrame(1, 2, 3), closeFrame(1)))
	f.Add(script(openFrame(1, "q", "0"), rejectFrame(2), openFrame(2, "q", "1"), closeFrame(1)))
	f.Add(script(batchFrame(item{0, openFrame(1, "p", "x")[1:]}, item{1, []byte{2, 3}}, item{0, closeFrame(1)[1:]})))
	f.Fuzz(func(t *testing.T, b []byte) {
		m := wire.NewMux()
		for i := range byte(4) {
			m.Open("q", []byte{'0' + i}, nil)
		}
		var channels []*wire.Channel
		owner := func(ev wire.Event) error {
			switch what := len(ev.Body) + len(ev.Handshake) + len(channels); {
			case ev.Kind == wire.RemoteOpen && what%4 > 0:
				m.Accept(ev.Channel, nil)
				channels = append(channels, ev.Channel)
			case ev.Kind == wire.Received && what%4 == 0:
				m.Close(ev.Channel)
			case ev.Kind == wire.Closed && what%2 == 0:
				m.Open(ev.Channel.Protocol(), ev.Channel.ID(), nil)
			}
			if ev.Kind == wire.Received {
				ev.Channel.AppendHeader(nil, 0)
			}
			return nil
		}
		for len(b) > 0 {
			n := min(int(b[0]), len(b)-1)
			frame := b[1 : 1+n]
			b = b[1+n:]
			err := m.Receive(frame, owner)
			if n := len(m.Frames()); n > 2*len(frame)+8 {
				t.Fatalf("%d frames answer %d bytes", n, len(frame))
			}
			if err != nil {
				return
			}
		}
	})
}
