package identity

import (
	"crypto/ed25519"
	"fmt"
	"time"

	"cobox/seeder/feed"
)

// deletionContext is the context of deletions.
const deletionContext = "cobox/deletion/v1"

// A Deletion is a box's word that it keeps a feed for a partner no longer, and what
// became of the blocks.
type Deletion struct {
	Box     BoxKey
	Partner PartnerKey
	Feed    feed.Key
	Bytes   uint64    // that the partner's room got back
	Gone    bool      // no block is on the box any more; false: another partner has the feed pinned too
	Deleted time.Time // when it was done
}

// deletionBody is a deletion's body; the order of its fields is the order in the text.
type deletionBody struct {
	Box     BoxKey     `json:"box"`
	Partner PartnerKey `json:"partner"`
	Feed    feedText   `json:"feed"`
	Bytes   uint64     `json:"bytes"`
	Gone    bool       `json:"gone"`
	Deleted seconds    `json:"deleted"`
}

// SignDeletion signs d with the box's key, which must be that of d.Box. Sign only what
// was done. The time is cut to whole seconds. Errors wrap [ErrStatement].
func SignDeletion(box ed25519.PrivateKey, d Deletion) (Statement, error) {
	d.Deleted = inSeconds(d.Deleted).Time
	err := d.check()
	if err == nil && BoxKeyOf(box) != d.Box {
		err = fmt.Errorf("%w: the key is not that of the box in it", ErrStatement)
	}
	if err != nil {
		return Statement{}, fmt.Errorf("signing deletion: %w", err)
	}
	body, err := marshalBody(deletionBody{d.Box, d.Partner, feedText(d.Feed), d.Bytes, d.Gone, seconds{d.Deleted}})
	if err != nil {
		return Statement{}, fmt.Errorf("signing deletion: %w: %w", ErrStatement, err)
	}
	return Sign(deletionContext, body, Box, box)
}

// OpenDeletion verifies that st is a deletion by box, and returns it. Whether it is
// about the right partner and feed is for the caller to compare. Errors wrap
// [ErrContext], [ErrNotTrusted], [ErrBadSignature], [ErrStatement] or [ErrWrongBox].
func OpenDeletion(st Statement, box BoxKey) (Deletion, error) {
	d, err := openDeletion(st, box)
	if err != nil {
		return Deletion{}, fmt.Errorf("opening deletion: %w", err)
	}
	return d, nil
}

func openDeletion(st Statement, box BoxKey) (Deletion, error) {
	if err := st.open(deletionContext, Box); err != nil {
		return Deletion{}, err
	}
	var b deletionBody
	if err := unmarshalBody(st.Body, &b); err != nil {
		return Deletion{}, err
	}
	d := Deletion{b.Box, b.Partner, feed.Key(b.Feed), b.Bytes, b.Gone, b.Deleted.Time}
	if err := d.check(); err != nil {
		return Deletion{}, err
	}
	if d.Box != st.Signer {
		return Deletion{}, fmt.Errorf("%w: %s signed for %s", ErrNotTrusted, st.SignerText(), d.Box)
	}
	if d.Box != box {
		return Deletion{}, fmt.Errorf("%w: box %s, not %s", ErrWrongBox, d.Box.PeerID(), box.PeerID())
	}
	return d, nil
}

// check tells whether d says something.
func (d Deletion) check() error {
	switch {
	case d.Box.IsZero():
		return fmt.Errorf("%w: no box", ErrStatement)
	case d.Partner.IsZero():
		return fmt.Errorf("%w: no partner", ErrStatement)
	case d.Feed == feed.Key{}:
		return fmt.Errorf("%w: no feed", ErrStatement)
	case d.Bytes > maxNumber:
		return fmt.Errorf("%w: a number over 2^53-1", ErrStatement)
	case d.Deleted.IsZero():
		return fmt.Errorf("%w: no time", ErrStatement)
	}
	return nil
}
