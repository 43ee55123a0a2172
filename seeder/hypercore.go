package seeder

import (
	"context"
	"crypto/ed25519"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"cobox/seeder/api"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/pin"
	"cobox/seeder/replicate"
	"cobox/seeder/secretstream"
	"cobox/seeder/wire"
)

// hypercoreKeyInfo is the purpose for which the box key's seed gives the static
// key of secret streams: no key does two jobs.
const hypercoreKeyInfo = "cobox/hypercore-static/v1"

// HypercoreKey returns the key under which a box with this box key is known to
// stock Hypercore peers.
func HypercoreKey(box ed25519.PrivateKey) (ed25519.PrivateKey, error) {
	seed, err := hkdf.Key(sha256.New, box.Seed(), nil, hypercoreKeyInfo, ed25519.SeedSize)
	if err != nil {
		return nil, fmt.Errorf("deriving the Hypercore key: %w", err)
	}
	return ed25519.NewKeyFromSeed(seed), nil
}

// Hypercore returns where stock Hypercore peers are served, nil when they are not.
func (s *Seeder) Hypercore() *api.Hypercore {
	s.doorMu.Lock()
	defer s.doorMu.Unlock()
	if s.door == nil {
		return nil
	}
	return &api.Hypercore{
		Addr: s.door.tcp.Addr().String(),
		Key:  hex.EncodeToString(s.hyperKey.Public().(ed25519.PublicKey)),
	}
}

// A stranger is a stock Hypercore peer: known by its static key alone, which it
// makes as it likes, and by the feed keys that it proves to know.
type stranger struct {
	cancel context.CancelFunc
	from   netip.Addr // zero for one that comes through the sidecar
	since  time.Time
	// useful is set once the peer has proved a key that is here, or is a client
	// with a grant: until then it may be put out for another.
	useful atomic.Bool
}

// serveHypercore accepts stock Hypercore peers over TCP until l is closed.
func (s *Seeder) serveHypercore(ctx context.Context, l net.Listener) error {
	return s.acceptStrangers(ctx, l, func(ctx context.Context, nc net.Conn) (replicate.Conn, [32]byte, error) {
		c, err := secretstream.Handshake(ctx, nc, secretstream.Config{Private: s.hyperKey})
		if err != nil {
			return nil, [32]byte{}, err
		}
		return c, c.RemoteKey(), nil
	})
}

// serveSidecar accepts peers whose secret stream ends in a process beside us.
func (s *Seeder) serveSidecar(ctx context.Context, l net.Listener) error {
	return s.acceptStrangers(ctx, l, func(ctx context.Context, nc net.Conn) (replicate.Conn, [32]byte, error) {
		ctx, cancel := context.WithTimeout(ctx, handshakeTime)
		defer cancel()
		return replicate.Secured(ctx, resetter{nc})
	})
}

// A resetter makes a stream of a connection.
type resetter struct{ net.Conn }

func (r resetter) Reset() error { return r.Close() }

// secure makes a carrier of a connection, and tells who is at the other end.
type secure func(context.Context, net.Conn) (replicate.Conn, [32]byte, error)

func (s *Seeder) acceptStrangers(ctx context.Context, l net.Listener, secure secure) error {
	ctx, cancel := context.WithCancel(ctx)
	defer s.strangers.wait() // after they were told to end
	defer cancel()
	for {
		nc, err := l.Accept()
		if err != nil {
			if ctx.Err() != nil || errors.Is(err, net.ErrClosed) {
				return nil
			}
			s.log.Warn("accepting Hypercore peers", "error", err) // such as too many open files
			select {
			case <-ctx.Done():
				return nil
			case <-time.After(time.Second):
				continue
			}
		}
		if !s.strangers.enter(ctx, nc, func(ctx context.Context, p *stranger) { s.meet(ctx, nc, p, secure) }) {
			_ = nc.Close()
		}
	}
}

// meet serves one stock peer until it or ctx ends.
func (s *Seeder) meet(ctx context.Context, nc net.Conn, p *stranger, secure secure) {
	conn, remote, err := secure(ctx, nc)
	if err != nil {
		_ = nc.Close()
		s.log.Debug("a Hypercore peer was not let in", "error", err)
		return
	}
	peer := replicate.Peer{Name: "hypercore:" + hex.EncodeToString(remote[:4]), Allow: func(key feed.Key) bool {
		ok := s.openTo(key, remote)
		if ok {
			p.useful.Store(true)
		}
		return ok
	}}
	if client := identity.PartnerKey(remote); s.known(client) {
		p.useful.Store(true)
		peer.Services = map[string]replicate.Service{wire.BlindPeer: s.blindPeer(client)}
	}
	switch err := s.exchange.Serve(ctx, conn, peer); {
	case errors.Is(err, replicate.ErrPeer):
		s.log.Warn("a Hypercore peer was cut off", "error", err)
	case err != nil:
		s.log.Debug("replication ended", "error", err)
	}
}

// openTo reports whether a stock peer that has proved the feed's key may
// replicate it: its pin is open to all such peers, or the peer itself pins it.
func (s *Seeder) openTo(key feed.Key, peer [32]byte) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := s.feeds[key]
	if k == nil {
		return false
	}
	if k.of(identity.PartnerKey(peer)) != nil {
		return true
	}
	for _, h := range k.pins {
		if h.tracker.Pin().Open {
			return true
		}
	}
	return false
}

// blindPeer answers a stock client that asks for feeds to be kept: each is
// pinned for it under its grant, as for any partner, and open. The protocol has
// no answer for what is refused: the client sees that nothing is stored.
func (s *Seeder) blindPeer(client identity.PartnerKey) replicate.Service {
	return func(typ uint64, body []byte) (keep []feed.Key, err error) {
		if typ != wire.TypeCores {
			return nil, nil
		}
		m, err := wire.ParseCores(body)
		if err != nil {
			return nil, err
		}
		for _, c := range m.Cores {
			if s.heldPin(c.Key, client) == nil {
				if _, err := s.Pin(pin.Pin{Feed: c.Key, Partner: client, Created: time.Now(), Open: true}); err != nil {
					s.log.Warn("a Hypercore client's feed is not kept", "feed", c.Key.DiscoveryKey(), "partner", client, "error", err)
					if errors.Is(err, pin.ErrNoGrant) || errors.Is(err, pin.ErrOverQuota) {
						break // the others would be refused too
					}
					continue
				}
			}
			keep = append(keep, c.Key)
		}
		return keep, nil
	}
}
