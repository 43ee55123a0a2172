package operator

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"cobox/appliance/health"
	"cobox/provision/chain"
	"cobox/provision/control"
	"cobox/seeder/api"
	"cobox/seeder/audit"
	"cobox/seeder/client"
	"cobox/seeder/feed"
	"cobox/seeder/swarm"
)

// A Link is the connection to a box. It is for one goroutine; close it before
// its session.
type Link struct {
	Box     *Box // what is remembered of it, kept up to date
	session *Session
	client  *control.Client
	close   func()
}

// Close ends the link.
func (l *Link) Close() { l.close() }

// Route says how the box is connected, for people: directly, by a punched hole, or
// by a relay and with which limits. It gives hole punching some seconds.
func (l *Link) Route(ctx context.Context) (string, error) {
	r, err := l.session.host.Settle(ctx, swarm.PeerID(l.Box.ID.PeerID()))
	return r.String(), err
}

// A RolledBackError says that a box does not have the orders any more that it had.
type RolledBackError struct {
	Had, Has chain.Head
}

func (e *RolledBackError) Error() string {
	what := fmt.Sprintf("had %d orders and has %d", e.Had.Seq, e.Has.Seq)
	if e.Had.Seq <= e.Has.Seq {
		what = fmt.Sprintf("has another order number %d than it had", e.Had.Seq)
	}
	return "this box " + what + ": its card was put back to an older state, or another box has its key. " +
		"Orders such as the removal of an operator may not count on it any more"
}

// State returns how ownership of the box stands, and remembers it. It fails with
// a [*RolledBackError] when the box has forgotten orders.
func (l *Link) State(ctx context.Context) (*control.State, error) {
	st, err := l.client.State(ctx)
	if err != nil {
		return nil, err
	}
	if st.Box != l.Box.ID || st.Chain.Box != l.Box.ID {
		return nil, fmt.Errorf("box %s answered with the state of another box, %s", l.Box.ID.PeerID(), st.Box.PeerID())
	}
	if err := l.checkHead(ctx, st.Chain.Head()); err != nil {
		return nil, err
	}
	l.Box.learn(&st)
	return &st, l.session.home.Keep(l.Box)
}

// checkHead tells whether a head goes on from the one that was seen last.
func (l *Link) checkHead(ctx context.Context, has chain.Head) error {
	had := l.Box.Head
	switch {
	case had.Seq == 0 || had == has:
		return nil
	case has.Epoch < had.Epoch || has.Seq <= had.Seq:
		return &RolledBackError{had, has}
	}
	var then, now chain.Hash
	err := l.walk(ctx, func(e chain.Entry) {
		switch e.Seq {
		case had.Seq:
			then = e.Hash
		case has.Seq:
			now = e.Hash
		}
	})
	if err != nil {
		return fmt.Errorf("comparing the box's orders with those that were seen before: %w", err)
	}
	if then != had.Hash || now != has.Hash {
		return &RolledBackError{had, has}
	}
	return nil
}

// walk reads the box's chain, checks all of it and calls visit with each entry.
func (l *Link) walk(ctx context.Context, visit func(chain.Entry)) error {
	r, w := io.Pipe()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() { _ = w.CloseWithError(l.client.Log(ctx, w)) }()
	_, err := chain.Walk(l.Box.ID, r, visit)
	_ = r.CloseWithError(err)
	return err
}

// Log returns the box's orders and facts from the first, each with its signature
// checked and its place in the chain. The last is at least as new as the newest
// that was seen.
func (l *Link) Log(ctx context.Context) (entries []chain.Entry, err error) {
	if _, err := l.State(ctx); err != nil {
		return nil, err
	}
	err = l.walk(ctx, func(e chain.Entry) { entries = append(entries, e) })
	return entries, err
}

// Export writes the box's chain as it is, statement by statement, once it was
// checked as by Log.
func (l *Link) Export(ctx context.Context, w io.Writer) error {
	var text bytes.Buffer
	if err := l.client.Log(ctx, &text); err != nil {
		return err
	}
	if _, err := chain.Replay(l.Box.ID, bytes.NewReader(text.Bytes())); err != nil {
		return err
	}
	_, err := w.Write(text.Bytes())
	return err
}

// Status returns how the box's seeder stands, and remembers where the box is.
func (l *Link) Status(ctx context.Context) (api.BoxStatus, error) {
	st, err := l.client.Status(ctx)
	if err != nil {
		return st, err
	}
	l.Box.at(st.Addrs[:min(len(st.Addrs), maxAddrs)]...)
	return st, l.session.home.Keep(l.Box)
}

// Audit asks the box a challenge, and checks its answer: see client.Audit.
func (l *Link) Audit(ctx context.Context, c *audit.Challenge, known audit.Known) (*audit.Report, time.Duration, error) {
	return client.Audit(ctx, l.client.HTTP, l.Box.ID, c, known, nil)
}

// Evidence returns what the box has against the writer of a feed, unchecked.
func (l *Link) Evidence(ctx context.Context, key feed.Key) ([]byte, error) {
	return l.client.Evidence(ctx, key)
}

// Health returns how the box is, check by check.
func (l *Link) Health(ctx context.Context) (health.Report, error) { return l.client.Health(ctx) }

// Metrics writes the box's metrics to w, in Prometheus' text format.
func (l *Link) Metrics(ctx context.Context, w io.Writer) error { return l.client.Metrics(ctx, w) }

// Scrape returns how Prometheus reads the box's metrics on its network.
func (l *Link) Scrape(ctx context.Context) (control.Scrape, error) { return l.client.Scrape(ctx) }

// tries is how often an order is signed again because another came before it.
const tries = 5

// Order signs an order for the box and has it taken in. The order is made from
// the box's state, again when another operator's came in between. Errors are
// those of State, of plan, and the box's own, [*api.Error].
func (l *Link) Order(ctx context.Context, plan func(*control.State) (chain.Order, error)) error {
	for try := 1; ; try++ {
		st, err := l.State(ctx)
		if err != nil {
			return err
		}
		order, err := plan(st)
		if err != nil {
			return err
		}
		signed, err := chain.SignOrder(l.session.home.key, st.Chain.Head(), time.Now(), order)
		if err != nil {
			return err
		}
		head, err := l.client.Order(ctx, signed)
		if e, ok := errors.AsType[*api.Error](err); ok && e.Code == api.Stale && try < tries {
			continue
		}
		if err != nil {
			return err
		}
		if want := (chain.Head{Box: l.Box.ID, Epoch: st.Chain.Epoch, Seq: st.Chain.Seq + 1, Hash: signed.Hash()}); head.Seq == want.Seq && head != want {
			return &RolledBackError{want, head}
		} else if head.Seq >= want.Seq {
			l.Box.Head = want
		}
		return l.session.home.Keep(l.Box)
	}
}

// System returns what the box runs, and how its latest update went.
func (l *Link) System(ctx context.Context) (control.System, error) { return l.client.System(ctx) }

// Disks returns the disks that are connected to the box, beside its card.
func (l *Link) Disks(ctx context.Context) (control.Disks, error) { return l.client.Disks(ctx) }

// Offer asks whether the box would take a release, by its signed manifest.
func (l *Link) Offer(ctx context.Context, signed []byte) error { return l.client.Offer(ctx, signed) }

// Release sends a release file of size bytes, which was ordered.
func (l *Link) Release(ctx context.Context, file io.Reader, size int64) error {
	return l.client.Release(ctx, file, size)
}
