package main

import (
	"bytes"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// pair returns the two ends of something that keeps packets apart, as a TUN device does.
func pair(t *testing.T) (a, b *os.File) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	a, b = os.NewFile(uintptr(fds[0]), "a"), os.NewFile(uintptr(fds[1]), "b")
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	return a, b
}

// A line brings packets whole and in order, loses about as many as it should, and more
// when its queue is full.
func TestCarry(t *testing.T) {
	const packets = 100
	for _, c := range []struct {
		name        string
		line        line
		rate        float64
		least, most int
	}{
		{"fast", line{}, 1e12, packets, packets},
		{"lossy", line{loss: 0.5}, 1e12, packets / 4, packets * 3 / 4},
		{"dead", line{loss: 1}, 1e12, 0, 0},
		{"slow", line{}, 100e3, 1, packets - 1}, // a packet fills its queue
	} {
		in, from := pair(t)
		to, out := pair(t)
		ended := carry(t.Context(), from, to, c.rate, c.line)
		for i := range packets {
			if _, err := in.Write(bytes.Repeat([]byte{byte(i)}, 1400)); err != nil {
				t.Fatal(err)
			}
		}
		if err := in.Close(); err != nil { // the end of what comes
			t.Fatal(err)
		}
		got, last, buf := 0, -1, make([]byte, 4096)
		go func() { <-ended; _ = to.Close() }()
		for {
			n, err := out.Read(buf)
			if n == 0 || err != nil {
				break
			}
			if n != 1400 || int(buf[0]) <= last || buf[n-1] != buf[0] {
				t.Errorf("%s: a packet of %d bytes, number %d after %d", c.name, n, buf[0], last)
			}
			last = int(buf[0])
			got++
		}
		if got < c.least || got > c.most {
			t.Errorf("%s: %d of %d packets came, want %d to %d", c.name, got, packets, c.least, c.most)
		}
	}
}
