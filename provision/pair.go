package provision

import (
	"errors"

	"cobox/provision/chain"
	"cobox/provision/label"
	"cobox/provision/pairing"
	"cobox/seeder/identity"
)

// codes is an agent as the pairing exchange sees it.
type codes struct{ *Agent }

// Find implements pairing.Authority.
func (c codes) Find(id label.ClaimID) (label.ClaimKey, bool) {
	o, ok := c.Agent.Find(id)
	return o.Claim, ok
}

// Redeem implements pairing.Authority.
func (c codes) Redeem(p pairing.Proved) (epoch, seq uint64, err error) {
	o, ok := c.Agent.Find(p.ID)
	if !ok {
		return 0, 0, pairing.Refuse(pairing.Denied)
	}
	// Who has used the code may ask again, whatever else has changed.
	if o.UsedBy == [32]byte{} {
		switch {
		case o.LANOnly && !Near(p.From):
			return 0, 0, pairing.Refuse(pairing.Far)
		case o.Late:
			return 0, 0, pairing.Refuse(pairing.Late)
		case (o.Role == chain.Partner) != (p.Kind == pairing.Partner):
			return 0, 0, pairing.Refuse(pairing.WrongFor)
		}
	}
	err = c.Agent.Redeem(Claim{
		ID: p.ID, Key: p.Key, SealedName: chain.Sealed(p.SealedName),
		Evidence: chain.Evidence{
			Transcript: chain.Hash(p.Transcript), ClaimKey: chain.PublicKey(p.Claim),
			ClaimSignature: p.ClaimSignature, KeySignature: p.KeySignature,
		},
	})
	if err != nil {
		c.log.Warn("a code was not accepted", "error", err)
		return 0, 0, pairing.Refuse(answerTo(err))
	}
	head := c.State().Head()
	return head.Epoch, head.Seq, nil
}

func answerTo(err error) pairing.Answer {
	switch {
	case errors.Is(err, ErrUsed), errors.Is(err, chain.ErrClaimed), errors.Is(err, chain.ErrExists):
		return pairing.Used
	case errors.Is(err, chain.ErrSpent), errors.Is(err, chain.ErrRetired), errors.Is(err, chain.ErrRevoked):
		return pairing.Denied
	case errors.Is(err, identity.ErrExpired):
		return pairing.Expired
	case errors.Is(err, chain.ErrClockUntrusted):
		return pairing.NoClock
	}
	return pairing.Storage
}
