package provision

import (
	"cmp"
	"errors"
	"fmt"
	"time"

	"cobox/provision/chain"
	"cobox/provision/label"
)

// An Offer is what a code stands for at the moment.
type Offer struct {
	ID    label.ClaimID
	Claim label.ClaimKey
	Role  chain.Role
	// UsedBy is who used the code already; the same key is told yes again, any
	// other that it is used up. Zero when nobody did.
	UsedBy [32]byte
	// LANOnly says that the code counts only from the box's own network.
	LANOnly bool
	// Late says that the time after power-on is over in which the box can be claimed.
	Late bool
}

// Find returns what a code stands for. Nothing is told of codes that never counted.
func (a *Agent) Find(id label.ClaimID) (Offer, bool) {
	if a.damage != nil {
		return Offer{}, false
	}
	a.mu.Lock()
	key, known := a.claims[chain.ID(id)]
	a.mu.Unlock()
	if !known {
		return Offer{}, false
	}
	st := a.chain.State()
	o := Offer{ID: id, Claim: label.ClaimKey(key)}
	o.UsedBy, _ = a.usedBy(st, chain.ID(id))
	if inv, ok := st.Invite(chain.ID(id)); ok {
		o.Role = inv.Role
		return o, true
	}
	used := o.UsedBy != [32]byte{}
	if st.Recovery.Key == key {
		o.Role = chain.Owner
		return o, true
	}
	if a.noCard == nil && id == a.card.Claim.ID() {
		o.Role, o.LANOnly, o.Late = chain.Owner, !a.card.Anywhere, a.cfg.Uptime() > a.card.window()
		_, open := a.claimable()
		return o, used || open
	}
	return o, used
}

// claimable returns the claim ID of the code on the box's card, if it makes who
// has it the owner now. A card that names its owner has no code.
func (a *Agent) claimable() (label.ClaimID, bool) {
	if a.damage != nil || a.noCard != nil || a.card.Owner != (Owner{}) {
		return label.ClaimID{}, false
	}
	return a.card.Claim.ID(), a.cardCounts()
}

// cardCounts reports whether the box is nobody's, and its card says whose it will be.
func (a *Agent) cardCounts() bool {
	st, id := a.chain.State(), chain.ID(a.card.Claim.ID())
	return !st.Claimed() && (st.Claim == chain.ID{} && st.Seq == 0 || st.Claim == id)
}

// usedBy returns who has used a code, and whether anybody has. That of a recovery
// code counts while the recovery waits, and when it was carried out.
func (a *Agent) usedBy(st *chain.State, id chain.ID) (key [32]byte, used bool) {
	if key, used = st.UsedBy(id); used {
		return key, true
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if by, done := a.recovery.done[id]; done {
		return by, true
	}
	if st.Recovery.Key == a.claims[id] && !st.Recovery.NewOwner.IsZero() {
		return st.Recovery.NewOwner, true
	}
	return [32]byte{}, false
}

// ErrUsed says that somebody else has used a code.
var ErrUsed = errors.New("this code was used by somebody else")

// A Claim is the use of a code by somebody who has proved to hold it.
type Claim struct {
	ID         label.ClaimID
	Key        [32]byte // the new operator's or partner's
	SealedName chain.Sealed
	Evidence   chain.Evidence
}

// Redeem makes what a code stands for so: the key becomes the owner, an
// operator, or a partner. It is on the disk when Redeem returns nil. The same key
// may ask again and changes nothing; for others the error wraps [ErrUsed]. Other
// errors are those of the chain.
func (a *Agent) Redeem(c Claim) error {
	if err := cmp.Or(a.damage, a.cfg.ReadOnly); err != nil {
		return err
	}
	for {
		st := a.chain.State()
		if by, used := a.usedBy(st, chain.ID(c.ID)); used {
			if by == c.Key {
				return nil
			}
			return ErrUsed
		}
		if a.isRecovery(st, c.ID) && st.Role(c.Key) == chain.Owner {
			return nil // an owner's recovery brings nothing about
		}
		fact, err := a.fact(st, c)
		if err != nil {
			return err
		}
		signed, err := chain.SignFact(a.cfg.Key, st.Head(), a.issued(), fact)
		if err != nil {
			return err
		}
		_, err = a.append(signed, chain.Conditions{})
		if !errors.Is(err, chain.ErrStale) { // an operator's order came in between
			return err
		}
	}
}

// issued is the time to write into a fact: the best that the box knows.
func (a *Agent) issued() time.Time {
	if c := a.clock(); !c.Now.IsZero() {
		return c.Now
	}
	return time.Now()
}

// isRecovery reports whether a code is the recovery key's that counts.
func (a *Agent) isRecovery(st *chain.State, id label.ClaimID) bool {
	return st.Recovery.Key != chain.PublicKey{} && label.ClaimKey(st.Recovery.Key).ID() == id
}

func (a *Agent) fact(st *chain.State, c Claim) (chain.Fact, error) {
	inv, ok := st.Invite(chain.ID(c.ID))
	switch {
	case !ok && a.noCard == nil && a.card.Owner == (Owner{}) && c.ID == a.card.Claim.ID():
		return chain.Claimed{Claim: chain.ID(c.ID), Operator: c.Key, SealedName: c.SealedName, Evidence: c.Evidence}, nil
	case !ok && a.isRecovery(st, c.ID):
		return chain.RecoveryRequested{Operator: c.Key, Evidence: c.Evidence}, nil
	case !ok:
		return nil, fmt.Errorf("using a code: %w", chain.ErrSpent)
	case inv.Role == chain.Partner:
		return chain.Redeemed{Invite: chain.ID(c.ID), Partner: c.Key, Evidence: c.Evidence}, nil
	}
	return chain.Redeemed{Invite: chain.ID(c.ID), Operator: c.Key, SealedName: c.SealedName, Evidence: c.Evidence}, nil
}
