package chain

import (
	"slices"
	"strings"
	"time"

	"cobox/seeder/identity"
)

// settings are the switches that [Set] knows.
var settings = []string{
	"hypercore",   // listen for stock Hypercore peers
	"metrics-lan", // serve metrics on the LAN
}

// Settings returns the names of the switches that [Set] knows, sorted.
func Settings() []string { return slices.Clone(settings) }

// CheckName tells whether a box can have name as its host name: one label of
// RFC 1123, 1 to 63 of a-z, 0-9 and "-", not beginning or ending with "-", and
// not only digits, so that it is never taken for an address. The error wraps
// identity.ErrStatement.
func CheckName(name string) error {
	switch {
	case name == "" || len(name) > 63:
		return malformed("a host name has 1 to 63 characters, not %d", len(name))
	case strings.ContainsFunc(name, func(r rune) bool { return !nameRune(r) }):
		return malformed("host name %q: use a to z, 0 to 9 and -", name)
	case name[0] == '-' || name[len(name)-1] == '-':
		return malformed("host name %q begins or ends with -", name)
	case strings.Trim(name, "0123456789") == "":
		return malformed("host name %q has no letter", name)
	}
	return nil
}

func nameRune(r rune) bool { return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' }

func (t Terms) check() error {
	switch {
	case t.QuotaBytes > identity.MaxQuota:
		return malformed("a quota of %d bytes, more than %d", t.QuotaBytes, uint64(identity.MaxQuota))
	case t.MaxFeeds < 0 || t.MaxFeeds > identity.MaxFeeds:
		return malformed("%d feeds, not 0 to %d", t.MaxFeeds, identity.MaxFeeds)
	}
	if err := checkNotice(t.NoticeSeconds); err != nil {
		return err
	}
	return checkTime("end of the grant", t.Until)
}

// checkTerm tells whether something issued and ending at these times was ever good.
func checkTerm(what string, issued, end time.Time) error {
	if !end.IsZero() && end.Before(issued) {
		return malformed("%s ends before it is issued", what)
	}
	return nil
}

func checkNotice(seconds int64) error {
	if seconds < 0 || seconds > int64(identity.MaxNotice/time.Second) {
		return malformed("a notice of %d seconds, not 0 to ten years", seconds)
	}
	return nil
}

func (o AddOperator) check() error {
	switch {
	case o.Operator.IsZero():
		return malformed("no operator")
	case o.Role.rank() == 0:
		return malformed("role %.16q of an operator", o.Role)
	}
	return o.SealedName.check()
}

func (o RemoveOperator) check() error {
	if o.Operator.IsZero() {
		return malformed("no operator")
	}
	return nil
}

func (o Rename) check() error { return CheckName(o.Name) }

func (o Invite) check() error {
	switch {
	case o.ID == ID{} || o.ClaimKey == PublicKey{}:
		return malformed("no claim key")
	case o.Role != Partner && o.Role.rank() == 0:
		return malformed("role %.16q", o.Role)
	case o.Role != Partner && o.Terms != Terms{}:
		return malformed("terms of a partner for one who is none")
	case o.Transfer && o.Role != Owner:
		return malformed("a transfer is to an owner")
	case o.NotAfter.IsZero():
		return malformed("an invite that never ends")
	}
	if err := checkTime("end of the invite", o.NotAfter); err != nil {
		return err
	}
	if err := o.Terms.check(); err != nil {
		return err
	}
	return o.SealedName.check()
}

func (o CancelInvite) check() error { return checkID(o.ID) }

func (o Grant) check() error {
	if err := checkPartner(o.Partner); err != nil {
		return err
	}
	if err := o.Terms.check(); err != nil {
		return err
	}
	return o.SealedName.check()
}

func (o NamePartner) check() error {
	if err := checkPartner(o.Partner); err != nil {
		return err
	}
	return o.SealedName.check()
}

func (o TolerateSilence) check() error {
	if o.Seconds != SilentForEver && o.Seconds != 0 && (o.Seconds < int64(MinSilence/time.Second) || o.Seconds > int64(MaxSilence/time.Second)) {
		return malformed("a silence of %d seconds, not an hour to ten years", o.Seconds)
	}
	return checkPartner(o.Partner)
}

func (o Revoke) check() error {
	if err := checkPartner(o.Partner); err != nil {
		return err
	}
	return checkNotice(o.NoticeSeconds)
}

func (o Pin) check() error   { return checkPin(o.Feed, o.Partner) }
func (o Unpin) check() error { return checkPin(o.Feed, o.Partner) }

func (o SetRecovery) check() error {
	if o.Key == (PublicKey{}) {
		return malformed("no recovery key")
	}
	return nil
}

func (CancelRecovery) check() error { return nil }

func (o Set) check() error {
	switch {
	case !slices.Contains(settings, o.Name):
		return malformed("setting %.32q: there are %s", o.Name, strings.Join(settings, ", "))
	case o.Value != "on" && o.Value != "off":
		return malformed("setting %s is on or off, not %.16q", o.Name, o.Value)
	}
	return nil
}

// MaxUpdateLimit bounds how long a release may take to show that it works.
const MaxUpdateLimit = 2 * time.Hour

func (o Update) check() error {
	switch {
	case o.Release == Hash{}:
		return malformed("no release")
	case o.LimitSeconds < 0 || o.LimitSeconds > int64(MaxUpdateLimit/time.Second):
		return malformed("a limit of %d seconds, not 0 to two hours", o.LimitSeconds)
	}
	return nil
}

// MaxDisk bounds the text that names a disk, in bytes.
const MaxDisk = 256

func (o AdoptDisk) check() error {
	if o.Disk == "" || len(o.Disk) > MaxDisk || strings.ContainsFunc(o.Disk, func(r rune) bool { return r < ' ' || r > '~' }) {
		return malformed("disk %.300q: 1 to %d characters of ASCII", o.Disk, MaxDisk)
	}
	return nil
}

func (o GiveUpDisk) check() error {
	if err := (AdoptDisk{Disk: o.Disk}).check(); err != nil {
		return err
	}
	if len(o.ID) != diskIDLen || strings.ContainsFunc(o.ID, func(r rune) bool { return !strings.ContainsRune("0123456789abcdef-", r) }) {
		return malformed("disk ID %.64q: it is a UUID in lower case", o.ID)
	}
	return nil
}

const diskIDLen = 36

// maxBoard bounds the name of a board, in bytes.
const maxBoard = 64

func (o AcceptBoard) check() error {
	if o.Board == "" || len(o.Board) > maxBoard || strings.ContainsFunc(o.Board, func(r rune) bool { return !nameRune(r) && r != ':' }) {
		return malformed("board %.32q: it is named by 1 to %d of a to z, 0 to 9, - and :", o.Board, maxBoard)
	}
	return nil
}

func (Retire) check() error { return nil }

func checkID(id ID) error {
	if id == (ID{}) {
		return malformed("no claim ID")
	}
	return nil
}

func checkPartner(p identity.PartnerKey) error {
	if p.IsZero() {
		return malformed("no partner")
	}
	return nil
}

func checkPin(f FeedKey, p identity.PartnerKey) error {
	if f == (FeedKey{}) {
		return malformed("no feed")
	}
	return checkPartner(p)
}
