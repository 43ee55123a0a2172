package chain

import (
	"maps"
	"slices"
	"time"

	"cobox/seeder/identity"
)

// Bounds of a state. Operators are trusted, but a stolen operator key must not
// be able to fill a box's memory, or its reserved space.
const (
	MaxOperators = 64   // an organisation's staff; names are sealed to each of them
	MaxInvites   = 256  // open at one time: as many as a conference hands out
	MaxPartners  = 4096 // in all of an ownership, revoked ones too: they keep their number
	MaxPins      = 8192 // orders to pin and to unpin; the oldest unpin makes room
	MaxResets    = 1024 // reset cards applied in a box's life: each needs hands on the box

	// MaxBytes bounds the statements of a chain together. It is more than 60000
	// orders, and a box checks so many in some seconds when it starts. Of it an
	// operator's orders may fill three quarters and those of owners fifteen
	// sixteenths: so owners can still remove an operator who runs wild, and the
	// box can note what happens to it. A reset is not counted at all.
	MaxBytes = 64 << 20
)

// RecoveryWait is how long a box has to be up after a recovery was asked for,
// before it takes place: any operator who is still there has that time to
// cancel it. Reference: pairing, section 2.8.
const RecoveryWait = 72 * time.Hour

// A State is what a chain amounts to. [New] makes one; [State.Apply] changes
// it. Slices and maps belong to the state: read them, or take a [State.Clone].
type State struct {
	Box   identity.BoxKey `json:"box"`
	Epoch uint64          `json:"epoch"` // of the ownership, from 1; never falls
	Seq   uint64          `json:"seq"`   // of the latest entry
	Last  Hash            `json:"last"`  // of the latest entry
	Began uint64          `json:"began"` // the entry with which the epoch began; 0 in the first
	Wiped uint64          `json:"wiped"` // the epoch that the last wipe began; 0 when there was none
	Bytes int64           `json:"bytes"` // of all entries' texts

	Name    string    `json:"name,omitempty"`   // host name; empty: as on the label
	Retired time.Time `json:"retired,omitzero"` // zero when the box is in service

	Members  []Member          `json:"members,omitempty"`  // owners, operators, observers; the order is that of coming
	Partners []PartnerState    `json:"partners,omitempty"` // by number
	Invites  []OpenInvite      `json:"invites,omitempty"`  // by time
	Pins     []PinOrder        `json:"pins,omitempty"`     // by time
	Settings map[string]string `json:"settings,omitempty"` // those that were ordered
	Switched map[string]uint64 `json:"switched,omitempty"` // the entries that ordered them last
	Recovery Recovery          `json:"recovery,omitzero"`
	Update   UpdateOrder       `json:"update,omitzero"`      // the latest of this ownership
	Disk     DiskOrder         `json:"disk,omitzero"`        // the latest of this ownership
	GivenUp  GivenUpDisk       `json:"diskGivenUp,omitzero"` // likewise
	Board    string            `json:"board,omitempty"`      // that an operator accepted last

	// Claim is the only code that may claim the box; zero for the label's, which
	// the chain does not know.
	Claim ID `json:"claim,omitzero"`
	// LastNumber is the highest number that a partner was given. It outlasts a
	// wipe, so that no number means two partners.
	LastNumber uint64 `json:"lastNumber"`
	// Codes are all codes that ever counted here. None counts twice.
	Codes map[ID]Code `json:"codes,omitempty"`
	// Resets are the reset cards that were applied.
	Resets []ID `json:"resets,omitempty"`
}

// A Member is one of the operators.
type Member struct {
	Key        identity.OperatorKey `json:"key"`
	Role       Role                 `json:"role"` // Owner, Operator or Observer
	SealedName Sealed               `json:"sealedName,omitzero"`
}

// A PartnerState is a partner, also one who was revoked.
type PartnerState struct {
	Number     uint64              `json:"number"` // the operators' short name is p and this
	Key        identity.PartnerKey `json:"key"`
	SealedName Sealed              `json:"sealedName,omitzero"`
	Terms      Terms               `json:"terms"`
	Issued     time.Time           `json:"issued"`           // when the terms were
	Revoked    time.Time           `json:"revoked,omitzero"` // zero when not
	RevokedSeq uint64              `json:"revokedSeq,omitzero"`

	// SilenceSeconds is the operators' word of a [TolerateSilence].
	SilenceSeconds int64 `json:"silenceSeconds,omitzero"`
}

// Silence returns how long the partner may be silent, 0 for ever; normal is what
// counts when no operator has said.
func (p *PartnerState) Silence(normal time.Duration) time.Duration {
	switch p.SilenceSeconds {
	case 0:
		return normal
	case SilentForEver:
		return 0
	}
	return time.Duration(p.SilenceSeconds) * time.Second
}

// An OpenInvite is an invite that nobody has used.
type OpenInvite struct {
	Invite
	By  identity.OperatorKey `json:"by"`
	Seq uint64               `json:"seq"` // of the order
}

// A PinOrder is an operator's latest word on a partner's feed. Seq grows with
// each word, so that who carries them out can remember how far it got.
type PinOrder struct {
	Feed    FeedKey             `json:"feed"`
	Partner identity.PartnerKey `json:"partner"`
	Pin     bool                `json:"pin"` // false: unpin
	Seq     uint64              `json:"seq"`
}

// An UpdateOrder is the latest order to update; its zero value is none.
type UpdateOrder struct {
	Update
	Seq uint64 `json:"seq"`
}

// A DiskOrder is the latest order to adopt a disk; its zero value is none.
type DiskOrder struct {
	AdoptDisk
	Seq uint64 `json:"seq"`
}

// A GivenUpDisk is the latest order to give up a disk; its zero value is none.
type GivenUpDisk struct {
	GiveUpDisk
	Seq uint64 `json:"seq"`
}

// A Recovery is what is known of the recovery key.
type Recovery struct {
	Key      PublicKey            `json:"key"`                // zero when there is none
	NewOwner identity.OperatorKey `json:"newOwner,omitzero"`  // who was asked for; zero when nobody was
	Seq      uint64               `json:"requested,omitzero"` // of the entry that started the waiting time
}

// A Code says what became of a code.
type Code struct {
	Seq uint64    `json:"seq"`          // of the entry that used it; 0 when it is open or was voided
	Key PublicKey `json:"key,omitzero"` // of the operator or partner who used it
}

// New returns the state of a box before its first entry: nobody's.
func New(box identity.BoxKey) *State {
	return &State{Box: box, Epoch: 1, Settings: map[string]string{}, Switched: map[string]uint64{}, Codes: map[ID]Code{}}
}

// Clone returns a copy that shares nothing with s.
func (s *State) Clone() *State {
	c := *s
	c.Members = slices.Clone(s.Members)
	c.Partners = slices.Clone(s.Partners)
	c.Invites = slices.Clone(s.Invites)
	c.Pins = slices.Clone(s.Pins)
	c.Resets = slices.Clone(s.Resets)
	c.Settings = maps.Clone(s.Settings)
	c.Switched = maps.Clone(s.Switched)
	c.Codes = maps.Clone(s.Codes)
	return &c
}

// Head returns what the next statement has to follow.
func (s *State) Head() Head { return Head{s.Box, s.Epoch, s.Seq, s.Last} }

// Claimed reports whether the box has an owner. It may be nobody's again after
// a reset.
func (s *State) Claimed() bool { return len(s.Members) > 0 }

// Role returns the role of an operator's key, or "" when it has none.
func (s *State) Role(k identity.OperatorKey) Role {
	if i := s.member(k); i >= 0 {
		return s.Members[i].Role
	}
	return ""
}

// Partner returns what is known of a partner, also of one who was revoked, and
// whether anything is.
func (s *State) Partner(k identity.PartnerKey) (PartnerState, bool) {
	if i := s.partner(k); i >= 0 {
		return s.Partners[i], true
	}
	return PartnerState{}, false
}

// Invite returns the open invite with a code, and whether there is one.
func (s *State) Invite(id ID) (OpenInvite, bool) {
	if i := s.invite(id); i >= 0 {
		return s.Invites[i], true
	}
	return OpenInvite{}, false
}

// UsedBy returns who used a code, and whether anybody did: the one who may be
// told yes again when an answer was lost. It is an operator's key or a
// partner's, whichever the code was for; whether it still has a role is another
// question.
func (s *State) UsedBy(id ID) (key [32]byte, used bool) {
	c := s.Codes[id]
	return c.Key, c.Seq != 0
}

func (s *State) member(k identity.OperatorKey) int {
	return slices.IndexFunc(s.Members, func(m Member) bool { return m.Key == k })
}

func (s *State) partner(k identity.PartnerKey) int {
	return slices.IndexFunc(s.Partners, func(p PartnerState) bool { return p.Key == k })
}

func (s *State) invite(id ID) int {
	return slices.IndexFunc(s.Invites, func(i OpenInvite) bool { return i.ID == id })
}

func (s *State) owners() (n int) {
	for _, m := range s.Members {
		if m.Role == Owner {
			n++
		}
	}
	return n
}
