package swarm_test

import (
	"errors"
	"io"
	"os"
	"sync"
	"testing"
	"time"

	"cobox/seeder/swarm"
)

func TestStreamEnds(t *testing.T) {
	for _, transport := range []string{loopbackTCP, loopbackQUIC} {
		box := newHost(t, "box", swarm.Config{Listen: []string{transport}})
		client := newHost(t, "client", swarm.Config{})
		connect(t, client, box)

		t.Run("CloseWrite", func(t *testing.T) {
			box.Handle("/count", func(s swarm.Stream) {
				b, err := io.ReadAll(s)
				if err != nil {
					t.Errorf("reading to the end: %v", err)
				}
				_, _ = s.Write([]byte{byte(len(b))})
			})
			s := open(t, client, box.ID(), "/count")
			if _, err := s.Write([]byte("seven b")); err != nil {
				t.Fatal(err)
			}
			if err := s.CloseWrite(); err != nil {
				t.Fatal(err)
			}
			b, err := io.ReadAll(s)
			if err != nil || len(b) != 1 || b[0] != 7 {
				t.Errorf("answer = %v, %v, want 7", b, err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
		t.Run("Reset", func(t *testing.T) {
			result := make(chan error, 1)
			box.Handle("/wait", func(s swarm.Stream) {
				_, _ = s.Write([]byte{1})
				_, err := io.ReadAll(s)
				result <- err
			})
			s := open(t, client, box.ID(), "/wait")
			if _, err := io.ReadFull(s, make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			if err := s.Reset(); err != nil {
				t.Fatal(err)
			}
			if err := <-result; err == nil || errors.Is(err, swarm.ErrBusy) {
				t.Errorf("the other end's error = %v", err)
			}
			if _, err := s.Read(make([]byte, 1)); err == nil {
				t.Error("read from a stream that was reset")
			}
		})
		t.Run("Deadlines", func(t *testing.T) {
			box.Handle("/echo", echo)
			s := open(t, client, box.ID(), "/echo")
			if err := roundTrip(s, "hello"); err != nil {
				t.Fatal(err)
			}
			past := time.Unix(1, 0)
			if err := s.SetReadDeadline(past); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("Read after the deadline = %v, want os.ErrDeadlineExceeded", err)
			}
			if err := s.SetWriteDeadline(past); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Write(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Errorf("Write after the deadline = %v, want os.ErrDeadlineExceeded", err)
			}
			if err := s.SetDeadline(time.Time{}); err != nil {
				t.Fatal(err)
			}
			if err := roundTrip(s, "again"); err != nil {
				t.Errorf("after the deadline was lifted: %v", err)
			}
		})
		t.Run("handler returns", func(t *testing.T) {
			box.Handle("/bye", func(s swarm.Stream) { _, _ = io.WriteString(s, "bye") })
			b, err := io.ReadAll(open(t, client, box.ID(), "/bye"))
			if string(b) != "bye" || err != nil {
				t.Errorf("read %q, %v", b, err)
			}
		})
		t.Run("unknown protocol", func(t *testing.T) {
			if _, err := client.Open(t.Context(), box.ID(), "/nobody"); !errors.Is(err, swarm.ErrNoProtocol) {
				t.Errorf("Open = %v, want ErrNoProtocol", err)
			}
		})
	}
}

// TestStreamLimits opens more streams than are allowed: those over the limit are
// reset and say why, the others go on, another peer is not affected, and a place
// that becomes free can be taken again.
func TestStreamLimits(t *testing.T) {
	const perPeer, tries = 4, 7
	for _, transport := range []string{loopbackTCP, loopbackQUIC} {
		box := newHost(t, "box", swarm.Config{Listen: []string{transport}, Limits: swarm.Limits{
			Protocols: map[string]swarm.ProtocolLimit{"/echo": {StreamsPerPeer: perPeer}},
		}})
		box.Handle("/echo", echo)
		client, other := newHost(t, "client", swarm.Config{}), newHost(t, "other", swarm.Config{})
		connect(t, client, box)
		connect(t, other, box)

		var served []swarm.Stream
		for i := range tries {
			s := open(t, client, box.ID(), "/echo")
			err := roundTrip(s, "hello")
			switch {
			case i < perPeer && err != nil:
				t.Errorf("stream %d within the limit: %v", i, err)
			case i >= perPeer && !errors.Is(err, swarm.ErrBusy):
				t.Errorf("stream %d over the limit: %v, want ErrBusy", i, err)
			case err == nil:
				served = append(served, s)
			}
		}
		for i, s := range served {
			if err := roundTrip(s, "again"); err != nil {
				t.Errorf("stream %d no longer works: %v", i, err)
			}
		}
		if err := roundTrip(open(t, other, box.ID(), "/echo"), "hello"); err != nil {
			t.Errorf("another peer: %v", err)
		}
		s := served[0]
		if err := s.CloseWrite(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(s); err != nil { // the echo has ended
			t.Fatal(err)
		}
		_ = s.Close()
		var err error
		for range 1000 { // the box counts it out a moment after we have read the end
			if err = roundTrip(open(t, client, box.ID(), "/echo"), "hello"); !errors.Is(err, swarm.ErrBusy) {
				break
			}
		}
		if err != nil {
			t.Errorf("after a stream was closed: %v", err)
		}
	}
}

// TestStreamsAtOnce moves data on several streams in both directions.
func TestStreamsAtOnce(t *testing.T) {
	box := newHost(t, "box", swarm.Config{Listen: []string{loopbackTCP}})
	client := newHost(t, "client", swarm.Config{})
	box.Handle("/echo", echo)
	connect(t, client, box)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			s, err := client.Open(t.Context(), box.ID(), "/echo")
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = s.Close() }()
			const size = 4 << 20 // more than the largest of the first windows
			go func() {
				buf := make([]byte, 64<<10)
				for j := range buf {
					buf[j] = byte(i)
				}
				for range size / len(buf) {
					if _, err := s.Write(buf); err != nil {
						t.Error(err)
					}
				}
				_ = s.CloseWrite()
			}()
			n := 0
			buf := make([]byte, 64<<10)
			for {
				m, err := s.Read(buf)
				for _, b := range buf[:m] {
					if b != byte(i) {
						t.Errorf("stream %d: got a byte of stream %d", i, b)
						return
					}
				}
				n += m
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
			if n != size {
				t.Errorf("stream %d: got %d bytes, want %d", i, n, size)
			}
		})
	}
	wg.Wait()
}
