package chain_test

import (
	"testing"

	"cobox/provision/chain"
)

func TestBounds(t *testing.T) {
	x := owned(t)
	for i := len(x.s.Members); i < chain.MaxOperators; i++ {
		x.must(x.order(owner, chain.AddOperator{Operator: operator(1000 + i), Role: chain.Observer}))
	}
	refuse(x, chain.ErrFull, x.order(owner, chain.AddOperator{Operator: operator(999), Role: chain.Observer}))
	x.must(x.order(owner, chain.AddOperator{Operator: operator(1010), Role: chain.Operator})) // is there
	x.must(x.order(owner, invite(60, chain.Owner)))
	refuse(x, chain.ErrFull, x.fact(chain.Redeemed{Invite: id(60), Operator: operator(999)}))

	for i := len(x.s.Invites); i < chain.MaxInvites; i++ {
		x.must(x.order(owner, invite(1000+i, chain.Partner)))
	}
	refuse(x, chain.ErrFull, x.order(owner, invite(999, chain.Partner)))
	x.must(x.order(owner, chain.CancelInvite{ID: id(1010)}))
	x.must(x.order(owner, invite(999, chain.Partner)))
}

// There is room for so many partners, and then none; also not by an invite.
func TestMaxPartners(t *testing.T) {
	x := owned(t)
	x.must(x.order(owner, invite(60, chain.Partner)))
	for i := len(x.s.Partners); i < chain.MaxPartners; i++ {
		x.s.LastNumber++
		x.s.Partners = append(x.s.Partners, chain.PartnerState{Number: x.s.LastNumber, Key: fake(i)})
	}
	refuse(x, chain.ErrFull, x.order(owner, chain.Grant{Partner: partner(70), Terms: terms()}))
	refuse(x, chain.ErrFull, x.fact(chain.Redeemed{Invite: id(60), Partner: partner(70)}))
	x.must(x.fact(chain.Redeemed{Invite: id(60), Partner: partner(member)})) // is there
}

// When the orders on pins are too many, the oldest unpin makes room; a pin never does.
func TestMaxPins(t *testing.T) {
	x := owned(t)
	for i := range chain.MaxPins - 1 {
		x.s.Pins = append(x.s.Pins, chain.PinOrder{Feed: chain.FeedKey(fake(i + 1)), Partner: partner(member), Pin: true, Seq: 1})
	}
	x.must(x.order(owner, chain.Unpin{Feed: chain.FeedKey{1: 1}, Partner: partner(member)}))
	x.must(x.order(owner, chain.Pin{Feed: chain.FeedKey{1: 2}, Partner: partner(member)}))
	if last := x.s.Pins[chain.MaxPins-1]; len(x.s.Pins) != chain.MaxPins || !last.Pin || last.Seq != x.s.Seq {
		t.Errorf("%d orders, the last is %+v", len(x.s.Pins), last)
	}
	refuse(x, chain.ErrFull, x.order(owner, chain.Pin{Feed: chain.FeedKey{1: 3}, Partner: partner(member)}))
	x.must(x.order(owner, chain.Unpin{Feed: chain.FeedKey{1: 2}, Partner: partner(member)})) // in place of the pin
	x.must(x.order(owner, chain.Pin{Feed: chain.FeedKey{1: 3}, Partner: partner(member)}))
}

// fake is a key that nobody has.
func fake(i int) (k [32]byte) {
	k[0], k[1], k[31] = byte(i), byte(i>>8), 1
	return k
}

// A chain that operators have filled still takes an owner's orders, one that
// owners have filled the box's facts, and any a reset.
func TestChainFull(t *testing.T) {
	x := owned(t)
	x.must(x.order(owner, invite(60, chain.Partner)))
	x.must(x.order(owner, invite(61, chain.Partner)))
	x.s.Bytes = chain.MaxBytes / 4 * 3
	refuse(x, chain.ErrFull, x.order(helper, chain.Rename{Name: "attic"}))
	x.must(x.order(owner, chain.RemoveOperator{Operator: operator(helper)}))
	x.s.Bytes = chain.MaxBytes / 16 * 15
	refuse(x, chain.ErrFull, x.order(owner, chain.Rename{Name: "attic"}))
	x.must(x.fact(chain.Redeemed{Invite: id(60), Partner: partner(70)}))
	x.s.Bytes = chain.MaxBytes
	refuse(x, chain.ErrFull, x.fact(chain.Redeemed{Invite: id(61), Partner: partner(71)}))
	x.must(x.fact(chain.Reset{Reset: id(90), Mode: chain.Wipe, Claim: id(91)}))
}

// Reset cards are remembered, so there is an end to them too.
func TestMaxResets(t *testing.T) {
	x := owned(t)
	for i := range chain.MaxResets {
		x.s.Resets = append(x.s.Resets, id(5000+i))
	}
	refuse(x, chain.ErrFull, x.fact(chain.Reset{Reset: id(90), Mode: chain.Reowner, Claim: id(91)}))
}

// A reset card with a code that was here is refused, and so is a card's code
// after the next card.
func TestResetCodes(t *testing.T) {
	x := owned(t)
	x.must(x.order(owner, invite(60, chain.Partner)))
	refuse(x, chain.ErrSpent, x.fact(chain.Reset{Reset: id(90), Mode: chain.Reowner, Claim: id(1)}))
	refuse(x, chain.ErrSpent, x.fact(chain.Reset{Reset: id(90), Mode: chain.Reowner, Claim: id(60)}))
	x.must(x.fact(chain.Reset{Reset: id(90), Mode: chain.Reowner, Claim: id(91)}))
	x.must(x.fact(chain.Reset{Reset: id(92), Mode: chain.Wipe, Claim: id(93)}))
	refuse(x, chain.ErrSpent, x.fact(chain.Claimed{Claim: id(91), Operator: operator(owner)}))
	refuse(x, chain.ErrSpent, x.fact(chain.Reset{Reset: id(94), Mode: chain.Wipe, Claim: id(91)}))
	x.must(x.fact(chain.Claimed{Claim: id(93), Operator: operator(owner)}))
	refuse(x, chain.ErrClaimed, x.fact(chain.Claimed{Claim: id(93), Operator: operator(stranger)}))
	x.must(x.order(owner, chain.Grant{Partner: partner(70), Terms: terms()}))
	if p, _ := x.s.Partner(partner(70)); p.Number != 2 || x.s.Epoch != 3 {
		t.Errorf("after a wipe the next partner is %+v, epoch %d", p, x.s.Epoch)
	}
}
