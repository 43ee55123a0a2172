package swarm

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/holepunch"
	"github.com/multiformats/go-multiaddr"
)

// readyTime is how long a dial by way of a relay waits until we are ready to punch a
// hole. Where the relay can be reached it takes under a second.
const readyTime = 2 * time.Second

// readyToPunch waits until we answer to hole punching, before a peer is dialled by
// way of a relay. The peer begins to punch as soon as it sees us, and only once. A
// host that has just started answers when a relay has told it how it looks from
// outside; a peer that asks before is told that we do not speak the protocol, and
// then everything goes by the relay for as long as the connection lasts.
func (h *Host) readyToPunch(ctx context.Context, addrs []multiaddr.Multiaddr) {
	if !h.s.HolePunching || h.punches() {
		return
	}
	relays := relaysIn(addrs)
	if len(relays) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, r := range relays {
		// That it cannot be reached shows when the peer is dialled.
		wg.Go(func() { _ = h.p2p.Connect(ctx, r) })
	}
	// libp2p looks by itself from time to time whether it has an address; there is no
	// signal for it.
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !h.punches() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
	cancel()
}

// punches reports whether we answer to hole punching.
func (h *Host) punches() bool { return slices.Contains(h.p2p.Mux().Protocols(), holepunch.Protocol) }

// relaysIn returns the relays that addresses lead through.
func relaysIn(addrs []multiaddr.Multiaddr) (relays []peer.AddrInfo) {
	for _, a := range addrs {
		before, after := multiaddr.SplitFunc(a, func(c multiaddr.Component) bool { return c.Protocol().Code == multiaddr.P_CIRCUIT })
		if before == nil || after == nil {
			continue
		}
		info, err := peer.AddrInfoFromP2pAddr(before)
		if err != nil {
			continue
		}
		if i := slices.IndexFunc(relays, func(r peer.AddrInfo) bool { return r.ID == info.ID }); i >= 0 {
			relays[i].Addrs = append(relays[i].Addrs, info.Addrs...)
			continue
		}
		relays = append(relays, *info)
	}
	return relays
}

// directWait is how long, from the begin of a relayed connection, bulk streams
// wait for a direct one to replace it. Hole punching takes three or four round trips
// by way of the relay, once that has told both ends how they look from outside.
const directWait = 5 * time.Second

// waitDirect waits while there is no connection but relayed ones, the newest of
// them young enough that a direct one may still come. It fails only when ctx ends.
func (h *Host) waitDirect(ctx context.Context, to peer.ID) error {
	came := make(chan struct{}, 1)
	defer h.OnDirect(func(p PeerID) {
		if p == PeerID(to) {
			select {
			case came <- struct{}{}:
			default:
			}
		}
	})()
	var newest time.Time
	for _, c := range h.p2p.Network().ConnsToPeer(to) {
		if !relayed(c) {
			return nil
		}
		if t := c.Stat().Opened; t.After(newest) {
			newest = t
		}
	}
	timer := time.NewTimer(time.Until(newest.Add(directWait)))
	defer timer.Stop()
	select {
	case <-came:
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// Settle returns how a connected peer is reached once that will not change soon:
// like [Host.Open] for bulk it gives a direct connection some seconds to take the
// place of a relayed one.
func (h *Host) Settle(ctx context.Context, to PeerID) (Route, error) {
	if h.s.HolePunching {
		if err := h.waitDirect(ctx, peer.ID(to)); err != nil {
			return Route{}, err
		}
	}
	return h.Route(to), nil
}

// ConnectDirect makes a direct connection to a peer that may be connected by a
// relay already, at the addresses that are known of it.
func (h *Host) ConnectDirect(ctx context.Context, to PeerID) error {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	if err := h.p2p.Connect(network.WithForceDirectDial(ctx, "better than a relay"), peer.AddrInfo{ID: peer.ID(to)}); err != nil {
		return dialError(err)
	}
	return nil
}

// OnDirect calls fn when a direct connection to a peer was made, also where a
// relayed one was before: bulk should move over. What is said of fn at
// [Host.OnDisconnect] holds here too.
func (h *Host) OnDirect(fn func(PeerID)) (stop func()) { return h.direct.add(fn) }
