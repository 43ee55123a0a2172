package page_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"cobox/appliance/page"
)

// serve serves a page on this computer, and returns where.
func serve(t *testing.T, near func(netip.Addr) bool) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- page.Serve(ctx, l, page.New(func() page.Facts { return stories["fine"] }), near, slog.New(slog.DiscardHandler))
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return l.Addr().String()
}

func anybody(netip.Addr) bool { return true }

// dial connects from an address of this computer.
func dial(t *testing.T, addr, from string) net.Conn {
	t.Helper()
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
	c, err := d.DialContext(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(time.Minute))
	return c
}

// read asks for the page over a connection, and returns the status.
func read(t *testing.T, c net.Conn) int {
	t.Helper()
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	if !resp.Close {
		t.Error("the connection is kept")
	}
	return resp.StatusCode
}

// ended waits for the box to hang up.
func ended(t *testing.T, c net.Conn) {
	t.Helper()
	n, err := c.Read(make([]byte, 1))
	if n > 0 || err == nil || errors.Is(err, context.DeadlineExceeded) || isTimeout(err) {
		t.Errorf("the box says something, or waits: %d bytes, %v", n, err)
	}
}

func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

func TestNearOnly(t *testing.T) {
	addr := serve(t, func(a netip.Addr) bool { return a == netip.MustParseAddr("127.0.0.1") })
	if status := read(t, dial(t, addr, "127.0.0.1")); status != 200 {
		t.Errorf("from near: %d", status)
	}
	ended(t, dial(t, addr, "127.0.0.9"))
}

// Who opens connections and says nothing keeps nobody away: his oldest go.
func TestSilentVisitors(t *testing.T) {
	addr := serve(t, anybody)
	var silent []net.Conn
	for range page.MaxPerAddr {
		silent = append(silent, dial(t, addr, "127.0.0.2"))
	}
	if status := read(t, dial(t, addr, "127.0.0.2")); status != 200 {
		t.Errorf("from the same address: %d", status)
	}
	ended(t, silent[0])
	for i := 3; len(silent) < page.MaxConns+5; i++ {
		for range page.MaxPerAddr {
			silent = append(silent, dial(t, addr, netip.AddrFrom4([4]byte{127, 0, 0, byte(i)}).String()))
		}
	}
	if status := read(t, dial(t, addr, "127.0.0.1")); status != 200 {
		t.Errorf("from elsewhere, while all is taken: %d", status)
	}
	ended(t, silent[1])
}

func TestLongHead(t *testing.T) {
	addr := serve(t, anybody)
	c := dial(t, addr, "127.0.0.1")
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: localhost\r\nX: "+strings.Repeat("x", 64<<10)+"\r\n\r\n") // the box may hang up meanwhile
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return // it hung up
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("a head of 64 KiB: %d", resp.StatusCode)
	}
}
