package identity

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"time"

	"cobox/seeder/feed"
)

// receiptContext is the context of receipts.
const receiptContext = "cobox/receipt/v1"

// A Receipt is a box's word that at a time all blocks of a feed, up to a length
// and with a root, were synced to its disk, and that it keeps them for a partner.
type Receipt struct {
	Box     BoxKey
	Partner PartnerKey
	Feed    feed.Key
	Fork    uint64
	Length  uint64    // blocks
	Bytes   uint64    // of all blocks
	Root    feed.Hash // the tree hash, [feed.Head.Hash]
	Synced  time.Time
}

// receiptBody is a receipt's body; the order of its fields is the order in the text.
type receiptBody struct {
	Box     BoxKey     `json:"box"`
	Partner PartnerKey `json:"partner"`
	Feed    feedText   `json:"feed"`
	Fork    uint64     `json:"fork"`
	Length  uint64     `json:"length"`
	Bytes   uint64     `json:"bytes"`
	Root    hashText   `json:"root"`
	Synced  seconds    `json:"synced"`
}

// feedText is a feed key in z-base-32, the form in which people see it.
type feedText feed.Key

func (f feedText) MarshalText() ([]byte, error) { return []byte(feed.Key(f).String()), nil }

func (f *feedText) UnmarshalText(text []byte) error {
	key, err := parseZ32(string(text))
	*f = feedText(key)
	return err
}

// hashText is a hash in lower-case hex.
type hashText feed.Hash

func (h hashText) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, h[:]), nil }

func (h *hashText) UnmarshalText(text []byte) error {
	if len(text) != hex.EncodedLen(len(h)) {
		return fmt.Errorf("a hash is %d hex characters", hex.EncodedLen(len(h)))
	}
	_, err := hex.Decode(h[:], text)
	return err
}

// SignReceipt signs r with the box's key, which must be that of r.Box. Sign
// only what is synced. The time is cut to whole seconds. Errors wrap [ErrStatement].
func SignReceipt(box ed25519.PrivateKey, r Receipt) (Statement, error) {
	r.Synced = inSeconds(r.Synced).Time
	err := r.check()
	if err == nil && BoxKeyOf(box) != r.Box {
		err = fmt.Errorf("%w: the key is not that of the box in it", ErrStatement)
	}
	if err != nil {
		return Statement{}, fmt.Errorf("signing receipt: %w", err)
	}
	body, err := marshalBody(receiptBody{
		r.Box, r.Partner, feedText(r.Feed), r.Fork, r.Length, r.Bytes, hashText(r.Root), seconds{r.Synced},
	})
	if err != nil {
		return Statement{}, fmt.Errorf("signing receipt: %w: %w", ErrStatement, err)
	}
	return Sign(receiptContext, body, Box, box)
}

// OpenReceipt verifies that st is a receipt by box, and returns it. Whether it
// is the right feed and root is for the caller to compare. Errors wrap
// [ErrContext], [ErrNotTrusted], [ErrBadSignature], [ErrStatement] or [ErrWrongBox].
func OpenReceipt(st Statement, box BoxKey) (Receipt, error) {
	r, err := openReceipt(st, box)
	if err != nil {
		return Receipt{}, fmt.Errorf("opening receipt: %w", err)
	}
	return r, nil
}

func openReceipt(st Statement, box BoxKey) (Receipt, error) {
	if err := st.open(receiptContext, Box); err != nil {
		return Receipt{}, err
	}
	var b receiptBody
	if err := unmarshalBody(st.Body, &b); err != nil {
		return Receipt{}, err
	}
	r := Receipt{
		b.Box, b.Partner, feed.Key(b.Feed), b.Fork, b.Length, b.Bytes, feed.Hash(b.Root), b.Synced.Time,
	}
	if err := r.check(); err != nil {
		return Receipt{}, err
	}
	if r.Box != st.Signer {
		return Receipt{}, fmt.Errorf("%w: %s signed for %s", ErrNotTrusted, st.SignerText(), r.Box)
	}
	if r.Box != box {
		return Receipt{}, fmt.Errorf("%w: box %s, not %s", ErrWrongBox, r.Box.PeerID(), box.PeerID())
	}
	return r, nil
}

// check tells whether r says something.
func (r Receipt) check() error {
	switch {
	case r.Box.IsZero():
		return fmt.Errorf("%w: no box", ErrStatement)
	case r.Partner.IsZero():
		return fmt.Errorf("%w: no partner", ErrStatement)
	case r.Feed == feed.Key{}:
		return fmt.Errorf("%w: no feed", ErrStatement)
	case max(r.Fork, r.Length, r.Bytes) > maxNumber:
		return fmt.Errorf("%w: a number over 2^53-1", ErrStatement)
	case r.Synced.IsZero():
		return fmt.Errorf("%w: no time", ErrStatement)
	}
	return nil
}
