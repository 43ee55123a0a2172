package page

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"
)

// The bounds of what a network of strangers can make the page hold.
const (
	// maxConns at the same time, and maxPerAddr of them from one address. The oldest
	// makes room for a newcomer: to refuse him would let anybody shut the page.
	maxConns   = 32
	maxPerAddr = 8
	// A browser on the same network needs milliseconds for any of these.
	headTime  = 5 * time.Second
	writeTime = 10 * time.Second
	maxHead   = 8 << 10 // bytes of a request's head
)

// Serve answers with h at a listener until ctx is done, and closes the listener. It
// hangs up, before it reads anything, on who is not near.
func Serve(ctx context.Context, l net.Listener, h http.Handler, near func(netip.Addr) bool, log *slog.Logger) error {
	server := &http.Server{
		Handler:           h,
		ReadHeaderTimeout: headTime, ReadTimeout: headTime, WriteTimeout: writeTime,
		MaxHeaderBytes: maxHead,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	server.SetKeepAlivesEnabled(false) // a page is one request
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	err := server.Serve(&doorkeeper{Listener: l, near: near})
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serving the status page: %w", err)
}

// A doorkeeper bounds the connections of a listener.
type doorkeeper struct {
	net.Listener
	near func(netip.Addr) bool

	mu   sync.Mutex
	open []*visit // mu; the oldest first
}

// A visit is one connection.
type visit struct {
	net.Conn
	from netip.Addr
	door *doorkeeper
}

// Accept returns the next connection from the box's own network.
func (d *doorkeeper) Accept() (net.Conn, error) {
	for {
		c, err := d.Listener.Accept()
		if err != nil {
			return nil, err
		}
		from := addrOf(c.RemoteAddr())
		if !d.near(from) {
			_ = c.Close()
			continue
		}
		v := &visit{c, from, d}
		if old := d.admit(v); old != nil {
			_ = old.Close()
		}
		return v, nil
	}
}

// admit notes a visit, and returns the one that has to go for it, or nil.
func (d *doorkeeper) admit(v *visit) (old *visit) {
	d.mu.Lock()
	defer d.mu.Unlock()
	same := 0
	for _, o := range d.open {
		if o.from == v.from {
			same++
		}
	}
	for _, o := range d.open {
		if same >= maxPerAddr && o.from == v.from || same < maxPerAddr && len(d.open) >= maxConns {
			old = o
			break
		}
	}
	d.open = append(d.open, v)
	return old
}

// Close ends the visit.
func (v *visit) Close() error {
	v.door.mu.Lock()
	for i, o := range v.door.open {
		if o == v {
			v.door.open = append(v.door.open[:i], v.door.open[i+1:]...)
			break
		}
	}
	v.door.mu.Unlock()
	return v.Conn.Close()
}

func addrOf(a net.Addr) netip.Addr {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Addr{} // is not near
	}
	return tcp.AddrPort().Addr().Unmap()
}
