package audit

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"
)

// An Ending says how an audit of a box ended.
type Ending string

// The endings, from the best to the worst.
const (
	Passed     Ending = "passed"      // everything that was drawn is there
	Late       Ending = "late"        // everything is there, and came after the deadline
	Offline    Ending = "offline"     // the box could not be reached, or the connection broke
	DiskGone   Ending = "disk gone"   // the box says that its data disk is not there
	Incomplete Ending = "missing"     // blocks are not there for which it gave a receipt
	Broken     Ending = "corrupt"     // it gave other blocks than the writer signed
	Older      Ending = "rolled back" // its state is older than it was
	Nonsense   Ending = "no answer"   // it answered something that is no answer
)

// finding reports whether the ending says something against what the box keeps.
func (e Ending) finding() bool {
	return e == Incomplete || e == Broken || e == Older
}

// proof reports whether the ending shows that blocks are there.
func (e Ending) proof() bool { return e == Passed || e == Late }

// An Outcome is what is kept of one audit of a box.
type Outcome struct {
	Time   time.Time `json:"time"`
	Ending Ending    `json:"ending"`
	Draws  int       `json:"draws"` // answered with a good block or digest
	// Whole says that the draws were all blocks that the box owed.
	Whole  bool   `json:"whole,omitempty"`
	Failed []Draw `json:"failed,omitempty"`
	// Settled are failures of earlier audits that count no more: the blocks were
	// asked for again and are there, or the feed is not kept there any more.
	Settled []Draw        `json:"settled,omitempty"`
	Bytes   uint64        `json:"bytes,omitempty"` // of the answer
	Took    time.Duration `json:"took,omitempty"`  // nanoseconds, from the question to the end of the answer
	Why     string        `json:"why,omitempty"`   // of what did not pass, for a person
}

// EndingOf returns how an audit ended whose answer was checked.
func EndingOf(r *Report, took, deadline time.Duration) Ending {
	worst := Passed
	if took > deadline {
		worst = Late
	}
	for _, x := range r.Results {
		switch {
		case x.Finding == Missing && worst != Broken && worst != Older:
			worst = Incomplete
		case x.Finding == Corrupt && worst != Older:
			worst = Broken
		case x.Finding == RolledBack:
			worst = Older
		}
	}
	return worst
}

// A Link is what is known of the way to a box.
type Link struct {
	RTT  time.Duration // of a small question and its answer; 0 when it was not measured
	Rate float64       // bytes a second of an earlier answer; 0 when there was none
}

// The deadline's parts. A box that is late is slow, and never accused of more, so
// they are wide: four times slower than the link was is in time.
const (
	graceTime   = 30 * time.Second // a small board's disk that wakes up, and its queue
	slowestRate = 16 << 10         // bytes a second; 128 kbit/s up
	lateFactor  = 4
)

// Deadline returns how long an answer of so many bytes may take.
func (l Link) Deadline(bytes uint64) time.Duration {
	rate := l.Rate / lateFactor
	if rate < slowestRate {
		rate = slowestRate
	}
	return graceTime + lateFactor*l.RTT + time.Duration(float64(bytes)/rate*float64(time.Second))
}

// A Light is what a person sees first.
type Light string

// The lights.
const (
	Green  Light = "green"  // as it should be
	Yellow Light = "yellow" // look at it when you can
	Red    Light = "red"    // do something
)

// A Verdict is what a row of audits says of a box.
type Verdict struct {
	Light  Light     `json:"light"`
	Ending Ending    `json:"ending,omitempty"` // of the audit that decides; empty when there was none
	Since  time.Time `json:"since,omitzero"`   // since when it is so
	Proven time.Time `json:"proven,omitzero"`  // the last audit that the box passed
	Draws  int       `json:"draws"`            // that it answered within [PlanDays]
	Caught float64   `json:"caught"`           // the chance that they would have shown a loss of [PlanLoss]
	Why    string    `json:"why"`              // for a person
	Try    string    `json:"try,omitempty"`    // what to do
}

// Judge judges a box by its audits, oldest first. A box that is silent, or whose
// disk is gone, has the time of tolerance before the light is red; a finding
// stays until a later audit shows the blocks that failed. Nothing follows from a
// verdict by itself: it is for people.
func Judge(outcomes []Outcome, now time.Time, tolerance time.Duration) Verdict {
	v := Verdict{Light: Yellow, Why: "it was never audited", Try: "cobox audit"}
	open := make(map[Draw]Outcome) // blocks that failed, and when first
	var rolled *Outcome
	for i := range outcomes {
		o := outcomes[i]
		if o.Ending.proof() {
			v.Proven = o.Time
		}
		if o.Ending != Offline && o.Ending != Nonsense && o.Ending != DiskGone && now.Sub(o.Time) <= PlanDays*24*time.Hour {
			v.Draws += o.Draws
		}
		settle(open, o)
		switch {
		case o.Ending == Older:
			if rolled == nil {
				rolled = &outcomes[i]
			}
		case o.Ending.proof():
			rolled = nil
		}
	}
	v.Caught = Caught(PlanLoss, v.Draws)
	if len(outcomes) == 0 {
		return v
	}
	last := outcomes[len(outcomes)-1]
	v.Ending, v.Since = last.Ending, since(outcomes)
	silent := now.Sub(lastHeard(outcomes))
	switch {
	case rolled != nil:
		v.Light, v.Ending, v.Since, v.Why = Red, Older, rolled.Time, "its state is older than it was: "+rolled.Why
		v.Try = "ask its operator what happened; the next backup brings it up to date"
	case len(open) > 0:
		first := oldest(open)
		v.Light, v.Ending, v.Since = Red, first.Ending, first.Time
		v.Why = fmt.Sprintf("%d blocks that it said it keeps failed: %s", len(open), first.Why)
		v.Try = "keep another copy until it has mended itself: it fetches lost blocks from your other boxes and from your computer"
	case last.Ending.finding():
		v.Light, v.Why, v.Try = Red, "it does not keep what it said it keeps: "+last.Why, "keep another copy, and ask its operator"
	case last.Ending == Nonsense:
		v.Light, v.Why, v.Try = Red, "it does not answer as a box does: "+last.Why, "is its program up to date? ask its operator"
	case last.Ending == Offline || last.Ending == DiskGone:
		v.Why = "it cannot be reached"
		v.Try = "ask its operator whether it is switched on and connected"
		if last.Ending == DiskGone {
			v.Why, v.Try = "its data disk is not there", "ask its operator to look at the disk and its cable"
		}
		if silent > tolerance {
			v.Light = Red
		}
	case now.Sub(v.Proven) > max(tolerance, 2*24*time.Hour):
		v.Why, v.Try = "nobody has looked for a while", "cobox audit, once a day, by a timer"
	case last.Ending == Late:
		v.Why, v.Try = "it answers slowly", "a restore would be slow too: ask its operator about its disk and its line"
	case last.Whole:
		v.Light, v.Why, v.Try, v.Caught = Green, fmt.Sprintf("all of its %d blocks are there", last.Draws), "", 1
	case v.Draws == 0:
		v.Light, v.Why, v.Try = Green, "it keeps nothing yet that could be drawn", ""
	default:
		v.Light, v.Why, v.Try = Green, fmt.Sprintf("all of %d blocks that were drawn in %d days are there", v.Draws, PlanDays), ""
	}
	return v
}

// settle notes the draws that failed in o, and drops those that count no more.
func settle(open map[Draw]Outcome, o Outcome) {
	for _, d := range o.Settled {
		delete(open, d)
	}
	for _, d := range o.Failed {
		if _, known := open[d]; !known {
			open[d] = o
		}
	}
}

// oldest returns the first outcome of those that are open.
func oldest(open map[Draw]Outcome) (first Outcome) {
	for _, o := range open {
		if first.Time.IsZero() || o.Time.Before(first.Time) {
			first = o
		}
	}
	return first
}

// since returns when the row of equal endings began that the last one ends.
func since(outcomes []Outcome) time.Time {
	i := len(outcomes) - 1
	for i > 0 && outcomes[i-1].Ending == outcomes[i].Ending {
		i--
	}
	return outcomes[i].Time
}

// lastHeard returns when the box last answered with what it keeps; the first
// audit when it never did.
func lastHeard(outcomes []Outcome) time.Time {
	for i := len(outcomes) - 1; i >= 0; i-- {
		if e := outcomes[i].Ending; e != Offline && e != DiskGone {
			return outcomes[i].Time
		}
	}
	return outcomes[0].Time
}

// Unsettled returns the draws that failed and do not count as settled: the next
// audit is to ask for them again, beside its random ones. They are sorted.
func Unsettled(outcomes []Outcome) []Draw {
	open := make(map[Draw]Outcome)
	for _, o := range outcomes {
		settle(open, o)
	}
	return slices.SortedFunc(maps.Keys(open), func(a, b Draw) int {
		return cmp.Or(bytes.Compare(a.Feed[:], b.Feed[:]), cmp.Compare(a.Block, b.Block))
	})
}
