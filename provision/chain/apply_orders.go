package chain

import (
	"fmt"
	"slices"
)

func (o AddOperator) apply(s *State, by Member, _ Entry) error {
	m := Member{o.Operator, o.Role, o.SealedName}
	if err := mayGovern(by, o.Role); err != nil {
		return err
	}
	if now := s.Role(o.Operator); now != "" {
		if err := mayGovern(by, now); err != nil {
			return err
		}
	}
	if err := s.checkMember(m); err != nil {
		return err
	}
	s.setMember(m)
	return nil
}

func (o RemoveOperator) apply(s *State, by Member, _ Entry) error {
	i := s.member(o.Operator)
	if i < 0 {
		return fmt.Errorf("%w: %s", ErrUnknown, o.Operator)
	}
	if err := mayGovern(by, s.Members[i].Role); err != nil {
		return err
	}
	if err := s.checkOwnerLeft(o.Operator); err != nil {
		return err
	}
	s.Members = slices.Delete(s.Members, i, i+1)
	s.voidInvites()
	return nil
}

func (o Rename) apply(s *State, _ Member, _ Entry) error {
	s.Name = o.Name
	return nil
}

func (o Invite) apply(s *State, by Member, e Entry) error {
	if err := mayGovern(by, o.Role); err != nil {
		return err
	}
	if err := checkTerm("the invite", e.Issued, o.NotAfter); err != nil {
		return err
	}
	if err := checkTerm("the grant", e.Issued, o.Terms.Until); err != nil {
		return err
	}
	if _, seen := s.Codes[o.ID]; seen {
		return fmt.Errorf("%w: code %s was here before", ErrSpent, o.ID)
	}
	if len(s.Invites) >= MaxInvites {
		return fmt.Errorf("%w: %d invites are open; cancel those that have ended", ErrFull, len(s.Invites))
	}
	s.Codes[o.ID] = Code{}
	s.Invites = append(s.Invites, OpenInvite{o, by.Key, e.Seq})
	return nil
}

func (o CancelInvite) apply(s *State, by Member, _ Entry) error {
	i := s.invite(o.ID)
	if i < 0 {
		return s.noInvite(o.ID)
	}
	if err := mayGovern(by, s.Invites[i].Role); err != nil {
		return err
	}
	s.Invites = slices.Delete(s.Invites, i, i+1)
	return nil
}

func (o Grant) apply(s *State, _ Member, e Entry) error {
	if err := checkTerm("the grant", e.Issued, o.Terms.Until); err != nil {
		return err
	}
	if err := s.checkPartnerRoom(o.Partner); err != nil {
		return err
	}
	s.setPartner(o.Partner, o.Terms, o.SealedName, e.Issued)
	return nil
}

func (o NamePartner) apply(s *State, _ Member, _ Entry) error {
	i := s.partner(o.Partner)
	if i < 0 {
		return fmt.Errorf("%w: %s", ErrUnknown, o.Partner)
	}
	s.Partners[i].SealedName = o.SealedName
	return nil
}

func (o TolerateSilence) apply(s *State, _ Member, _ Entry) error {
	i := s.partner(o.Partner)
	if i < 0 {
		return fmt.Errorf("%w: %s", ErrUnknown, o.Partner)
	}
	s.Partners[i].SilenceSeconds = o.Seconds
	return nil
}

// apply may come twice: the second changes the notice, not its beginning.
func (o Revoke) apply(s *State, _ Member, e Entry) error {
	i := s.partner(o.Partner)
	if i < 0 {
		return fmt.Errorf("%w: %s", ErrUnknown, o.Partner)
	}
	p := &s.Partners[i]
	p.Terms.NoticeSeconds, p.RevokedSeq = o.NoticeSeconds, e.Seq
	if p.Revoked.IsZero() {
		p.Revoked = e.Issued
	}
	return nil
}

func (o Pin) apply(s *State, _ Member, e Entry) error {
	p, ok := s.Partner(o.Partner)
	switch {
	case !ok:
		return fmt.Errorf("%w: %s", ErrUnknown, o.Partner)
	case !p.Revoked.IsZero():
		return fmt.Errorf("%s: %w", o.Partner, ErrRevoked)
	}
	return s.setPin(PinOrder{o.Feed, o.Partner, true, e.Seq})
}

func (o Unpin) apply(s *State, _ Member, e Entry) error {
	if s.partner(o.Partner) < 0 {
		return fmt.Errorf("%w: %s", ErrUnknown, o.Partner)
	}
	return s.setPin(PinOrder{o.Feed, o.Partner, false, e.Seq})
}

func (o SetRecovery) apply(s *State, _ Member, _ Entry) error {
	s.Recovery = Recovery{Key: o.Key}
	return nil
}

func (CancelRecovery) apply(s *State, _ Member, _ Entry) error {
	if s.Recovery.NewOwner.IsZero() {
		return fmt.Errorf("%w: nobody has asked for a recovery", ErrUnknown)
	}
	s.Recovery = Recovery{Key: s.Recovery.Key}
	return nil
}

func (o Set) apply(s *State, _ Member, e Entry) error {
	s.Settings[o.Name] = o.Value
	s.Switched[o.Name] = e.Seq
	return nil
}

func (o Update) apply(s *State, _ Member, e Entry) error {
	s.Update = UpdateOrder{o, e.Seq}
	return nil
}

func (o AdoptDisk) apply(s *State, _ Member, e Entry) error {
	s.Disk = DiskOrder{o, e.Seq}
	return nil
}

func (o GiveUpDisk) apply(s *State, _ Member, e Entry) error {
	s.GivenUp = GivenUpDisk{o, e.Seq}
	return nil
}

func (o AcceptBoard) apply(s *State, _ Member, _ Entry) error {
	s.Board = o.Board
	return nil
}

func (Retire) apply(s *State, _ Member, e Entry) error {
	s.Retired = e.Issued
	s.Invites = nil
	s.Recovery = Recovery{}
	return nil
}

// mayGovern tells whether by may give or take the role r.
func mayGovern(by Member, r Role) error {
	if !by.Role.governs(r) {
		return fmt.Errorf("%w: a key with the role %s does not decide on one with the role %s", ErrRole, by.Role, r)
	}
	return nil
}

// noInvite says why there is no open invite with a code.
func (s *State) noInvite(id ID) error {
	if _, seen := s.Codes[id]; seen {
		return fmt.Errorf("invite %s: %w", id, ErrSpent)
	}
	return fmt.Errorf("%w: invite %s", ErrUnknown, id)
}
