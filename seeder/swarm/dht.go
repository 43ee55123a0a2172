package swarm

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	dht "github.com/libp2p/go-libp2p-kad-dht"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// dhtPrefix keeps our DHT apart from everybody else's: its protocol is
// /cobox/kad/1.0.0, and no IPFS node will ever be in the routing table.
const dhtPrefix = "/cobox"

// dhtRefresh is how often the routing table is looked over. The usual ten minutes
// are for a network of thousands that come and go; boxes stay.
const dhtRefresh = time.Hour

// newDHT makes the DHT. It is used to find peers' addresses only. Provider records
// and values are switched off: they are the part of a DHT where strangers leave
// data with us.
func newDHT(h host.Host, s *settings) (*dht.IpfsDHT, error) {
	mode := map[string]dht.ModeOpt{DHTClient: dht.ModeClient, DHTServer: dht.ModeServer, DHTAuto: dht.ModeAuto}[s.DHT]
	return dht.New(h,
		dht.Mode(mode),
		dht.ProtocolPrefix(dhtPrefix),
		dht.BootstrapPeers(s.bootstrap...),
		dht.DisableProviders(),
		dht.DisableValues(),
		dht.RoutingTableRefreshPeriod(dhtRefresh),
		// Kademlia's own three queries at a time; the library's ten are for speed in a
		// network where most peers do not answer.
		dht.Concurrency(3),
		dht.LookupCheckConcurrency(8),
	)
}

// How long the parts of a look-up in the DHT may take.
const (
	dhtJoinTime = 10 * time.Second // to connect to a bootstrap peer and learn of a server
	dhtFindTime = 30 * time.Second // to ask our way to the peer
)

// findInDHT asks the DHT for id's addresses.
func (h *Host) findInDHT(ctx context.Context, id peer.ID) (peer.AddrInfo, error) {
	if err := h.joinDHT(ctx); err != nil {
		return peer.AddrInfo{}, err
	}
	servers := h.dht.RoutingTable().Size()
	ctx, cancel := context.WithTimeout(ctx, dhtFindTime)
	defer cancel()
	info, err := h.dht.FindPeer(ctx, id)
	if err != nil {
		return peer.AddrInfo{}, fmt.Errorf("nobody there knows it (asked by way of %d servers: %w)", servers, err)
	}
	if len(info.Addrs) == 0 {
		return peer.AddrInfo{}, errors.New("it is known there, but without an address")
	}
	return info, nil
}

// joinDHT waits until at least one DHT server is known. A command that has just
// started would otherwise be told at once that nobody is there.
func (h *Host) joinDHT(ctx context.Context) error {
	table := h.dht.RoutingTable()
	if table.Size() > 0 {
		return nil
	}
	if len(h.s.bootstrap) == 0 && len(h.p2p.Network().Peers()) == 0 {
		return errors.New("no bootstrap peers are configured and none are connected")
	}
	ctx, cancel := context.WithTimeout(ctx, dhtJoinTime)
	defer cancel()

	var wg sync.WaitGroup
	defer wg.Wait()
	failed := make(chan error, len(h.s.bootstrap))
	for _, p := range h.s.bootstrap {
		wg.Go(func() { failed <- h.connectInfo(ctx, p) })
	}
	// A server enters the table some round trips after the connection, when it has
	// been identified and has answered a first query. The library has no signal for it.
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	var errs []error
	for table.Size() == 0 {
		select {
		case <-tick.C:
		case err := <-failed:
			if err != nil {
				errs = append(errs, err)
			}
			if len(errs) == len(h.s.bootstrap) {
				return fmt.Errorf("no bootstrap peer can be reached: %w", joinErrors(errs))
			}
		case <-ctx.Done():
			return errors.New("no DHT server among the connected peers")
		}
	}
	cancel()
	return nil
}

// How a host holds on to its bootstrap peers.
const (
	firstRetry = time.Second
	lastRetry  = 5 * time.Minute
	// lasting is how long a connection was good when it is made again at once. A box
	// that does not know us puts us out after seconds: one that came back each time
	// would take the places of those who have something to say there.
	lasting = time.Minute
	// enoughServers is how many DHT servers a host knows that needs no bootstrap peer
	// any more: two full buckets. So what a bootstrap peer has to carry does not grow
	// with the network.
	enoughServers = 2 * 20
)

// A retry says when a bootstrap peer is dialled again.
type retry struct{ last time.Duration }

// after returns the pause after a connection that lasted so long, 0 when there was none.
func (r *retry) after(lasted time.Duration) time.Duration {
	if lasted >= lasting {
		r.last = 0
	}
	r.last = min(max(2*r.last, firstRetry), lastRetry)
	return r.last
}

// keepConnected connects to p and reconnects when the connection is lost, with
// growing pauses while it fails or does not last, until ctx ends. It leaves p alone
// while the DHT has enough others.
func (h *Host) keepConnected(ctx context.Context, p peer.AddrInfo) {
	lost := make(chan struct{}, 1)
	stop := h.OnDisconnect(func(gone PeerID) {
		if gone == PeerID(p.ID) {
			select {
			case lost <- struct{}{}:
			default:
			}
		}
	})
	defer stop()
	var r retry
	for ctx.Err() == nil {
		pause := lastRetry
		if h.needsBootstrap() {
			began := time.Now()
			err := h.connectInfo(ctx, p)
			for err == nil && h.p2p.Network().Connectedness(p.ID) == network.Connected {
				select {
				case <-lost:
				case <-ctx.Done():
					return
				}
			}
			if err != nil {
				began = time.Now() // there was no connection
			}
			pause = r.after(time.Since(began))
			h.log.Debug("not connected to a bootstrap peer", "peer", PeerID(p.ID), "retry", pause, "err", err)
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
	}
}

// needsBootstrap reports whether the DHT knows too few servers to do without the
// bootstrap peers.
func (h *Host) needsBootstrap() bool {
	return h.dht == nil || h.dht.RoutingTable().Size() < enoughServers
}
