package chain_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"cobox/provision/chain"
	"cobox/seeder/identity"
)

// Case 36: the table says at once that a partner is revoked, and until when what
// is kept is given back.
func TestCase36AccessAfterRevoke(t *testing.T) {
	x := owned(t)
	a := x.s.Access()
	if g := a.Grants(); len(g) != 1 || g[0] != (identity.Grant{
		Box: boxKey, Partner: partner(member), QuotaBytes: 1 << 30, MaxFeeds: 10, Issued: now, Notice: time.Minute,
	}) {
		t.Errorf("Grants = %+v", g)
	}
	if until := a.KeepUntil(a.Partners[0]); !until.IsZero() {
		t.Errorf("a grant without an end is kept until %v", until)
	}
	x.must(x.order(helper, chain.Revoke{Partner: partner(member), NoticeSeconds: 3600}))
	a = x.s.Access()
	if g := a.Grants(); len(g) != 0 {
		t.Errorf("after the revocation: %+v", g)
	}
	if until := a.KeepUntil(a.Partners[0]); !until.Equal(now.Add(time.Hour)) {
		t.Errorf("kept until %v", until)
	}
	if a.Role(operator(helper)) != chain.Operator || a.Role(operator(stranger)) != "" || !a.Claimed || a.Head != x.s.Head() {
		t.Errorf("Access = %+v", a)
	}
	x.must(x.order(helper, chain.Grant{Partner: partner(member), Terms: terms()}))
	if a := x.s.Access(); len(a.Grants()) != 1 || a.Partners[0].Number != 1 {
		t.Errorf("after another grant: %+v", a.Partners)
	}
}

// Of a grant's end, its revocation and the box's retirement the first counts.
func TestKeepUntil(t *testing.T) {
	hour := func(n int) time.Time { return now.Add(time.Duration(n) * time.Hour) }
	for _, c := range []struct{ until, revoked, retired, want time.Time }{
		{time.Time{}, time.Time{}, time.Time{}, time.Time{}},
		{hour(1), time.Time{}, time.Time{}, hour(2)},
		{hour(3), hour(1), time.Time{}, hour(2)},
		{hour(1), hour(3), hour(4), hour(2)},
		{hour(3), time.Time{}, hour(1), hour(2)},
	} {
		a := chain.Access{Retired: c.retired}
		p := chain.PartnerAccess{Terms: chain.Terms{Until: c.until, NoticeSeconds: 3600}, Revoked: c.revoked}
		if got := a.KeepUntil(p); !got.Equal(c.want) {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

// The table that goes to seederd names nobody and holds no code.
func TestAccessHoldsNoNames(t *testing.T) {
	x := owned(t)
	x.must(x.order(owner, chain.NamePartner{Partner: partner(member), SealedName: "sealed"}))
	x.must(x.order(owner, invite(60, chain.Partner)))
	text, err := json.Marshal(x.s.Access())
	x.must(err)
	for _, secret := range []string{"sealed", "c2VhbGVk", id(60).String(), claimKey(60).String()} {
		if strings.Contains(string(text), secret) {
			t.Errorf("the table holds %q: %s", secret, text)
		}
	}
}

// A retired box takes no order, and a reset card makes it a new one.
func TestRetired(t *testing.T) {
	x := owned(t)
	x.must(x.order(owner, invite(60, chain.Partner)))
	x.must(x.order(owner, chain.Retire{}))
	if a := x.s.Access(); !a.Retired.Equal(now) || len(a.Grants()) != 0 || a.Invites != 0 {
		t.Errorf("Access = %+v", a)
	}
	refuse(x, chain.ErrRetired, x.order(owner, chain.Rename{Name: "attic"}))
	refuse(x, chain.ErrRetired, x.fact(chain.Redeemed{Invite: id(60), Partner: partner(70)}))
	x.must(x.fact(chain.Reset{Reset: id(90), Mode: chain.Reowner, Claim: id(91)}))
	if !x.s.Retired.IsZero() || len(x.s.Access().Grants()) != 1 {
		t.Errorf("after the reset: %+v", x.s)
	}
}

// A clone shares nothing with the state, nor does a table.
func TestCloneSharesNothing(t *testing.T) {
	x := owned(t)
	x.must(x.order(owner, chain.Set{Name: "hypercore", Value: "on"}))
	x.must(x.order(owner, chain.Pin{Feed: chain.FeedKey{1}, Partner: partner(member)}))
	x.must(x.order(owner, invite(60, chain.Partner)))
	c, a := x.s.Clone(), x.s.Access()
	want, wantAccess := c.Clone(), x.s.Access()
	x.must(x.order(owner, chain.Set{Name: "hypercore", Value: "off"}))
	x.must(x.order(owner, chain.Unpin{Feed: chain.FeedKey{1}, Partner: partner(member)}))
	x.must(x.order(owner, chain.Revoke{Partner: partner(member)}))
	x.must(x.order(owner, chain.AddOperator{Operator: operator(helper), Role: chain.Owner}))
	x.must(x.fact(chain.Redeemed{Invite: id(60), Partner: partner(70)}))
	x.must(x.fact(chain.Reset{Reset: id(90), Mode: chain.Wipe, Claim: id(91)}))
	if !reflect.DeepEqual(c, want) || !reflect.DeepEqual(a, wantAccess) {
		t.Error("a copy has changed with the state")
	}
}
