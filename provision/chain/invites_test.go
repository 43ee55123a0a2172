package chain_test

import (
	"errors"
	"testing"
	"time"

	"cobox/provision/chain"
	"cobox/seeder/identity"
)

// refuse expects err to wrap want.
func refuse(x *tester, want, err error) {
	x.Helper()
	if !errors.Is(err, want) {
		x.Errorf("got %v, want %v", err, want)
	}
}

// Case 31: an invite that two organisations redeem is the first one's, and the
// box remembers whose.
func TestCase31InviteTwice(t *testing.T) {
	x := owned(t)
	x.must(x.order(helper, invite(60, chain.Partner)))
	if _, used := x.s.UsedBy(id(60)); used {
		t.Error("an open invite is used")
	}
	x.must(x.fact(chain.Redeemed{Invite: id(60), Partner: partner(70)}))
	refuse(x, chain.ErrSpent, x.fact(chain.Redeemed{Invite: id(60), Partner: partner(71)}))
	refuse(x, chain.ErrSpent, x.fact(chain.Redeemed{Invite: id(60), Partner: partner(70)}))
	if by, used := x.s.UsedBy(id(60)); !used || by != partner(70) {
		t.Errorf("UsedBy = %x, %v", by, used)
	}
	p, ok := x.s.Partner(partner(70))
	if !ok || p.Number != 2 || p.Terms != terms() {
		t.Errorf("the partner is %+v", p)
	}
	refuse(x, chain.ErrSpent, x.order(helper, invite(60, chain.Partner)))
	refuse(x, chain.ErrUnknown, x.fact(chain.Redeemed{Invite: id(61), Partner: partner(71)}))
}

// Case 33: the open invites of an operator who was removed, or who may not
// invite such people any more, are void for good.
func TestCase33InvitesDie(t *testing.T) {
	x := owned(t)
	x.must(x.order(owner, chain.AddOperator{Operator: operator(20), Role: chain.Owner}))
	x.must(x.order(20, invite(60, chain.Owner)))
	x.must(x.order(20, invite(61, chain.Partner)))
	x.must(x.order(owner, invite(62, chain.Partner)))
	x.must(x.order(owner, chain.AddOperator{Operator: operator(20), Role: chain.Operator}))
	refuse(x, chain.ErrSpent, x.fact(chain.Redeemed{Invite: id(60), Operator: operator(30)}))
	if _, ok := x.s.Invite(id(61)); !ok {
		t.Error("an invite that its signer may still make is void")
	}
	x.must(x.order(owner, chain.RemoveOperator{Operator: operator(20)}))
	refuse(x, chain.ErrSpent, x.fact(chain.Redeemed{Invite: id(61), Partner: partner(70)}))
	x.must(x.order(owner, chain.AddOperator{Operator: operator(20), Role: chain.Owner}))
	refuse(x, chain.ErrSpent, x.fact(chain.Redeemed{Invite: id(61), Partner: partner(70)}))
	x.must(x.fact(chain.Redeemed{Invite: id(62), Partner: partner(70)}))
}

// Cancelling: an operator cancels what he could make, whoever made it.
func TestCancelInvite(t *testing.T) {
	x := owned(t)
	x.must(x.order(owner, invite(60, chain.Operator)))
	x.must(x.order(owner, invite(61, chain.Partner)))
	refuse(x, chain.ErrRole, x.order(helper, chain.CancelInvite{ID: id(60)}))
	x.must(x.order(helper, chain.CancelInvite{ID: id(61)}))
	x.must(x.order(owner, chain.CancelInvite{ID: id(60)}))
	refuse(x, chain.ErrSpent, x.order(owner, chain.CancelInvite{ID: id(60)}))
	refuse(x, chain.ErrUnknown, x.order(owner, chain.CancelInvite{ID: id(63)}))
	refuse(x, chain.ErrSpent, x.fact(chain.Redeemed{Invite: id(60), Operator: operator(30)}))
}

// An invite makes what it says, and never less of somebody than he is.
func TestInviteRoles(t *testing.T) {
	x := owned(t)
	x.must(x.order(owner, invite(60, chain.Operator)))
	x.must(x.order(owner, invite(61, chain.Observer)))
	refuse(x, chain.ErrRole, x.fact(chain.Redeemed{Invite: id(60), Partner: partner(70)}))
	refuse(x, chain.ErrExists, x.fact(chain.Redeemed{Invite: id(60), Operator: operator(owner)}))
	refuse(x, chain.ErrExists, x.fact(chain.Redeemed{Invite: id(61), Operator: operator(helper)}))
	x.must(x.fact(chain.Redeemed{Invite: id(60), Operator: operator(watcher)})) // he is more now
	x.must(x.fact(chain.Redeemed{Invite: id(61), Operator: operator(31)}))
	if x.s.Role(operator(watcher)) != chain.Operator || x.s.Role(operator(31)) != chain.Observer {
		t.Errorf("members = %+v", x.s.Members)
	}
	x.must(x.order(owner, invite(62, chain.Partner)))
	refuse(x, chain.ErrRole, x.fact(chain.Redeemed{Invite: id(62), Operator: operator(31)}))
}

// A revocation is not undone by an invite of before it; one of after it, or a
// grant, does.
func TestRevokedPartnerWithInvite(t *testing.T) {
	x := owned(t)
	x.must(x.order(owner, invite(60, chain.Partner)))
	x.must(x.order(owner, chain.Revoke{Partner: partner(member), NoticeSeconds: 5}))
	refuse(x, chain.ErrRevoked, x.fact(chain.Redeemed{Invite: id(60), Partner: partner(member)}))
	refuse(x, chain.ErrRevoked, x.order(owner, chain.Pin{Feed: chain.FeedKey{1}, Partner: partner(member)}))
	x.must(x.order(owner, chain.Unpin{Feed: chain.FeedKey{1}, Partner: partner(member)}))
	x.must(x.order(owner, invite(61, chain.Partner)))
	x.must(x.fact(chain.Redeemed{Invite: id(61), Partner: partner(member)}))
	if p, _ := x.s.Partner(partner(member)); !p.Revoked.IsZero() || p.Number != 1 {
		t.Errorf("the partner is %+v", p)
	}
}

// A second revocation changes the notice and not when it began.
func TestRevokeAgain(t *testing.T) {
	x := owned(t)
	x.must(x.order(owner, chain.Revoke{Partner: partner(member), NoticeSeconds: 5}))
	st, err := chain.SignOrder(key(owner), x.s.Head(), now.Add(time.Hour), chain.Revoke{Partner: partner(member), NoticeSeconds: 7})
	x.must(err)
	x.must(x.take(st))
	if p, _ := x.s.Partner(partner(member)); !p.Revoked.Equal(now) || p.Terms.NoticeSeconds != 7 {
		t.Errorf("the partner is %+v", p)
	}
	for _, o := range []chain.Order{
		chain.Revoke{Partner: partner(99)}, chain.NamePartner{Partner: partner(99)}, chain.TolerateSilence{Partner: partner(99)},
		chain.Pin{Feed: chain.FeedKey{1}, Partner: partner(99)}, chain.Unpin{Feed: chain.FeedKey{1}, Partner: partner(99)},
		chain.RemoveOperator{Operator: operator(99)},
	} {
		refuse(x, chain.ErrUnknown, x.order(owner, o))
	}
}

// A new recovery key cancels what the old one asked for; a second request does
// not take the place of the first; and the key is gone when it was used.
func TestRecoveryKey(t *testing.T) {
	x := owned(t)
	refuse(x, chain.ErrUnknown, x.fact(chain.RecoveryRequested{Operator: operator(40)}))
	refuse(x, chain.ErrUnknown, x.order(owner, chain.CancelRecovery{}))
	x.must(x.order(owner, chain.SetRecovery{Key: claimKey(80)}))
	refuse(x, chain.ErrExists, x.fact(chain.RecoveryRequested{Operator: operator(owner)}))
	x.must(x.fact(chain.RecoveryRequested{Operator: operator(40)}))
	refuse(x, chain.ErrExists, x.fact(chain.RecoveryRequested{Operator: operator(41)}))
	refuse(x, identity.ErrNotTrusted, x.fact(chain.Recovered{Operator: operator(41)}))
	refuse(x, chain.ErrTooEarly, x.fact(chain.Recovered{Operator: operator(40)}))
	x.must(x.order(owner, chain.SetRecovery{Key: claimKey(81)}))
	refuse(x, chain.ErrUnknown, x.fact(chain.Recovered{Operator: operator(40)}))

	x.must(x.order(owner, invite(60, chain.Partner)))
	x.must(x.order(helper, invite(61, chain.Partner)))
	x.must(x.fact(chain.RecoveryRequested{Operator: operator(40)}))
	st, err := chain.SignFact(boxPrivate, x.s.Head(), now, chain.Recovered{Operator: operator(40)})
	x.must(err)
	x.must(x.s.Apply(st, chain.Conditions{Waited: chain.RecoveryWait}))
	_, lost := x.s.Invite(id(60))
	_, kept := x.s.Invite(id(61))
	if x.s.Epoch != 2 || x.s.Recovery != (chain.Recovery{}) || x.s.Role(operator(helper)) != chain.Operator || lost || !kept {
		t.Errorf("after the recovery: %+v", x.s)
	}
}
