package pairing

import (
	"crypto/sha256"
	"encoding/binary"

	"cobox/provision/label"
	"cobox/seeder/identity"
)

// CardTranscript returns what the claim on a card that names its owner is used for
// (PAIRING.md, "A card that names its owner"): that this card made this box, and
// whose it is.
func CardTranscript(card label.ClaimID, box identity.BoxKey, owner identity.OperatorKey) Transcript {
	h := sha256.New()
	for _, field := range [][]byte{[]byte("/cobox/card/1"), []byte(box.PeerID()), card[:], owner[:]} {
		_, _ = h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(field))))
		_, _ = h.Write(field)
	}
	return Transcript(h.Sum(nil))
}

// SignCard is the box's: the claim of its card signs that it is the box's card.
func SignCard(claim label.Claim, t Transcript) (signature [64]byte) {
	return [64]byte(claim.Sign(t.forCard()))
}

// VerifyCard reports whether the claim of a card has signed t. Who wants to know
// whether it is the right card compares its claim ID.
func VerifyCard(key label.ClaimKey, t Transcript, signature [64]byte) bool {
	return key.Verify(t.forCard(), signature[:])
}

func (t Transcript) forCard() []byte { return append([]byte("cobox/pair-card/v1\n"), t[:]...) }
