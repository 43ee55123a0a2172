package swarm

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p/core/connmgr"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	basicconnmgr "github.com/libp2p/go-libp2p/p2p/net/connmgr"
	"github.com/libp2p/go-libp2p/x/rate"
)

// Limits bounds what peers can make a host hold. A zero field takes its default,
// which is written for a box with 512 MB of memory. They are fixed numbers, not
// scaled from the machine: what a box withstands should not depend on what else it has.
type Limits struct {
	// Conns is how many connections there may be in all. Default 96: some partners'
	// devices, some boxes, and the peers that a DHT server answers. A connection
	// without streams costs about 60 KB.
	Conns int
	// ConnsInbound is how many of them others may have opened. Default two thirds of
	// Conns, so that strangers cannot take the places that we need to dial out.
	ConnsInbound int
	// ConnsPerPeer is how many one peer may have. Default 4: a relayed one, the direct
	// one that replaces it, and one more of each while both ends dial at once.
	ConnsPerPeer int
	// ConnsPerAddress is how many may come from one IPv4 address or IPv6 /56.
	// Default 16: an office behind one NAT has several devices. Loopback is exempt.
	ConnsPerAddress int
	// ConnsPerSecond is how many new ones may come from one IPv4 address or IPv6 /56 in
	// a second, over time; four times ConnsPerAddress may come at once. Default 2: a
	// handshake costs about a millisecond. libp2p's own default of one in five seconds
	// would lock out an office whose devices are switched on in the morning, or a
	// person who runs a dozen commands. Loopback is exempt.
	ConnsPerSecond float64

	// Streams is how many streams there may be in all. Default 384: with yamux's first
	// window of 256 KiB each, they take three quarters of MemoryBytes.
	Streams int
	// StreamsPerPeer is how many one peer may have opened, over all protocols. Default 32.
	StreamsPerPeer int
	// Protocol holds the limits for each protocol that Protocols does not name.
	// Default 128 in all and 8 for each peer.
	Protocol ProtocolLimit
	// Protocols holds the limits for particular protocols.
	Protocols map[string]ProtocolLimit

	// MemoryBytes is how much the receive windows may take in all. It is reserved
	// when a window opens or grows, and filled only while a reader is slower than its
	// peer. Default 128 MiB, of a box's 512.
	MemoryBytes int64
	// PeerMemoryBytes is how much of it one peer may take. Default 40 MiB. Windows
	// stop growing when half of this is taken (libp2p's priority for growth), so it
	// should be more than twice WindowBytes.
	PeerMemoryBytes int64
	// WindowBytes is how large a stream's receive window may grow over TCP. A window
	// is all that can be under way in one round trip, so it bounds the rate of a
	// stream on a long line. Streams start at 256 KiB and grow only while round trips
	// and the reader's pace show the need, never on a local network. Default 16 MiB.
	//
	// The peer can use half of what has grown (see muxer). Measured over a line of 50 ms:
	// 70 MB/s with 8 MiB, 125 MB/s (a full gigabit) with 16 MiB.
	WindowBytes uint32
	// FamiliarWindowBytes is the window with which streams start over TCP with peers that
	// [Config.Familiar] names, on at most FamiliarConns connections at a time, and while
	// three fifths of the memory are enough. It is at most WindowBytes. Default 1 MiB (20
	// Mbit/s over 300 ms, the usual queue in it), on 6 connections. All of it is reserved,
	// and a stream that there is no memory for costs its connection: four fifths of
	// PeerMemoryBytes should be enough for StreamsPerPeer of them.
	FamiliarWindowBytes uint32
	FamiliarConns       int
}

// A ProtocolLimit bounds the streams of one protocol that peers have opened. A
// stream over the limit is reset; the others go on.
type ProtocolLimit struct {
	Streams        int // from all peers
	StreamsPerPeer int // from one peer
}

func (l Limits) withDefaults() Limits {
	setDefault(&l.Conns, 96)
	setDefault(&l.ConnsInbound, max(1, l.Conns*2/3))
	setDefault(&l.ConnsPerPeer, 4)
	setDefault(&l.ConnsPerAddress, 16)
	setDefault(&l.ConnsPerSecond, 2)
	setDefault(&l.Streams, 384)
	setDefault(&l.StreamsPerPeer, 32)
	setDefault(&l.Protocol.Streams, 128)
	setDefault(&l.Protocol.StreamsPerPeer, 8)
	setDefault(&l.MemoryBytes, 128<<20)
	setDefault(&l.PeerMemoryBytes, 40<<20)
	setDefault(&l.WindowBytes, 16<<20)
	l.WindowBytes = max(l.WindowBytes, minWindow)
	setDefault(&l.FamiliarWindowBytes, 1<<20)
	setDefault(&l.FamiliarConns, 6)
	l.FamiliarWindowBytes = max(l.FamiliarWindowBytes, minWindow)
	return l
}

func setDefault[T int | int64 | uint32 | float64](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

// resourceManager enforces l inside libp2p, at every layer a peer passes.
func (l Limits) resourceManager() (network.ResourceManager, error) {
	val := func(n int) rcmgr.LimitVal { return rcmgr.LimitVal(n) }
	mem := func(n int64) rcmgr.LimitVal64 { return rcmgr.LimitVal64(n) }

	// Our own streams towards peers come on top of theirs: we know what we do.
	both := func(inbound int) rcmgr.ResourceLimits {
		return rcmgr.ResourceLimits{
			Streams:         val(inbound + l.Streams),
			StreamsInbound:  val(inbound),
			StreamsOutbound: val(l.Streams),
		}
	}
	protocolAll := func(p ProtocolLimit) rcmgr.ResourceLimits {
		r := both(p.Streams)
		r.Memory = mem(l.MemoryBytes)
		return r
	}
	protocolPeer := func(p ProtocolLimit) rcmgr.ResourceLimits {
		r := both(p.StreamsPerPeer)
		r.Memory = mem(l.PeerMemoryBytes)
		return r
	}

	var cfg rcmgr.PartialLimitConfig
	cfg.System = both(l.Streams)
	cfg.System.Conns, cfg.System.ConnsInbound, cfg.System.ConnsOutbound = val(l.Conns), val(l.ConnsInbound), val(l.Conns)
	// A dial tries several addresses at once, each a socket until one has won.
	cfg.System.FD = val(l.Conns + 32)
	cfg.System.Memory = mem(l.MemoryBytes)

	// Transient is what has not yet proven who it is (a connection) or said what it
	// wants (a stream). A quarter of the inbound places, so that a flood of
	// half-open handshakes leaves the proven ones alone.
	transient := max(4, l.ConnsInbound/4)
	cfg.Transient = rcmgr.ResourceLimits{
		Conns: val(transient + 16), ConnsInbound: val(transient), ConnsOutbound: val(16),
		Streams: val(2 * l.StreamsPerPeer), StreamsInbound: val(l.StreamsPerPeer), StreamsOutbound: val(2 * l.StreamsPerPeer),
		FD: val(transient + 16), Memory: mem(max(l.MemoryBytes/8, 4<<20)),
	}

	cfg.PeerDefault = both(l.StreamsPerPeer)
	cfg.PeerDefault.Conns, cfg.PeerDefault.ConnsInbound, cfg.PeerDefault.ConnsOutbound = val(2*l.ConnsPerPeer), val(l.ConnsPerPeer), val(2*l.ConnsPerPeer)
	cfg.PeerDefault.FD = val(2 * l.ConnsPerPeer)
	cfg.PeerDefault.Memory = mem(l.PeerMemoryBytes)
	cfg.Conn = rcmgr.ResourceLimits{Conns: 1, ConnsInbound: 1, ConnsOutbound: 1, FD: 1, Memory: mem(l.PeerMemoryBytes)}
	cfg.Stream = rcmgr.ResourceLimits{Streams: 1, StreamsInbound: 1, StreamsOutbound: 1, Memory: mem(l.PeerMemoryBytes)}

	cfg.ProtocolDefault = protocolAll(l.Protocol)
	cfg.ProtocolPeerDefault = protocolPeer(l.Protocol)
	cfg.Protocol = make(map[protocol.ID]rcmgr.ResourceLimits)
	cfg.ProtocolPeer = make(map[protocol.ID]rcmgr.ResourceLimits)
	for name, p := range l.Protocols {
		setDefault(&p.Streams, l.Protocol.Streams)
		setDefault(&p.StreamsPerPeer, l.Protocol.StreamsPerPeer)
		cfg.Protocol[protocol.ID(name)] = protocolAll(p)
		cfg.ProtocolPeer[protocol.ID(name)] = protocolPeer(p)
	}
	// Services are libp2p's own parts (identify, AutoNAT, relay client, hole punching).
	// Each is short-lived and small.
	cfg.ServiceDefault = protocolAll(l.Protocol)
	cfg.ServicePeerDefault = protocolPeer(l.Protocol)

	limiter := rcmgr.NewFixedLimiter(cfg.Build(rcmgr.InfiniteLimits))
	m, err := rcmgr.NewResourceManager(limiter,
		rcmgr.WithMetricsDisabled(),
		rcmgr.WithConnRateLimiters(l.rateLimiter()),
		rcmgr.WithLimitPerSubnet(
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: l.ConnsPerAddress}},
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 56, ConnCount: l.ConnsPerAddress}, {PrefixLength: 48, ConnCount: 4 * l.ConnsPerAddress}},
		))
	if err != nil {
		return nil, fmt.Errorf("making the resource manager: %w", err)
	}
	return m, nil
}

// rateLimiter bounds how fast connections come.
func (l Limits) rateLimiter() *rate.Limiter {
	one := rate.Limit{RPS: l.ConnsPerSecond, Burst: 4 * l.ConnsPerAddress}
	four := rate.Limit{RPS: 4 * one.RPS, Burst: 4 * one.Burst}
	return &rate.Limiter{
		NetworkPrefixLimits: []rate.PrefixLimit{ // a zero limit is none
			{Prefix: netip.MustParsePrefix("127.0.0.0/8")}, {Prefix: netip.MustParsePrefix("::1/128")},
		},
		SubnetRateLimiter: rate.SubnetLimiter{
			IPv4SubnetLimits: []rate.SubnetLimit{{PrefixLength: 32, Limit: one}},
			IPv6SubnetLimits: []rate.SubnetLimit{{PrefixLength: 56, Limit: one}, {PrefixLength: 48, Limit: four}},
			GracePeriod:      time.Minute,
		},
	}
}

// connGrace is how long a new connection is safe from trimming: time to find out
// what the peer wants, on a slow line too.
const connGrace = 30 * time.Second

// connManager trims idle connections before the resource manager has to refuse new
// ones: from three quarters of the places down to a half, those without streams first.
func (l Limits) connManager() (connmgr.ConnManager, error) {
	m, err := basicconnmgr.NewConnManager(max(1, l.Conns/2), max(2, l.Conns*3/4), basicconnmgr.WithGracePeriod(connGrace))
	if err != nil {
		return nil, fmt.Errorf("making the connection manager: %w", err)
	}
	return m, nil
}
