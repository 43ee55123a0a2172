package chain

import (
	"maps"
	"slices"
	"time"

	"cobox/seeder/identity"
)

// An Access is who may do what, as a table: what provisiond tells seederd, and
// all that seederd needs of the chain. It holds no names of people, and no codes.
type Access struct {
	Head     Head              `json:"head"` // of the state that it was made from
	Name     string            `json:"name,omitempty"`
	Claimed  bool              `json:"claimed"`
	Retired  time.Time         `json:"retired,omitzero"` // since then nothing is taken in
	Invites  int               `json:"invites"`          // codes that count: open invites, and the recovery key
	Members  []MemberAccess    `json:"members"`
	Partners []PartnerAccess   `json:"partners"`
	Pins     []PinOrder        `json:"pins"` // by Seq
	Settings map[string]string `json:"settings"`
	// Began is the entry with which the ownership began. After damage it may be
	// below entries that were carried out before.
	Began uint64 `json:"began"`
	// Wiped is the epoch that the last wipe began; 0 when there was none. What was
	// kept before it is to be deleted.
	Wiped uint64 `json:"wiped"`
}

// A MemberAccess is an operator's.
type MemberAccess struct {
	Key  identity.OperatorKey `json:"key"`
	Role Role                 `json:"role"`
}

// A PartnerAccess is a partner's.
type PartnerAccess struct {
	Number  uint64              `json:"number"`
	Key     identity.PartnerKey `json:"key"`
	Terms   Terms               `json:"terms"`
	Issued  time.Time           `json:"issued"`           // by the clock of who signed the terms
	Revoked time.Time           `json:"revoked,omitzero"` // by the clock of who revoked it; zero when not
}

// Access returns the table of s. It shares nothing with s.
func (s *State) Access() Access {
	a := Access{
		Head: s.Head(), Name: s.Name, Claimed: s.Claimed(), Retired: s.Retired, Invites: len(s.Invites),
		Members: []MemberAccess{}, Partners: []PartnerAccess{},
		Pins: append([]PinOrder{}, s.Pins...), Settings: maps.Clone(s.Settings),
		Began: s.Began, Wiped: s.Wiped,
	}
	if s.Recovery.Key != (PublicKey{}) {
		a.Invites++ // who comes with the recovery code is as unknown as who comes with an invite
	}
	for _, m := range s.Members {
		a.Members = append(a.Members, MemberAccess{m.Key, m.Role})
	}
	for _, p := range s.Partners {
		a.Partners = append(a.Partners, PartnerAccess{p.Number, p.Key, p.Terms, p.Issued, p.Revoked})
	}
	return a
}

// Role returns an operator's role, or "" for a key that has none.
func (a Access) Role(k identity.OperatorKey) Role {
	for _, m := range a.Members {
		if m.Key == k {
			return m.Role
		}
	}
	return ""
}

// Grants returns the grants that count: of partners who are not revoked, on a
// box that is not retired. Whether one has run out is for who looks at a clock,
// see [Clock.CheckEnd] and identity.Grant.
func (a Access) Grants() []identity.Grant {
	var grants []identity.Grant
	for _, p := range a.Partners {
		if a.Retired.IsZero() && p.Revoked.IsZero() {
			grants = append(grants, p.grant(a.Head.Box))
		}
	}
	return grants
}

func (p PartnerAccess) grant(box identity.BoxKey) identity.Grant {
	return identity.Grant{
		Box: box, Partner: p.Key, QuotaBytes: p.Terms.QuotaBytes, MaxFeeds: p.Terms.MaxFeeds,
		Issued: p.Issued, NotAfter: p.Terms.Until, Notice: p.Terms.Notice(),
	}
}

// Notice returns how long the box keeps what is pinned after the end.
func (t Terms) Notice() time.Duration { return time.Duration(t.NoticeSeconds) * time.Second }

// KeepUntil returns until when the box keeps what is pinned for p, and gives it
// back: the end of the notice after p's terms ran out, p was revoked or the box
// was retired, whichever was first. It is zero while no end is known.
//
// Revocations are dated by the operator's own clock. Who deletes should count
// the notice from the later of that time and when it first saw the revocation,
// and only by a trusted clock.
func (a Access) KeepUntil(p PartnerAccess) time.Time {
	ends := slices.DeleteFunc([]time.Time{p.Terms.Until, p.Revoked, a.Retired}, time.Time.IsZero)
	if len(ends) == 0 {
		return time.Time{}
	}
	return slices.MinFunc(ends, time.Time.Compare).Add(p.Terms.Notice())
}
