package audit

import (
	"fmt"
	"slices"
	"time"
)

// maxOutcomes bounds what is kept of a box's audits: more than a year of days.
const maxOutcomes = 400

// A Record is what an auditor remembers of the audits of a box.
type Record struct {
	Outcomes []Outcome `json:"outcomes"` // oldest first
}

// Add takes in how an audit ended. Those of more than a year ago are forgotten.
func (r *Record) Add(o Outcome) {
	r.Outcomes = append(r.Outcomes, o)
	if n := len(r.Outcomes) - maxOutcomes; n > 0 {
		r.Outcomes = slices.Delete(r.Outcomes, 0, n)
	}
}

// Link returns what earlier audits tell of the way to the box: the median of the
// rates of the last ten answers. rtt is what was measured now.
func (r *Record) Link(rtt time.Duration) Link {
	var rates []float64
	for i := len(r.Outcomes) - 1; i >= 0 && len(rates) < 10; i-- {
		if o := r.Outcomes[i]; o.Bytes > 0 && o.Took > 0 {
			rates = append(rates, float64(o.Bytes)/o.Took.Seconds())
		}
	}
	l := Link{RTT: rtt}
	if len(rates) > 0 {
		slices.Sort(rates)
		l.Rate = rates[len(rates)/2]
	}
	return l
}

// Choose returns what to ask the box for, at most [MaxDraws]: what failed before,
// and what was drawn and it owes. What failed before and it does not owe any more
// is settled.
func (r *Record) Choose(drawn []Draw, owes func(Draw) bool) (draws, settled []Draw) {
	draws = slices.DeleteFunc(slices.Clone(drawn), func(d Draw) bool { return !owes(d) })
	var again []Draw
	for _, d := range Unsettled(r.Outcomes) {
		switch {
		case !owes(d):
			settled = append(settled, d) // truncated, or unpinned, since
		case len(again) < MaxDraws/2 && !slices.Contains(draws, d):
			again = append(again, d)
		}
	}
	draws = append(again, draws...)
	return draws[:min(len(draws), MaxDraws)], settled
}

// Note completes o with what an answer has shown, that took so long on this link.
func (r *Record) Note(o *Outcome, report *Report, took time.Duration, link Link) {
	o.Ending, o.Bytes, o.Took = EndingOf(report, took, link.Deadline(report.Bytes)), report.Bytes, took
	unsettled := Unsettled(r.Outcomes)
	for _, x := range report.Results {
		switch x.Finding {
		case Found, Forked:
			o.Draws++
			if slices.Contains(unsettled, x.Draw) {
				o.Settled = append(o.Settled, x.Draw)
			}
		default:
			o.Failed = append(o.Failed, x.Draw)
			if o.Why == "" {
				o.Why = fmt.Sprintf("block %d of feed %s…: %v", x.Block, x.Feed.DiscoveryKey().String()[:16], x.Err)
			}
		}
	}
	if o.Ending == Passed && len(report.Failed()) > 0 {
		o.Why = report.Failed()[0].Err.Error() // a fork, which is the writer's
	}
}
