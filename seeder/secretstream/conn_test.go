package secretstream_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"cobox/seeder/secretstream"
)

// TestMessages sends messages in parts, small ones gathered and one as large as
// can be, in both directions.
func TestMessages(t *testing.T) {
	a, b := pair(t, secretstream.Config{}, secretstream.Config{})
	if a.RemoteKey() != public(key(2)) || b.RemoteKey() != public(key(1)) || !a.Initiator() || b.Initiator() {
		t.Error("the two sides do not know each other")
	}
	large := bytes.Repeat([]byte("0123456789abcdef"), secretstream.MaxFrame/16+1)[:secretstream.MaxFrame]
	for _, dir := range [][2]*secretstream.Conn{{a, b}, {b, a}} {
		from, to := dir[0], dir[1]
		done := make(chan error, 1)
		go func() {
			err := errors.Join(
				from.WriteFrame([]byte("one "), nil, []byte("message")), from.WriteFrame([]byte("another")),
				from.WriteFrame(large), from.Flush())
			done <- err
		}()
		for _, want := range [][]byte{[]byte("one message"), []byte("another"), large} {
			if got, err := to.ReadFrame(); err != nil || !bytes.Equal(got, want) {
				t.Fatalf("ReadFrame() = %d bytes, %v, want %d bytes", len(got), err, len(want))
			}
		}
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	if err := a.WriteFrame(large, []byte{0}); err == nil {
		t.Error("WriteFrame took more than MaxFrame bytes")
	}
	if err := a.Close(); err != nil {
		t.Error(err)
	}
	if _, err := b.ReadFrame(); !errors.Is(err, io.EOF) {
		t.Errorf("ReadFrame after the other side's end = %v, want io.EOF", err)
	}
}

// TestKeepAlive lets a stream be silent for an hour: it lasts.
func TestKeepAlive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, secretstream.Config{}, secretstream.Config{})
		got := make(chan string, 1)
		go func() {
			m, err := b.ReadFrame()
			if err != nil {
				m = []byte(err.Error())
			}
			got <- string(m)
		}()
		go func() { _, _ = a.ReadFrame() }() // takes in the keep-alives of b
		time.Sleep(time.Hour)                // of the test's own clock
		if err := errors.Join(a.WriteFrame([]byte("still here")), a.Flush()); err != nil {
			t.Fatal(err)
		}
		if m := <-got; m != "still here" {
			t.Errorf("after an hour: %q", m)
		}
		_, _ = a.Close(), b.Close()
	})
}

// TestIdle ends a stream whose other side has gone silent, keep-alives included.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t, secretstream.Config{KeepAlive: 24 * time.Hour}, secretstream.Config{})
		go func() { // a takes in what b sends, and says nothing
			_, _ = a.ReadFrame()
		}()
		began := time.Now()
		if _, err := b.ReadFrame(); !errors.Is(err, secretstream.ErrIdle) {
			t.Errorf("ReadFrame() = %v, want ErrIdle", err)
		}
		if d := time.Since(began); d < 3*time.Minute {
			t.Errorf("ended after %v", d)
		}
		_, _ = a.Close(), b.Close()
	})
}

// TestHandshakeEnds has the other side say nothing, too little, or something else.
func TestHandshakeEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, says := range []string{"", "\x20\x00", "GET / HTTP/1.1\r\nHost: box\r\n\r\n", "\x00\x00\x00"} {
			x, y := net.Pipe()
			go func() { _, _ = x.Write([]byte(says)) }()
			_, err := secretstream.Handshake(t.Context(), y, secretstream.Config{Private: key(2)})
			if !errors.Is(err, secretstream.ErrHandshake) {
				t.Errorf("Handshake after %q = %v, want ErrHandshake", says, err)
			}
			_ = x.Close()
		}
		x, y := net.Pipe()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := secretstream.Handshake(ctx, y, secretstream.Config{Private: key(2)}); !errors.Is(err, context.Canceled) {
			t.Errorf("Handshake with an ended context = %v", err)
		}
		_ = x.Close()
	})
}

// TestOtherKey refuses a peer that is not the one expected.
func TestOtherKey(t *testing.T) {
	x, y := net.Pipe()
	go func() {
		_, _ = secretstream.Handshake(t.Context(), y, secretstream.Config{Private: key(2)})
		_ = y.Close()
	}()
	_, err := secretstream.Handshake(t.Context(), x, secretstream.Config{Private: key(1), Initiator: true, Remote: public(key(3))})
	if !errors.Is(err, secretstream.ErrHandshake) {
		t.Errorf("Handshake with another peer = %v, want ErrHandshake", err)
	}
}

// TestTampered changes each byte of a handshake and of a message on the way: no
// message gets through, and both sides learn of it.
func TestTampered(t *testing.T) {
	synctest.Test(t, tampered)
}

func tampered(t *testing.T) {
	for i := range 3 + 32 + 3 + 64 + 3 + 56 + 3 + 17 + 5 {
		x, y := net.Pipe()
		wire := &flipper{ReadWriteCloser: x, at: i}
		done := make(chan error, 1)
		go func() {
			defer y.Close()
			c, err := secretstream.Handshake(t.Context(), y, secretstream.Config{Private: key(2)})
			if err == nil {
				var m []byte
				if m, err = c.ReadFrame(); err == nil {
					t.Errorf("byte %d changed: %q came through", i, m)
				}
				_ = c.Close()
			}
			done <- err
		}()
		c, err := secretstream.Handshake(t.Context(), wire, secretstream.Config{Private: key(1), Initiator: true})
		if err == nil {
			_ = c.WriteFrame([]byte("hello"))
			_ = c.Flush()
			_ = c.Close()
		}
		if <-done == nil {
			t.Errorf("byte %d changed: the other side did not notice", i)
		}
	}
}

// A flipper changes one byte of what is written.
type flipper struct {
	io.ReadWriteCloser
	at int
}

func (f *flipper) Write(p []byte) (int, error) {
	p = bytes.Clone(p)
	if f.at >= 0 && f.at < len(p) {
		p[f.at] ^= 0x10
	}
	f.at -= len(p)
	return f.ReadWriteCloser.Write(p)
}

// FuzzHandshake feeds a responder with anything.
func FuzzHandshake(f *testing.F) {
	f.Add([]byte("\x20\x00\x00aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\x40\x00\x00"))
	f.Fuzz(func(t *testing.T, sent []byte) {
		rw := struct {
			io.Reader
			io.Writer
			io.Closer
		}{bytes.NewReader(sent), io.Discard, io.NopCloser(nil)}
		if c, err := secretstream.Handshake(t.Context(), rw, secretstream.Config{Private: key(2)}); err == nil {
			_ = c.Close()
			t.Errorf("%x is a whole handshake", sent)
		}
	})
}
