package client

import (
	"context"
	"errors"
	"fmt"

	"cobox/seeder/api"
	"cobox/seeder/feed"
	"cobox/seeder/replicate"
	"cobox/seeder/swarm"
)

// narrowest is the least that a circuit of a relay has to carry in each direction
// to be of use: twice the largest block of a backup, 1 MiB, as one that a circuit
// cuts off has to be fetched anew from its begin.
const narrowest = 2 << 20

// A NarrowError says that a box is reached by nothing but a relay whose circuits end
// before one block has passed: however often they are made again, a backup gets
// nowhere.
type NarrowError struct {
	Route swarm.Route
	Err   error // how the circuit ended
}

func (e *NarrowError) Error() string {
	return fmt.Sprintf("the box is reached by nothing but a relay that lets %d KiB pass at a time, less than one block of a backup needs: %v", e.Route.LimitBytes>>10, e.Err)
}

// Unwrap returns how the circuit ended.
func (e *NarrowError) Unwrap() error { return e.Err }

// A Stuck counts circuits that ended without a block having passed. The zero value
// is ready; it is for one box and one goroutine.
type Stuck struct {
	blocks uint64
	times  int
}

// tries is how many circuits are tried that bring nothing. One more than one: the
// first may have carried other things too.
const tries = 2

// After is told how each session with the box ended, and how many blocks have passed
// until then. It returns the [*NarrowError] when it is of no use to go on, else nil.
func (s *Stuck) After(err error, blocks uint64) *NarrowError {
	narrow, ok := errors.AsType[*NarrowError](err)
	if !ok {
		return nil
	}
	if blocks > s.blocks {
		s.blocks, s.times = blocks, 0
	}
	if s.times++; s.times < tries {
		return nil
	}
	return narrow
}

// Hint says what to do about it.
func (e *NarrowError) Hint() string {
	return "run coboxctl relay on any machine that both sides can reach, and name it in the settings of the box and of this computer (coboxctl help relay); or let port 4001 through the router at the box"
}

// Route says how the box is reached, once that will not change soon: a direct
// connection may take some seconds to replace one by a relay.
func (b *Box) Route(ctx context.Context) (swarm.Route, error) { return b.c.host.Settle(ctx, b.peer) }

// errBetter ends a session over a relay when there is a direct connection.
var errBetter = errors.New("there is a better connection")

// Replicate exchanges all feeds of an exchange with the box until ctx is done
// (then it returns nil), or the connection ends. When a direct connection comes
// about while it goes by a relay, it moves over. It may fail with a [*NarrowError].
func (b *Box) Replicate(ctx context.Context, x *replicate.Exchange) error {
	return b.ReplicateSome(ctx, x, nil)
}

// ReplicateSome is Replicate for those feeds that allow allows; nil allows all.
func (b *Box) ReplicateSome(ctx context.Context, x *replicate.Exchange, allow func(feed.Key) bool) error {
	for {
		err := b.session(ctx, x, allow)
		if err == nil || ctx.Err() != nil {
			return nil
		}
		if !errors.Is(err, errBetter) {
			return fmt.Errorf("replicating with box %s: %w", b.peer, err)
		}
	}
}

// session replicates over one stream.
func (b *Box) session(ctx context.Context, x *replicate.Exchange, allow func(feed.Key) bool) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s, err := b.c.host.Open(ctx, b.peer, api.ReplicateProtocol)
	if err != nil {
		return err
	}
	route := swarm.Route{Kind: swarm.Direct}
	if s.Transport() == "relay" {
		route = b.c.host.Route(b.peer)
		defer b.c.host.OnDirect(func(p swarm.PeerID) {
			if p == b.peer {
				cancel(errBetter)
			}
		})()
		if b.c.host.Route(b.peer).Kind != swarm.Relayed { // it came before we watched
			cancel(errBetter)
		}
	}
	conn, err := replicate.Secure(ctx, s, true, []byte(s.Local()), []byte(s.Remote()))
	if err != nil {
		_ = s.Reset()
	} else if err = x.Serve(ctx, conn, replicate.Peer{Name: b.peer.String(), Open: true, Allow: allow}); err == nil {
		err = errors.New("the box closed the connection")
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if route.Kind == swarm.Relayed && route.LimitBytes > 0 && route.LimitBytes < narrowest {
		return &NarrowError{route, err}
	}
	return err
}
