package operator

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"cobox/provision/control"
	"cobox/provision/label"
	"cobox/provision/pairing"
	"cobox/provision/seal"
	"cobox/seeder/api"
	"cobox/seeder/identity"
	"cobox/seeder/swarm"
)

// A Session is this computer on the network, as its operator. End it with Close.
type Session struct {
	home   *Home
	host   *swarm.Host
	cancel context.CancelFunc
	wg     sync.WaitGroup
}

// Dial goes on the network with the operator key.
func (h *Home) Dial(ctx context.Context) (*Session, error) { return h.DialMany(ctx, 0) }

// DialMany is Dial for one who stays connected to so many boxes.
func (h *Home) DialMany(ctx context.Context, boxes int) (*Session, error) {
	n, err := h.network()
	if err != nil {
		return nil, err
	}
	cfg := swarm.Config{Key: h.key, MDNS: n.mdns, DHT: swarm.DHTClient, HolePunching: true, Bootstrap: n.bootstrap, Relays: n.relays}
	if len(cfg.Bootstrap) == 0 {
		cfg.DHT = swarm.DHTOff // nobody to ask
	}
	if boxes > 0 {
		cfg.Limits = limitsFor(boxes)
	}
	host, err := swarm.New(cfg)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	s := &Session{home: h, host: host, cancel: cancel}
	s.wg.Go(func() { _ = host.Run(ctx) }) // closes the host
	return s, nil
}

// limitsFor are swarm's own, with room for the boxes: for each a connection, another
// while it changes its way, one stream of questions and some of libp2p's own.
func limitsFor(boxes int) swarm.Limits {
	return swarm.Limits{
		// Above half of Conns idle ones may be trimmed.
		Conns: 96 + 4*boxes, Streams: 384 + 8*boxes, MemoryBytes: 128<<20 + int64(boxes)<<20,
		Protocol: swarm.ProtocolLimit{Streams: 128 + 2*boxes},
	}
}

// Close leaves the network.
func (s *Session) Close() {
	s.cancel()
	s.wg.Wait()
}

// reachTime is how long the search for a box may take, in all ways together.
const reachTime = time.Minute

// Connect connects to a box: at addr when it is not empty, else where it was
// last, on the local network, and by its ID from anywhere. The error says what
// was tried.
func (s *Session) Connect(ctx context.Context, b *Box, addr string) (*Link, error) {
	ctx, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	target := addr
	if addr == "" {
		target = b.ID.PeerID().String()
		s.host.Remember(b.Addrs...)
	}
	peer, err := s.host.Connect(ctx, target)
	if err != nil {
		return nil, err
	}
	if identity.PeerID(peer) != b.ID.PeerID() {
		return nil, fmt.Errorf("at %s is box %s, and not %s", addr, peer, b.Host())
	}
	if addr != "" {
		b.at(addr)
	}
	// One stream for all questions: a box gives each peer few.
	tr := &http.Transport{DialContext: s.host.Dialer(peer, control.Protocol), MaxConnsPerHost: 1}
	return &Link{session: s, Box: b, client: &control.Client{HTTP: &http.Client{Transport: tr}}, close: tr.CloseIdleConnections}, nil
}

// An Unclaimed box is one on the local network that says that it can be claimed.
// Nothing proves it: only the exchange does.
type Unclaimed struct {
	ID    identity.PeerID `json:"id"`
	Tag   label.Tag       `json:"tag"`
	Claim label.ClaimID   `json:"claimID"`
	Addrs []string        `json:"addrs"`
}

// The notes by which a box says on the local network that it can be claimed.
const (
	tagNote   = "tag="
	claimNote = "cid="
)

// Unclaimed returns the boxes on the local network that say that they can be
// claimed, as heard until ctx ends, or until the one with the code want answers.
func (s *Session) Unclaimed(ctx context.Context, want label.ClaimID) ([]Unclaimed, error) {
	var all []Unclaimed
	for ctx.Err() == nil {
		// In short rounds: one that has answered is heard at once.
		round, cancel := context.WithTimeout(ctx, time.Second)
		near, err := s.host.Nearby(round)
		cancel()
		if err != nil {
			return all, err
		}
		for _, n := range near {
			u, ok := readUnclaimed(n)
			if !ok || slices.ContainsFunc(all, func(o Unclaimed) bool { return o.ID == u.ID }) {
				continue
			}
			all = append(all, u)
			if u.Claim == want {
				return all, nil
			}
		}
	}
	return all, nil
}

func readUnclaimed(n swarm.Neighbour) (u Unclaimed, ok bool) {
	u = Unclaimed{ID: identity.PeerID(n.ID), Addrs: n.Addrs}
	for _, note := range n.Notes {
		if text, is := strings.CutPrefix(note, tagNote); is {
			u.Tag, _ = label.ParseTag(text) // one that is none is left out
		}
		if text, is := strings.CutPrefix(note, claimNote); is {
			id, err := label.ParseClaimID(text)
			u.Claim, ok = id, err == nil
		}
	}
	return u, ok
}

// pairTime is how long the exchange may take, once the box was found.
const pairTime = 30 * time.Second

// Use uses a code for the operator key at the box behind target, an address or a
// box ID, and returns the box as it is remembered from then on. The name is what
// the box's operators call this one; "" leaves it as it is in an invite. Asking
// again is safe. Errors are those of pairing.Ask and of the search.
func (s *Session) Use(ctx context.Context, target string, code label.Code, name string) (*Box, error) {
	var sealed []byte
	if name != "" {
		var err error
		if sealed, err = seal.Name(name, []identity.OperatorKey{s.home.Operator()}, nil); err != nil {
			return nil, err
		}
	}
	found, cancel := context.WithTimeout(ctx, reachTime)
	defer cancel()
	peer, err := s.host.Connect(found, target)
	if err != nil {
		return nil, err
	}
	ctx, cancel = context.WithTimeout(ctx, pairTime)
	defer cancel()
	stream, err := s.host.Open(ctx, peer, api.PairProtocol)
	if err != nil {
		return nil, fmt.Errorf("asking box %s: %w", peer, err)
	}
	defer func() { _ = stream.Close() }()
	accepted, err := pairing.Ask(ctx, stream, pairing.Request{
		Claim: code.Claim(), Kind: pairing.Operator, Key: s.home.key, SealedName: sealed,
		Box: identity.PeerID(peer), Self: identity.PeerID(stream.Local()),
	})
	if err != nil {
		return nil, err
	}
	b := &Box{ID: accepted.Box}
	if known, err := s.home.Find(accepted.Box.PeerID().String()); err == nil {
		b = known
	}
	if accepted.Epoch > b.Head.Epoch {
		b.Head.Seq = 0 // another ownership: what was seen of the one before does not bind it
	}
	if strings.HasPrefix(target, "/") {
		b.at(target)
	}
	return b, s.home.Keep(b)
}
