package lan

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"testing"
	"time"
)

// A setting is what an operator turns on and off.
type setting struct {
	mu      sync.Mutex
	token   string        // mu
	changed chan struct{} // mu
}

func (s *setting) Token() (string, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.token, s.token != ""
}

func (s *setting) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *setting) set(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.token = token
	close(s.changed)
	s.changed = make(chan struct{})
}

func none() []netip.Prefix { return nil }

// start runs a door on this computer.
func start(t *testing.T, s *setting) *Door {
	t.Helper()
	d := &Door{
		Addr: "127.0.0.1:0", Token: s.Token, Changed: s.Changed, Networks: none,
		Metrics: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "cobox_paired 1\n") }),
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return d
}

// wait waits until the door is open, or closed.
func wait(t *testing.T, d *Door, open bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	for (len(d.Targets()) == 1) != open {
		select {
		case <-ctx.Done():
			t.Fatalf("the door is at %v", d.Targets())
		case <-time.After(time.Millisecond):
		}
	}
}

func get(t *testing.T, method, addr, path, authorization string) (int, string, error) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+addr+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	c := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := c.Do(req)
	if err != nil {
		return 0, "", err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp.StatusCode, string(body), err
}

// Case 63: without the token, or with another one, there are no metrics.
func TestCase63Token(t *testing.T) {
	s := &setting{changed: make(chan struct{})}
	d := start(t, s)
	if got := d.Targets(); got != nil {
		t.Errorf("before anybody wants it the door is at %v", got)
	}
	s.set("secret")
	wait(t, d, true)
	addr := d.Targets()[0]
	for _, c := range []struct {
		path, authorization string
		want                int
	}{
		{Path, "Bearer secret", 200},
		{Path, "bearer secret", 200},
		{Path, "", 401},
		{Path, "Bearer", 401},
		{Path, "Bearer ", 401},
		{Path, "Bearer secre", 401},
		{Path, "Bearer secretx", 401},
		{Path, "Basic secret", 401},
		{Path, "secret", 401},
		{Path, "Bearer partner:cp9dfkxyqs5u1ky9hmcnsfgr8fgb9yy8bdiuztwxdu4imgx9qjbo", 401},
		{"/", "Bearer secret", 404},
		{"/debug/pprof/", "Bearer secret", 404},
	} {
		got, body, err := get(t, http.MethodGet, addr, c.path, c.authorization)
		if err != nil || got != c.want || (body == "cobox_paired 1\n") != (c.want == 200) {
			t.Errorf("GET %s as %q: %d %q, %v; want %d", c.path, c.authorization, got, body, err, c.want)
		}
	}

	s.set("another")
	if got, _, err := get(t, http.MethodGet, addr, Path, "Bearer secret"); err != nil || got != 401 {
		t.Errorf("the token that was: %d, %v", got, err)
	}
	s.set("")
	wait(t, d, false)
	if got, _, err := get(t, http.MethodGet, addr, Path, "Bearer another"); err == nil {
		t.Errorf("turned off: %d", got)
	}
}

// Case 63: a connection from elsewhere is closed before a byte is read.
func TestCase63Near(t *testing.T) {
	networks := func() []netip.Prefix {
		return []netip.Prefix{netip.MustParsePrefix("2001:db8:1:2::7/64"), netip.MustParsePrefix("::ffff:198.51.100.9/120"), netip.MustParsePrefix("198.51.100.9/28")}
	}
	for addr, want := range map[string]bool{
		"127.0.0.1": true, "::1": true, "192.168.1.9": true, "10.1.2.3": true, "172.20.0.1": true, "169.254.3.4": true,
		"fe80::1": true, "fd00::7": true, "2001:db8:1:2::99": true, "198.51.100.3": true, "::ffff:192.168.1.9": true,
		"203.0.113.5": false, "8.8.8.8": false, "100.64.0.9": false, "2001:db8:1:3::99": false, "2a00::1": false, "198.51.100.17": false,
		"::ffff:203.0.113.5": false, "172.32.0.1": false,
	} {
		l := &near{&once{from: addr}, networks}
		_, err := l.Accept()
		if (err == nil) != want {
			t.Errorf("a connection from %s: %v, want it taken: %v", addr, err, want)
		}
	}
}

// once is a listener with one connection.
type once struct {
	net.Listener
	from string
	done bool
}

func (o *once) Accept() (net.Conn, error) {
	if o.done {
		return nil, net.ErrClosed
	}
	o.done = true
	return conn{addr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(o.from), 4000))}, nil
}

type conn struct {
	net.Conn
	addr net.Addr
}

func (c conn) RemoteAddr() net.Addr { return c.addr }
func (conn) Close() error           { return nil }

func TestTargets(t *testing.T) {
	d := &Door{Networks: func() []netip.Prefix {
		return []netip.Prefix{
			netip.MustParsePrefix("127.0.0.1/8"), netip.MustParsePrefix("192.168.1.7/24"), netip.MustParsePrefix("169.254.1.1/16"), netip.MustParsePrefix("fd00::1/64"),
		}
	}}
	d.set(everywhere{})
	if got := d.Targets(); len(got) != 1 || got[0] != "192.168.1.7:9100" {
		t.Errorf("Targets() = %v", got)
	}
}

// everywhere is a listener at all of a machine's addresses.
type everywhere struct{ net.Listener }

func (everywhere) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv6unspecified, Port: 9100} }
