package swarm

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	"github.com/libp2p/zeroconf/v2"
	"github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// lan finds peers on the local network as libp2p's mDNS specification says
// (discovery/mdns.md): a service instance with a random name, whose TXT records
// hold "dnsaddr=" and a full address each.
//
// It is our own use of libp2p's mDNS library, and not its ready-made service,
// because that one asks all the time and keeps what it hears, starts only with an
// address at hand, and does not notice a new one. A box announces and only answers;
// whoever looks for a peer asks for as long as he waits. Both cost nothing when idle.
type lan struct {
	host    host.Host
	service string
	log     *slog.Logger
	ifaces  []net.Interface // nil: all that can multicast
	loop    bool            // announce loopback addresses too

	mu     sync.Mutex
	notes  []string      // mu; see Host.Announce
	noting chan struct{} // has room for one; told when notes changes
}

// newLAN returns what announces and looks for a host.
func newLAN(h host.Host, service string, log *slog.Logger) *lan {
	return &lan{host: h, service: service, log: log, noting: make(chan struct{}, 1)}
}

const (
	mdnsDomain  = "local"
	dnsaddr     = "dnsaddr="
	mdnsPort    = 4001 // the record must have one; the addresses are in the TXT records
	lanFindTime = 2 * time.Second
	addrsEvery  = time.Minute // libp2p does not tell of new link-local addresses

	// A peer on our network needs few addresses; who sends more wants to waste our time.
	maxLANAddrs = 16
	maxLANPeers = 256
	maxNotes    = 8
)

// announce answers questions about us until ctx ends, with the addresses that we
// have at the time: a box often starts before the router has given it one.
func (l *lan) announce(ctx context.Context) {
	changed, err := l.host.EventBus().Subscribe(new(event.EvtLocalAddressesUpdated), eventbus.Name("cobox/lan"))
	if err != nil {
		l.log.Error("mDNS is off: no news of address changes", "err", err)
		return
	}
	defer func() { _ = changed.Close() }()

	var server *zeroconf.Server
	stop := func() {
		if server != nil {
			server.Shutdown()
			server = nil
		}
	}
	defer func() { stop() }()

	again := time.NewTicker(addrsEvery)
	defer again.Stop()
	name := strings.ToLower(rand.Text()) // says nothing about us across restarts
	var told []string
	for {
		if txt, ips := l.records(); !slices.Equal(txt, told) {
			stop()
			told = nil
			if len(txt) > 0 {
				server, err = zeroconf.RegisterProxy(name, l.service, mdnsDomain, mdnsPort, name, ips, txt, l.ifaces)
				if err != nil {
					l.log.Warn("mDNS announcement not possible", "err", err)
				} else {
					told = txt
				}
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-l.noting:
		case <-again.C:
		case _, ok := <-changed.Out():
			if !ok {
				return
			}
		}
	}
}

// records returns our TXT records, sorted, and the IP addresses in them.
func (l *lan) records() (txt, ips []string) {
	addrs, err := l.host.Network().InterfaceListenAddresses()
	if err != nil {
		return nil, nil
	}
	for _, a := range addrs {
		if !lanAddr(a) || (manet.IsIPLoopback(a) && !l.loop) {
			continue
		}
		ip, err := manet.ToIP(a)
		if err != nil {
			continue
		}
		txt = append(txt, dnsaddr+a.String()+"/p2p/"+l.host.ID().String())
		if !slices.Contains(ips, ip.String()) {
			ips = append(ips, ip.String())
		}
	}
	slices.Sort(txt)
	local := l.linkLocal()
	txt = txt[:min(len(txt), maxLANAddrs-len(local))]
	for _, a := range local {
		txt = append(txt, dnsaddr+a.String()+"/p2p/"+l.host.ID().String())
		if ip, err := manet.ToIP(a); err == nil {
			ips = append(ips, ip.String())
		}
	}
	if len(txt) == 0 {
		return nil, nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return append(txt, l.notes...), ips
}

// Announce adds notes to what the host tells the local network, such as "tag=X",
// in place of those before. They are for whoever asks: no secrets. At most 8 are
// told, and none without mDNS.
func (h *Host) Announce(notes ...string) {
	if h.lan == nil {
		return
	}
	h.lan.mu.Lock()
	h.lan.notes = slices.Clone(notes[:min(len(notes), maxNotes)])
	h.lan.mu.Unlock()
	select {
	case h.lan.noting <- struct{}{}:
	default:
	}
}

// lanAddr reports whether a is an IP address with one of our transports, and no relay.
func lanAddr(a multiaddr.Multiaddr) bool {
	return !has(a, multiaddr.P_CIRCUIT) &&
		(has(a, multiaddr.P_IP4) || has(a, multiaddr.P_IP6)) &&
		(has(a, multiaddr.P_TCP) || has(a, multiaddr.P_QUIC_V1))
}

// find asks the local network for id.
func (l *lan) find(ctx context.Context, id peer.ID) (peer.AddrInfo, error) {
	ctx, cancel := context.WithTimeout(ctx, lanFindTime)
	defer cancel()
	var found peer.AddrInfo
	others, err := l.browse(ctx, func(p peer.AddrInfo, _ []string) bool {
		if p.ID == id {
			found = p
		}
		return found.ID == ""
	})
	switch {
	case found.ID != "":
		return found, nil
	case err != nil:
		return peer.AddrInfo{}, fmt.Errorf("asking was not possible: %w", err)
	case others > 0:
		return peer.AddrInfo{}, fmt.Errorf("%d others answered on the local network, but not this one", others)
	}
	return peer.AddrInfo{}, errors.New("nobody answered on the local network")
}

// A Neighbour is a peer that answers on the local network. Nothing proves that it
// is who it says until [Host.Connect] has succeeded.
type Neighbour struct {
	ID    PeerID
	Addrs []string // full addresses
	Notes []string // see [Host.Announce]; printable, at most 8
}

// Nearby returns the peers that announce themselves on the local network, as heard
// until ctx ends, in the order in which they answered.
func (h *Host) Nearby(ctx context.Context) ([]Neighbour, error) {
	if h.lan == nil {
		return nil, errors.New("looking for peers nearby: mDNS is off")
	}
	var all []Neighbour
	err := h.neighbours(ctx, func(n Neighbour) bool {
		all = append(all, n)
		return true
	})
	if err != nil {
		return all, fmt.Errorf("looking for peers nearby: %w", err)
	}
	return all, nil
}

// neighbours calls found with each peer that answers until it returns false or
// ctx ends. Their addresses are remembered, so that Connect needs not ask again;
// not for long: nothing is proven.
func (h *Host) neighbours(ctx context.Context, found func(Neighbour) bool) error {
	_, err := h.lan.browse(ctx, func(p peer.AddrInfo, notes []string) bool {
		h.p2p.Peerstore().AddAddrs(p.ID, p.Addrs, time.Minute)
		n := Neighbour{ID: PeerID(p.ID), Notes: notes}
		for _, a := range p.Addrs {
			n.Addrs = append(n.Addrs, a.String()+"/p2p/"+n.ID.String())
		}
		return found(n)
	})
	return err
}

// browse calls found with each peer that answers and its notes, once, until found
// returns false or ctx ends. It returns how many there were.
func (l *lan) browse(ctx context.Context, found func(peer.AddrInfo, []string) bool) (int, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	entries := make(chan *zeroconf.ServiceEntry)
	result := make(chan error, 1)
	go func() {
		result <- zeroconf.Browse(ctx, l.service, mdnsDomain, entries, zeroconf.SelectIfaces(l.ifaces))
	}()

	seen := make(map[peer.ID]bool)
	for {
		select {
		case err := <-result:
			return len(seen), err
		case e, ok := <-entries:
			if !ok {
				return len(seen), <-result
			}
			for _, p := range parseTXT(e.Text) {
				if p.ID == l.host.ID() || seen[p.ID] || len(seen) == maxLANPeers || ctx.Err() != nil {
					continue
				}
				seen[p.ID] = true
				if !found(p, parseNotes(e.Text)) {
					cancel() // and go on taking entries until Browse has seen it
				}
			}
		}
	}
}

// parseTXT reads the addresses in the TXT records of one answer, by peer. Whatever
// is not such a record is passed over, as the specification asks.
func parseTXT(txt []string) []peer.AddrInfo {
	var addrs []multiaddr.Multiaddr
	for _, t := range txt {
		s, ok := strings.CutPrefix(t, dnsaddr)
		if !ok || len(addrs) == maxLANAddrs {
			continue
		}
		a, err := multiaddr.NewMultiaddr(s)
		if err != nil || !lanAddr(a) || !has(a, multiaddr.P_P2P) {
			continue
		}
		addrs = append(addrs, a)
	}
	infos, err := peer.AddrInfosFromP2pAddrs(addrs...)
	if err != nil {
		return nil
	}
	return infos
}

// parseNotes returns the records of one answer that are no addresses. What cannot
// be printed is passed over: it ends up on people's screens.
func parseNotes(txt []string) (notes []string) {
	for _, t := range txt {
		if strings.HasPrefix(t, dnsaddr) || len(notes) == maxNotes || strings.ContainsFunc(t, func(r rune) bool { return r < ' ' || r > '~' }) {
			continue
		}
		notes = append(notes, t)
	}
	return notes
}
