package identity

import (
	"crypto/ed25519"
	"fmt"
	"time"
)

// grantContext is the context of grants.
const grantContext = "cobox/grant/v1"

// Bounds of a grant.
const (
	MaxQuota  = maxNumber                 // bytes, 8 PiB less one
	MaxFeeds  = 1_000_000                 // feeds of a partner on a box
	MaxNotice = 10 * 365 * 24 * time.Hour // ten years
)

// A Grant is an operator's word that a partner may pin feeds on a box.
type Grant struct {
	Box        BoxKey
	Partner    PartnerKey
	QuotaBytes uint64 // bytes of all feeds together; at most [MaxQuota]
	MaxFeeds   int    // feeds pinned at one time; at most [MaxFeeds]
	// Issued orders the grants of one box to one partner: see [Grant.Replaces].
	Issued time.Time
	// NotAfter is the last moment at which anything may be pinned or grow; zero
	// for no end.
	NotAfter time.Time
	// Notice is how long the box still keeps and gives back what is pinned after
	// NotAfter, or after the operator has taken the grant back, before it may
	// delete it. Whole seconds, at most [MaxNotice].
	Notice time.Duration
}

// grantBody is a grant's body; the order of its fields is the order in the text.
type grantBody struct {
	Box           BoxKey     `json:"box"`
	Partner       PartnerKey `json:"partner"`
	QuotaBytes    uint64     `json:"quotaBytes"`
	MaxFeeds      int        `json:"maxFeeds"`
	Issued        seconds    `json:"issued"`
	NotAfter      seconds    `json:"notAfter,omitzero"`
	NoticeSeconds int64      `json:"noticeSeconds"`
}

// SignGrant signs g with an operator's key. Times are cut to whole seconds. An
// error wrapping [ErrStatement] says which part of g is out of its bounds.
func SignGrant(operator ed25519.PrivateKey, g Grant) (Statement, error) {
	g.Issued, g.NotAfter = inSeconds(g.Issued).Time, inSeconds(g.NotAfter).Time
	if err := g.check(); err != nil {
		return Statement{}, fmt.Errorf("signing grant: %w", err)
	}
	body, err := marshalBody(grantBody{
		g.Box, g.Partner, g.QuotaBytes, g.MaxFeeds,
		seconds{g.Issued}, seconds{g.NotAfter}, int64(g.Notice / time.Second),
	})
	if err != nil {
		return Statement{}, fmt.Errorf("signing grant: %w: %w", ErrStatement, err)
	}
	return Sign(grantContext, body, Operator, operator)
}

// OpenGrant verifies that st is a grant for box, signed by an operator whom
// trusted knows, and returns the grant and the operator. It does not look at
// the time: see [Grant.CheckTime]. Errors wrap [ErrContext], [ErrNotTrusted],
// [ErrBadSignature], [ErrStatement] or [ErrWrongBox].
func OpenGrant(st Statement, trusted func(OperatorKey) bool, box BoxKey) (Grant, OperatorKey, error) {
	g, err := openGrant(st, trusted, box)
	if err != nil {
		return Grant{}, OperatorKey{}, fmt.Errorf("opening grant: %w", err)
	}
	return g, st.Signer, nil
}

func openGrant(st Statement, trusted func(OperatorKey) bool, box BoxKey) (Grant, error) {
	if err := st.open(grantContext, Operator); err != nil {
		return Grant{}, err
	}
	if !trusted(st.Signer) {
		return Grant{}, fmt.Errorf("%w: %s", ErrNotTrusted, st.SignerText())
	}
	var b grantBody
	if err := unmarshalBody(st.Body, &b); err != nil {
		return Grant{}, err
	}
	// Checked before it is multiplied: a large number would wrap around.
	if b.NoticeSeconds < 0 || b.NoticeSeconds > int64(MaxNotice/time.Second) {
		return Grant{}, fmt.Errorf("%w: a notice of %d seconds", ErrStatement, b.NoticeSeconds)
	}
	g := Grant{
		b.Box, b.Partner, b.QuotaBytes, b.MaxFeeds,
		b.Issued.Time, b.NotAfter.Time, time.Duration(b.NoticeSeconds) * time.Second,
	}
	if err := g.check(); err != nil {
		return Grant{}, err
	}
	if g.Box != box {
		return Grant{}, fmt.Errorf("%w: box %s, this is %s", ErrWrongBox, g.Box.PeerID(), box.PeerID())
	}
	return g, nil
}

// check tells whether g says something.
func (g Grant) check() error {
	switch {
	case g.Box.IsZero():
		return fmt.Errorf("%w: no box", ErrStatement)
	case g.Partner.IsZero():
		return fmt.Errorf("%w: no partner", ErrStatement)
	case g.QuotaBytes > MaxQuota:
		return fmt.Errorf("%w: a quota of %d bytes, more than %d", ErrStatement, g.QuotaBytes, uint64(MaxQuota))
	case g.MaxFeeds < 0 || g.MaxFeeds > MaxFeeds:
		return fmt.Errorf("%w: %d feeds, not 0 to %d", ErrStatement, g.MaxFeeds, MaxFeeds)
	case g.Notice < 0 || g.Notice > MaxNotice || g.Notice%time.Second != 0:
		return fmt.Errorf("%w: a notice of %v, not whole seconds up to ten years", ErrStatement, g.Notice)
	}
	return checkTerm(g.Issued, g.NotAfter)
}

// CheckTime returns nil, or an error wrapping [ErrExpired] when at now the grant
// has ended.
func (g Grant) CheckTime(now time.Time) error { return checkTime("grant", g.NotAfter, now) }

// KeepUntil returns when the box may delete what is pinned under g if the grant
// runs out by itself: the end of the notice after it. It is zero when g has no end.
func (g Grant) KeepUntil() time.Time {
	if g.NotAfter.IsZero() {
		return time.Time{}
	}
	return g.NotAfter.Add(g.Notice)
}

// Replaces reports whether g is to be followed instead of old, a grant by the
// same box to the same partner: it was issued later. Without this rule a partner
// could hand in an old and larger grant again.
func (g Grant) Replaces(old Grant) bool {
	return g.Box == old.Box && g.Partner == old.Partner && g.Issued.After(old.Issued)
}

// checkTerm tells whether a statement may be issued and end at these times.
func checkTerm(issued, notAfter time.Time) error {
	switch {
	case issued.IsZero():
		return fmt.Errorf("%w: no time of issue", ErrStatement)
	case !notAfter.IsZero() && notAfter.Before(issued):
		return fmt.Errorf("%w: it ends before it is issued", ErrStatement)
	}
	return nil
}

func checkTime(what string, notAfter, now time.Time) error {
	if notAfter.IsZero() || !now.After(notAfter) {
		return nil
	}
	return fmt.Errorf("%s %w on %s (here it is %s): ask for a new one, or set the clock",
		what, ErrExpired, notAfter.UTC().Format(secondsForm), now.UTC().Format(secondsForm))
}
