package audit

import (
	"fmt"
	"time"
)

// A Wish is what a partner wants of the copies of a space.
type Wish struct {
	Copies int           // so many boxes are to have all of it
	Age    time.Duration // and to have signed for it within that time
}

// A Copy is what is known of the copy of a space on one box.
type Copy struct {
	Box    string    // as the partner calls it
	Signed time.Time // of its newest receipt, by the box's clock; zero for none
	Behind uint64    // blocks that it lacks of the newest state that any box signed or showed
	// Trouble says why the box could not be asked, or what is wrong with what it
	// said; empty for nothing. A copy with it counts as long as its receipt does.
	Trouble string
	Audits  Verdict // of its audits; one without an ending says nothing
}

// A Standing is how the copies of a space stand together.
type Standing struct {
	Light   Light  `json:"light"`
	Counted int    `json:"counted"` // copies that are as they are wanted
	Wanted  int    `json:"wanted"`
	Why     string `json:"why"`           // for a person
	Try     string `json:"try,omitempty"` // what to do
}

// clockSlack is how far ahead of ours a box's clock may be.
const clockSlack = 24 * time.Hour

// Stand judges the copies of a space: red when fewer count than are wanted, yellow
// when enough do and one of the boxes needs to be looked at, green otherwise. A copy
// counts when the box signed for it within the wished time, by a clock that is not
// ahead, and no audit speaks against it. That it lacks the newest blocks does not
// count against it before that time is over: it may be receiving them.
func Stand(w Wish, copies []Copy, now time.Time) Standing {
	s := Standing{Wanted: w.Copies}
	var reason, hint, weak, weakHint string
	for _, c := range copies {
		why, try, counts := c.judge(w, now)
		switch {
		case counts && why == "":
			s.Counted++
		case counts:
			s.Counted++
			if weak == "" {
				weak, weakHint = "box "+c.Box+": "+why, try
			}
		case reason == "":
			reason, hint = "box "+c.Box+": "+why, try
		}
	}
	have := fmt.Sprintf("%d of %d wanted copies", s.Counted, w.Copies)
	switch {
	case s.Counted < w.Copies && len(copies) < w.Copies && reason == "":
		s.Light, s.Why, s.Try = Red, have, "cobox pin on another box"
	case s.Counted < w.Copies:
		s.Light, s.Why, s.Try = Red, have+"; "+reason, hint
	case reason != "":
		s.Light, s.Why, s.Try = Yellow, have+"; "+reason, hint
	case weak != "":
		s.Light, s.Why, s.Try = Yellow, have+"; "+weak, weakHint
	default:
		s.Light, s.Why = Green, have
	}
	return s
}

// judge tells whether a copy counts, and what is wrong with it all the same.
func (c *Copy) judge(w Wish, now time.Time) (why, try string, counts bool) {
	age := now.Sub(c.Signed)
	switch {
	case c.Audits.Light == Red:
		return c.Audits.Why, c.Audits.Try, false
	case c.Signed.IsZero() && c.Trouble != "":
		return "it has signed for nothing yet: " + c.Trouble, "ask its operator", false
	case c.Signed.IsZero():
		return "it has signed for nothing yet", "cobox backup", false
	case age < -clockSlack:
		return "its receipt is from the future: " + c.Signed.Format(time.DateOnly), "ask its operator about the box's clock", false
	case age > w.Age:
		why = fmt.Sprintf("its newest receipt is %d days old", int(age.Hours()/24))
		if c.Trouble != "" {
			return why + ": " + c.Trouble, "ask its operator", false
		}
		return why, "cobox backup, by a timer", false
	case c.Trouble != "":
		return c.Trouble, "ask its operator", true
	case c.Behind > 0:
		return fmt.Sprintf("it lacks %d blocks of the newest state", c.Behind), "cobox backup brings them, and so do your other boxes", true
	case c.Audits.Light == Yellow && c.Audits.Ending != "":
		return c.Audits.Why, c.Audits.Try, true
	}
	return "", "", true
}
