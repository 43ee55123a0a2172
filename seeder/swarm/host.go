package swarm

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p"
	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/autorelay"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	"github.com/libp2p/go-libp2p/p2p/host/peerstore/pstoremem"
	p2pswarm "github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	"github.com/libp2p/go-libp2p/p2p/protocol/holepunch"
	"github.com/libp2p/go-libp2p/p2p/protocol/identify"
	"github.com/libp2p/go-libp2p/p2p/security/noise"
	libp2ptls "github.com/libp2p/go-libp2p/p2p/security/tls"
	"github.com/libp2p/go-libp2p/p2p/transport/quic"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"github.com/multiformats/go-multiaddr"
)

// A Host is our end of the network. Make one with [New]; end it by ending the
// context of [Host.Run], or with [Host.Close].
type Host struct {
	s       *settings
	log     *slog.Logger
	p2p     host.Host
	ids     identify.IDService
	gater   *gater
	dht     *dht.IpfsDHT // nil: no DHT
	lan     *lan         // nil: no mDNS
	tunnels tunnels
	relay   *relay.Relay // nil: we are none

	closed    chan struct{} // closed by Close
	closeOnce sync.Once
	closeErr  error

	mu       sync.Mutex
	running  bool
	closing  bool           // no new handlers; mu
	handlers sync.WaitGroup // Add under mu while not closing

	came, gone watchers
	direct     watchers // of peers that have got a direct connection
	punched    sync.Map // IDs of the open connections that were hole punched
}

// New makes a host and starts to listen. It answers and dials at once;
// [Host.Run] adds what goes on in the background. The caller must call Run or Close.
func New(cfg Config) (*Host, error) {
	s, err := cfg.check()
	if err != nil {
		return nil, fmt.Errorf("configuring the network host: %w", err)
	}
	h := &Host{s: s, log: s.Log, gater: newGater(s), closed: make(chan struct{})}
	if h.p2p, err = newLibp2p(s, h.gater); err != nil {
		return nil, fmt.Errorf("starting the network host: %w", err)
	}
	h.ids = h.p2p.(interface{ IDService() identify.IDService }).IDService() // all that libp2p.New makes have it
	h.gater.connected = func(p peer.ID) bool { return h.p2p.Network().Connectedness(p) != network.NotConnected }
	for _, a := range s.listen {
		// One by one, and not by libp2p.New, which is content when one of them works. A
		// box that answers on QUIC only, because something else has its TCP port, would
		// be slow for ever.
		if err := h.p2p.Network().Listen(a); err != nil {
			_ = h.p2p.Close()
			return nil, fmt.Errorf("listening on %s: %w", a, err)
		}
	}
	if s.puncher {
		// It is enough when some of them work: a computer may have no IPv6.
		_ = h.p2p.Network().Listen(punchAddrs...)
	}
	for _, p := range s.bootstrap {
		h.p2p.ConnManager().Protect(p.ID, "bootstrap")
	}
	for _, p := range s.relays {
		h.p2p.ConnManager().Protect(p.ID, "relay")
	}
	if s.DHT != DHTOff {
		if h.dht, err = newDHT(h.p2p, s); err != nil {
			_ = h.p2p.Close()
			return nil, fmt.Errorf("starting the DHT: %w", err)
		}
	}
	if s.RelayService != nil {
		if h.relay, err = startRelay(h.p2p, *s.RelayService); err != nil {
			return nil, errors.Join(err, h.Close())
		}
	}
	if len(s.relays) > 0 && len(s.listen) > 0 && !s.ForceRelay {
		if err := reserveSoon(h.p2p); err != nil {
			return nil, errors.Join(err, h.Close())
		}
	}
	if s.MDNS {
		h.lan = newLAN(h.p2p, s.MDNSService, s.Log)
	}
	h.p2p.Network().Notify(&network.NotifyBundle{ConnectedF: h.connectedTo, DisconnectedF: h.disconnected})
	return h, nil
}

// Memory for what identify and the DHT tell us about peers that we are not connected to.
const (
	maxStoredAddrs     = 4096 // all peers'; a DHT look-up brings some hundreds
	maxStoredProtocols = 64   // one peer's; ours are under twenty
)

// handshakeTimeout is for one dial, handshakes included. A relayed dial over two
// slow lines takes a few seconds.
const handshakeTimeout = 15 * time.Second

func newLibp2p(s *settings, g *gater) (host.Host, error) {
	key, err := crypto.UnmarshalEd25519PrivateKey(s.Key)
	if err != nil {
		return nil, fmt.Errorf("reading the key: %w", err)
	}
	quiet()
	rm, err := s.Limits.resourceManager()
	if err != nil {
		return nil, err
	}
	cm, err := s.Limits.connManager()
	if err != nil {
		return nil, errors.Join(err, rm.Close())
	}
	ps, err := pstoremem.NewPeerstore(
		pstoremem.WithMaxAddresses(maxStoredAddrs),
		pstoremem.WithMaxSignedPeerRecords(maxStoredAddrs/8),
		pstoremem.WithMaxProtocols(maxStoredProtocols))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("making the peerstore: %w", err), cm.Close(), rm.Close())
	}
	// From here on libp2p.New closes the three, also when it fails.
	opts := []libp2p.Option{
		libp2p.Identity(key),
		libp2p.UserAgent(s.UserAgent),
		libp2p.ProtocolVersion("cobox/1"),
		libp2p.Transport(tcp.NewTCPTransport, tcpOptions(s)...),
		libp2p.Transport(libp2pquic.NewTransport),
		// Noise first: the same rate as TLS, and half the code in the handshake.
		libp2p.Security(noise.ID, noise.New),
		libp2p.Security(libp2ptls.ID, libp2ptls.New),
		libp2p.Muxer("/yamux/1.0.0", newMuxer(s.Limits, s.Familiar)),
		libp2p.Peerstore(ps),
		libp2p.ConnectionManager(cm),
		libp2p.ResourceManager(rm),
		libp2p.ConnectionGater(g),
		libp2p.SwarmOpts(p2pswarm.WithDialRanker(rankDials)),
		libp2p.WithDialTimeout(handshakeTimeout),
		libp2p.Ping(false),
		// Prometheus collectors of libp2p cost memory and say nothing to an operator.
		libp2p.DisableMetrics(),
	}
	return libp2p.New(append(opts, reachOptions(s)...)...)
}

// reachOptions are about how others can reach us.
func reachOptions(s *settings) []libp2p.Option {
	// New listens itself. EnableRelay is the client's side: to dial and be dialled
	// by way of a relay. New makes us a relay for others, where that is configured.
	opts := []libp2p.Option{libp2p.NoListenAddrs, libp2p.EnableRelay()}
	if len(s.listen) > 0 {
		opts = append(opts, libp2p.EnableAutoNATv2())
	}
	if s.DHT == DHTServer {
		// Whoever serves the DHT can be reached by all, and so can tell others
		// whether they can: in a private network nobody else would. The older AutoNAT
		// is the one that the DHT's auto mode and AutoRelay listen to.
		opts = append(opts, libp2p.EnableNATService(), libp2p.AutoNATServiceRateLimit(30, 3, time.Minute))
	}
	if len(s.relays) > 0 && (len(s.listen) > 0 || s.ForceRelay) {
		opts = append(opts, libp2p.EnableAutoRelayWithStaticRelays(s.relays,
			autorelay.WithBootDelay(0),
			// One lost relay should come back with its network, not an hour later.
			autorelay.WithBackoff(time.Minute)))
	}
	switch {
	case s.ForceRelay:
		opts = append(opts, libp2p.ForceReachabilityPrivate())
	case s.RelayService != nil:
		opts = append(opts, libp2p.ForceReachabilityPublic())
	}
	if s.HolePunching {
		opts = append(opts, libp2p.EnableHolePunching(holepunch.DirectDialTimeout(punchTime)))
	}
	return opts
}

// reserveSoon makes AutoRelay take its reservations now, by telling it that we do not
// know whether we can be reached. By itself it would wait until AutoNAT has told,
// some twenty seconds in which nobody finds a box that was just switched on.
func reserveSoon(h host.Host) error {
	e, err := h.EventBus().Emitter(new(event.EvtLocalReachabilityChanged), eventbus.Stateful)
	if err == nil {
		err = errors.Join(e.Emit(event.EvtLocalReachabilityChanged{Reachability: network.ReachabilityUnknown}), e.Close())
	}
	if err != nil {
		return fmt.Errorf("asking for a reservation at the relays: %w", err)
	}
	return nil
}

// punchTime is for one attempt to punch a hole, of three. Where it works it takes
// a few round trips.
const punchTime = 5 * time.Second

// punchAddrs are where a client listens for hole punching.
var punchAddrs = []multiaddr.Multiaddr{
	multiaddr.StringCast("/ip4/0.0.0.0/tcp/0"), multiaddr.StringCast("/ip4/0.0.0.0/udp/0/quic-v1"),
	multiaddr.StringCast("/ip6/::/tcp/0"), multiaddr.StringCast("/ip6/::/udp/0/quic-v1"),
}

// tcpOptions keeps dialling from the listening port (SO_REUSEPORT) for hole
// punching, which needs it. Otherwise it is off: with it a second program on the
// same port would silently get half of our connections.
func tcpOptions(s *settings) []any {
	if s.HolePunching {
		return nil
	}
	return []any{tcp.DisableReuseport()}
}

// Run keeps the host connected to its bootstrap peers and announced on the local
// network until ctx ends or Close is called. Then it closes the host, waits for
// its handlers and goroutines, and returns nil, or what went wrong in closing. It
// may be called once.
func (h *Host) Run(ctx context.Context) error {
	h.mu.Lock()
	again := h.running
	h.running = true
	h.mu.Unlock()
	if again {
		return errors.New("running the network host: it was run before")
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	for _, p := range h.s.bootstrap {
		if p.ID != h.p2p.ID() {
			wg.Go(func() { h.keepConnected(ctx, p) })
		}
	}
	if h.lan != nil && len(h.s.listen) > 0 {
		wg.Go(func() { h.lan.announce(ctx) })
	}
	h.log.Info("network host started", "peer", h.ID(), "addresses", len(h.Addrs()))
	select {
	case <-ctx.Done():
	case <-h.closed:
	}
	cancel()
	err := h.Close()
	wg.Wait()
	return err
}

// Close ends all connections and streams and waits for the handlers. It is what
// [Host.Run] does at its end; call it when Run will not be called. Later calls
// return what the first did. A handler must not call it: it would wait for itself.
func (h *Host) Close() error {
	h.closeOnce.Do(func() {
		h.mu.Lock()
		h.closing = true
		h.mu.Unlock()
		close(h.closed)
		var errs []error
		if h.relay != nil {
			errs = append(errs, h.relay.Close())
		}
		if h.dht != nil {
			errs = append(errs, h.dht.Close())
		}
		errs = append(errs, h.p2p.Close())
		h.handlers.Wait()
		if err := errors.Join(errs...); err != nil {
			h.closeErr = fmt.Errorf("closing the network host: %w", err)
		}
	})
	return h.closeErr
}

// ID returns our own peer ID.
func (h *Host) ID() PeerID { return PeerID(h.p2p.ID()) }

// Addrs returns our full addresses as others may use them, relayed ones included.
// It is empty for a client.
func (h *Host) Addrs() []string {
	if h.s.puncher && !h.s.ForceRelay {
		return nil // where it listens is for hole punching alone
	}
	addrs := h.p2p.Addrs()
	out := make([]string, len(addrs))
	for i, a := range addrs {
		out[i] = a.String() + "/p2p/" + h.ID().String()
	}
	return out
}
