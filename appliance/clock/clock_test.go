package clock

import (
	"encoding/binary"
	"log/slog"
	"net"
	"testing"
	"time"
)

// serve answers SNTP (RFC 4330) with a clock that is off by so much.
func serve(t *testing.T, off time.Duration) (addr string) {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		_ = c.Close()
		<-done
	})
	go func() {
		defer close(done)
		for {
			var b [48]byte
			_, from, err := c.ReadFrom(b[:])
			if err != nil {
				return
			}
			asked := binary.BigEndian.Uint64(b[40:])
			now := stamp(time.Now().Add(off))
			b[0], b[1] = 4<<3|4, 1 // version 4, server; stratum 1
			for at, v := range map[int]uint64{16: now, 24: asked, 32: now, 40: now} {
				binary.BigEndian.PutUint64(b[at:], v)
			}
			_, _ = c.WriteTo(b[:], from)
		}
	}()
	return c.LocalAddr().String()
}

// stamp is a time in the form of NTP: seconds since 1900, and their 2^32nd parts.
func stamp(t time.Time) uint64 {
	const since1900 = 2208988800
	return uint64(t.Unix()+since1900)<<32 | uint64(t.Nanosecond())<<32/1e9
}

func TestCompare(t *testing.T) {
	for _, off := range []time.Duration{0, 2 * time.Minute, -time.Hour} {
		c := New(serve(t, off), slog.New(slog.DiscardHandler))
		if _, at := c.Offset(); !at.IsZero() {
			t.Error("a clock was compared before it was")
		}
		if err := c.compare(); err != nil {
			t.Fatal(err)
		}
		// The box is behind a server that is ahead.
		got, at := c.Offset()
		if diff := (got + off).Abs(); diff > 2*time.Second || at.IsZero() {
			t.Errorf("against a server that is %v ahead: %v ahead of it, at %v", off, got, at)
		}
	}
}

func TestNobodyAnswers(t *testing.T) {
	l, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := l.LocalAddr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	c := New(addr, slog.New(slog.DiscardHandler))
	if err := c.compare(); err == nil {
		t.Error("comparing with nobody: no error")
	}
	if _, at := c.Offset(); !at.IsZero() {
		t.Error("a comparison that failed counts")
	}
}
