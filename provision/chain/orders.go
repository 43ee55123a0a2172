package chain

import (
	"fmt"
	"strings"
	"time"

	"cobox/seeder/identity"
)

// Terms are what a partner may do: see identity.Grant, whose bounds they have.
type Terms struct {
	QuotaBytes uint64 `json:"quotaBytes"`
	MaxFeeds   int    `json:"maxFeeds"`
	// Until is the last moment at which anything may be pinned or grow; zero for no end.
	Until time.Time `json:"until,omitzero"`
	// NoticeSeconds is how long the box keeps what is pinned after that, or after
	// the operator took the grant back.
	NoticeSeconds int64 `json:"noticeSeconds"`
}

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

// AddOperator makes a key an operator, or gives one another role. An operator
// may do so with observers only. The last owner keeps its role.
type AddOperator struct {
	Operator   identity.OperatorKey `json:"operator"`
	Role       Role                 `json:"role"` // Owner, Operator or Observer
	SealedName Sealed               `json:"sealedName,omitzero"`
}

// RemoveOperator takes all rights from a key, and voids the invites that it
// signed and nobody has used. An operator may do so with observers only.
type RemoveOperator struct {
	Operator identity.OperatorKey `json:"operator"`
}

// Rename gives the box another host name than the one on its label.
type Rename struct {
	Name string `json:"name"` // see [CheckName]
}

// Invite lets the first who has a code become a partner or an operator, once.
// Owners may invite all; operators, partners and observers.
type Invite struct {
	ID       ID        `json:"id"`
	ClaimKey PublicKey `json:"claimKey"` // what the code stands for
	Role     Role      `json:"role"`
	// Terms are what a partner gets; absent for other roles.
	Terms Terms `json:"terms,omitzero"`
	// NotAfter is the last moment at which the code can be used.
	NotAfter   time.Time `json:"notAfter"`
	SealedName Sealed    `json:"sealedName,omitzero"`
	// Transfer, with the role owner, gives the box away: who redeems the invite
	// owns it alone from then on.
	Transfer bool `json:"transfer"`
}

// CancelInvite voids an invite that nobody has used.
type CancelInvite struct {
	ID ID `json:"id"`
}

// Grant says what a partner may do from now on, whatever it was before. One who
// was revoked is a partner again.
type Grant struct {
	Partner    identity.PartnerKey `json:"partner"`
	Terms      Terms               `json:"terms"`
	SealedName Sealed              `json:"sealedName,omitzero"` // none leaves it as it is
}

// NamePartner changes the operators' word for a partner, or seals it anew.
type NamePartner struct {
	Partner    identity.PartnerKey `json:"partner"`
	SealedName Sealed              `json:"sealedName,omitzero"`
}

// Revoke takes back what a partner may do: nothing new is taken in at once, and
// what is kept can still be fetched during the notice.
type Revoke struct {
	Partner       identity.PartnerKey `json:"partner"`
	NoticeSeconds int64               `json:"noticeSeconds"`
}

// Pin tells the box to keep a feed for a partner, within the partner's grant.
type Pin struct {
	Feed    FeedKey             `json:"feed"`
	Partner identity.PartnerKey `json:"partner"`
}

// Unpin tells the box to keep a feed no longer, whoever had it pinned for that
// partner. The partner may pin it again.
type Unpin struct {
	Feed    FeedKey             `json:"feed"`
	Partner identity.PartnerKey `json:"partner"`
}

// SetRecovery names the key that may ask for another owner, instead of the one
// before, and cancels what that one has asked for.
type SetRecovery struct {
	Key PublicKey `json:"key"`
}

// CancelRecovery refuses what the recovery key has asked for.
type CancelRecovery struct{}

// Set turns one of the box's switches; see [Settings].
type Set struct {
	Name  string `json:"name"`
	Value string `json:"value"` // "on" or "off"
}

// Retire takes the box out of service: no order counts after it. Partners can
// fetch what is theirs during their notice. A reset card makes it a new box.
type Retire struct{}

// Settings are the switches that [Set] knows.
var settings = []string{
	"auto-update", // install signed updates without being asked
	"hypercore",   // listen for stock Hypercore peers
	"metrics-lan", // serve metrics on the LAN
}

// Settings returns the names of the switches that [Set] knows, sorted.
func Settings() []string { return append([]string(nil), settings...) }

// CheckName tells whether a box can have name as its host name: one label of
// RFC 1123, 1 to 63 of a-z, 0-9 and "-", not beginning or ending with "-", and
// not only digits, so that it is never taken for an address. The error wraps
// identity.ErrStatement.
func CheckName(name string) error {
	switch {
	case name == "" || len(name) > 63:
		return malformed("a host name has 1 to 63 characters, not %d", len(name))
	case strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "",
		strings.ContainsFunc(name, func(r rune) bool { return !nameRune(r) }):
		return malformed("host name %q: use a to z, 0 to 9 and -", name)
	case name[0] == '-' || name[len(name)-1] == '-':
		return malformed("host name %q begins or ends with -", name)
	case strings.Trim(name, "0123456789") == "":
		return malformed("host name %q has no letter", name)
	}
	return nil
}

func nameRune(r rune) bool { return r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' }

func (AddOperator) context() string    { return "cobox/order-operator-add/v1" }
func (RemoveOperator) context() string { return "cobox/order-operator-remove/v1" }
func (Rename) context() string         { return "cobox/order-rename/v1" }
func (Invite) context() string         { return "cobox/order-invite/v1" }
func (CancelInvite) context() string   { return "cobox/order-invite-cancel/v1" }
func (Grant) context() string          { return "cobox/order-grant/v1" }
func (NamePartner) context() string    { return "cobox/order-partner-name/v1" }
func (Revoke) context() string         { return "cobox/order-revoke/v1" }
func (Pin) context() string            { return "cobox/order-pin/v1" }
func (Unpin) context() string          { return "cobox/order-unpin/v1" }
func (SetRecovery) context() string    { return "cobox/order-recovery-set/v1" }
func (CancelRecovery) context() string { return "cobox/order-recovery-cancel/v1" }
func (Set) context() string            { return "cobox/order-setting/v1" }
func (Retire) context() string         { return "cobox/order-retire/v1" }

func (AddOperator) needs() Role    { return Operator }
func (RemoveOperator) needs() Role { return Operator }
func (Rename) needs() Role         { return Operator }
func (Invite) needs() Role         { return Operator }
func (CancelInvite) needs() Role   { return Operator }
func (Grant) needs() Role          { return Operator }
func (NamePartner) needs() Role    { return Operator }
func (Revoke) needs() Role         { return Operator }
func (Pin) needs() Role            { return Operator }
func (Unpin) needs() Role          { return Operator }
func (SetRecovery) needs() Role    { return Owner }
func (CancelRecovery) needs() Role { return Operator }
func (Set) needs() Role            { return Owner }
func (Retire) needs() Role         { return Owner }

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
	known := false
	for _, name := range settings {
		known = known || name == o.Name
	}
	switch {
	case !known:
		return malformed("setting %.32q: there are %s", o.Name, strings.Join(settings, ", "))
	case o.Value != "on" && o.Value != "off":
		return malformed("setting %s is on or off, not %.16q", o.Name, o.Value)
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
func (Retire) sentence() string         { return "retired the box" }

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
