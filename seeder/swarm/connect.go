package swarm

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/sec"
	p2pswarm "github.com/libp2p/go-libp2p/p2p/net/swarm"
	"github.com/multiformats/go-multiaddr"
	"github.com/quic-go/quic-go"
)

// What errors of [Host.Connect] and [Host.Open] wrap.
var (
	// ErrGate: our own gate does not allow the peer.
	ErrGate = errors.New("our own rules do not allow a connection to this peer")
	// ErrRefused: the peer hung up once it knew who we are.
	ErrRefused = errors.New("the peer hung up as soon as it knew who we are")
	// ErrWrongPeer: somebody else answers at the address.
	ErrWrongPeer = errors.New("another peer answers at this address")
	// ErrNotFound: no way to find the peer's address led anywhere.
	ErrNotFound = errors.New("peer not found")
)

// connectTime is for reaching a peer whose addresses are known, by all of them.
const connectTime = 30 * time.Second

// Connect connects to target and returns who it is. A target is a full multiaddr
// ("/ip4/192.0.2.7/tcp/4001/p2p/12D3Koo...", also with a name or a relay), or a
// bare peer ID ("12D3Koo..."), which is looked for among the addresses that we
// know, then on the local network by mDNS, then at our relays, then in the DHT. An existing connection
// is kept. The error says what was tried and how each failed; it may wrap
// [ErrGate], [ErrRefused], [ErrWrongPeer] or [ErrNotFound].
func (h *Host) Connect(ctx context.Context, target string) (PeerID, error) {
	if !strings.HasPrefix(target, "/") {
		id, err := ParsePeerID(target)
		if err != nil {
			return "", fmt.Errorf("connecting to %q: it is neither a peer ID (12D3Koo...) nor an address that starts with a slash: %w", target, err)
		}
		return id, h.reach(ctx, peer.ID(id))
	}
	_, info, err := parseAddr(target)
	if err != nil {
		return "", fmt.Errorf("connecting: %w", err)
	}
	if err := h.connectInfo(ctx, *info); err != nil {
		return "", fmt.Errorf("connecting to %s: %w", PeerID(info.ID), err)
	}
	// libp2p forgets an address after two minutes that the peer does not know to be its
	// own, such as that of a router's port. Who gave it may need it again.
	h.Remember(target)
	return PeerID(info.ID), nil
}

// reach makes sure of a connection to id, looking for it where needed.
func (h *Host) reach(ctx context.Context, id peer.ID) error {
	if h.p2p.Network().Connectedness(id) != network.NotConnected {
		return nil
	}
	if !h.gater.allow(id, netip.Addr{}, false) {
		return fmt.Errorf("connecting to %s: %w", PeerID(id), ErrGate)
	}
	tries := &searchError{peer: PeerID(id)}
	for _, way := range []struct {
		name string
		find func(context.Context, peer.ID) (peer.AddrInfo, error)
	}{
		{"known addresses", h.findKnown},
		{"mDNS", h.findOnLAN},
		{"relays", h.findAtRelays},
		{"DHT", h.findByDHT},
	} {
		info, err := way.find(ctx, id)
		if err == nil {
			if err = h.connectInfo(ctx, info); err == nil {
				return nil
			}
		}
		tries.add(way.name, err)
		if ctx.Err() != nil {
			break
		}
	}
	return tries
}

func (h *Host) findKnown(_ context.Context, id peer.ID) (peer.AddrInfo, error) {
	info := h.p2p.Peerstore().PeerInfo(id)
	for _, p := range slices.Concat(h.s.bootstrap, h.s.relays) {
		if p.ID == id {
			info.Addrs = append(info.Addrs, p.Addrs...)
		}
	}
	if len(info.Addrs) == 0 {
		return info, errors.New("none")
	}
	return info, nil
}

func (h *Host) findOnLAN(ctx context.Context, id peer.ID) (peer.AddrInfo, error) {
	if h.lan == nil {
		return peer.AddrInfo{}, errors.New("off")
	}
	info, err := h.lan.find(ctx, id)
	if err != nil {
		return info, err
	}
	return h.through(info), nil
}

// findAtRelays says by which addresses id would be reached if it had a reservation
// at one of our relays.
func (h *Host) findAtRelays(_ context.Context, id peer.ID) (peer.AddrInfo, error) {
	info := peer.AddrInfo{ID: id}
	for _, r := range h.s.relays {
		if r.ID == id {
			continue
		}
		circuit := multiaddr.StringCast("/p2p/" + r.ID.String() + "/p2p-circuit")
		for _, a := range r.Addrs {
			info.Addrs = append(info.Addrs, a.Encapsulate(circuit))
		}
	}
	if len(info.Addrs) == 0 {
		return info, errors.New("none are configured")
	}
	return info, nil
}

func (h *Host) findByDHT(ctx context.Context, id peer.ID) (peer.AddrInfo, error) {
	if h.dht == nil {
		return peer.AddrInfo{}, errors.New("off")
	}
	return h.findInDHT(ctx, id)
}

// connectInfo connects to a peer by its addresses and makes sure that the peer
// wants it too.
func (h *Host) connectInfo(ctx context.Context, info peer.AddrInfo) error {
	if info.ID == h.p2p.ID() {
		return errors.New("that is this host itself")
	}
	if !h.gater.allow(info.ID, netip.Addr{}, false) {
		return ErrGate
	}
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	// libp2p would refuse to dial an address again soon after it failed. Whoever calls
	// us has decided to try, and wants to know how it fails now.
	if n, ok := h.p2p.Network().(*p2pswarm.Swarm); ok {
		n.Backoff().Clear(info.ID)
	}
	if h.p2p.Network().Connectedness(info.ID) == network.NotConnected {
		h.readyToPunch(ctx, slices.Concat(info.Addrs, h.p2p.Peerstore().Addrs(info.ID)))
	}
	// A relayed connection will do: it is up to Open to wait for a better one.
	err := h.p2p.Connect(network.WithAllowLimitedConn(ctx, "connect"), info)
	if err != nil {
		return dialError(err)
	}
	// Our end of the handshake is done before the peer's gate is asked, so a refusal
	// looks like success followed by a hang-up. A peer that refuses us does not answer
	// identify. (Connect waits for that too, but only on a connection that it made.)
	for _, c := range h.p2p.Network().ConnsToPeer(info.ID) {
		select {
		case <-h.ids.IdentifyWait(c):
		case <-ctx.Done():
			return fmt.Errorf("waiting for the peer to say what it is: %w", ctx.Err())
		}
		if !c.IsClosed() {
			return nil
		}
	}
	return fmt.Errorf("%w: it may not have been told of us yet, or no longer want us", ErrRefused)
}

// dialError says in one line what libp2p says in many.
func dialError(err error) error {
	dial, ok := errors.AsType[*p2pswarm.DialError](err)
	if !ok || len(dial.DialErrors) == 0 {
		return err
	}
	var errs []error
	for _, te := range dial.DialErrors {
		if wrong, ok := errors.AsType[sec.ErrPeerIDMismatch](te.Cause); ok {
			errs = append(errs, fmt.Errorf("%s: %w: it is %s", te.Address, ErrWrongPeer, PeerID(wrong.Actual)))
			continue
		}
		// Over QUIC, a gate's refusal may come while we are still dialling.
		if gated, ok := errors.AsType[*quic.ApplicationError](te.Cause); ok && gated.ErrorCode == quic.ApplicationErrorCode(network.ConnGated) {
			errs = append(errs, fmt.Errorf("%s: %w", te.Address, ErrRefused))
			continue
		}
		errs = append(errs, fmt.Errorf("%s: %w", te.Address, te.Cause))
	}
	if dial.Skipped > 0 {
		errs = append(errs, fmt.Errorf("and %d more", dial.Skipped))
	}
	return joinErrors(errs)
}

// A searchError says where a peer was looked for. It wraps ErrNotFound and the reasons.
type searchError struct {
	peer  PeerID
	names []string
	errs  []error
}

func (e *searchError) add(name string, err error) {
	e.names, e.errs = append(e.names, name), append(e.errs, err)
}

func (e *searchError) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "connecting to %s: %v", e.peer, ErrNotFound)
	for i, name := range e.names {
		sep := "; "
		if i == 0 {
			sep = ": "
		}
		fmt.Fprintf(&b, "%s%s: %v", sep, name, e.errs[i])
	}
	return b.String()
}

func (e *searchError) Unwrap() []error { return append([]error{ErrNotFound}, e.errs...) }

// joinErrors is errors.Join on one line.
func joinErrors(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	return oneLine(errs)
}

type oneLine []error

func (e oneLine) Unwrap() []error { return e }

func (e oneLine) Error() string {
	parts := make([]string, len(e))
	for i, err := range e {
		parts[i] = err.Error()
	}
	return strings.Join(parts, "; ")
}
