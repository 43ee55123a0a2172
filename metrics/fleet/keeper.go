package fleet

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"time"
)

// A keeper keeps the connection to one box.
type keeper struct {
	f      *Fleet
	cancel context.CancelFunc
	use    chan struct{} // holds a value while the link is used
	broken chan struct{} // somebody found the link broken; capacity 1

	mu    sync.Mutex
	seen  Sight         // mu
	link  Link          // mu; nil when there is none. Used by whoever has put a value in use
	tried chan struct{} // mu; closed when the box was looked for
}

func newKeeper(f *Fleet, b Box, cancel context.CancelFunc) *keeper {
	return &keeper{
		f: f, cancel: cancel, use: make(chan struct{}, 1), broken: make(chan struct{}, 1), tried: make(chan struct{}),
		seen: Sight{Box: b, Since: time.Now(), Seen: b.Seen},
	}
}

func (k *keeper) rename(b Box) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.seen.Box = b
}

func (k *keeper) sight() Sight {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.seen
}

// run looks for the box and asks it, until ctx is done.
func (k *keeper) run(ctx context.Context) {
	wait := firstWait
	for ctx.Err() == nil {
		began := time.Now()
		link, err := k.connect(ctx)
		if err == nil {
			err = k.hold(ctx, link)
		}
		if ctx.Err() != nil {
			return
		}
		k.note(func(s *Sight) {
			if s.Up || !s.Tried {
				s.Since = time.Now()
			}
			s.Up, s.Tried, s.Error = false, true, clean(err.Error())
		})
		if time.Since(began) > lastWait {
			wait = firstWait // it was there for a while
		}
		// Not all at once, when the network comes back.
		timer := time.NewTimer(wait/2 + rand.N(wait))
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
		wait = min(2*wait, lastWait)
	}
}

// connect looks for the box, when few others are being looked for.
func (k *keeper) connect(ctx context.Context) (Link, error) {
	select {
	case k.f.dials <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-k.f.dials }()
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	return k.f.cfg.Connect(ctx, k.sight().Box)
}

// hold asks the box how it is again and again, until that fails.
func (k *keeper) hold(ctx context.Context, link Link) error {
	k.mu.Lock()
	k.link = link
	k.mu.Unlock()
	defer func() {
		k.use <- struct{}{} // whoever uses it ends first: each question has its time
		k.mu.Lock()
		k.link = nil
		k.mu.Unlock()
		link.Close()
		<-k.use
	}()
	tick := time.NewTicker(k.f.cfg.Every)
	defer tick.Stop()
	refreshed := time.Now()
	for {
		err := k.ask(ctx, askTime, func(ctx context.Context, link Link) error {
			r, err := link.Health(ctx)
			if err == nil {
				k.note(func(s *Sight) { s.Health = cleanReport(r) })
			}
			if err == nil && time.Since(refreshed) > refreshEvery {
				refreshed = time.Now()
				err = link.Refresh(ctx)
			}
			return err
		})
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-k.broken:
		case <-tick.C:
		}
	}
}

// errAway says that there is no connection to a box now.
var errAway = errors.New("there is no connection to the box")

// ask uses the link for one question. That the box answered, or not, is noted.
func (k *keeper) ask(ctx context.Context, patience time.Duration, question func(context.Context, Link) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	select {
	case k.use <- struct{}{}:
		defer func() { <-k.use }()
	case <-ctx.Done():
		return ctx.Err()
	}
	k.mu.Lock()
	link := k.link
	k.mu.Unlock()
	if link == nil {
		return errAway
	}
	if err := question(ctx, link); err != nil {
		return err
	}
	k.note(func(s *Sight) {
		s.Seen = time.Now()
		if !s.Up {
			s.Since = s.Seen
		}
		s.Up, s.Tried, s.Error = true, true, ""
	})
	return nil
}

// metrics writes the box's metrics to w. While the box was not looked for yet, it
// waits for that. A failure has the keeper look whether the link still works.
func (k *keeper) metrics(ctx context.Context, patience time.Duration, w io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	k.mu.Lock()
	tried := k.tried
	k.mu.Unlock()
	select {
	case <-tried:
	case <-ctx.Done():
		return errAway
	}
	err := k.ask(ctx, patience, func(ctx context.Context, link Link) error { return link.Metrics(ctx, w) })
	if err != nil && !errors.Is(err, errAway) {
		select {
		case k.broken <- struct{}{}:
		default: // it knows
		}
	}
	return err
}

// note changes the sight, and tells those who look at it.
func (k *keeper) note(change func(*Sight)) {
	k.mu.Lock()
	before := k.seen
	change(&k.seen)
	after := k.seen
	if !before.Tried && after.Tried {
		close(k.tried)
	}
	k.mu.Unlock()
	if before.Up != after.Up || before.Tried != after.Tried || before.Error != after.Error || before.Health.State != after.Health.State {
		k.f.mu.Lock()
		k.f.changedLocked()
		k.f.mu.Unlock()
	}
}
