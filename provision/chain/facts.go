package chain

import "cobox/seeder/identity"

// Evidence is what a box was shown when a code was used: for people who want to
// check later that the box did not make it up. The rules do not look into it.
// What is signed, and how, is in provision/pairing.
type Evidence struct {
	Transcript     Hash      `json:"transcript"`
	ClaimKey       PublicKey `json:"claimKey"`
	ClaimSignature Signature `json:"claimSignature"` // by the claim key
	KeySignature   Signature `json:"keySignature"`   // by the new operator's or partner's key
}

// Claimed says that the holder of the label's code, or of a reset card's, is
// the box's first owner; or that he is whom the card named when it was flashed. Then
// no key of the owner's has signed, and the claim key's signature is over another
// transcript (provision/pairing).
type Claimed struct {
	Claim      ID                   `json:"claim"`
	Operator   identity.OperatorKey `json:"operator"`
	SealedName Sealed               `json:"sealedName,omitzero"`
	Evidence   Evidence             `json:"evidence,omitzero"`
}

// byCard reports whether no code was used: the owner himself has signed nothing.
func (f Claimed) byCard() bool {
	return f.Evidence.ClaimKey != PublicKey{} && f.Evidence.KeySignature == Signature{}
}

// Redeemed says that an invite was used: by a partner or by an operator,
// whichever it was for.
type Redeemed struct {
	Invite     ID                   `json:"invite"`
	Partner    identity.PartnerKey  `json:"partner,omitzero"`
	Operator   identity.OperatorKey `json:"operator,omitzero"`
	SealedName Sealed               `json:"sealedName,omitzero"` // an operator's; none: as in the invite
	Evidence   Evidence             `json:"evidence,omitzero"`
}

// RecoveryRequested says that the recovery key asked for another owner. It
// starts the waiting time.
type RecoveryRequested struct {
	Operator identity.OperatorKey `json:"operator"` // the new owner
	Evidence Evidence             `json:"evidence,omitzero"`
}

// Recovered says that the waiting time is over: the one asked for is now the
// only owner.
type Recovered struct {
	Operator identity.OperatorKey `json:"operator"`
}

// A ResetMode says what a reset card clears.
type ResetMode string

// The modes. Both leave the box without operators, with a new code.
const (
	Reowner ResetMode = "reowner" // partners, name and data stay
	Wipe    ResetMode = "wipe"    // everything goes
)

// Reset says that a reset card was applied.
type Reset struct {
	Reset ID        `json:"reset"` // the card's
	Mode  ResetMode `json:"mode"`
	Claim ID        `json:"claim"` // of the card's code; only it can claim the box now
	// Epoch is the one that begins, when it is not just the next: of a damaged
	// chain there may be a head of a later epoch than what can still be read.
	Epoch uint64 `json:"epoch,omitzero"`
}

func (Claimed) context() string           { return "cobox/fact-claimed/v1" }
func (Redeemed) context() string          { return "cobox/fact-redeemed/v1" }
func (RecoveryRequested) context() string { return "cobox/fact-recovery-requested/v1" }
func (Recovered) context() string         { return "cobox/fact-recovered/v1" }
func (Reset) context() string             { return "cobox/fact-reset/v1" }

func (f Claimed) check() error {
	if f.Operator.IsZero() {
		return malformed("no operator")
	}
	if err := checkID(f.Claim); err != nil {
		return err
	}
	return f.SealedName.check()
}

func (f Redeemed) check() error {
	if f.Partner.IsZero() == f.Operator.IsZero() {
		return malformed("an invite is redeemed by a partner or by an operator")
	}
	if !f.Partner.IsZero() && f.SealedName != "" {
		return malformed("a partner's name is the operators' word")
	}
	if err := checkID(f.Invite); err != nil {
		return err
	}
	return f.SealedName.check()
}

func (f RecoveryRequested) check() error {
	if f.Operator.IsZero() {
		return malformed("no operator")
	}
	return nil
}

func (f Recovered) check() error {
	if f.Operator.IsZero() {
		return malformed("no operator")
	}
	return nil
}

func (f Reset) check() error {
	switch {
	case f.Reset == ID{}:
		return malformed("no reset ID")
	case f.Mode != Reowner && f.Mode != Wipe:
		return malformed("reset mode %.16q", f.Mode)
	case f.Epoch > maxNumber:
		return malformed("epoch %d", f.Epoch)
	}
	return checkID(f.Claim)
}
