package seeder

import (
	"fmt"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"cobox/seeder/api"
	"cobox/seeder/identity"
)

// churn bounds what a partner's devices can wear off the box's card by unpinning
// and pinning again, over and over. Unpinning is never refused; pinning is, for a
// while. It is kept in memory alone: a restart is not in a partner's hands.
type churn struct {
	mu       sync.Mutex
	partners map[identity.PartnerKey]*turnover // mu; of those that have a grant
}

// turnover is how much of this a partner has done of late.
type turnover struct {
	pins *rate.Limiter
	// deleted is how many bytes were unpinned; each second takes a part of the
	// quota off, such that a day takes all of it.
	deleted float64
	at      time.Time
}

// The bounds. A partner may delete its whole quota, and after that one quota a day.
// Pins themselves, new or changed, are some synced writes: all feeds that the grant
// allows twice over at once, and then one in ten seconds.
const (
	pinsOverFeeds = 2
	pinEvery      = 10 * time.Second
	day           = 24 * time.Hour
)

func (c *churn) of(p identity.PartnerKey, u api.Usage, now time.Time) *turnover {
	t := c.partners[p]
	if t == nil {
		if c.partners == nil {
			c.partners = make(map[identity.PartnerKey]*turnover)
		}
		t = &turnover{pins: rate.NewLimiter(rate.Every(pinEvery), pinsOverFeeds*u.MaxFeeds), at: now}
		c.partners[p] = t
	}
	t.pins.SetBurstAt(now, pinsOverFeeds*u.MaxFeeds) // a grant may change
	t.deleted = max(0, t.deleted-now.Sub(t.at).Seconds()*perSecond(u))
	t.at = now
	return t
}

// perSecond is how many bytes of a partner's may be written anew in a second.
func perSecond(u api.Usage) float64 { return float64(u.QuotaBytes) / day.Seconds() }

// pin says whether a partner may pin now. Its error says when it may.
func (c *churn) pin(p identity.PartnerKey, u api.Usage, now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.of(p, u, now)
	if over := t.deleted - float64(u.QuotaBytes); over > 0 && u.QuotaBytes > 0 {
		return tooOften(time.Duration(over / perSecond(u) * float64(time.Second)))
	}
	if u.MaxFeeds > 0 && !t.pins.AllowN(now, 1) {
		return tooOften(pinEvery)
	}
	return nil // without a grant the ledger says so
}

func tooOften(wait time.Duration) error {
	return &api.Error{
		Code: api.Busy, Text: "so much was unpinned and pinned again that it would wear the box's disk out",
		Hint: fmt.Sprintf("pin again in %s; what is pinned is kept", (wait + time.Second).Round(time.Second)),
	}
}

// unpinned counts what a partner has unpinned.
func (c *churn) unpinned(p identity.PartnerKey, u api.Usage, bytes uint64, now time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.of(p, u, now).deleted += float64(bytes)
}
