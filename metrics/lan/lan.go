// Package lan serves a box's metrics on its local network, to whoever has the token,
// while the operator wants it so. From elsewhere no connection is taken: a box with
// an address that the world can reach is not on offer there.
package lan

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/netutil"
)

// The bounds of who is let in.
const (
	// maxConns of scrapers at one time: Prometheus keeps one open, and a stranger in
	// the network who takes all of them keeps nothing else from working.
	maxConns = 16
	// requestTime is for a request to come.
	requestTime = 10 * time.Second
	// answerTime is for an answer to go; the exporter gives up before.
	answerTime = 20 * time.Second
	// maxHeader bounds a request's header, in bytes.
	maxHeader = 8 << 10
)

// Path is where the metrics are.
const Path = "/metrics"

// A Door is where metrics are served. All fields but Log are required.
type Door struct {
	Addr    string // to listen at, host:port
	Metrics http.Handler
	// Token returns what opens the door, and whether it is to be there at all.
	Token func() (token string, on bool)
	// Changed returns what is closed when Token may say something else.
	Changed func() <-chan struct{}
	// Networks returns the addresses of this machine, with their networks.
	Networks func() []netip.Prefix
	Log      *slog.Logger

	mu     sync.Mutex
	listen net.Listener // mu; nil while closed
}

// retry is how soon a port that was taken is tried again.
const retry = 30 * time.Second

// Run opens and closes the door as Token says, until ctx is done.
func (d *Door) Run(ctx context.Context) error {
	if d.Log == nil {
		d.Log = slog.New(slog.DiscardHandler)
	}
	var stop func()
	defer func() {
		if stop != nil {
			stop()
		}
	}()
	for {
		changed := d.Changed() // before looking, to miss nothing
		_, on := d.Token()
		again := make(<-chan time.Time)
		switch {
		case on && stop == nil:
			var err error
			if stop, err = d.open(ctx); err != nil {
				d.Log.Error("metrics are wanted on the local network", "error", err)
				again = time.After(retry)
			}
		case !on && stop != nil:
			stop()
			stop = nil
			d.Log.Info("metrics are not served on the local network any more")
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-again:
		}
	}
}

// open begins to listen; stop ends it, and waits until it has ended.
func (d *Door) open(ctx context.Context) (stop func(), err error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", d.Addr)
	if err != nil {
		return nil, fmt.Errorf("listening at %s: %w (is another box on this computer? -metrics-lan gives it another port)", d.Addr, err)
	}
	d.set(l)
	mux := http.NewServeMux()
	mux.Handle(Path, d.guard(d.Metrics))
	server := &http.Server{
		Handler: http.MaxBytesHandler(mux, 0), ReadHeaderTimeout: requestTime, ReadTimeout: requestTime, WriteTimeout: answerTime,
		IdleTimeout: 2 * time.Minute, MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(d.Log.Handler(), slog.LevelDebug),
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		err := server.Serve(netutil.LimitListener(&near{l, d.Networks}, maxConns))
		if !errors.Is(err, http.ErrServerClosed) {
			d.Log.Error("serving metrics on the local network", "error", err)
		}
	})
	d.Log.Info("metrics are served on the local network", "addr", l.Addr())
	return func() {
		_ = server.Close()
		wg.Wait()
		d.set(nil)
	}, nil
}

func (d *Door) set(l net.Listener) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.listen = l
}

// guard lets those through who have the token.
func (d *Door) guard(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, on := d.Token()
		scheme, got, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		// Of equal length in any case, so that the time tells nothing.
		want, have := sha256.Sum256([]byte(token)), sha256.Sum256([]byte(got))
		if !on || token == "" || !strings.EqualFold(scheme, "bearer") || subtle.ConstantTimeCompare(want[:], have[:]) != 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="metrics"`)
			http.Error(w, "metrics need the token that coboxctl prometheus prints", http.StatusUnauthorized)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Targets returns where the door is for others in the network, host:port; none
// while it is closed.
func (d *Door) Targets() []string {
	d.mu.Lock()
	l := d.listen
	d.mu.Unlock()
	if l == nil {
		return nil
	}
	at, err := netip.ParseAddrPort(l.Addr().String())
	if err != nil {
		return []string{l.Addr().String()}
	}
	if !at.Addr().IsUnspecified() {
		return []string{at.String()}
	}
	var list []string
	for _, p := range d.Networks() {
		if a := p.Addr().Unmap(); a.Is4() && !a.IsLoopback() && !a.IsLinkLocalUnicast() {
			list = append(list, net.JoinHostPort(a.String(), strconv.Itoa(int(at.Port()))))
		}
	}
	return list
}

// near is a listener that takes connections from the local network alone.
type near struct {
	net.Listener
	networks func() []netip.Prefix
}

// Accept closes those from elsewhere before a byte is read.
func (l *near) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		if at, err := netip.ParseAddrPort(c.RemoteAddr().String()); err == nil && local(at.Addr().Unmap(), l.networks) {
			return c, nil
		}
		_ = c.Close()
	}
}

// local reports whether an address is in the local network.
func local(a netip.Addr, networks func() []netip.Prefix) bool {
	if a.IsLoopback() || a.IsPrivate() || a.IsLinkLocalUnicast() {
		return true
	}
	for _, p := range networks() { // IPv6 addresses of a household are the world's
		if netip.PrefixFrom(p.Addr().Unmap(), p.Bits()).Masked().Contains(a.WithZone("")) {
			return true
		}
	}
	return false
}
