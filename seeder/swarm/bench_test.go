package swarm_test

import (
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"cobox/seeder/swarm"
)

// BenchmarkStream moves data one way over one stream between two hosts in this
// process, in writes of 64 KiB. The last one goes over a line with a round trip of
// 50 ms and endless bandwidth, where the window is the limit (see Limits.WindowBytes).
func BenchmarkStream(b *testing.B) {
	for _, line := range []struct {
		name, listen string
		delay        time.Duration // one way
	}{
		{"TCP", loopbackTCP, 0},
		{"QUIC", loopbackQUIC, 0},
		{"TCP-50ms", loopbackTCP, 25 * time.Millisecond},
	} {
		b.Run(line.name, func(b *testing.B) {
			box := newHost(b, "box", swarm.Config{Listen: []string{line.listen}})
			client := newHost(b, "client", swarm.Config{})
			target := box.Addrs()[0]
			if line.delay > 0 {
				target = longLine(b, target, line.delay)
			}
			box.Handle("/sink", func(s swarm.Stream) {
				buf := make([]byte, 64<<10)
				for {
					if _, err := s.Read(buf); err != nil {
						break
					}
				}
				_, _ = s.Write([]byte{1})
			})
			if _, err := client.Connect(b.Context(), target); err != nil {
				b.Fatal(err)
			}
			s := open(b, client, box.ID(), "/sink")
			buf := make([]byte, 64<<10)
			b.SetBytes(int64(len(buf)))
			for b.Loop() {
				if _, err := s.Write(buf); err != nil {
					b.Fatal(err)
				}
			}
			if err := s.CloseWrite(); err != nil {
				b.Fatal(err)
			}
			if _, err := io.ReadFull(s, make([]byte, 1)); err != nil { // all has arrived
				b.Fatal(err)
			}
		})
	}
}

// longLine returns target's address by way of a proxy that hands each piece on
// only after delay, in both directions.
func longLine(b *testing.B, target string, delay time.Duration) string {
	b.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
	parts := strings.Split(target, "/") // "", ip4, 127.0.0.1, tcp, PORT, p2p, ID
	go func() {
		near, err := l.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp4", net.JoinHostPort(parts[2], parts[4]))
		if err != nil {
			_ = near.Close()
			return
		}
		go late(near, far, delay)
		go late(far, near, delay)
	}()
	return fmt.Sprintf("/ip4/127.0.0.1/tcp/%d/p2p/%s", l.Addr().(*net.TCPAddr).Port, parts[6])
}

func late(dst, src net.Conn, delay time.Duration) {
	type piece struct {
		due  time.Time
		data []byte
	}
	line := make(chan piece, 4096)
	go func() {
		defer close(line)
		for {
			buf := make([]byte, 64<<10)
			n, err := src.Read(buf)
			if err != nil {
				return
			}
			line <- piece{time.Now().Add(delay), buf[:n]}
		}
	}()
	for p := range line {
		time.Sleep(time.Until(p.due)) // the line's length, not a wait for something
		if _, err := dst.Write(p.data); err != nil {
			break
		}
	}
	_ = dst.Close()
	_ = src.Close()
}
