package chain

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"cobox/seeder/identity"
)

func (f Claimed) apply(s *State, e Entry, _ *Conditions) error {
	if s.Claimed() {
		return ErrClaimed
	}
	// The label's code is only good until the first claim, and a card's until the next card.
	if s.Claim != f.Claim && (s.Claim != ID{} || s.Seq > 0) {
		return fmt.Errorf("code %s: %w", f.Claim, ErrSpent)
	}
	s.Codes[f.Claim] = Code{e.Seq, PublicKey(f.Operator)}
	s.Members = []Member{{f.Operator, Owner, f.SealedName}}
	return nil
}

func (f Redeemed) apply(s *State, e Entry, c *Conditions) error {
	at := s.invite(f.Invite)
	if at < 0 {
		return s.noInvite(f.Invite)
	}
	inv := s.Invites[at]
	if c != nil {
		if err := c.Clock.CheckEnd("invite", inv.NotAfter); err != nil {
			return err
		}
		if err := c.Clock.CheckEnd("grant", inv.Terms.Until); err != nil {
			return err
		}
	}
	if (inv.Role == Partner) == f.Partner.IsZero() {
		return fmt.Errorf("%w: the invite is for %s", ErrRole, aRole(inv.Role))
	}
	if inv.Role == Partner {
		if err := f.checkPartner(s, inv); err != nil {
			return err
		}
		s.useInvite(at, e.Seq, f.Partner)
		s.setPartner(f.Partner, inv.Terms, inv.SealedName, e.Issued)
		return nil
	}
	m := Member{f.Operator, inv.Role, f.SealedName}
	if m.SealedName == "" {
		m.SealedName = inv.SealedName
	}
	if inv.Transfer {
		s.useInvite(at, e.Seq, f.Operator)
		s.Members = []Member{m}
		s.Invites = nil // also those of an owner who takes his own box over
		s.changeHands(e)
		return nil
	}
	if s.Role(f.Operator).AtLeast(inv.Role) {
		return fmt.Errorf("%w: %s is %s here", ErrExists, f.Operator, aRole(s.Role(f.Operator)))
	}
	if err := s.checkMember(m); err != nil {
		return err
	}
	s.useInvite(at, e.Seq, f.Operator)
	s.setMember(m)
	return nil
}

func (f Redeemed) checkPartner(s *State, inv OpenInvite) error {
	// An invite of before the revocation was not meant to undo it.
	if p, ok := s.Partner(f.Partner); ok && p.RevokedSeq > inv.Seq {
		return fmt.Errorf("%s: %w", f.Partner, ErrRevoked)
	}
	return s.checkPartnerRoom(f.Partner)
}

// useInvite closes the invite at index i: it was used by key.
func (s *State) useInvite(i int, seq uint64, key [32]byte) {
	s.Codes[s.Invites[i].ID] = Code{seq, PublicKey(key)}
	s.Invites = slices.Delete(s.Invites, i, i+1)
}

func (f RecoveryRequested) apply(s *State, e Entry, _ *Conditions) error {
	switch {
	case s.Recovery.Key == PublicKey{}:
		return fmt.Errorf("%w: this box has no recovery key", ErrUnknown)
	case !s.Recovery.NewOwner.IsZero():
		return fmt.Errorf("%w: a recovery is waiting", ErrExists)
	case s.Role(f.Operator) == Owner:
		return fmt.Errorf("%w: %s is an owner", ErrExists, f.Operator)
	}
	s.Recovery.NewOwner, s.Recovery.Seq = f.Operator, e.Seq
	return nil
}

// apply removes the owners of before: their keys are lost, which may mean
// stolen. Operators and observers stay, and answer to the new owner.
func (f Recovered) apply(s *State, e Entry, c *Conditions) error {
	switch {
	case s.Recovery.NewOwner.IsZero():
		return fmt.Errorf("%w: nobody has asked for a recovery", ErrUnknown)
	case s.Recovery.NewOwner != f.Operator:
		return fmt.Errorf("%w: the recovery is to %s", identity.ErrNotTrusted, s.Recovery.NewOwner)
	case c != nil && c.Waited < cmp.Or(c.Wait, RecoveryWait):
		return fmt.Errorf("%w: the box was up for %v of %v since", ErrTooEarly, c.Waited, cmp.Or(c.Wait, RecoveryWait))
	}
	m := Member{Key: f.Operator, Role: Owner}
	if i := s.member(f.Operator); i >= 0 {
		m.SealedName = s.Members[i].SealedName
	}
	s.Members = slices.DeleteFunc(s.Members, func(m Member) bool { return m.Role == Owner })
	s.setMember(m)
	s.changeHands(e)
	return nil
}

func (f Reset) apply(s *State, e Entry, _ *Conditions) error {
	if slices.Contains(s.Resets, f.Reset) {
		return fmt.Errorf("reset card %s: %w", f.Reset, ErrSpent)
	}
	if _, seen := s.Codes[f.Claim]; seen {
		return fmt.Errorf("code %s of the reset card: %w", f.Claim, ErrSpent)
	}
	if len(s.Resets) >= MaxResets {
		return fmt.Errorf("%w: this box was reset %d times; flash it anew", ErrFull, len(s.Resets))
	}
	if f.Epoch != 0 && f.Epoch <= s.Epoch {
		return fmt.Errorf("%w: the reset is to begin epoch %d, the box is in %d", ErrOldEpoch, f.Epoch, s.Epoch)
	}
	s.Resets = append(s.Resets, f.Reset)
	s.Codes[f.Claim] = Code{}
	s.Claim, s.Retired = f.Claim, time.Time{}
	s.Members = nil
	if f.Mode == Wipe {
		s.Name, s.Partners, s.Pins = "", nil, nil
		clear(s.Settings)
		clear(s.Switched)
	}
	s.changeHands(e)
	s.Epoch = max(s.Epoch, f.Epoch)
	if f.Mode == Wipe {
		s.Wiped = s.Epoch
	}
	return nil
}
