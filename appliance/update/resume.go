package update

import "fmt"

// A Running is the system that runs.
type Running struct {
	Version uint64 // of no two systems that a box has had is it the same
	// Trial says that the machine was told to start this system once: the next
	// start is that of the other slot.
	Trial bool
}

// Resume returns what a record says once a system has started: a pure function of
// the record and of what runs. When it returns OnTrial, the system has to show that
// it works.
//
// An update writes the record before each step that changes what is started, so
// that whatever a power cut came between is told apart here:
//
//	record     runs               meaning
//	receiving  the system before  the release did not come whole
//	armed      the release        its trial begins
//	armed      the system before  the release did not come as far as its first program
//	trial      the release        it has made itself the system, and could not note it
//	trial      the system before  it failed, and could not note why
func Resume(r Record, now Running) Record {
	switch {
	case now.Trial:
		// Also without a record of it: what was started once must not stay unless
		// it works.
		if r.Version != now.Version {
			r = Record{Version: now.Version}
		}
		r.State, r.Why = OnTrial, ""
	case r.State == Receiving:
		r.State, r.Why = Stopped, "the box was switched off, or its program ended, while the release came"
	case r.State != Armed && r.State != OnTrial:
		// Nothing is under way.
	case now.Version == r.Version:
		r.State, r.Why = Settled, ""
	case r.State == Armed:
		r.State = RolledBack
		r.Why = fmt.Sprintf("version %d did not come as far as its first program, or the power went away meanwhile", r.Version)
	default:
		r.State = RolledBack
		r.Why = fmt.Sprintf("version %d ended before it had shown that it works: the machine crashed, or the power went away", r.Version)
	}
	return r
}
