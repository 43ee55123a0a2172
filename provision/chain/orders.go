package chain

import (
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

// TolerateSilence says how long a partner may be silent before somebody should ask
// whether its backups still run.
type TolerateSilence struct {
	Partner identity.PartnerKey `json:"partner"`
	// Seconds is an hour at least; 0 for as long as the box finds right, and
	// SilentForEver for a partner that nobody expects to hear of.
	Seconds int64 `json:"seconds"`
}

// SilentForEver in place of seconds says that no silence is too long.
const SilentForEver = -1

// What an operator may call too long a silence.
const (
	MinSilence = time.Hour
	MaxSilence = 10 * 365 * 24 * time.Hour
)

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

// Update tells the box to take in a release of its system and to try it. It names
// the release, so that whoever brings it can bring no other. The latest order
// counts, once.
type Update struct {
	Release Hash `json:"release"` // the SHA-256 of its manifest, see appliance/release
	// LimitSeconds is how long the release may take to show that it works; 0 for as
	// long as the box finds right.
	LimitSeconds int64 `json:"limitSeconds,omitzero"`
}

// AdoptDisk tells the box to format a disk and to keep its store there from now on.
// The latest order counts, once.
type AdoptDisk struct {
	// Disk is the disk's model, serial number and size in one text, as the box
	// lists them: what the operator has read, and not a place that another disk may
	// have taken meanwhile.
	Disk string `json:"disk"`
	// Erase says that what is on the disk may go.
	Erase bool `json:"erase"`
}

// GiveUpDisk tells the box that its data disk is gone for good, with all that is on it:
// the box begins anew with an empty store. It is only done while the disk is not there.
type GiveUpDisk struct {
	Disk string `json:"disk"` // its text, for people
	ID   string `json:"id"`   // the UUID of its file system, so that the same disk adopted again is another one
}

// AcceptBoard lets the box go on on a board that it was not set up on: an operator
// says so when a card was moved. Until then it keeps out of sight there, since the
// card may be a copy.
type AcceptBoard struct {
	Board string `json:"board"` // as the box names it
}

// Retire takes the box out of service: no order counts after it. Partners can
// fetch what is theirs during their notice. A reset card makes it a new box.
type Retire struct{}

func (AddOperator) context() string     { return "cobox/order-operator-add/v1" }
func (RemoveOperator) context() string  { return "cobox/order-operator-remove/v1" }
func (Rename) context() string          { return "cobox/order-rename/v1" }
func (Invite) context() string          { return "cobox/order-invite/v1" }
func (CancelInvite) context() string    { return "cobox/order-invite-cancel/v1" }
func (Grant) context() string           { return "cobox/order-grant/v1" }
func (NamePartner) context() string     { return "cobox/order-partner-name/v1" }
func (TolerateSilence) context() string { return "cobox/order-partner-silence/v1" }
func (Revoke) context() string          { return "cobox/order-revoke/v1" }
func (Pin) context() string             { return "cobox/order-pin/v1" }
func (Unpin) context() string           { return "cobox/order-unpin/v1" }
func (SetRecovery) context() string     { return "cobox/order-recovery-set/v1" }
func (CancelRecovery) context() string  { return "cobox/order-recovery-cancel/v1" }
func (Set) context() string             { return "cobox/order-setting/v1" }
func (Update) context() string          { return "cobox/order-update/v1" }
func (AdoptDisk) context() string       { return "cobox/order-disk-adopt/v1" }
func (GiveUpDisk) context() string      { return "cobox/order-disk-give-up/v1" }
func (AcceptBoard) context() string     { return "cobox/order-board/v1" }
func (Retire) context() string          { return "cobox/order-retire/v1" }

func (AddOperator) needs() Role     { return Operator }
func (RemoveOperator) needs() Role  { return Operator }
func (Rename) needs() Role          { return Operator }
func (Invite) needs() Role          { return Operator }
func (CancelInvite) needs() Role    { return Operator }
func (Grant) needs() Role           { return Operator }
func (NamePartner) needs() Role     { return Operator }
func (TolerateSilence) needs() Role { return Operator }
func (Revoke) needs() Role          { return Operator }
func (Pin) needs() Role             { return Operator }
func (Unpin) needs() Role           { return Operator }
func (SetRecovery) needs() Role     { return Owner }
func (CancelRecovery) needs() Role  { return Operator }
func (Set) needs() Role             { return Owner }
func (Update) needs() Role          { return Operator }
func (AdoptDisk) needs() Role       { return Owner }
func (GiveUpDisk) needs() Role      { return Owner }
func (AcceptBoard) needs() Role     { return Operator }
func (Retire) needs() Role          { return Owner }
