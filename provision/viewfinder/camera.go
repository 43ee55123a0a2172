package viewfinder

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// How long a browser on this computer may take. It needs milliseconds; what takes
// longer is not the page.
const (
	headerTime  = 5 * time.Second
	requestTime = 30 * time.Second // sending a picture, looking at it, answering
	idleTime    = time.Minute
	endTime     = time.Second // for the last answer to reach the page
)

// maxHeaderBytes bounds a request's header.
const maxHeaderBytes = 16 << 10

// Read returns the text of the label or the invite that is held before this
// computer's camera. It serves a page on a free port of 127.0.0.1, which browsers
// take for secure and so give the camera to, calls open with its address, such as
// http://127.0.0.1:41234/MCJ.../, and waits until the page has sent a picture that
// shows one, or until ctx ends. Then the page is gone. Open may show the address to
// a person or start a browser with it ([Browse]); it may take as long as the browser
// runs, Read does not wait for it once it has a text.
//
// The address is a secret while Read waits: who has it can show Read a label of his
// own choice. Other computers cannot reach it; other users of this one may see it
// in the list of processes when open starts a browser with it. Whom a label leads
// to is proved only when it is paired with, as for a label that was typed.
//
// The error is ctx's, open's, or that of listening.
func Read(ctx context.Context, open func(url string) error) (text string, err error) {
	const doing = "reading a label with the camera"
	l, err := new(net.ListenConfig).Listen(ctx, "tcp4", "127.0.0.1:0") // never another address
	if err != nil {
		return "", fmt.Errorf("%s: %w", doing, err)
	}
	s, err := newServer(l.Addr().String())
	if err != nil {
		return "", fmt.Errorf("%s: %w", doing, errors.Join(err, l.Close()))
	}
	web := &http.Server{
		Handler:           s,
		ReadHeaderTimeout: headerTime,
		ReadTimeout:       requestTime,
		WriteTimeout:      requestTime,
		IdleTimeout:       idleTime,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          log.New(io.Discard, "", 0), // of connections: the terminal is the command's
	}
	served := make(chan error, 1)
	go func() { served <- web.Serve(l) }()
	defer func() { end(web) }()

	failed := make(chan error, 1)
	go func() {
		if err := open("http://" + s.host + s.path); err != nil {
			failed <- err
		}
	}()
	select {
	case text := <-s.found:
		return text, nil
	case err := <-failed:
		return "", fmt.Errorf("%s: opening the page: %w", doing, err)
	case err := <-served:
		return "", fmt.Errorf("%s: serving the page: %w", doing, err)
	case <-ctx.Done():
		return "", fmt.Errorf("%s: %w", doing, context.Cause(ctx))
	}
}

// newServer makes a server with a new path and token.
func newServer(host string) (*server, error) {
	s := &server{
		host:    host,
		path:    "/" + rand.Text() + "/",
		token:   rand.Text(),
		looking: make(chan struct{}, 1),
		found:   make(chan string, 1),
	}
	var err error
	s.page, err = writePage(s.token)
	return s, err
}

// end lets the page have its last answer, then closes whatever is open. The
// caller's context may have ended already.
func end(web *http.Server) {
	ctx, cancel := context.WithTimeout(context.Background(), endTime)
	defer cancel()
	if web.Shutdown(ctx) != nil {
		_ = web.Close() // somebody holds a connection open: it is closed now
	}
}
