package health

import (
	"time"
)

// A Report is how a box is. Its JSON form is part of the box's API.
type Report struct {
	At     time.Time `json:"at"`
	State  State     `json:"state"`  // the worst of the checks that were judged
	Checks []Result  `json:"checks"` // all checks, in the order in which a person should look at them
}

// A Result is how one check turned out.
type Result struct {
	Check   Check   `json:"check"`
	Under   Check   `json:"under,omitempty"` // the check under which it stands in the tree
	State   State   `json:"state"`
	By      Check   `json:"blockedBy,omitempty"` // the failed check that blocks it
	Finding Finding `json:"finding"`
	Title   Text    `json:"title"` // the check's name for people
	Text    Text    `json:"text"`  // one sentence: what is wrong, and what to do
	// Since is when the check came to be in this state; see [Report.After].
	Since time.Time `json:"since,omitzero"`
}

// Examine judges a box. The same facts always give the same report.
func Examine(f Facts) Report {
	r := Report{At: f.At, State: OK}
	done := make(map[Check]Result)
	for _, n := range tree() {
		result := Result{Check: n.check, Title: titles[n.check], Since: f.At}
		if len(n.needs) > 0 {
			result.Under = n.needs[0]
		}
		v := n.judge(&f)
		if by := blocker(done, n.needs); by != "" {
			result.By = by
			v = verdict{BlockedBy, args{"check": titles[by]}}
		}
		entry := findings[v.finding]
		result.State, result.Finding, result.Text = entry.state, v.finding, v.args.fill(entry.text)
		done[n.check] = result
		r.Checks = append(r.Checks, result)
		// What a box cannot know about itself is no reason to call a person: many boards
		// have no voltage alarm. What is blocked is told by its blocker.
		if result.State == Warning || result.State == Failed {
			if result.State.Worse(r.State) {
				r.State = result.State
			}
		}
	}
	return r
}

// blocker returns the failed check that stands in the way of one that needs needs, ""
// when none does. It is the one that a person must look at, not one that it blocks.
func blocker(done map[Check]Result, needs []Check) Check {
	for _, need := range needs {
		switch done[need].State {
		case Failed:
			return need
		case Blocked:
			return done[need].By
		}
	}
	return ""
}

// Find returns the result of a check; ok is false when the report does not have it.
func (r Report) Find(c Check) (result Result, ok bool) {
	for _, result := range r.Checks {
		if result.Check == c {
			return result, true
		}
	}
	return Result{}, false
}

// Trouble returns the results that are warnings or failures, the failures first and
// both in the order in which a person should look at them.
func (r Report) Trouble() []Result {
	var list []Result
	for _, state := range []State{Failed, Warning} {
		for _, result := range r.Checks {
			if result.State == state {
				list = append(list, result)
			}
		}
	}
	return list
}

// After returns r with [Result.Since] taken over from the report before it for all
// checks that are still in the same state. Each examination is called After the last;
// the zero Report stands for none.
func (r Report) After(last Report) Report {
	checks := make([]Result, len(r.Checks))
	for i, result := range r.Checks {
		if old, ok := last.Find(result.Check); ok && old.State == result.State && !old.Since.IsZero() && old.Since.Before(result.Since) {
			result.Since = old.Since
		}
		checks[i] = result
	}
	r.Checks = checks
	return r
}
