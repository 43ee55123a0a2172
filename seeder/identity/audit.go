package identity

import (
	"crypto/ed25519"
	"fmt"
	"time"

	"cobox/seeder/feed"
)

// auditContext is the context of answers to audits.
const auditContext = "cobox/audit/v1"

// An AuditAnswer is a box's word that it gave an answer to a challenge (package
// audit): with the two it is evidence that anybody can check.
type AuditAnswer struct {
	Box       BoxKey
	Challenge feed.Hash // SHA-256 of the challenge
	Answer    feed.Hash // SHA-256 of the answer
	Given     time.Time
}

// auditBody is an answer's body; the order of its fields is the order in the text.
type auditBody struct {
	Box       BoxKey   `json:"box"`
	Challenge hashText `json:"challenge"`
	Answer    hashText `json:"answer"`
	Given     seconds  `json:"given"`
}

// SignAuditAnswer signs a with the box's key, which must be that of a.Box. The
// time is cut to whole seconds. Errors wrap [ErrStatement].
func SignAuditAnswer(box ed25519.PrivateKey, a AuditAnswer) (Statement, error) {
	if BoxKeyOf(box) != a.Box {
		return Statement{}, fmt.Errorf("signing the answer to an audit: %w: the key is not that of the box in it", ErrStatement)
	}
	body, err := marshalBody(auditBody{a.Box, hashText(a.Challenge), hashText(a.Answer), inSeconds(a.Given)})
	if err != nil {
		return Statement{}, fmt.Errorf("signing the answer to an audit: %w: %w", ErrStatement, err)
	}
	return Sign(auditContext, body, Box, box)
}

// OpenAuditAnswer verifies that st is an answer of box, and returns it. Whether
// it is about the right challenge and answer is for the caller to compare.
// Errors wrap [ErrContext], [ErrNotTrusted], [ErrBadSignature], [ErrStatement]
// or [ErrWrongBox].
func OpenAuditAnswer(st Statement, box BoxKey) (AuditAnswer, error) {
	var b auditBody
	err := st.open(auditContext, Box)
	if err == nil {
		err = unmarshalBody(st.Body, &b)
	}
	switch {
	case err != nil:
	case b.Box != st.Signer:
		err = fmt.Errorf("%w: %s signed for %s", ErrNotTrusted, st.SignerText(), b.Box)
	case b.Box != box:
		err = fmt.Errorf("%w: box %s, not %s", ErrWrongBox, b.Box.PeerID(), box.PeerID())
	}
	if err != nil {
		return AuditAnswer{}, fmt.Errorf("opening the answer to an audit: %w", err)
	}
	return AuditAnswer{b.Box, feed.Hash(b.Challenge), feed.Hash(b.Answer), b.Given.Time}, nil
}
