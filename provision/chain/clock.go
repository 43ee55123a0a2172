package chain

import (
	"fmt"
	"time"

	"cobox/seeder/identity"
)

// A Clock is what a box knows of the time at one moment. The zero Clock knows
// nothing.
type Clock struct {
	// Now is the time if Trusted. If not, it is the latest time that is known to
	// be past: what ended before it has ended, whatever the time is.
	Now time.Time
	// Trusted says that Now can be relied on to tell that something has not ended.
	Trusted bool
}

// CheckEnd returns nil when notAfter, the end of what, is zero or still to come;
// an error wrapping identity.ErrExpired when it is past for certain, and one
// wrapping [ErrClockUntrusted] when that cannot be told.
func (c Clock) CheckEnd(what string, notAfter time.Time) error {
	switch {
	case notAfter.IsZero():
		return nil
	case c.Now.After(notAfter):
		return fmt.Errorf("%s %w on %s: ask for a new one", what, identity.ErrExpired, notAfter.UTC().Format(time.RFC3339))
	case !c.Trusted:
		return fmt.Errorf("checking that the %s has not ended: %w", what, ErrClockUntrusted)
	}
	return nil
}

// MaxJump is how far ahead of the last known good time a time server is
// believed without anybody's confirmation. Its answers are not authenticated: a
// false one could end everything that has an end, and leave the box with a
// last known good time that lies in the future. See [Floor.Confirm].
const MaxJump = 366 * 24 * time.Hour

// confirmWithin is how well two clocks must agree to confirm each other.
const confirmWithin = 24 * time.Hour

// A Floor is the latest time that a box knows to be past: it grows, and never
// falls. It begins with the time at which the running version was built, which
// is compiled in, and is kept on the disk once an hour, so that neither a
// hardware clock that begins in 1970 nor a false time server takes the box back
// to before something ended. Reference: pairing, section 2.7.
type Floor struct {
	good time.Time
}

// NewFloor returns the floor of a box that is starting: the later of the build
// time and the last known good time that was kept, zero for none.
func NewFloor(built, kept time.Time) Floor {
	if kept.After(built) {
		return Floor{kept}
	}
	return Floor{built}
}

// Good returns the time to keep.
func (f *Floor) Good() time.Time { return f.good }

// Read returns what the box knows of the time, given what the system's clock
// says and whether a time server has answered since the box was started. A
// clock behind the floor is not trusted, nor one more than [MaxJump] ahead of it.
func (f *Floor) Read(system time.Time, answered bool) Clock {
	if !answered || system.Before(f.good) || system.Sub(f.good) > MaxJump {
		return Clock{Now: f.good}
	}
	f.good = system
	return Clock{Now: system, Trusted: true}
}

// Confirm lifts [MaxJump] for once: an operator's computer says that it is
// about now, which it does with each order it signs, and a time server has said
// the same. It reports whether the two agree within a day and the floor was
// raised. Neither of the two alone can raise it so far.
func (f *Floor) Confirm(system time.Time, answered bool, operators time.Time) bool {
	if !answered || system.Before(f.good) || system.Sub(operators).Abs() > confirmWithin {
		return false
	}
	f.good = system
	return true
}
