package metrics

import (
	"time"

	"cobox/appliance/health"
	"cobox/appliance/sensors"
	"cobox/seeder/api"
)

// A Snapshot is all that a box tells at one time. What is nil or zero where zero makes
// no sense is left out of the metrics, and is not shown as zero.
type Snapshot struct {
	At        time.Time
	Version   string            // of the box's programs
	Slot      string            // where the running image is, such as "a" or "b"; "" when there are no slots
	Machine   sensors.Reading   // what [sensors.Machine.Read] returned
	Power     *PowerModel       // nil for the one of the board, see [PowerModelOf]
	Programs  []sensors.Program // what [sensors.Self] returned in each program, the seeder's left out; at most [MaxPrograms]
	Clock     health.Clock
	Update    health.Update
	Operator  health.Operator
	Operators int          // keys that may command the box
	Asked     bool         // the seeder was asked for its figures
	Seeder    *api.Figures // its answer; nil when it gave none
	Partners  []Partner    // those that are partners now, in any order
	Health    health.Report
}

// MaxPrograms bounds [Snapshot.Programs].
const MaxPrograms = 3

// A Partner is an organisation whose feeds the box keeps.
type Partner struct {
	Number     uint64 // the operator's short number for it
	QuotaBytes uint64
	MaxFeeds   int
	Until      time.Time // when the grant ends; zero for no end
	// Tolerance is how long the partner may be silent before somebody asks; 0 for ever.
	Tolerance time.Duration
	api.Keeping
}

// Facts returns what the snapshot says about the box's health. Its own Health is not
// looked at: it is made from this, by [health.Examine].
func (s *Snapshot) Facts() health.Facts {
	f := health.Facts{At: s.At, Machine: s.Machine, Clock: s.Clock, Update: s.Update, Operator: s.Operator}
	if !s.Asked {
		return f
	}
	f.Seeder = &health.Seeder{}
	if s.Seeder == nil {
		return f
	}
	f.Reach = health.Reach(s.Seeder.Reach)
	f.Seeder = &health.Seeder{
		Answers: true, Store: health.StoreTrouble(s.Seeder.Store.Trouble), Errors: s.Seeder.Store.RecentErrors,
		Scrub: health.Scrub{Since: s.Seeder.Scrub.Since, Finished: s.Seeder.Scrub.Finished, Damaged: s.Seeder.Scrub.Damaged},
		Pins:  health.Pins{ByState: s.Seeder.Pins, Behind: s.Seeder.Feeds.BehindFor},
	}
	return f
}
