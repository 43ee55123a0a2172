package provision

import (
	"errors"
	"time"
)

// A Standing is what a box may tell anybody in the same room about whose it is:
// whether somebody owns it, and never who.
type Standing struct {
	Host    string // its name on its network; "" when it has none
	Tag     string // as on its label; "" when it has none
	Claimed bool
	Retired bool
	// Claimable says that the code on its label makes who has it the owner; Window is
	// for how long still, and not positive when that is over until a power cycle.
	Claimable bool
	Window    time.Duration
	NoCode    bool // it was never given a code
}

// Standing returns whose the box is. One that is neither claimed nor claimable nor
// without a code cannot read what would tell.
func (a *Agent) Standing() Standing {
	s := Standing{Host: a.hostName(), Tag: a.card.Tag.String()}
	if a.damage != nil {
		return s
	}
	st := a.chain.State()
	s.Claimed, s.Retired = st.Claimed(), !st.Retired.IsZero()
	_, s.Claimable = a.claimable()
	s.Window = a.card.window() - a.cfg.Uptime()
	s.NoCode = errors.Is(a.noCard, ErrNoCard)
	return s
}
