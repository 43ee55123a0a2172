package seeder

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"cobox/seeder/client"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/pin"
	"cobox/seeder/replicate"

	"golang.org/x/time/rate"
)

// How a box fills its gaps from the other boxes that keep the same feeds, without
// the partner's computers.
const (
	// mendSoon is after what time it goes to them again when a feed is not whole: the
	// other box may not know yet that it is to let it in. Each further try takes twice as
	// long, up to mendEvery.
	mendSoon  = time.Minute
	mendEvery = 10 * time.Minute
	// mendDaily is how often it asks them for newer heads when all is whole.
	mendDaily = 24 * time.Hour
	// mendIdle is how long a session goes on in which nothing comes.
	mendIdle = time.Minute
	// Rounds that somebody asks for come at once, as long as they are few: a list of
	// keepers names addresses, which nobody shall make the box dial over and over.
	mendPause = time.Minute
	mendBurst = 4
	// mendTime bounds one session: a feed of terabytes takes several.
	mendTime = 6 * time.Hour
)

// A mender goes to other boxes, one at a time.
type mender struct {
	pokes chan struct{} // something is to be mended now; capacity 1
	pace  *rate.Limiter
	last  map[identity.PartnerKey]time.Time
}

func newMender() mender {
	return mender{pokes: make(chan struct{}, 1), pace: rate.NewLimiter(rate.Every(mendPause), mendBurst), last: make(map[identity.PartnerKey]time.Time)}
}

// poke has the mender look now. It does not block.
func (m *mender) poke() {
	select {
	case m.pokes <- struct{}{}:
	default:
	}
}

// keepMending fills gaps until ctx is done.
func (s *Seeder) keepMending(ctx context.Context) {
	var w mendWait
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		if s.mend.pace.Wait(ctx) != nil {
			return
		}
		whole := true
		for _, p := range s.partners() {
			whole = s.mendFor(ctx, p, time.Now()) && whole
		}
		timer.Reset(w.after(whole))
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-s.mend.pokes:
			w = mendWait{}
		}
	}
}

// A mendWait says when the next round begins.
type mendWait struct{ last time.Duration } // 0 when all was whole, or something new is to be mended

// after returns the time from a round to the next, by whether all is whole after it.
func (w *mendWait) after(whole bool) time.Duration {
	if whole {
		w.last = 0
		return mendEvery
	}
	w.last = min(max(2*w.last, mendSoon), mendEvery)
	return w.last
}

// mendFor goes to the other keepers of a partner's feeds, if there is a reason to. It
// reports whether there is none to go to them again soon.
func (s *Seeder) mendFor(ctx context.Context, p identity.PartnerKey, now time.Time) (whole bool) {
	l := s.keepersOf(p).list
	if !l.Has(s.key) || now.Sub(s.mend.last[p]) < mendDaily && s.whole(p) {
		return true
	}
	s.mend.last[p] = now
	for _, i := range rand.Perm(len(l.Boxes)) {
		k := l.Boxes[i]
		if k.Box == s.key || ctx.Err() != nil {
			continue
		}
		err := s.mendFrom(ctx, p, k)
		if err != nil && ctx.Err() == nil {
			s.log.Info("another box that keeps the same feeds was of no help", "partner", p, "box", k.Box.PeerID(), "error", err)
		}
		if s.whole(p) {
			return true // the others are asked at another time
		}
	}
	return s.whole(p)
}

// whole reports whether all that a partner pins here is complete.
func (s *Seeder) whole(p identity.PartnerKey) bool {
	for _, key := range s.pinnedBy(p) {
		st, ok := s.pinStatus(key, p)
		if ok && st.State != pin.Complete && st.State != pin.Frozen && st.State != pin.OverQuota {
			return false
		}
	}
	return true
}

// pinnedBy returns the feeds that a partner pins.
func (s *Seeder) pinnedBy(p identity.PartnerKey) (keys []feed.Key) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, k := range s.feeds {
		if k.of(p) != nil {
			keys = append(keys, key)
		}
	}
	return keys
}

// mendFrom replicates the partner's feeds with another box, until they are whole
// or nothing comes any more.
func (s *Seeder) mendFrom(ctx context.Context, p identity.PartnerKey, k identity.Keeper) error {
	ctx, cancel := context.WithTimeout(ctx, mendTime)
	defer cancel()
	target := k.Box.PeerID().String()
	if k.Addr != "" {
		s.host.Remember(k.Addr + "/p2p/" + target) // what is no address is passed over
	}
	box, err := client.NewKeeper(s.host).Connect(ctx, target)
	if err != nil {
		return err
	}
	defer box.Close()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.untilWhole(ctx, p)
		cancel()
	}()
	err = box.ReplicateSome(ctx, s.exchange, func(key feed.Key) bool { return s.heldPin(key, p) != nil })
	cancel()
	<-ended
	if errors.Is(err, replicate.ErrPeer) {
		s.log.Warn("a box was cut off", "box", target, "error", err)
	}
	return err
}

// untilWhole returns when nothing has come for the partner's feeds for a while,
// or ctx is done. It goes on while they are whole: the other box may show newer
// heads.
func (s *Seeder) untilWhole(ctx context.Context, p identity.PartnerKey) {
	look := time.NewTicker(mendIdle / 4)
	defer look.Stop()
	blocks, lengths := s.progressOf(p)
	quiet := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-look.C:
			b, l := s.progressOf(p)
			if b != blocks || l != lengths {
				blocks, lengths, quiet = b, l, now
			}
			if now.Sub(quiet) > mendIdle || s.whole(p) && now.Sub(quiet) > mendIdle/4 {
				return
			}
		}
	}
}

// progressOf adds up what is held of a partner's feeds.
func (s *Seeder) progressOf(p identity.PartnerKey) (blocks, lengths uint64) {
	for _, key := range s.pinnedBy(p) {
		if st, ok := s.pinStatus(key, p); ok {
			blocks += st.Blocks
			lengths += st.Head.Length
		}
	}
	return blocks, lengths
}
