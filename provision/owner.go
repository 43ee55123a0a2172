package provision

import (
	"fmt"

	"cobox/provision/chain"
	"cobox/provision/pairing"
)

// takeOwner makes the box its owner's, when its card names one: the box says so in
// its chain, with what shows which card it was started from, and then blanks the
// card's seed. It is for Open. The order makes it whole whenever the power is cut:
// what is found done is not done again. A card that does not count any more, since
// somebody has owned the box, makes nobody the owner.
// Reference: pairing/PAIRING.md, "A card that names its owner".
func (a *Agent) takeOwner() error {
	o := a.card.Owner
	if o.Seed.IsZero() || a.damage != nil || a.cfg.ReadOnly != nil {
		return nil
	}
	if a.cardCounts() {
		claim, id := o.Seed.Claim(), a.card.Claim.ID()
		t := pairing.CardTranscript(id, a.box, o.Key)
		signed, err := chain.SignFact(a.cfg.Key, a.chain.State().Head(), a.issued(), chain.Claimed{
			Claim: chain.ID(id), Operator: o.Key,
			Evidence: chain.Evidence{Transcript: chain.Hash(t), ClaimKey: chain.PublicKey(a.card.Claim), ClaimSignature: pairing.SignCard(claim, t)},
		})
		if err == nil {
			err = a.chain.Append(signed, chain.Conditions{Clock: a.clock()})
		}
		if err != nil {
			return err
		}
		a.log.Info("the box is its owner's, whom its card named", "owner", o.Key)
	}
	card := a.card
	card.Owner.Seed = [32]byte{}
	if err := WriteCard(a.cfg.State, card); err != nil {
		return fmt.Errorf("blanking the seed: %w", err)
	}
	a.card = card
	return nil
}

// awaitsOwnerLocked reports whether the box is the owner's whom its card named, and no
// operator was there yet: he looks for it by the card.
func (a *Agent) awaitsOwnerLocked() bool {
	if a.damage != nil || a.noCard != nil || a.card.Owner == (Owner{}) || !a.seen.IsZero() {
		return false
	}
	by, used := a.chain.State().UsedBy(chain.ID(a.card.Claim.ID()))
	return used && by == a.card.Owner.Key && a.chain.State().Role(a.card.Owner.Key) == chain.Owner
}
