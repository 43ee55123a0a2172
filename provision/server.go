package provision

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"cobox/provision/chain"
	"cobox/provision/control"
	"cobox/provision/pairing"
	"cobox/seeder/api"
	"cobox/seeder/durable"
	"cobox/seeder/identity"
)

// A Server answers seederd at a Unix socket, and by way of it operators and
// those who hold a code.
type Server struct {
	agent  *Agent
	views  Views
	log    *slog.Logger
	local  *http.Server // for seederd
	remote *http.Server // for operators, on streams that seederd hands on
	conns  *handedOn
	seeder *http.Client
	box    *pairing.Box
	again  chan struct{} // the machine is to be started again
}

// NewServer returns a server for an agent, that shows operators the views.
func NewServer(a *Agent, views Views) *Server {
	s := &Server{
		agent: a, views: views, log: a.log, box: pairing.NewBox(a.cfg.Key, codes{a}), seeder: api.SocketClient(api.SocketPath(a.cfg.State)),
		conns: &handedOn{in: make(chan net.Conn), closed: make(chan struct{})}, again: make(chan struct{}, 1),
	}
	errLog := slog.NewLogLogger(s.log.Handler(), slog.LevelDebug)
	s.local = &http.Server{Handler: s.localHandler(), ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 8 << 10, ErrorLog: errLog}
	s.remote = &http.Server{
		Handler: bounded(s.remoteHandler()), ConnContext: withPeer,
		ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 30 * time.Second, WriteTimeout: 2 * time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 8 << 10, ErrorLog: errLog,
	}
	return s
}

// Run answers until ctx is done.
func (s *Server) Run(ctx context.Context) error {
	path := api.AuthorityPath(s.agent.cfg.State)
	if err := durable.Mkdir(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("replacing the socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return fmt.Errorf("opening the socket: %w (a socket's path is at most about 100 bytes: use a shorter state folder)", err)
	}
	// On a box seederd is of the group that the folder gives to what is made in it;
	// elsewhere nobody else gets into the folder.
	if err := os.Chmod(path, 0o660); err != nil {
		return errors.Join(err, l.Close())
	}
	s.local.BaseContext = func(net.Listener) context.Context { return ctx }
	stop := context.AfterFunc(ctx, func() {
		_ = s.local.Close()
		_ = s.remote.Close()
	})
	defer stop()
	defer s.seeder.CloseIdleConnections()
	var wg sync.WaitGroup
	wg.Go(func() { _ = s.remote.Serve(s.conns) })
	wg.Go(func() { s.startAgain(ctx) })
	err = s.local.Serve(l)
	_ = s.remote.Close()
	wg.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// localHandler answers seederd.
func (s *Server) localHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/access", s.getAccess)
	mux.HandleFunc("POST /v1/streams", s.postStream)
	mux.HandleFunc("GET /v1/state", func(w http.ResponseWriter, _ *http.Request) { api.WriteAnswer(w, s.state("")) })
	return mux
}

// accessWait is how long a question about access waits for something new.
const accessWait = 30 * time.Second

// An accessTable is what seederd follows: see api.Access.
type accessTable struct {
	chain.Access
	Host     string                `json:"host,omitempty"`
	Ended    []identity.PartnerKey `json:"ended,omitempty"`
	Announce []string              `json:"announce,omitempty"`
}

// getAccess answers when there is something newer than the caller has.
func (s *Server) getAccess(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	epoch, _ := strconv.ParseUint(q.Get("epoch"), 10, 64) // what cannot be read is old
	after, _ := strconv.ParseUint(q.Get("after"), 10, 64)
	ended, _ := strconv.Atoi(q.Get("ended"))
	late := time.NewTimer(accessWait)
	defer late.Stop()
	for {
		s.agent.mu.Lock()
		changed := s.agent.changed
		t := accessTable{s.agent.access(), s.agent.hostName(), s.agent.ended, s.agent.announceLocked()}
		s.agent.mu.Unlock()
		if t.Head.Epoch != epoch || t.Head.Seq != after || len(t.Ended) != ended {
			api.WriteAnswer(w, t)
			return
		}
		select {
		case <-changed:
		case <-late.C:
			api.WriteAnswer(w, t)
			return
		case <-r.Context().Done():
			return
		}
	}
}

// access is the table that counts. By a damaged chain nobody may do anything:
// what it lacks may be the removal of an operator. Reading needs no right there.
func (a *Agent) access() chain.Access {
	t := a.chain.State().Access()
	if a.damage != nil {
		t.Members, t.Partners, t.Pins, t.Invites, t.Claimed = nil, nil, nil, 0, true
	}
	if a.cfg.Passive {
		t.Partners, t.Pins, t.Invites = nil, nil, 0
	}
	return t
}

// hostName returns the name that operators gave the box, or else the one on its
// label; "" when it has neither.
func (a *Agent) hostName() string {
	if name := a.chain.State().Name; name != "" || a.card.Tag.IsZero() {
		return name
	}
	return a.card.Tag.HostName()
}

// announceLocked returns the notes for the local network by which coboxctl lists boxes
// that can be claimed, and finds the one with the code; or the one whose card names
// its owner, until he was there. Any other box that has an owner says nothing of
// itself. That the time after power-on is over is not looked at:
// who holds the code then learns it by asking.
func (a *Agent) announceLocked() []string {
	var what string
	if id, ok := a.claimable(); ok {
		what = "cid=" + id.String()
	} else if a.awaitsOwnerLocked() {
		what = "card=" + a.card.Claim.ID().String()
	}
	if what == "" || a.cfg.Passive {
		return nil
	}
	var notes []string
	if !a.card.Tag.IsZero() {
		notes = append(notes, "tag="+a.card.Tag.String())
	}
	return append(notes, what)
}

// postStream takes over a stream that a peer has opened at seederd.
func (s *Server) postStream(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	peer, err := identity.ParsePeerID(q.Get("peer"))
	if err != nil {
		api.WriteError(w, &api.Error{Code: api.BadRequest, Text: err.Error()})
		return
	}
	from, _ := netip.ParseAddr(q.Get("from")) // not valid: by way of a relay
	protocol := q.Get("protocol")
	if protocol != api.PairProtocol && protocol != api.ControlProtocol {
		api.WriteError(w, &api.Error{Code: api.BadRequest, Text: fmt.Sprintf("protocol %.64q is not answered here", protocol)})
		return
	}
	raw, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		api.WriteError(w, err)
		return
	}
	if _, err := io.WriteString(raw, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: cobox\r\n\r\n"); err != nil {
		_ = raw.Close()
		return
	}
	_ = raw.SetDeadline(time.Time{})
	conn := &handedConn{Conn: raw, r: buffered.Reader, peer: peer}
	if protocol == api.PairProtocol {
		s.box.Handle(r.Context(), conn, peer, from)
		return
	}
	s.conns.put(conn)
}

// remoteHandler answers operators.
func (s *Server) remoteHandler() http.Handler {
	mux := http.NewServeMux()
	handle := func(pattern string, need chain.Role, fn func(w http.ResponseWriter, r *http.Request, role chain.Role)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			role := s.role(r)
			if !role.AtLeast(need) {
				api.WriteError(w, &api.Error{Code: api.Unauthorised, Text: "this needs the role " + string(need), Hint: "ask an owner of the box"})
				return
			}
			s.agent.noteSeen()
			fn(w, r, role)
		})
	}
	handle("GET /v1/state", chain.Observer, func(w http.ResponseWriter, _ *http.Request, role chain.Role) {
		api.WriteAnswer(w, s.state(role))
	})
	handle("GET /v1/status", chain.Observer, s.passOn)
	handle("GET /v1/pins/{feed}/evidence", chain.Observer, s.passOn)
	// An answer has blocks in it, encrypted as they are: not for observers.
	handle("POST /v1/audits", chain.Operator, s.passOn)
	s.handleViews(handle)
	s.handleSystem(handle)
	handle("GET /v1/log", chain.Observer, func(w http.ResponseWriter, _ *http.Request, _ chain.Role) {
		if err := s.agent.chain.Export(w); err != nil {
			s.log.Warn("exporting the chain", "error", err)
		}
	})
	handle("POST /v1/orders", chain.Observer, func(w http.ResponseWriter, r *http.Request, _ chain.Role) { s.postOrder(w, r) })
	return mux
}

// role returns the role of who seederd says is speaking.
func (s *Server) role(r *http.Request) chain.Role {
	peer, ok := r.Context().Value(peerKey{}).(identity.PeerID)
	if !ok {
		return ""
	}
	key, err := peer.Key()
	if err != nil {
		return ""
	}
	return s.agent.chain.State().Role(key)
}

func (s *Server) state(role chain.Role) control.State {
	a := s.agent
	c, st := a.clock(), a.chain.State()
	troubles := a.cfg.Troubles
	if s.views.Troubles != nil {
		troubles = append(slices.Clip(troubles), s.views.Troubles()...)
	}
	return control.State{
		Box: a.box, Tag: a.card.Tag.String(), Version: a.cfg.Version, Uptime: a.cfg.Uptime(),
		Now: c.Now, Trusted: c.Trusted, Failed: s.box.Stats().Denied, Role: role, Chain: *st, RecoveryWait: a.recoveryWait(st),
		Troubles: troubles, Board: a.cfg.Board, Passive: a.cfg.Passive, Reached: a.Reached(),
	}
}

// passTime is how long an operator may take for a piece of an answer that is passed on.
const passTime = 2 * time.Minute

// passOn has the seeder answer what an operator asks, at the same path. Answers to
// audits are long, and links may be slow: each piece has its own time.
func (s *Server) passOn(w http.ResponseWriter, r *http.Request, _ chain.Role) {
	req, err := http.NewRequestWithContext(r.Context(), r.Method, "http://box"+r.URL.EscapedPath(), r.Body)
	if err != nil {
		api.WriteError(w, err)
		return
	}
	resp, err := s.seeder.Do(req)
	if err != nil {
		api.WriteError(w, fmt.Errorf("asking the seeder: %w", err))
		return
	}
	defer resp.Body.Close()
	w.Header().Set("Content-Type", resp.Header.Get("Content-Type"))
	w.WriteHeader(resp.StatusCode)
	rc := http.NewResponseController(w)
	piece := make([]byte, 64<<10)
	for {
		n, err := resp.Body.Read(piece)
		if n > 0 {
			if rc.SetWriteDeadline(time.Now().Add(passTime)) != nil {
				return
			}
			if _, err := w.Write(piece[:n]); err != nil {
				return // the caller has gone
			}
		}
		switch {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			// What was cut off must not look whole.
			panic(http.ErrAbortHandler)
		}
	}
}

func (s *Server) postOrder(w http.ResponseWriter, r *http.Request) {
	var o control.Order
	d := json.NewDecoder(io.LimitReader(r.Body, api.MaxBody))
	d.DisallowUnknownFields()
	if err := d.Decode(&o); err != nil {
		api.WriteError(w, &api.Error{Code: api.BadRequest, Text: fmt.Sprintf("reading the order: %v", err)})
		return
	}
	head, err := s.agent.Order([]byte(o.Statement))
	if err != nil {
		s.log.Warn("order refused", "error", err)
		api.WriteError(w, refusal(err))
		return
	}
	api.WriteAnswer(w, control.Head{Head: head})
}

// refusal turns what the chain says no with into the API's errors.
func refusal(err error) error {
	e := &api.Error{Code: api.BadRequest, Text: err.Error()}
	switch {
	case errors.Is(err, chain.ErrStale):
		e.Code = api.Stale
	case errors.Is(err, identity.ErrNotTrusted), errors.Is(err, chain.ErrRole), errors.Is(err, identity.ErrBadSignature):
		e.Code = api.Unauthorised
	case errors.Is(err, chain.ErrUnknown):
		e.Code = api.NotFound
	case errors.Is(err, chain.ErrDamaged), errors.Is(err, chain.ErrInDoubt):
		e.Code = api.Internal
	}
	return e
}

// A handedConn is a stream that seederd handed on.
type handedConn struct {
	net.Conn
	r    *bufio.Reader
	peer identity.PeerID
}

func (c *handedConn) Read(p []byte) (int, error) { return c.r.Read(p) }

type peerKey struct{}

func withPeer(ctx context.Context, c net.Conn) context.Context {
	if h, ok := c.(*handedConn); ok {
		return context.WithValue(ctx, peerKey{}, h.peer)
	}
	return ctx
}

// handedOn is a listener of streams that were handed on.
type handedOn struct {
	in     chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *handedOn) put(c net.Conn) {
	select {
	case l.in <- c:
	case <-l.closed:
		_ = c.Close()
	}
}

func (l *handedOn) Accept() (net.Conn, error) {
	select {
	case c := <-l.in:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *handedOn) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *handedOn) Addr() net.Addr { return &net.UnixAddr{Name: "handed on", Net: "unix"} }
