package boottest

import (
	"encoding/binary"
	"errors"
	"net"
	"time"
)

// A TimeServer answers a guest that asks for the time (RFC 4330).
type TimeServer struct{ conn net.PacketConn }

// NewTimeServer starts one on this computer.
func NewTimeServer() (*TimeServer, error) {
	conn, err := net.ListenPacket("udp4", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &TimeServer{conn}
	go s.serve()
	return s, nil
}

// Port returns where it answers.
func (s *TimeServer) Port() int { return s.conn.LocalAddr().(*net.UDPAddr).Port }

// Close ends it.
func (s *TimeServer) Close() error { return s.conn.Close() }

func (s *TimeServer) serve() {
	var q [128]byte
	for {
		n, from, err := s.conn.ReadFrom(q[:])
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || n < 48 {
			continue
		}
		_, _ = s.conn.WriteTo(answerTime(q[:48], time.Now()), from) // it asks again
	}
}

// ntpEpoch is the time of NTP's zero in Unix seconds, and before it.
const ntpEpoch = 2208988800

// answerTime returns the answer to a question for the time.
func answerTime(q []byte, now time.Time) []byte {
	a := make([]byte, 48)
	a[0] = 4<<3 | 4                  // version 4, a server
	a[1], a[2], a[3] = 1, q[2], 0xec // the first stratum, a precision of a microsecond
	copy(a[12:], "TEST")
	stamp := uint64(now.Unix()+ntpEpoch)<<32 | uint64(now.Nanosecond())<<32/1e9
	binary.BigEndian.PutUint64(a[16:], stamp)
	copy(a[24:], q[40:48]) // when the question was sent, by who asks
	binary.BigEndian.PutUint64(a[32:], stamp)
	binary.BigEndian.PutUint64(a[40:], stamp)
	return a
}
