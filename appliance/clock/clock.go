// Package clock compares the machine's clock with a time server's, now and then. It
// sets nothing: that is the system's work, and this tells when the system does not
// do it. An answer is not authenticated, so nothing but a person's attention follows
// from it.
package clock

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/beevik/ntp"
)

const (
	// every is how often the clocks are compared: a clock that nothing sets drifts by
	// seconds a day.
	every = time.Hour
	// retry is how soon a server that did not answer is asked again.
	retry = time.Minute
	// answerTime is how long a server may take; an offset measured over a slower line
	// says little.
	answerTime = 5 * time.Second
)

// A Comparison compares with one server. Make one with [New].
type Comparison struct {
	server string
	log    *slog.Logger

	mu     sync.Mutex
	offset time.Duration // mu
	at     time.Time     // of the last comparison; zero for none; mu
}

// New returns a comparison with a server, host or host:port.
func New(server string, log *slog.Logger) *Comparison { return &Comparison{server: server, log: log} }

// Run compares until ctx is done.
func (c *Comparison) Run(ctx context.Context) error {
	for {
		wait := every
		if err := c.compare(); err != nil {
			c.log.Debug("comparing the clock", "error", err) // how long ago it worked is in the figures
			wait = retry
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(wait):
		}
	}
}

func (c *Comparison) compare() error {
	answer, err := ntp.QueryWithOptions(c.server, ntp.QueryOptions{Timeout: answerTime})
	if err == nil {
		err = answer.Validate()
	}
	if err != nil {
		return fmt.Errorf("asking the time server %s: %w", c.server, err)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offset, c.at = -answer.ClockOffset, time.Now()
	return nil
}

// Offset returns by how much the clock was ahead of the server's when they were last
// compared (behind when negative), and when that was; zero for never.
func (c *Comparison) Offset() (ahead time.Duration, at time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.offset, c.at
}
