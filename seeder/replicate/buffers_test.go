package replicate

import (
	"bytes"
	"crypto/rand"
	"net"
	"testing"
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
