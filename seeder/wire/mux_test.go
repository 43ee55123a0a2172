package wire_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"cobox/seeder/compact"
	"cobox/seeder/wire"
)

func TestWeOpen(t *testing.T) {
	s := newSide(t)
	c := s.mux.Open("p", []byte("x"), []byte("hello"))
	s.sends(openFrame(1, "p", "x", []byte("hello")...))
	if s.mux.Open("p", []byte("x"), nil) != nil {
		t.Error("the same channel can be opened twice")
	}
	s.gets(openFrame(1, "p", "x", 'h', 'i'), messageFrame(1, 3, 9, 8))
	s.told(`opened p/x "hi"`, "received p/x 3 0908")
	s.sends()
	s.header(c, 1)
	if s.last != c {
		t.Error("events are about another channel")
	}
}

func TestPeerOpens(t *testing.T) {
	s := newSide(t).accept()
	// What follows right behind the open is not lost.
	s.gets(openFrame(1, "p", "x", 'h', 'i'), messageFrame(1, 3, 9, 8))
	s.told(`asked p/x "hi"`, "received p/x 3 0908")
	s.sends(openFrame(1, "p", "x", []byte("yes")...))
	s.header(s.last, 1)
	s.gets(closeFrame(1), messageFrame(1, 3, 7))
	s.told("closed p/x")
	s.sends()
	// The ids of both directions are free again.
	s.gets(openFrame(1, "p", "y"))
	s.told(`asked p/y ""`)
	s.sends(openFrame(1, "p", "y", []byte("yes")...))
}

// An open that nobody answers is rejected, and may come again with the same id.
func TestReject(t *testing.T) {
	s := newSide(t)
	s.gets(openFrame(1, "p", "x"), messageFrame(1, 0), openFrame(1, "p", "x"), openFrame(2, "p", "y"))
	s.told(`asked p/x ""`, `asked p/x ""`, `asked p/y ""`)
	s.sends(rejectFrame(1), rejectFrame(1), rejectFrame(2))
	s.answer = func(ev wire.Event) { s.mux.Reject(ev.Channel) }
	s.gets(openFrame(2, "p", "y"))
	s.sends(rejectFrame(2))
	s.answer = func(ev wire.Event) { s.mux.Close(ev.Channel) }
	s.gets(openFrame(2, "p", "y"))
	s.sends(rejectFrame(2))
}

// JavaScript opens at once, is rejected, and opens again when we open.
func TestLateOpen(t *testing.T) {
	s := newSide(t).accept()
	s.mux.Open("p", []byte("x"), nil)
	s.gets(rejectFrame(1))
	s.told("rejected p/x")
	s.gets(openFrame(1, "p", "x"))
	s.told(`asked p/x ""`)
	s.sends(openFrame(1, "p", "x"), openFrame(1, "p", "x", []byte("yes")...))
}

// Both open at the same time: the opens answer each other.
func TestOpensCross(t *testing.T) {
	s := newSide(t)
	s.mux.Open("p", []byte("w"), nil)
	c := s.mux.Open("p", []byte("x"), nil)
	s.mux.Frames()
	s.gets(openFrame(1, "p", "x"))
	s.told(`opened p/x ""`)
	s.sends()
	s.header(c, 2)
}

// A second open of what is open already is rejected, and changes nothing.
func TestOpenTwice(t *testing.T) {
	s := newSide(t).accept()
	s.gets(openFrame(1, "p", "x"), openFrame(2, "p", "x"), messageFrame(2, 0), messageFrame(1, 0))
	s.told(`asked p/x ""`, "received p/x 0 ")
	s.sends(openFrame(1, "p", "x", []byte("yes")...), rejectFrame(2))
}

// The name of a channel is the pair of its protocol and its id.
func TestNames(t *testing.T) {
	s := newSide(t).accept()
	s.gets(openFrame(1, "p", ""), openFrame(2, "p", "x"), openFrame(3, "", "px"))
	s.told(`asked p/ ""`, `asked p/x ""`, `asked /px ""`)
}

func TestAlias(t *testing.T) {
	s := newSide(t).accept()
	s.mux.Alias("old", "new")
	s.mux.Open("new", []byte("x"), nil)
	s.mux.Frames()
	s.gets(openFrame(1, "old", "x"), openFrame(2, "old", "y"), openFrame(3, "new", "y"))
	s.told(`opened new/x ""`, `asked old/y ""`)
	s.sends(openFrame(2, "old", "y", []byte("yes")...), rejectFrame(3))
}

func TestClose(t *testing.T) {
	s := newSide(t)
	c := s.mux.Open("p", []byte("x"), nil)
	s.gets(openFrame(1, "p", "x"))
	s.mux.Frames()
	s.events = nil
	s.mux.Close(c)
	s.mux.Close(c)
	// Under way when we closed: messages, and the peer's own close.
	s.gets(messageFrame(1, 0, 1), closeFrame(1))
	s.told()
	s.sends(closeFrame(1))
	if s.mux.Open("p", []byte("y"), nil) == nil {
		t.Error("Open = nil after Close")
	}
	s.sends(openFrame(1, "p", "y"))
}

// A channel that is closed before the peer answered keeps its id until it does:
// the peer could take a later open by that id for a mistake.
func TestCloseBeforeAnswer(t *testing.T) {
	for _, answer := range []struct {
		name  string
		frame []byte
		again [][]byte // what we say to it
	}{
		{"open", openFrame(1, "p", "x"), [][]byte{closeFrame(1)}},
		{"reject", rejectFrame(1), nil},
	} {
		t.Run(answer.name, func(t *testing.T) {
			s := newSide(t)
			s.mux.Close(s.mux.Open("p", []byte("x"), nil))
			s.mux.Open("p", []byte("y"), nil)
			s.sends(openFrame(1, "p", "x"), closeFrame(1), openFrame(2, "p", "y"))
			s.gets(answer.frame, messageFrame(1, 0))
			s.told()
			s.sends(answer.again...)
			s.mux.Open("p", []byte("z"), nil)
			s.sends(openFrame(1, "p", "z"))
			s.gets(openFrame(1, "p", "z")) // by an id that was never ours to keep
			s.told(`opened p/z ""`)
		})
	}
}

// What is closed before the answer and opened again waits for the answer.
func TestOpenAgainBeforeAnswer(t *testing.T) {
	s := newSide(t)
	s.mux.Close(s.mux.Open("p", []byte("x"), nil))
	c := s.mux.Open("p", []byte("x"), []byte("again"))
	if c == nil || s.mux.Open("p", []byte("x"), nil) != nil {
		t.Fatal("one channel may wait for the answer, not two")
	}
	s.sends(openFrame(1, "p", "x"), closeFrame(1))
	func() {
		defer func() {
			if recover() == nil {
				t.Error("AppendHeader does not panic before the channel has an id")
			}
		}()
		c.AppendHeader(nil, 0)
	}()
	s.gets(openFrame(1, "p", "x"))
	s.told()
	s.sends(closeFrame(1), openFrame(1, "p", "x", []byte("again")...))
	s.gets(openFrame(1, "p", "x", 'h'))
	s.told(`opened p/x "h"`)

	s.mux.Close(c)
	s.mux.Close(s.mux.Open("p", []byte("x"), nil))
	waiting := s.mux.Open("p", []byte("x"), nil)
	s.mux.Close(waiting)
	s.mux.Frames()
	s.gets(rejectFrame(1)) // of the one that was closed, and none is left
	s.told()
	s.sends()
	if s.mux.Open("p", []byte("x"), nil) == nil {
		t.Error("the name is not free")
	}
	s.sends(openFrame(1, "p", "x"))
}

// Answers that come too late, or were never asked for, change nothing.
func TestAnswersOutOfPlace(t *testing.T) {
	s := newSide(t).accept()
	c := s.mux.Open("p", []byte("x"), nil)
	s.gets(openFrame(1, "p", "x"), rejectFrame(1), rejectFrame(0), rejectFrame(2), rejectFrame(compact.MaxUint), closeFrame(0), closeFrame(2), closeFrame(compact.MaxUint), messageFrame(1, 0))
	s.told(`opened p/x ""`, "received p/x 0 ")
	s.mux.Frames()
	s.mux.Accept(c, nil)
	s.mux.Reject(c)
	s.sends()
	s.header(c, 1)
}

// What cannot come of an honest peer ends the connection.
func TestViolations(t *testing.T) {
	rows := []struct {
		name   string
		frames [][]byte
		want   error
	}{
		{"id 0", [][]byte{openFrame(0, "p", "x")}, wire.ErrProtomux},
		{"first id is not 1", [][]byte{openFrame(2, "p", "x")}, wire.ErrProtomux},
		{"a gap", [][]byte{openFrame(1, "p", "x"), openFrame(3, "p", "y")}, wire.ErrProtomux},
		{"a gap after an id that was used again", [][]byte{openFrame(1, "p", "x"), closeFrame(1), openFrame(1, "p", "x"), openFrame(3, "p", "y")}, wire.ErrProtomux},
		{"an id in use", [][]byte{openFrame(1, "p", "x"), openFrame(1, "p", "y")}, wire.ErrProtomux},
		{"the largest id", [][]byte{openFrame(compact.MaxUint, "p", "x")}, wire.ErrProtomux},
		{"half a channel", [][]byte{{0xfd, 1}}, compact.ErrShort},
		{"no type", [][]byte{{0}}, compact.ErrShort},
		{"no type on a channel", [][]byte{openFrame(1, "p", "x"), {1}}, compact.ErrShort},
		{"a channel above 2^53-1", [][]byte{{0xff, 0, 0, 0, 0, 0, 0, 0xff, 0xff}}, compact.ErrRange},
		{"an open without id", [][]byte{{0, 1}}, compact.ErrShort},
		{"an open without name", [][]byte{{0, 1, 1}}, compact.ErrShort},
		{"half a name", [][]byte{{0, 1, 1, 5, 'p'}}, compact.ErrShort},
		{"an open without channel id", [][]byte{{0, 1, 1, 1, 'p'}}, compact.ErrShort},
		{"a reject of nothing", [][]byte{{0, 2}}, compact.ErrShort},
		{"a close of nothing", [][]byte{{0, 3}}, compact.ErrShort},
		{"a batch of no channel", [][]byte{{0, 0}}, compact.ErrShort},
		{"an item longer than the batch", [][]byte{{0, 0, 1, 2, 0}}, compact.ErrShort},
		{"half an item length", [][]byte{{0, 0, 1, 0xfd}}, compact.ErrShort},
		{"a switch to no channel", [][]byte{{0, 0, 1, 0}}, compact.ErrShort},
		{"half an open in a batch", [][]byte{{0, 0, 0, 1, 1}}, compact.ErrShort},
		{"a control item of half a type", [][]byte{{0, 0, 0, 1, 0xfd}}, compact.ErrShort},
		{"a gap in a batch", [][]byte{batchFrame(item{0, openFrame(1, "p", "x")[1:]}, item{0, openFrame(3, "p", "y")[1:]})}, wire.ErrProtomux},
	}
	for _, row := range rows {
		s := newSide(t).accept()
		var err error
		for i, f := range row.frames {
			if err = s.mux.Receive(f, s.handle); err != nil && i < len(row.frames)-1 {
				t.Fatalf("%s: frame %d: %v", row.name, i, err)
			}
		}
		if !errors.Is(err, row.want) {
			t.Errorf("%s: Receive = %v, want %v", row.name, err, row.want)
		}
	}
}

// Frames that a later version may send, or that were under way, are passed over.
func TestPassedOver(t *testing.T) {
	s := newSide(t).accept()
	s.gets(nil, []byte{}, []byte{0, 4}, []byte{0, 0xfd, 0xff, 0xff, 1, 2}, messageFrame(1, 2, 3), []byte{9},
		batchFrame(item{0, []byte{4, 1, 1}}, item{7, []byte{1}}), []byte{0, 0, 0},
		// A batch in a batch.
		batchFrame(item{0, batchFrame(item{0, openFrame(1, "p", "x")[1:]})[1:]}))
	s.told()
	s.sends()
}

func TestBatch(t *testing.T) {
	s := newSide(t).accept()
	s.gets(batchFrame(
		item{0, openFrame(1, "p", "x")[1:]},
		item{0, openFrame(2, "p", "y")[1:]},
		item{1, []byte{7, 70}},
		item{1, []byte{8}},
		item{2, []byte{9, 90, 91}},
		item{3, []byte{1}},
		item{0, closeFrame(1)[1:]},
		item{1, []byte{7, 71}}, // gone by now
		item{2, []byte{9}},
	))
	s.told(`asked p/x ""`, `asked p/y ""`, "received p/x 7 46", "received p/x 8 ", "received p/y 9 5a5b", "closed p/x", "received p/y 9 ")
}

// The handler's error ends the frame, and comes back as it is.
func TestHandlerError(t *testing.T) {
	for _, frame := range [][]byte{
		openFrame(1, "p", "x"),
		batchFrame(item{0, openFrame(1, "p", "x")[1:]}, item{0, openFrame(2, "p", "y")[1:]}),
	} {
		stop := errors.New("stop")
		calls := 0
		err := wire.NewMux().Receive(frame, func(wire.Event) error { calls++; return stop })
		if err != stop || calls != 1 {
			t.Errorf("Receive = %v after %d calls, want the handler's error after 1", err, calls)
		}
	}
}

// The handler may close the channel that the event is about.
func TestCloseInHandler(t *testing.T) {
	m := wire.NewMux()
	m.Open("p", []byte("x"), nil)
	m.Frames()
	received := 0
	frame := batchFrame(item{0, openFrame(1, "p", "x")[1:]}, item{1, []byte{1}}, item{1, []byte{2}})
	err := m.Receive(frame, func(ev wire.Event) error {
		if ev.Kind == wire.Received {
			received++
			m.Close(ev.Channel)
		}
		return nil
	})
	if err != nil || received != 1 {
		t.Errorf("Receive = %v with %d messages, want 1 before the channel was closed", err, received)
	}
}

// A stranger's channels are rejected, without an error, when they are too many or too large.
func TestMuxLimits(t *testing.T) {
	long := strings.Repeat("n", 256)
	s := newSide(t).accept()
	s.gets(openFrame(1, long, long, make([]byte, 4096)...))
	s.mux.Frames()
	if len(s.events) != 1 {
		t.Errorf("events %q, want the open of a channel with the longest names", s.events)
	}
	s.events = nil
	s.gets(openFrame(2, long+"n", "x"), openFrame(2, "p", long+"n"), openFrame(2, "p", "x", make([]byte, 4097)...))
	s.told()
	s.sends(rejectFrame(2), rejectFrame(2), rejectFrame(2))

	for i := uint64(2); i <= wire.MaxChannels; i++ {
		s.gets(openFrame(i, "p", fmt.Sprint(i)))
	}
	if n := len(s.mux.Frames()); n != wire.MaxChannels-1 || len(s.events) != n {
		t.Fatalf("%d channels were opened, want %d", n, wire.MaxChannels-1)
	}
	s.events = nil
	if s.mux.Open("p", []byte("one more"), nil) != nil {
		t.Error("Open gives more than MaxChannels")
	}
	// JavaScript opens all it has at once: ids go on, and are all free again.
	s.gets(openFrame(wire.MaxChannels+1, "p", "a"), openFrame(wire.MaxChannels+2, "p", "b"), openFrame(wire.MaxChannels+1, "p", "a"))
	s.told()
	s.sends(rejectFrame(wire.MaxChannels+1), rejectFrame(wire.MaxChannels+2), rejectFrame(wire.MaxChannels+1))
	s.gets(closeFrame(7), openFrame(wire.MaxChannels+2, "p", "b"))
	s.told("closed p/7", `asked p/b ""`)
	s.sends(openFrame(7, "p", "b", []byte("yes")...))
}

// A batch has room for very many messages, not for any number.
func TestBatchItemLimit(t *testing.T) {
	frame := []byte{0, 0, 1}
	for range wire.MaxBatchItems {
		frame = append(frame, 1, 5)
	}
	n := 0
	count := func(ev wire.Event) error {
		if ev.Kind == wire.Received {
			n++
		}
		return nil
	}
	m := wire.NewMux()
	m.Open("p", []byte("x"), nil)
	if err := m.Receive(openFrame(1, "p", "x"), count); err != nil {
		t.Fatal(err)
	}
	if err := m.Receive(frame, count); err != nil || n != wire.MaxBatchItems {
		t.Errorf("Receive = %v with %d messages, want %d", err, n, wire.MaxBatchItems)
	}
	if err := m.Receive(append(frame, 1, 5), count); !errors.Is(err, wire.ErrProtomux) {
		t.Errorf("Receive of a batch with a message too many = %v, want ErrProtomux", err)
	}
	switches := append([]byte{0, 0, 1}, make([]byte, 2*wire.MaxBatchItems+2)...)
	if err := m.Receive(switches, count); !errors.Is(err, wire.ErrProtomux) {
		t.Errorf("Receive of a batch of switches = %v, want ErrProtomux", err)
	}
}
