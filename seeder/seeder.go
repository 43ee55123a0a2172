package seeder

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"cobox/seeder/api"
	"cobox/seeder/boxkey"
	"cobox/seeder/durable"
	"cobox/seeder/feed"
	"cobox/seeder/hostname"
	"cobox/seeder/identity"
	"cobox/seeder/pin"
	"cobox/seeder/replicate"
	"cobox/seeder/store"
	"cobox/seeder/swarm"

	"golang.org/x/sync/errgroup"
)

// Config says how a seeder runs. State is required.
type Config struct {
	State     string                 // the state folder
	Operators []identity.OperatorKey // whose grants count, on a box without an authority
	// Authority says that provisiond runs on the same state folder and decides who
	// may do what. Without it the box follows the grants that Operators signed.
	Authority bool
	Swarm     swarm.Config // Key and Log are set by [Open]
	// Capacity is how many bytes of blocks the box may keep in all; 0 means what
	// is free on the disk at start and what is kept already, less Reserve.
	Capacity uint64
	Reserve  uint64 // bytes of the disk that stay free; 0 means 1 GiB
	// ScrubRate is how many bytes a second the box re-reads of what it keeps; 0
	// means 1 MiB, which goes over a terabyte in 12 days. Negative: no scrub.
	ScrubRate int
	// Retention is how long blocks stay that a writer truncated; 0 means 30 days.
	Retention time.Duration
	// Hypercore is the TCP address on which stock Hypercore peers are served the
	// feeds that are open to them; empty for none. On a box with an authority they
	// are served while its setting "hypercore" is on.
	Hypercore string
	// Trace hears what is said in replication (see replicate.Config); nil for none.
	Trace func(line string)
	// Program tells what the program uses of the machine, for the figures; nil for
	// nothing.
	Program func() api.Program
	Version string
	// Store is the folder of the store; empty for "store" in the state folder.
	Store string
	// Lack says why the seeder has to run without its store: it then answers, says
	// why, and keeps nothing. nil for a seeder with a store. It needs an authority.
	Lack func() Lack
	// Gone says what has become of the store's disk; nil, or an answer that is nil: it
	// is there. It is asked for each request that needs the store.
	Gone func() *Lack
	// Notice is for [api.Store.Notice].
	Notice string
	Log    *slog.Logger
	// Outside is what is outside of the process; the zero value is the real thing.
	Outside Outside
}

// A Seeder is an opened state folder with a libp2p host. [Seeder.Run] runs it.
type Seeder struct {
	cfg      Config
	log      *slog.Logger
	private  ed25519.PrivateKey
	key      identity.BoxKey
	unlock   func() error
	store    *store.Store
	exchange *replicate.Exchange
	host     Host
	peers    net.Listener        // of devices' questions
	names    *hostname.Responder // nil when the box is not to be found on its network
	socket   net.Listener
	hyperKey ed25519.PrivateKey
	ledger   *pin.Ledger
	access   access
	started  time.Time
	tally    tally

	strangers strangers
	lounge    lounge
	closing   chan swarm.PeerID // guests who made room
	audits    audits
	churn     churn
	keepers   keepers
	mend      mender

	doorMu sync.Mutex
	door   *door // for stock Hypercore peers; nil when they are not served; doorMu
	// doorWanted is what the authority's setting said last; for who follows it.
	doorWanted bool

	grantMu sync.Mutex // one grant at a time is taken in
	pinMu   sync.Mutex // one pin or unpin at a time
	forkMu  sync.Mutex // a fork is found once, however many look

	mu    sync.Mutex
	feeds map[feed.Key]*kept // mu

	pokedMu sync.Mutex
	poked   map[feed.Key]struct{} // pokedMu
	pokes   chan struct{}
}

// The defaults of [Config].
const (
	defaultReserve   = 1 << 30
	defaultScrubRate = 1 << 20
	defaultRetention = 30 * 24 * time.Hour
)

// Open opens a state folder, made if it is not there, and starts to listen.
// Nobody else may have it open. The caller must call [Seeder.Run] or [Seeder.Close].
func Open(cfg Config) (_ *Seeder, err error) {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	setDefault(&cfg.Reserve, defaultReserve)
	setDefault(&cfg.ScrubRate, defaultScrubRate)
	setDefault(&cfg.Retention, defaultRetention)
	s := &Seeder{
		cfg: cfg, log: cfg.Log, started: time.Now(), ledger: pin.NewLedger(),
		access:  access{devices: make(map[identity.PeerID]identity.DeviceCert), seen: make(map[identity.PeerID]struct{}), alone: !cfg.Authority},
		closing: make(chan swarm.PeerID, 256), mend: newMender(),
		feeds: make(map[feed.Key]*kept), poked: make(map[feed.Key]struct{}), pokes: make(chan struct{}, 1),
	}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("opening the state folder %s: %w", cfg.State, err), s.Close())
		}
	}()
	if err := durable.Mkdir(cfg.State, 0o700); err != nil {
		return nil, err
	}
	if s.unlock, err = durable.Lock(cfg.State); err != nil {
		return nil, err
	}
	if s.private, err = boxkey.Load(cfg.State); err != nil {
		return nil, err
	}
	s.key = identity.BoxKeyOf(s.private)
	s.exchange = replicate.New(replicate.Config{Log: cfg.Log, Trace: cfg.Trace})
	if !cfg.Authority {
		if err := s.loadGrants(); err != nil {
			return nil, err
		}
	}
	if err := s.openStore(); err != nil {
		return nil, err
	}
	if s.socket, err = cfg.Outside.listen(api.SocketPath(cfg.State)); err != nil {
		return nil, err
	}
	if s.hyperKey, err = HypercoreKey(s.private); err != nil {
		return nil, err
	}
	if cfg.Hypercore != "" && !cfg.Authority {
		if _, err := s.openDoor(); err != nil {
			return nil, err
		}
	}
	if cfg.Authority && cfg.Swarm.MDNS {
		s.names = hostname.New(cfg.Log)
	}
	swarmCfg := cfg.Swarm
	swarmCfg.Key, swarmCfg.Log, swarmCfg.Gate, swarmCfg.Familiar = s.private, cfg.Log, s, s.access.familiar
	if s.host, err = cfg.Outside.host(swarmCfg); err != nil {
		return nil, err
	}
	// At once, and not in Run: who connects in between would be told that this is no box.
	s.peers = s.host.Listener(api.Protocol)
	s.host.OnDisconnect(func(p swarm.PeerID) {
		s.access.left(identity.PeerID(p))
		s.lounge.leave(p)
	})
	return s, nil
}

// openStore opens the store, unless the seeder is to run without, and goes on with
// what it says.
func (s *Seeder) openStore() (err error) {
	if s.cfg.Lack != nil {
		s.tally.notes.Partners = make(map[identity.PartnerKey]contact)
		return nil
	}
	dir := cmp.Or(s.cfg.Store, filepath.Join(s.cfg.State, "store"))
	if s.store, err = store.Open(dir, s.cfg.Outside.store(s.cfg.Log)); err != nil {
		return err
	}
	s.loadTally()
	if err := s.loadPins(); err != nil {
		return err
	}
	s.boundLedger()
	return nil
}

func setDefault[T comparable](v *T, d T) {
	var zero T
	if *v == zero {
		*v = d
	}
}

// loadPins goes on keeping what the store says is pinned.
func (s *Seeder) loadPins() error {
	pins, err := s.store.Pins()
	if err != nil {
		return fmt.Errorf("reading the pins: %w", err)
	}
	now := time.Now()
	for _, p := range pins {
		f, err := s.store.Create(p.Feed)
		if errors.Is(err, store.ErrDamaged) {
			// One damaged feed must not keep the box from its work. The partner's
			// devices, or another box, have what it held.
			s.log.Error("a pinned feed is damaged, and is fetched anew", "feed", p.Feed.DiscoveryKey(), "error", err)
			if err = s.store.Delete(p.Feed); err == nil {
				f, err = s.store.Create(p.Feed)
			}
		}
		if err != nil {
			return fmt.Errorf("opening pinned feed %s: %w", p.Feed.DiscoveryKey(), err)
		}
		head := f.Durable().Head
		h := s.keep(p, f, head.Bytes, now)
		s.ledger.Load(p.Partner, head.Bytes, 1)
		blocks, bytes := f.Held()
		h.tracker.Resume(pin.HeadOf(head), time.Time{}, blocks, bytes, now)
		if e := f.Frozen(); e != nil {
			s.freeze(h, e, now)
		}
	}
	return nil
}

// boundLedger tells the ledger how many bytes the disk can take.
func (s *Seeder) boundLedger() {
	capacity := s.cfg.Capacity
	if capacity == 0 {
		st := s.store.Stats()
		taken, _, _ := s.ledger.Total()
		missing := taken - min(taken, st.Bytes) // promised, and not on the disk yet
		free := st.FreeBytes - min(st.FreeBytes, s.cfg.Reserve)
		capacity = st.Bytes + max(free, missing)
	}
	s.ledger.SetCapacity(capacity)
}

// ID returns the box ID.
func (s *Seeder) ID() string { return s.key.PeerID().String() }

// Addrs returns the addresses to dial, with the box ID.
func (s *Seeder) Addrs() []string { return s.host.Addrs() }

// Run runs the seeder until ctx is done, and then closes it: everything
// acknowledged is on the disk when it returns. It returns nil when ctx ended it.
func (s *Seeder) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	if s.store != nil {
		s.host.Handle(api.ReplicateProtocol, func(st swarm.Stream) { s.replicate(ctx, st) })
		g.Go(func() error {
			s.keepMending(ctx)
			return nil
		})
		g.Go(func() error { return s.watch(ctx) })
		g.Go(func() error { return s.scrub(ctx) })
	}
	overSocket := s.server(s.handler(true))
	overPeers := s.server(s.handler(false))
	overPeers.ConnContext = swarm.ConnContext
	g.Go(func() error { return serve(overSocket, s.socket) })
	g.Go(func() error { return serve(overPeers, s.peers) })
	if d := s.door; d != nil {
		g.Go(func() error { return s.serveDoor(ctx, d) })
	}
	g.Go(func() error {
		<-ctx.Done()
		return errors.Join(overSocket.Close(), overPeers.Close())
	})
	if s.cfg.Authority {
		for _, protocol := range []string{api.PairProtocol, api.ControlProtocol} {
			s.host.Handle(protocol, func(st swarm.Stream) { s.deliver(ctx, protocol, st) })
		}
		g.Go(func() error {
			s.followAuthority(ctx)
			return nil
		})
		if s.names != nil {
			g.Go(func() error { return s.names.Run(ctx) })
		}
	}
	g.Go(func() error {
		s.keepLounge(ctx.Done())
		return nil
	})
	g.Go(func() error { return s.host.Run(ctx) })
	err := g.Wait()
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		err = nil
	}
	return errors.Join(err, s.Close())
}

// server makes an HTTP server with the bounds that strangers need.
func (s *Seeder) server(h http.Handler) *http.Server {
	return &http.Server{
		Handler:           http.MaxBytesHandler(h, api.MaxBody),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		WriteTimeout:      60 * time.Second,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    8 << 10,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
	}
}

// serve answers until the server or the listener is closed: at the end either
// may come first.
func serve(srv *http.Server, l net.Listener) error {
	err := srv.Serve(l)
	if errors.Is(err, http.ErrServerClosed) || errors.Is(err, net.ErrClosed) {
		return nil
	}
	return fmt.Errorf("answering the API: %w", err)
}

// handshakeTime is how long a peer may take for the nonces.
const handshakeTime = 15 * time.Second

// replicate runs one replication session with a device of a partner.
func (s *Seeder) replicate(ctx context.Context, st swarm.Stream) {
	peer := identity.PeerID(st.Remote())
	cert, ok := s.access.who(peer)
	allow := func(key feed.Key) bool { return s.heldPin(key, cert.Partner) != nil }
	if !ok && len(s.keeperOf(peer)) > 0 {
		cert, ok = identity.DeviceCert{Scope: identity.ScopeRead}, true
		allow = func(key feed.Key) bool { return s.pinnedByAny(key, s.keeperOf(peer)) }
	}
	if !ok {
		_ = st.Reset()
		s.log.Debug("replication refused: the device has not introduced itself")
		return
	}
	opening, cancel := context.WithTimeout(ctx, handshakeTime)
	conn, err := replicate.Secure(opening, st, false, []byte(st.Local()), []byte(st.Remote()))
	cancel()
	if err != nil {
		_ = st.Reset()
		return
	}
	x, done := s.exchangeFor(cert)
	defer done()
	err = x.Serve(ctx, conn, replicate.Peer{
		Name:  peer.String(),
		Allow: allow,
	})
	switch {
	case errors.Is(err, replicate.ErrPeer):
		s.log.Warn("a peer was cut off", "error", err)
	case err != nil:
		s.log.Debug("replication ended", "error", err) // devices come and go
	}
}

// watch looks after the pins: their states, ended grants, what failed for the
// moment, and what a writer truncated long ago.
func (s *Seeder) watch(ctx context.Context) error {
	minute := time.NewTicker(time.Minute)
	defer minute.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-s.pokes:
			s.lookAtPoked(time.Now())
		case now := <-minute.C:
			s.endGrants(now)
			s.boundLedger()
			s.retryFailed()
			if err := s.store.Expire(now, s.cfg.Retention); err != nil {
				s.log.Error("dropping truncated blocks", "error", err)
			}
		}
		// States need not be told more often than a person can look.
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// retryFailed tries again what could not be stored, or was over quota: blocks may have gone since.
func (s *Seeder) retryFailed() {
	s.mu.Lock()
	var keys []feed.Key
	for key, k := range s.feeds {
		failed := s.exchange.Progress(key).Problem != nil
		for _, h := range k.pins {
			failed = failed || h.tracker.Status(time.Now()).State == pin.OverQuota
		}
		if failed {
			keys = append(keys, key)
		}
	}
	s.mu.Unlock()
	for _, key := range keys {
		s.exchange.Retry(key)
	}
}

// scrub re-reads everything that is kept, over and over, at a bounded rate.
func (s *Seeder) scrub(ctx context.Context) error {
	if s.cfg.ScrubRate < 0 {
		return nil
	}
	for {
		s.tally.scrubBegins(s.store.Stats(), time.Now())
		err := s.store.Scrub(ctx, s.cfg.ScrubRate, s.damaged)
		s.tally.scrubEnds(err == nil, time.Now())
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			s.log.Error("scrub ended", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(time.Hour):
		}
	}
}

// damaged has what was found to be bad on the disk fetched again.
func (s *Seeder) damaged(d store.Damage) {
	s.tally.damaged(d)
	s.log.Error("damage found on the disk: the block will be fetched again", "feed", d.Feed.DiscoveryKey(), "block", d.Block, "what", d.What)
	s.exchange.Retry(d.Feed)
	s.mend.poke()
}

// Close closes what [Open] opened. Run does it by itself. A second call does nothing.
func (s *Seeder) Close() error {
	var errs []error
	if s.host != nil {
		errs = append(errs, s.host.Close())
		s.host = nil
	}
	errs = append(errs, closeListener(&s.socket))
	if s.door != nil {
		errs = append(errs, s.door.close())
		s.setDoor(nil)
	}
	if s.store != nil {
		errs = append(errs, s.saveTally(time.Now(), true))
		errs = append(errs, s.store.Close())
		s.store = nil
	}
	if s.unlock != nil {
		errs = append(errs, s.unlock())
		s.unlock = nil
	}
	return errors.Join(errs...)
}

// closeListener closes a listener unless it is closed already.
func closeListener(l *net.Listener) error {
	if *l == nil {
		return nil
	}
	if err := (*l).Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}
