package swarm

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multiaddr"
)

// DefaultMDNSService is the mDNS service under which boxes are found on a local network.
const DefaultMDNSService = "_cobox._udp"

// DefaultUserAgent is what identify tells every connected peer. It has no version
// in it: a stranger need not know which bugs we still have.
const DefaultUserAgent = "cobox"

// DefaultBulk is the protocol of replication.
const DefaultBulk = "/cobox/replicate/1"

// The modes of the DHT, values of [Config.DHT].
const (
	DHTOff    = "off"    // no DHT: peers are found by address and mDNS only
	DHTClient = "client" // ask, but do not answer
	DHTServer = "server" // answer too: for hosts that anyone can reach
	DHTAuto   = "auto"   // answer once AutoNAT says that we can be reached
)

// A Config says what a [Host] is to be. Only Key is required.
type Config struct {
	// Key is the host's identity; its peer ID follows from it.
	Key ed25519.PrivateKey

	// Listen holds multiaddrs to listen on, TCP ("/ip4/0.0.0.0/tcp/4001") or QUIC
	// ("/ip4/0.0.0.0/udp/4001/quic-v1"). Empty: no listening, as a client.
	Listen []string

	// Bootstrap holds full addresses ("/ip4/…/tcp/…/p2p/ID") of peers that the host
	// stays connected to while it runs, and by which it enters the DHT. Staying
	// connected is what lets others find a host behind NAT: a DHT server tells the
	// addresses of the peers that it is connected to.
	Bootstrap []string

	// DHT is "off" (also when empty), "client", "server" or "auto".
	DHT string

	// MDNS announces a listening host on the local network, and lets
	// [Host.Connect] and [Host.Nearby] ask there. MDNSService is the service's
	// name; empty means DefaultMDNSService.
	MDNS        bool
	MDNSService string

	// UserAgent is told to every connected peer; empty means DefaultUserAgent.
	UserAgent string

	// Log receives the host's own messages; nil discards them.
	Log *slog.Logger

	// Gate says who may connect; nil lets everybody in. The peers in Bootstrap and
	// Relays are not asked about: whoever configured them has allowed them.
	Gate Gate

	// Limits bounds what peers can make the host hold. The zero value suits a box
	// with 512 MB of memory.
	Limits Limits

	// Familiar reports whether a peer is one of those whose streams start with a wide
	// window (Limits.FamiliarWindowBytes), which is what they need on a long line. nil: nobody
	// is. It is called from several goroutines and must not block.
	Familiar func(PeerID) bool

	// Relays holds full addresses of relays by which peers are looked for, and at
	// which a host that listens takes a reservation, so that others find it there
	// too, unless AutoNAT finds that it can be reached directly. With ForceRelay it
	// does so in any case.
	Relays     []string
	ForceRelay bool

	// HolePunching tries to replace a relayed connection by a direct one. A client
	// then listens on ports that the system picks, since a hole is punched from a
	// port that listens, and lets in only those whom it has reached by a relay.
	HolePunching bool

	// Bulk holds the protocols whose streams carry much: [Host.Open] waits some
	// seconds for a direct connection before it opens one over a relay, and where the
	// relay sets a limit the stream goes on over as many circuits as it takes. nil
	// means DefaultBulk.
	Bulk []string

	// RelayService makes the host a relay for others; nil: it relays for nobody.
	RelayService *RelayService
}

// A Gate decides who may connect. It is asked before each dial (inbound false) and,
// for a connection from outside, as soon as the peer has proven its identity and
// before it can open a stream. It is called from several goroutines and must not block.
// A peer that is no longer allowed keeps its connections until [Host.ClosePeer].
//
// A gate that knows all its peers keeps out two kinds of stranger that a host can
// use: those who ask its DHT server, and the peers that dial back for AutoNAT, each
// under an ID made for the purpose ([Host.Reachability] may then stay "unknown").
type Gate interface {
	// Allow is told the address that an inbound connection comes from; it is not
	// valid for one by way of a relay, and for a dial.
	Allow(peer PeerID, from netip.Addr, inbound bool) bool
}

// GateFunc makes a [Gate] of a function.
type GateFunc func(peer PeerID, from netip.Addr, inbound bool) bool

// Allow calls f.
func (f GateFunc) Allow(peer PeerID, from netip.Addr, inbound bool) bool {
	return f(peer, from, inbound)
}

// settings is a Config that has been read and found whole.
type settings struct {
	Config
	listen    []multiaddr.Multiaddr
	bootstrap []peer.AddrInfo
	relays    []peer.AddrInfo
	puncher   bool // a client that listens for hole punching alone
}

// check reads cfg's addresses and fills in defaults.
func (cfg Config) check() (*settings, error) {
	s := &settings{Config: cfg}
	if len(cfg.Key) != ed25519.PrivateKeySize {
		return nil, fmt.Errorf("key has %d bytes, want %d", len(cfg.Key), ed25519.PrivateKeySize)
	}
	for _, a := range cfg.Listen {
		m, err := multiaddr.NewMultiaddr(a)
		if err != nil {
			return nil, fmt.Errorf("listen address %q: %w", a, err)
		}
		s.listen = append(s.listen, m)
	}
	var err error
	if s.bootstrap, err = parseAddrInfos(cfg.Bootstrap); err != nil {
		return nil, fmt.Errorf("bootstrap list: %w", err)
	}
	if s.relays, err = parseAddrInfos(cfg.Relays); err != nil {
		return nil, fmt.Errorf("relay list: %w", err)
	}
	switch cfg.DHT {
	case "":
		s.DHT = DHTOff
	case DHTOff, DHTClient, DHTServer, DHTAuto:
	default:
		return nil, fmt.Errorf("DHT mode %q: want off, client, server or auto", cfg.DHT)
	}
	if s.ForceRelay && len(s.relays) == 0 {
		return nil, errors.New("relaying is forced, but no relay is given")
	}
	s.puncher = s.HolePunching && len(s.listen) == 0
	if s.Bulk == nil {
		s.Bulk = []string{DefaultBulk}
	}
	if s.RelayService != nil {
		service := s.RelayService.withDefaults()
		s.RelayService = &service
	}
	if s.MDNSService == "" {
		s.MDNSService = DefaultMDNSService
	}
	if s.UserAgent == "" {
		s.UserAgent = DefaultUserAgent
	}
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	limits := cfg.Limits
	if s.RelayService != nil {
		limits = limits.forRelay(*s.RelayService)
	}
	s.Limits = limits.withDefaults()
	return s, nil
}

// parseAddrInfos reads full addresses, and joins those of the same peer.
func parseAddrInfos(addrs []string) ([]peer.AddrInfo, error) {
	ms := make([]multiaddr.Multiaddr, 0, len(addrs))
	for _, a := range addrs {
		m, _, err := parseAddr(a)
		if err != nil {
			return nil, err
		}
		ms = append(ms, m)
	}
	return peer.AddrInfosFromP2pAddrs(ms...)
}

// parseAddr reads one full address and whose it is.
func parseAddr(s string) (multiaddr.Multiaddr, *peer.AddrInfo, error) {
	m, err := multiaddr.NewMultiaddr(s)
	if err != nil {
		return nil, nil, fmt.Errorf("address %q: %w", s, err)
	}
	info, err := peer.AddrInfoFromP2pAddr(m)
	if errors.Is(err, peer.ErrInvalidAddr) {
		return nil, nil, fmt.Errorf("address %q does not say whose it is: append /p2p/ and the peer's ID", s)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("address %q: %w", s, err)
	}
	return m, info, nil
}
