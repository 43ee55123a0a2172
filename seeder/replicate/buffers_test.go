package replicate

import (
	"bytes"
	"crypto/rand"
	"net"
	"testing"

	"cobox/seeder/feed"
	"cobox/seeder/wire"
)

func TestBuffers(t *testing.T) {
	for _, n := range []int{0, 1, 1<<16 + 4<<10, smallestBuffer, smallestBuffer + 1, 1<<20 + 1<<17, 32 * smallestBuffer, 32*smallestBuffer + 1, 16 << 20} {
		for range 20 { // as a block that comes back lacks what was before it
			b := getBuffer(n)
			if len(b) != n || n <= 31*smallestBuffer && cap(b) > 2*max(n, smallestBuffer)+4*bufferSlack {
				t.Errorf("getBuffer(%d) has %d bytes and room for %d", n, len(b), cap(b))
			}
			putBuffer(b[min(n, 1000):])
		}
	}
	putBuffer(nil)
	putBuffer(make([]byte, smallestBuffer+5)) // is no buffer's size
	for range 10 {
		if b := getBuffer(smallestBuffer); cap(b) < 2*smallestBuffer-bufferSlack {
			t.Errorf("what is no buffer came back: %d", cap(b))
		}
	}
}

// pipeStream is an end of a pipe as a Stream.
type pipeStream struct{ net.Conn }

func (p pipeStream) Reset() error { return p.Close() }

// A frame that was detached stays as it is while others are read.
func TestDetach(t *testing.T) {
	a, b := net.Pipe()
	from, to := newStreamConn(pipeStream{a}, true), newStreamConn(pipeStream{b}, false)
	defer func() { _, _ = from.Close(), to.Close() }()
	var frames [][]byte
	for _, n := range []int{3, 100_000, 70_000, 1 << 20, carrierBuffer, 100_000, 5 << 20, 100_000} {
		f := make([]byte, n)
		if _, err := rand.Read(f); err != nil {
			t.Fatal(err)
		}
		frames = append(frames, f)
	}
	go func() {
		for _, f := range frames {
			if from.WriteFrame(f) != nil || from.Flush() != nil {
				return
			}
		}
	}()
	var kept [][]byte
	for _, want := range frames {
		got, err := to.ReadFrame()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Fatalf("a frame of %d bytes was read as another", len(want))
		}
		if to.Detach() {
			kept = append(kept, got)
		}
		if to.Detach() {
			t.Fatal("a frame was detached twice")
		}
	}
	large := 0
	for _, want := range frames {
		if len(want) <= carrierBuffer {
			continue
		}
		if large == len(kept) || !bytes.Equal(kept[large], want) {
			t.Fatalf("a detached frame of %d bytes changed", len(want))
		}
		large++
	}
}

// The value of a block that was read with its frame is a buffer again once it is released,
// though a decoder hands out slices that end where the value does.
func TestReleaseValue(t *testing.T) {
	m := &wire.Data{ID: 1, Proof: feed.Proof{Block: &feed.BlockProof{Index: 3, Value: make([]byte, 1<<20), Nodes: make([]feed.Node, 20)}}}
	raw := m.Append(make([]byte, 3)) // as behind the numbers of channel and message
	frame := getBuffer(len(raw))
	copy(frame, raw)
	parsed, err := wire.ParseMessage(m.Type(), frame[3:])
	if err != nil {
		t.Fatal(err)
	}
	value := parsed.(*wire.Data).Block.Value
	whole := inFrame(frame, value)
	if len(whole) != len(value) || &whole[0] != &value[0] || cap(whole) < cap(frame)-bufferSlack {
		t.Errorf("%d bytes with room for %d, of a buffer of %d", len(whole), cap(whole), cap(frame))
	}
	if other := make([]byte, 9); cap(inFrame(frame, other)) != cap(other) {
		t.Error("a slice of something else was taken for a part of the frame")
	}
}
