package monitor

import (
	"encoding/binary"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// A timeServer answers SNTP (RFC 4330), right or wrong.
type timeServer struct {
	addr string
	off  atomic.Int64 // by how much it is ahead, in nanoseconds
}

func newTimeServer(t *testing.T) *timeServer {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &timeServer{addr: c.LocalAddr().String()}
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
			at := time.Now().Add(time.Duration(s.off.Load()))
			const since1900 = 2208988800
			now := uint64(at.Unix()+since1900)<<32 | uint64(at.Nanosecond())<<32/1e9
			b[0], b[1] = 4<<3|4, 1 // version 4, a server; stratum 1
			binary.BigEndian.PutUint64(b[16:], now)
			binary.BigEndian.PutUint64(b[24:], asked)
			binary.BigEndian.PutUint64(b[32:], now)
			binary.BigEndian.PutUint64(b[40:], now)
			_, _ = c.WriteTo(b[:], from)
		}
	}()
	return s
}
