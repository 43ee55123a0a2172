package pin

import (
	"fmt"
	"sync"
	"time"
)

// StallAfter is how long a pin with blocks missing may be without progress
// before it is stalled: longer than a reconnect, a reboot or a block on a very
// slow line takes, and short enough that a person who waits is told.
const StallAfter = 10 * time.Minute

// A Tracker is told what happens to one pin, and answers how it stands. It has
// no clock and no timer: each call brings the time, and a stall shows in the
// next [Tracker.Status]. Times should carry a monotonic reading, as those of
// time.Now do: then a jump of the wall clock is no stall. Of a time before the
// last one nothing follows but that no time went by.
//
// It is safe for concurrent use. Make one with [NewTracker].
type Tracker struct {
	mu       sync.Mutex
	status   Status    // State, Since and Why as of the last call; mu
	over     bool      // the missing blocks may not be taken in; mu
	whyOver  string    // in the caller's words; mu
	whyFroze string    // in the caller's words; mu
	progress time.Time // when something last came, or could again begin to; mu
	contact  time.Time // when a peer was last there; zero for never; mu
	behind   time.Time // since when blocks have been missing; zero when none is; mu
}

// NewTracker returns the Tracker of p, queued at now (or frozen, if p is).
func NewTracker(p Pin, now time.Time) *Tracker {
	t := &Tracker{status: Status{Pin: p, State: Queued, Since: now}, progress: now}
	t.settleLocked(now)
	return t
}

// tell lets a change to the facts happen at now.
func (t *Tracker) tell(now time.Time, change func(s *Status)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.settleLocked(now) // a stall that went unasked ended with this change, if it does
	change(&t.status)
	t.settleLocked(now)
}

// Resume tells what the store held of the feed at start: the newest tree head,
// when it came, and how many blocks and bytes are on the disk. It is not
// progress, but the wait for it begins at now.
func (t *Tracker) Resume(h Head, newest time.Time, blocks, bytes uint64, now time.Time) {
	t.tell(now, func(s *Status) {
		s.Head, s.Newest, s.Blocks, s.HeldBytes = h, newest, blocks, bytes
		t.progress = now
	})
}

// Seen tells that a tree head was verified and is the newest now. One that is
// known already changes nothing. A shorter one of a higher fork is a truncation:
// tell with [Tracker.Held] what is left.
func (t *Tracker) Seen(h Head, now time.Time) {
	t.tell(now, func(s *Status) {
		if h != s.Head {
			s.Head, s.Newest = h, now
			t.progress = now
		}
	})
}

// Stored tells that this many more blocks and bytes are synced to the disk.
func (t *Tracker) Stored(blocks, bytes uint64, now time.Time) {
	t.tell(now, func(s *Status) {
		s.Blocks += blocks
		s.HeldBytes += bytes
		if blocks > 0 {
			t.progress = now
		}
	})
}

// Held tells how many blocks and bytes are on the disk now, after some were
// deleted, found bad, or counted anew. More blocks than before are progress.
func (t *Tracker) Held(blocks, bytes uint64, now time.Time) {
	t.tell(now, func(s *Status) {
		if blocks != s.Blocks {
			t.progress = now // after a loss, the time to make it good begins
		}
		s.Blocks, s.HeldBytes = blocks, bytes
	})
}

// Peers tells how many peers that share the feed are connected now.
func (t *Tracker) Peers(n int, now time.Time) {
	t.tell(now, func(s *Status) {
		if n > 0 || s.Peers > 0 {
			t.contact = now
		}
		s.Peers = n
	})
}

// Freeze tells that the feed's writer contradicted himself. The reason,
// an error's text or a sentence, is told to people; when it is empty, a general
// one is told.
func (t *Tracker) Freeze(reason string, now time.Time) {
	t.tell(now, func(s *Status) { s.Pin.Frozen, t.whyFroze = true, reason })
}

// Thaw tells that a person has looked, and the feed goes on.
func (t *Tracker) Thaw(now time.Time) {
	t.tell(now, func(s *Status) { s.Pin.Frozen, t.whyFroze, t.progress = false, "", now })
}

// OverQuota tells that what is missing was refused by the [Ledger]; the reason
// is the text of its error; when it is empty, a general one is told.
func (t *Tracker) OverQuota(reason string, now time.Time) {
	t.tell(now, func(*Status) { t.over, t.whyOver = true, reason })
}

// WithinQuota tells that what is missing may be taken in (again).
func (t *Tracker) WithinQuota(now time.Time) {
	t.tell(now, func(*Status) {
		if t.over {
			t.over, t.whyOver, t.progress = false, "", now
		}
	})
}

// Change tells that the partner changed what is its own to change in a pin.
func (t *Tracker) Change(open, drive bool, label string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.status.Pin.Open, t.status.Pin.Drive, t.status.Pin.Label = open, drive, label
}

// Pin returns the pin as it is now, frozen or not.
func (t *Tracker) Pin() Pin {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.status.Pin
}

// Status returns how the pin stands at now.
func (t *Tracker) Status(now time.Time) Status {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.settleLocked(now)
	s := t.status
	s.Why = t.whyLocked()
	return s
}

// A Standing is what [Tracker.Standing] tells in numbers.
type Standing struct {
	State         State
	MissingBlocks uint64 // up to the newest tree head
	MissingBytes  uint64
	Behind        time.Time // since when blocks have been missing without a break; zero when none is
	Newest        time.Time // when the newest tree head came; zero when nobody knows
}

// Standing returns how the pin stands at now, for who adds up many: it costs less
// than [Tracker.Status].
func (t *Tracker) Standing(now time.Time) Standing {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.settleLocked(now)
	s := t.status
	return Standing{
		State: s.State, Behind: t.behind, Newest: s.Newest,
		MissingBlocks: s.Head.Length - min(s.Head.Length, s.Blocks), MissingBytes: s.Head.Bytes - min(s.Head.Bytes, s.HeldBytes),
	}
}

// settleLocked brings State and Since up to the facts and the time.
func (t *Tracker) settleLocked(now time.Time) {
	switch missing := t.status.Blocks < t.status.Head.Length; {
	case !missing:
		t.behind = time.Time{}
	case t.behind.IsZero():
		t.behind = now
	}
	s := stateOf(t.status, t.over, now.Sub(t.progress))
	if s == t.status.State {
		return
	}
	t.status.State, t.status.Since = s, now
	if s == Stalled {
		t.status.Since = t.progress
	}
}

// stateOf is the whole of the rules: the state of a pin of which s tells the
// facts, and where nothing came for the time idle.
func stateOf(s Status, over bool, idle time.Duration) State {
	known := s.Head.Length > 0
	switch {
	case s.Pin.Frozen:
		return Frozen
	case over:
		return OverQuota
	case known && s.Blocks >= s.Head.Length:
		return Complete
	case !known && s.Peers > 0:
		// An empty feed has no signed head: with its writer connected and
		// silent there may well be nothing to wait for.
		return Queued
	case idle >= StallAfter:
		return Stalled
	case !known:
		return Queued
	}
	return Replicating
}

// whyLocked says in a sentence why the state is what it is.
func (t *Tracker) whyLocked() string {
	s := t.status
	switch s.State {
	case Frozen:
		if t.whyFroze != "" {
			return sentence(t.whyFroze)
		}
		return "The feed's writer signed two different histories. Both tree heads are kept as evidence; " +
			"nothing is taken in or deleted until the partner and the operator have decided which one is right."
	case OverQuota:
		if t.whyOver != "" {
			return sentence(t.whyOver)
		}
		return "The grant does not allow what is missing: unpin something, or ask the operator for a larger grant."
	case Complete:
		return fmt.Sprintf("All of it is here: %s, %s.", count(s.Head.Length, "block"), size(s.HeldBytes))
	case Replicating:
		return fmt.Sprintf("%s are here%s.", t.shareLocked(), t.peersLocked())
	case Stalled:
		return t.whyStalledLocked()
	}
	if s.Peers > 0 {
		return "Connected; the feed is empty so far, or its tree head has yet to come."
	}
	return "Waiting for a device of the partner, or a box that keeps this feed too, to connect."
}

func (t *Tracker) whyStalledLocked() string {
	s := t.status
	last := t.progress.UTC().Format(secondsForm)
	switch {
	case s.Head.Length == 0:
		return fmt.Sprintf("Nothing of this feed has come%s: start cobox on the device that writes it, and check that it can reach this box.",
			t.contactLocked())
	case s.Peers == 0:
		return fmt.Sprintf("%s are here, none has come since %s, and nobody who has the rest is connected%s: start cobox on the device that writes the feed, and check that it can reach this box.",
			t.shareLocked(), last, t.contactLocked())
	}
	return fmt.Sprintf("%s are here and none has come since %s%s: the peers may lack the rest; start cobox on the device that writes the feed, and look at its progress there.",
		t.shareLocked(), last, t.peersLocked())
}

// shareLocked says how much of the feed is here.
func (t *Tracker) shareLocked() string {
	s := t.status
	return fmt.Sprintf("%d of %s (%s of %s)", s.Blocks, count(s.Head.Length, "block"), size(s.HeldBytes), size(s.Head.Bytes))
}

// peersLocked says who is connected.
func (t *Tracker) peersLocked() string {
	if t.status.Peers == 0 {
		return ", and nobody is connected who has the rest"
	}
	return fmt.Sprintf(", with %s connected", count(uint64(t.status.Peers), "peer"))
}

// contactLocked says when a peer was last there.
func (t *Tracker) contactLocked() string {
	if t.contact.IsZero() {
		return ""
	}
	return fmt.Sprintf(" (last seen %s)", t.contact.UTC().Format(secondsForm))
}
