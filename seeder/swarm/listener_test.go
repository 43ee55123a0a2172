package swarm_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"

	"cobox/seeder/swarm"
)

// serve answers each request with who sent what, until the test ends.
func serve(t *testing.T, h *swarm.Host, protocol string) {
	t.Helper()
	l := h.Listener(protocol)
	if l.Addr().String() != h.ID().String() {
		t.Errorf("Addr() = %v, want %v", l.Addr(), h.ID())
	}
	server := &http.Server{
		ConnContext: swarm.ConnContext,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			peer, ok := swarm.PeerFromContext(r.Context())
			if !ok || r.RemoteAddr != peer.String() {
				t.Errorf("peer in the context is %q, %v; remote address %q", peer, ok, r.RemoteAddr)
			}
			body, err := io.ReadAll(r.Body)
			if err != nil {
				t.Errorf("reading the body: %v", err)
			}
			_, _ = fmt.Fprintf(w, "%s sent %s %s %d", peer, r.Method, r.URL.Path, len(body))
		}),
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		_ = server.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			t.Errorf("Serve = %v", err)
		}
	})
}

func TestHTTP(t *testing.T) {
	for _, transport := range []string{loopbackTCP, loopbackQUIC} {
		box := newHost(t, "box", swarm.Config{Listen: []string{transport}})
		client := newHost(t, "client", swarm.Config{})
		connect(t, client, box)
		for _, test := range []struct {
			name     string
			from, to *swarm.Host
		}{
			{"client asks box", client, box},
			{"box asks client", box, client}, // on the connection that the client opened
		} {
			t.Run(test.name, func(t *testing.T) {
				serve(t, test.to, "/http")
				tr := &http.Transport{DialContext: test.from.Dialer(test.to.ID(), "/http")}
				defer tr.CloseIdleConnections()
				c := http.Client{Transport: tr}
				for _, size := range []int{0, 1, 1 << 20} {
					resp, err := c.Post("http://box/pins", "text/plain", strings.NewReader(strings.Repeat("x", size)))
					if err != nil {
						t.Fatal(err)
					}
					got, err := io.ReadAll(resp.Body)
					if err != nil {
						t.Fatal(err)
					}
					_ = resp.Body.Close()
					if want := fmt.Sprintf("%s sent POST /pins %d", test.from.ID(), size); string(got) != want {
						t.Errorf("answer %q, want %q", got, want)
					}
				}
			})
		}
	}
}

func TestListenerClose(t *testing.T) {
	box, client := listening(t, "box"), newHost(t, "client", swarm.Config{})
	connect(t, client, box)
	l := box.Listener("/http")
	waiting := open(t, client, box.ID(), "/http") // nobody accepts it
	if _, err := waiting.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept = %v, want net.ErrClosed", err)
	}
	if _, err := io.ReadAll(waiting); err == nil {
		t.Error("the stream that nobody accepted ended well")
	}
	if _, ok := swarm.RemotePeer(&net.TCPConn{}); ok {
		t.Error("a TCP connection has a peer")
	}
	if _, ok := swarm.PeerFromContext(context.Background()); ok {
		t.Error("an empty context has a peer")
	}
}
