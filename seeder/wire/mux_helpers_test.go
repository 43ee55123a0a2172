package wire_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"cobox/seeder/compact"
	"cobox/seeder/wire"
)

// The frames of protomux, written by hand.

func openFrame(id uint64, protocol, channelID string, handshake ...byte) []byte {
	b := compact.AppendUint([]byte{0, 1}, id)
	b = compact.AppendString(b, protocol)
	return append(compact.AppendString(b, channelID), handshake...)
}

func rejectFrame(id uint64) []byte { return compact.AppendUint([]byte{0, 2}, id) }

func closeFrame(id uint64) []byte { return compact.AppendUint([]byte{0, 3}, id) }

func messageFrame(channel, typ uint64, body ...byte) []byte {
	return append(compact.AppendUint(compact.AppendUint(nil, channel), typ), body...)
}

// An item is one message of a batch: channel 0 for a control message, whose
// frame stands there without its first byte.
type item struct {
	channel uint64
	body    []byte
}

func batchFrame(items ...item) []byte {
	b := compact.AppendUint([]byte{0, 0}, items[0].channel)
	for i, it := range items {
		if i > 0 && it.channel != items[i-1].channel {
			b = compact.AppendUint(append(b, 0), it.channel)
		}
		b = compact.AppendBuffer(b, it.body)
	}
	return b
}

// A side is a Mux under test, with what it said of the frames that it got.
type side struct {
	t   *testing.T
	mux *wire.Mux
	// answer answers a RemoteOpen; nil leaves it unanswered.
	answer func(wire.Event)
	events []string
	last   *wire.Channel // of the last event
}

func newSide(t *testing.T) *side { return &side{t: t, mux: wire.NewMux()} }

// accept makes s answer all opens with the handshake "yes".
func (s *side) accept() *side {
	s.answer = func(ev wire.Event) { s.mux.Accept(ev.Channel, []byte("yes")) }
	return s
}

func (s *side) handle(ev wire.Event) error {
	c := ev.Channel
	what := map[wire.EventKind]string{
		wire.RemoteOpen: "asked", wire.Opened: "opened", wire.Rejected: "rejected", wire.Closed: "closed", wire.Received: "received",
	}[ev.Kind]
	text := fmt.Sprintf("%s %s/%s", what, c.Protocol(), c.ID())
	switch ev.Kind {
	case wire.RemoteOpen, wire.Opened:
		text += fmt.Sprintf(" %q", ev.Handshake)
	case wire.Received:
		text += fmt.Sprintf(" %d %x", ev.Type, ev.Body)
	}
	s.events = append(s.events, text)
	s.last = c
	if ev.Kind == wire.RemoteOpen && s.answer != nil {
		s.answer(ev)
	}
	return nil
}

// gets hands frames to the mux, which must be content with them.
func (s *side) gets(frames ...[]byte) {
	s.t.Helper()
	for _, f := range frames {
		if err := s.mux.Receive(f, s.handle); err != nil {
			s.t.Fatalf("Receive(%x) = %v", f, err)
		}
	}
}

// told checks the events since it was last called.
func (s *side) told(want ...string) {
	s.t.Helper()
	if !slices.Equal(s.events, want) {
		s.t.Errorf("events %q, want %q", s.events, want)
	}
	s.events = nil
}

// sends checks the control frames since it was last called.
func (s *side) sends(want ...[]byte) {
	s.t.Helper()
	got := s.mux.Frames()
	if !slices.EqualFunc(got, want, bytes.Equal) {
		s.t.Errorf("frames %x, want %x", got, want)
	}
}

// header checks the channel id that a message on c is sent with.
func (s *side) header(c *wire.Channel, want uint64) {
	s.t.Helper()
	if got := c.AppendHeader(nil, 5); !bytes.Equal(got, messageFrame(want, 5)) {
		s.t.Errorf("AppendHeader = %x, want channel %d", got, want)
	}
}
