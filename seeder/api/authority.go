package api

import (
	"path/filepath"
	"time"

	"cobox/seeder/identity"
)

// The protocols that a seeder hands on to the box's authority, stream by stream:
// it is the postman, and does not look inside.
const (
	PairProtocol    = "/cobox/pair/1"
	ControlProtocol = "/cobox/control/1"
)

// AuthorityPath returns where the authority (provisiond) answers on a box with
// this state folder.
func AuthorityPath(state string) string { return filepath.Join(state, "run", "provisiond.sock") }

// An Access is who may do what on a box, as its authority says. A seeder asks
// for it (GET /v1/access) and follows it. It is a part of what provision/chain
// calls an Access, with the same names.
type Access struct {
	Head struct {
		Epoch uint64 `json:"epoch"`
		Seq   uint64 `json:"seq"`
	} `json:"head"`
	Host     string            `json:"host,omitempty"` // the name that the box answers to on its network
	Claimed  bool              `json:"claimed"`
	Retired  time.Time         `json:"retired,omitzero"`
	Invites  int               `json:"invites"` // codes that count: strangers may have one
	Members  []Member          `json:"members"`
	Partners []PartnerAccess   `json:"partners"`
	Pins     []PinOrder        `json:"pins"`               // by Seq
	Settings map[string]string `json:"settings,omitempty"` // name and "on" or "off"
	// Began is the entry with which the ownership, Head.Epoch, began.
	Began uint64 `json:"began"`
	// Wiped is the epoch that the last wipe began; 0 when there was none. What was
	// kept before it is to be deleted.
	Wiped uint64 `json:"wiped"`
	// Announce are the notes for the local network: the tag and the claim ID of a
	// box that can be claimed, none of others.
	Announce []string `json:"announce,omitempty"`
	// Ended are the partners whose notice is over, by a clock that the authority
	// trusts: what is kept for them may be deleted.
	Ended []identity.PartnerKey `json:"ended,omitempty"`
}

// A Member is an operator's key, which is its peer ID too, and its role.
type Member struct {
	Key  identity.OperatorKey `json:"key"`
	Role string               `json:"role"`
}

// A PartnerAccess is what a partner may do.
type PartnerAccess struct {
	Number  uint64              `json:"number"`
	Key     identity.PartnerKey `json:"key"`
	Terms   Terms               `json:"terms"`
	Issued  time.Time           `json:"issued"`
	Revoked time.Time           `json:"revoked,omitzero"`
}

// Terms bound a partner: see identity.Grant.
type Terms struct {
	QuotaBytes    uint64    `json:"quotaBytes"`
	MaxFeeds      int       `json:"maxFeeds"`
	Until         time.Time `json:"until,omitzero"`
	NoticeSeconds int64     `json:"noticeSeconds"`
}

// A PinOrder is an operator's word on a partner's feed.
type PinOrder struct {
	Feed    string              `json:"feed"`
	Partner identity.PartnerKey `json:"partner"`
	Pin     bool                `json:"pin"`
	Seq     uint64              `json:"seq"`
}

// Grants returns the grants of those who are partners now.
func (a *Access) Grants(box identity.BoxKey) []identity.Grant {
	var grants []identity.Grant
	for _, p := range a.Partners {
		if !a.Retired.IsZero() || !p.Revoked.IsZero() {
			continue
		}
		grants = append(grants, identity.Grant{
			Box: box, Partner: p.Key, QuotaBytes: p.Terms.QuotaBytes, MaxFeeds: p.Terms.MaxFeeds,
			Issued: p.Issued, NotAfter: p.Terms.Until, Notice: time.Duration(p.Terms.NoticeSeconds) * time.Second,
		})
	}
	return grants
}
