package boot

import (
	"fmt"
	"net"
	"net/http"
	"time"
)

// lastResort answers for a box that cannot even tell who it is, because its card
// cannot be read: whoever looks for it on the network learns why it is silent. It
// only says so, in plain text.
func (r *Report) lastResort() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, "This is a CoBox that does not work. Nothing on its card was changed.")
		for _, t := range r.Troubles {
			fmt.Fprintf(w, "\n%s\n", t)
		}
	})
}

// serveLastResort answers at l for as long as the machine runs.
func (r *Report) serveLastResort(l net.Listener) error {
	s := &http.Server{
		Handler: r.lastResort(), ReadTimeout: 10 * time.Second, WriteTimeout: 10 * time.Second,
		IdleTimeout: 10 * time.Second, MaxHeaderBytes: 8 << 10,
	}
	return s.Serve(l)
}
