package update

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"time"

	"cobox/appliance/sensors"
	"cobox/seeder/api"
)

// A Checker looks at a box from inside: at its network, at both its programs, and at
// its store. It is for one trial, and one goroutine.
type Checker struct {
	machine   sensors.Machine
	authority *http.Client
	seeder    *http.Client

	starts  int       // of the seeder that were seen
	started time.Time // the last of them
	sampled bool      // blocks of the store were read back, and are whole
}

// NewChecker returns a checker for the box with this state folder.
func NewChecker(state string) *Checker {
	return &Checker{authority: api.SocketClient(api.AuthorityPath(state)), seeder: api.SocketClient(api.SocketPath(state))}
}

// maxStarts is how often the seeder may start during a trial: a program that
// crashes does not get better.
const maxStarts = 4

const (
	askTime   = 5 * time.Second
	maxStatus = 32 << 20 // bytes of a box's status
)

// Look finds out how the box is. See [Trial.Look].
func (c *Checker) Look(ctx context.Context, before Condition) Finding {
	seeder, err := c.askSeeder(ctx)
	if err != nil {
		return Finding{Problem: "the seeder does not answer: " + err.Error()}
	}
	if !seeder.Started.Equal(c.started) {
		c.started = seeder.Started
		if c.starts++; c.starts > maxStarts {
			return Finding{Problem: fmt.Sprintf("the seeder has started %d times", c.starts), Hopeless: true}
		}
	}
	authority, err := c.askAuthority(ctx)
	if err != nil {
		return Finding{Problem: "the authority does not answer: " + err.Error()}
	}
	if before.Store {
		if seeder.Store.Trouble != "" {
			return Finding{Problem: "the store is not open: " + seeder.Store.Trouble}
		}
		if err := c.sample(ctx); err != nil {
			return Finding{Problem: err.Error()}
		}
	}
	if before.Address && !c.hasAddress() {
		return Finding{Problem: "the box has no address on a network, as it had"}
	}
	if before.Operator && !authority.Reached && !partnerSeen(seeder) {
		return Finding{Problem: "neither an operator nor a partner has reached the box, as they could before"}
	}
	return Finding{}
}

func (c *Checker) askSeeder(ctx context.Context) (*api.BoxStatus, error) {
	var st api.BoxStatus
	return &st, ask(ctx, c.seeder, http.MethodGet, "/v1/status", askTime, &st)
}

// authorityState is the part of control.State that is looked at.
type authorityState struct {
	Reached bool `json:"reached"`
}

func (c *Checker) askAuthority(ctx context.Context) (*authorityState, error) {
	var st authorityState
	return &st, ask(ctx, c.authority, http.MethodGet, "/v1/state", askTime, &st)
}

// sampleTime is how long the seeder may take to read blocks back.
const sampleTime = time.Minute

// sample has blocks of the store read back, until that has once gone well.
func (c *Checker) sample(ctx context.Context) error {
	if c.sampled {
		return nil
	}
	var s api.Sample
	if err := ask(ctx, c.seeder, http.MethodPost, "/v1/sample", sampleTime, &s); err != nil {
		return fmt.Errorf("the store cannot be read back: %w", err)
	}
	if s.Damaged > 0 {
		return fmt.Errorf("of the blocks that were read back from the store %d are not what was stored", s.Damaged)
	}
	c.sampled = true
	return nil
}

func ask(ctx context.Context, client *http.Client, method, path string, limit time.Duration, out any) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, "http://box"+path, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("not within %v", limit)
	}
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	return api.ReadAnswer(resp, maxStatus, out)
}

func (c *Checker) hasAddress() bool {
	r, _ := c.machine.Read() // what cannot be read is absent
	return HasAddress(r)
}

// HasAddress reports whether a machine has an address by which others can reach it.
func HasAddress(r sensors.Reading) bool {
	if r.Network == nil {
		return false
	}
	for _, i := range r.Network.Interfaces {
		for _, p := range i.Addresses {
			if reachable(p.Addr().Unmap()) {
				return true
			}
		}
	}
	return false
}

func reachable(a netip.Addr) bool {
	return a.IsValid() && !a.IsLoopback() && !a.IsLinkLocalUnicast()
}

// partnerSeen reports whether a partner's device is connected: strangers are not
// held by a box that has partners.
func partnerSeen(st *api.BoxStatus) bool { return st.Traffic.Sessions > 0 }

// Condition tells how the box is before an update, apart from who has reached it.
func (c *Checker) Condition(ctx context.Context) Condition {
	seeder, err := c.askSeeder(ctx)
	return Condition{Address: c.hasAddress(), Store: err == nil && seeder.Store.Trouble == ""}
}
