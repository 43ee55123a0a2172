package chain

import (
	"fmt"
	"time"
)

// What is done, in the past tense: the subject is the signer.

func (o AddOperator) sentence() string { return fmt.Sprintf("made %s %s", o.Operator, aRole(o.Role)) }
func (o RemoveOperator) sentence() string {
	return fmt.Sprintf("removed %s", o.Operator)
}
func (o Rename) sentence() string { return fmt.Sprintf("named the box %q", o.Name) }
func (o Invite) sentence() string {
	what := aRole(o.Role)
	if o.Role == Partner {
		what += ", " + o.Terms.String()
	}
	if o.Transfer {
		what = "a new owner to take over the box"
	}
	return fmt.Sprintf("invited %s, with code %s until %s", what, o.ID, o.NotAfter.Format(time.RFC3339))
}
func (o CancelInvite) sentence() string {
	return fmt.Sprintf("cancelled the invite with code %s", o.ID)
}
func (o Grant) sentence() string {
	return fmt.Sprintf("granted %s %s", o.Partner, o.Terms)
}
func (o NamePartner) sentence() string { return fmt.Sprintf("changed the name of %s", o.Partner) }
func (o TolerateSilence) sentence() string {
	switch o.Seconds {
	case 0:
		return fmt.Sprintf("left to the box how long %s may be silent", o.Partner)
	case SilentForEver:
		return fmt.Sprintf("expects no word from %s", o.Partner)
	}
	return fmt.Sprintf("tolerates %s of silence from %s", time.Duration(o.Seconds)*time.Second, o.Partner)
}
func (o Revoke) sentence() string {
	return fmt.Sprintf("revoked %s with a notice of %s", o.Partner, days(o.NoticeSeconds))
}
func (o Pin) sentence() string   { return fmt.Sprintf("pinned feed %s for %s", o.Feed, o.Partner) }
func (o Unpin) sentence() string { return fmt.Sprintf("unpinned feed %s of %s", o.Feed, o.Partner) }
func (o SetRecovery) sentence() string {
	return fmt.Sprintf("set the recovery key %s", o.Key)
}
func (CancelRecovery) sentence() string { return "cancelled the recovery" }
func (o Set) sentence() string          { return fmt.Sprintf("turned %s %s", o.Name, o.Value) }
func (o AcceptBoard) sentence() string  { return fmt.Sprintf("let the box go on on board %s", o.Board) }
func (Retire) sentence() string         { return "retired the box" }
func (o Update) sentence() string       { return fmt.Sprintf("ordered an update to release %s", o.Release) }
func (o AdoptDisk) sentence() string {
	if o.Erase {
		return fmt.Sprintf("ordered to erase the disk %q and to keep the store on it", o.Disk)
	}
	return fmt.Sprintf("ordered to keep the store on the disk %q", o.Disk)
}

func (o GiveUpDisk) sentence() string {
	return fmt.Sprintf("gave up the disk %q as lost", o.Disk)
}

// String says the terms as part of a sentence.
func (t Terms) String() string {
	s := fmt.Sprintf("%d bytes in %d feeds", t.QuotaBytes, t.MaxFeeds)
	if !t.Until.IsZero() {
		s += " until " + t.Until.Format(time.RFC3339)
	}
	return s + ", notice " + days(t.NoticeSeconds)
}

// days says a notice in days where it is some.
func days(seconds int64) string {
	if seconds%86400 == 0 {
		return fmt.Sprintf("%d days", seconds/86400)
	}
	return fmt.Sprintf("%d seconds", seconds)
}

func aRole(r Role) string {
	if r == Partner {
		return "a partner"
	}
	return "an " + string(r)
}

func (f Claimed) sentence() string {
	if f.byCard() {
		return fmt.Sprintf("is that of %s, whom its card named when it was flashed (card %s)", f.Operator, f.Claim)
	}
	return fmt.Sprintf("was claimed by %s with code %s", f.Operator, f.Claim)
}

func (f Redeemed) sentence() string {
	who := f.Partner.String()
	if f.Partner.IsZero() {
		who = f.Operator.String()
	}
	return fmt.Sprintf("took the invite with code %s from %s", f.Invite, who)
}

func (f RecoveryRequested) sentence() string {
	return fmt.Sprintf("was asked by the recovery key to make %s the owner", f.Operator)
}

func (f Recovered) sentence() string {
	return fmt.Sprintf("was recovered: %s is the only owner", f.Operator)
}

func (f Reset) sentence() string {
	return fmt.Sprintf("was reset with card %s (%s); its new code is %s", f.Reset, f.Mode, f.Claim)
}
