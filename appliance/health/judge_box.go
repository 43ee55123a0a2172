package health

import (
	"time"

	"cobox/seeder/pin"
)

// The limits of the checks of the box's work.
const (
	// ClockOff is by how much the clock may be wrong before dates on grants and receipts
	// mislead people.
	ClockOff = time.Minute
	// ClockDrift is by how much it may be wrong at all: more tells that nothing sets it.
	ClockDrift = 5 * time.Second
	// ClockStale is how long a comparison with a time server counts.
	ClockStale = 48 * time.Hour
	// ScrubOverdue is twice the time between two rounds.
	ScrubOverdue = 60 * 24 * time.Hour
	// PinsBehind is how long a first upload over a slow line may take before anybody is
	// asked to look at it.
	PinsBehind = 24 * time.Hour
	// OperatorAway is when a box may have been forgotten.
	OperatorAway = 30 * 24 * time.Hour
)

func judgeClock(f *Facts) verdict {
	c := f.Clock
	if !c.NotBefore.IsZero() && f.At.Before(c.NotBefore) {
		return verdict{ClockPast, args{"date": date(f.At)}}
	}
	if c.Offset == nil {
		return verdict{ClockNever, nil}
	}
	if f.At.Sub(c.Compared) > ClockStale {
		return verdict{ClockUnknown, nil}
	}
	a := args{"offset": Duration(c.Offset.Abs())}
	switch off := c.Offset.Abs(); {
	case off >= ClockOff:
		return verdict{ClockWrong, a}
	case off >= ClockDrift:
		return verdict{ClockDrifts, a}
	}
	return verdict{ClockFine, nil}
}

func judgeSeeder(f *Facts) verdict {
	switch {
	case f.Seeder == nil:
		return verdict{SeederUnknown, nil}
	case !f.Seeder.Answers:
		return verdict{SeederSilent, nil}
	}
	return verdict{SeederFine, nil}
}

func judgeStore(f *Facts) verdict {
	if f.Seeder == nil {
		return verdict{StoreUnknown, nil}
	}
	switch f.Seeder.Store {
	case StoreOpen:
	case StoreDamaged:
		return verdict{StoreIsDamaged, nil}
	case StoreNewer:
		return verdict{StoreIsNewer, nil}
	case StoreForeign:
		return verdict{StoreIsForeign, nil}
	case StoreGone:
		return verdict{StoreIsGone, nil}
	case StoreMoving:
		return verdict{StoreMoves, nil}
	default:
		return verdict{StoreClosed, nil}
	}
	if n := f.Seeder.Errors; n > 0 {
		return verdict{StoreErrors, args{"count": whole(n)}}
	}
	return verdict{StoreFine, nil}
}

func judgeScrub(f *Facts) verdict {
	if f.Seeder == nil {
		return verdict{ScrubUnknown, nil}
	}
	s := f.Seeder.Scrub
	last := s.Finished
	if last.IsZero() {
		last = s.Since
	}
	switch {
	case s.Damaged > 0:
		return verdict{ScrubDamage, args{"count": whole(s.Damaged)}}
	case last.IsZero():
		return verdict{ScrubNothing, nil}
	case f.At.Sub(last) > ScrubOverdue:
		return verdict{ScrubLate, args{"ago": Duration(f.At.Sub(last))}}
	case s.Finished.IsZero():
		return verdict{ScrubFirst, nil}
	}
	return verdict{ScrubClean, args{"ago": Duration(f.At.Sub(last))}}
}

func judgeReach(f *Facts) verdict {
	switch f.Reach {
	case Direct:
		return verdict{ReachDirect, nil}
	case HolePunched:
		return verdict{ReachHolePunched, nil}
	case Relayed:
		return verdict{ReachRelayed, nil}
	case Unreachable:
		return verdict{ReachNone, nil}
	}
	return verdict{ReachUnknown, nil}
}

func judgePins(f *Facts) verdict {
	if f.Seeder == nil {
		return verdict{PinsUnknown, nil}
	}
	p := f.Seeder.Pins
	total := 0
	for _, n := range p.ByState {
		total += n
	}
	missing := total - p.ByState[pin.Complete]
	count := func(n int) args { return args{"count": whole(uint64(max(n, 0))), "behind": Duration(p.Behind)} }
	switch {
	case p.ByState[pin.Frozen] > 0:
		return verdict{PinsFrozen, count(p.ByState[pin.Frozen])}
	case p.ByState[pin.OverQuota] > 0:
		return verdict{PinsOverQuota, count(p.ByState[pin.OverQuota])}
	case missing > 0 && p.Behind >= PinsBehind:
		return verdict{PinsLate, count(missing)}
	case total == 0:
		return verdict{PinsNone, nil}
	case missing > 0:
		return verdict{PinsComing, count(missing)}
	}
	return verdict{PinsComplete, count(total)}
}

func judgeOperator(f *Facts) verdict {
	o := f.Operator
	switch {
	case !o.Paired:
		return verdict{OperatorNone, nil}
	case o.Seen.IsZero():
		return verdict{OperatorUnknown, nil}
	case f.At.Sub(o.Seen) > OperatorAway:
		return verdict{OperatorUnseen, args{"ago": Duration(f.At.Sub(o.Seen))}}
	}
	return verdict{OperatorSeen, args{"ago": Duration(f.At.Sub(o.Seen))}}
}

func judgeUpdate(f *Facts) verdict {
	switch f.Update {
	case Settled:
		return verdict{UpdateSettled, nil}
	case Trial:
		return verdict{UpdateTrial, nil}
	case RolledBack:
		return verdict{UpdateRolledBack, nil}
	}
	return verdict{UpdateNone, nil}
}
