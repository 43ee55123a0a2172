package chain

import (
	"fmt"
	"slices"
	"time"

	"cobox/seeder/identity"
)

// Conditions are what the rules need to know of the moment at which a statement
// is taken in. The zero value refuses whatever depends on it.
type Conditions struct {
	// Clock is what the box knows of the time: an invite ends.
	Clock Clock
	// Waited is how long the box has been up since the recovery was asked for.
	Waited time.Duration
	// Wait is how long that has to be; 0 means [RecoveryWait].
	Wait time.Duration
}

// Apply takes in the statement that follows s. When it returns nil, s is the
// state after it; after an error s is as it was.
//
// Errors are those of [Read], and wrap identity.ErrWrongBox, ErrNotTrusted (the
// signer has no role here) or ErrExpired, [ErrOldEpoch], [ErrStale], [ErrRole],
// or what the rules of the action say no with.
func (s *State) Apply(st identity.Statement, c Conditions) error { return s.take(st, &c) }

// Replay takes in a statement that the box has taken in before. The conditions
// of that time are not known and not asked for; all else is as in [State.Apply].
func (s *State) Replay(st identity.Statement) error { return s.take(st, nil) }

func (s *State) take(st identity.Statement, c *Conditions) error {
	e, err := Read(st)
	if err != nil {
		return err
	}
	if err := s.apply(e, c); err != nil {
		return fmt.Errorf("taking in entry %d (%s): %w", e.Seq, Kind(e.Action), err)
	}
	s.Seq, s.Last, s.Bytes = e.Seq, e.Hash, s.Bytes+int64(e.size)
	return nil
}

// apply checks what is the same for all entries, then the action's own rules.
func (s *State) apply(e Entry, c *Conditions) error {
	if e.Box != s.Box {
		return fmt.Errorf("%w: box %s, this is %s", identity.ErrWrongBox, e.Box.PeerID(), s.Box.PeerID())
	}
	// Before the role: an owner of before a reset should hear of the reset.
	if e.Epoch != s.Epoch {
		return fmt.Errorf("%w: epoch %d, the box is in %d", ErrOldEpoch, e.Epoch, s.Epoch)
	}
	var by Member
	if e.SignerKind == identity.Operator {
		i := s.member(e.Signer)
		if i < 0 {
			return fmt.Errorf("%w: %s", identity.ErrNotTrusted, e.SignerText())
		}
		by = s.Members[i]
	}
	if e.Seq != s.Seq+1 || e.Previous != s.Last {
		return fmt.Errorf("%w: it follows entry %d, the box is at %d", ErrStale, e.Seq-1, s.Seq)
	}
	_, reset := e.Action.(Reset)
	if !s.Retired.IsZero() && !reset {
		return ErrRetired
	}
	if room := s.room(by.Role); s.Bytes+int64(e.size) > room && !reset {
		return fmt.Errorf("%w: the chain has %d bytes of the %d that it may have", ErrFull, s.Bytes, room)
	}
	switch a := e.Action.(type) {
	case Order:
		if !by.Role.AtLeast(a.needs()) {
			return fmt.Errorf("%w: it takes the role %s, %s has %s", ErrRole, a.needs(), by.Key, by.Role)
		}
		return a.apply(s, by, e)
	case Fact:
		return a.apply(s, e, c)
	}
	panic("chain: an action that is neither order nor fact")
}

// room returns how long the chain may get by an order of one with the role, or
// by a fact.
func (s *State) room(r Role) int64 {
	switch r {
	case Operator:
		return MaxBytes / 4 * 3
	case Owner:
		return MaxBytes / 16 * 15
	}
	return MaxBytes
}

// setMember gives a key a role. The caller has checked that it may.
func (s *State) setMember(m Member) {
	if i := s.member(m.Key); i >= 0 {
		s.Members[i] = m
	} else {
		s.Members = append(s.Members, m)
	}
	s.voidInvites()
}

// checkMember tells whether m may be set in place of what is there.
func (s *State) checkMember(m Member) error {
	i := s.member(m.Key)
	switch {
	case i < 0 && len(s.Members) >= MaxOperators:
		return fmt.Errorf("%w: this box has %d operators", ErrFull, len(s.Members))
	case i >= 0 && m.Role != Owner:
		return s.checkOwnerLeft(m.Key)
	}
	return nil
}

// checkOwnerLeft tells whether there is an owner besides k.
func (s *State) checkOwnerLeft(k identity.OperatorKey) error {
	if s.Role(k) == Owner && s.owners() == 1 {
		return ErrLastOwner
	}
	return nil
}

// voidInvites drops the invites whose signer could not sign them any more: he
// was removed, or has a lower role.
func (s *State) voidInvites() {
	s.Invites = slices.DeleteFunc(s.Invites, func(i OpenInvite) bool { return !s.Role(i.By).governs(i.Role) })
}

// setPartner gives a partner new terms; one who is not known gets the next
// number. The caller has checked that there is room.
func (s *State) setPartner(k identity.PartnerKey, t Terms, name Sealed, issued time.Time) {
	i := s.partner(k)
	if i < 0 {
		s.LastNumber++
		s.Partners = append(s.Partners, PartnerState{Number: s.LastNumber, Key: k})
		i = len(s.Partners) - 1
	}
	p := &s.Partners[i]
	p.Terms, p.Issued, p.Revoked, p.RevokedSeq = t, issued, time.Time{}, 0
	if name != "" {
		p.SealedName = name
	}
}

func (s *State) checkPartnerRoom(k identity.PartnerKey) error {
	if s.partner(k) < 0 && len(s.Partners) >= MaxPartners {
		return fmt.Errorf("%w: this box has had %d partners", ErrFull, len(s.Partners))
	}
	return nil
}

// setPin notes an operator's word on a feed. It returns an error wrapping
// ErrFull when the box was told to keep too many.
func (s *State) setPin(o PinOrder) error {
	if i := slices.IndexFunc(s.Pins, func(p PinOrder) bool { return p.Feed == o.Feed && p.Partner == o.Partner }); i >= 0 {
		s.Pins = append(slices.Delete(s.Pins, i, i+1), o)
		return nil
	}
	if len(s.Pins) >= MaxPins {
		// An unpin is carried out within moments; the oldest has been.
		i := slices.IndexFunc(s.Pins, func(p PinOrder) bool { return !p.Pin })
		if i < 0 {
			return fmt.Errorf("%w: this box was told to pin %d feeds", ErrFull, len(s.Pins))
		}
		s.Pins = slices.Delete(s.Pins, i, i+1)
	}
	s.Pins = append(s.Pins, o)
	return nil
}

// changeHands begins another ownership: what the owners before signed counts no
// more, and what they left open is void. Recovery is the new owner's to set up.
// e is the entry that brings it about.
func (s *State) changeHands(e Entry) {
	s.Epoch++
	s.Began = e.Seq
	s.Recovery = Recovery{}
	s.Update, s.Disk, s.GivenUp = UpdateOrder{}, DiskOrder{}, GivenUpDisk{}
	s.voidInvites()
}
