package identity

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"time"
)

// keepersContext is the context of lists of keepers.
const keepersContext = "cobox/keepers/v1"

// The bounds of a list, so that the largest one is a statement still.
const (
	MaxKeepers    = 16
	MaxKeeperAddr = 200 // bytes
)

// A Keepers is a partner's word which boxes keep its feeds: they may fetch from
// each other what both of them pin for it.
type Keepers struct {
	Partner PartnerKey
	Issued  time.Time
	Counter uint64   // of the partner's lists, from 1
	Boxes   []Keeper // ascending by key, each once, at most [MaxKeepers]
}

// A Keeper is one box of a list.
type Keeper struct {
	Box  BoxKey `json:"box"`
	Addr string `json:"addr,omitempty"` // a multiaddress at which it may be found; may be empty
}

type keepersBody struct {
	Partner PartnerKey `json:"partner"`
	Issued  seconds    `json:"issued"`
	Counter uint64     `json:"counter"`
	Boxes   []Keeper   `json:"boxes"`
}

// SignKeepers signs k with the partner's key, which must be that of k.Partner.
// Errors wrap [ErrStatement].
func SignKeepers(partner ed25519.PrivateKey, k Keepers) (Statement, error) {
	k.Issued = inSeconds(k.Issued).Time
	err := k.check()
	if err == nil && PartnerKeyOf(partner) != k.Partner {
		err = fmt.Errorf("%w: the key is not that of the partner in it", ErrStatement)
	}
	if err != nil {
		return Statement{}, fmt.Errorf("signing list of keepers: %w", err)
	}
	if k.Boxes == nil {
		k.Boxes = []Keeper{}
	}
	body, err := marshalBody(keepersBody{k.Partner, seconds{k.Issued}, k.Counter, k.Boxes})
	if err != nil {
		return Statement{}, fmt.Errorf("signing list of keepers: %w: %w", ErrStatement, err)
	}
	return Sign(keepersContext, body, Partner, partner)
}

// OpenKeepers verifies that st is partner's list, signed by it, and returns it.
// Whether it counts beside another one says [Keepers.Replaces]. Errors wrap
// [ErrContext], [ErrNotTrusted], [ErrBadSignature] or [ErrStatement].
func OpenKeepers(st Statement, partner PartnerKey) (Keepers, error) {
	k, err := openKeepers(st, partner)
	if err != nil {
		return Keepers{}, fmt.Errorf("opening list of keepers: %w", err)
	}
	return k, nil
}

func openKeepers(st Statement, partner PartnerKey) (Keepers, error) {
	if err := st.open(keepersContext, Partner); err != nil {
		return Keepers{}, err
	}
	if st.Signer != partner {
		return Keepers{}, fmt.Errorf("%w: %s signed, it is about %s", ErrNotTrusted, st.SignerText(), partner)
	}
	var b keepersBody
	if err := unmarshalBody(st.Body, &b); err != nil {
		return Keepers{}, err
	}
	if b.Partner != partner {
		return Keepers{}, fmt.Errorf("%w: %s signed for %s", ErrNotTrusted, st.SignerText(), b.Partner)
	}
	if b.Boxes == nil {
		return Keepers{}, fmt.Errorf("%w: no list", ErrStatement)
	}
	k := Keepers{b.Partner, b.Issued.Time, b.Counter, b.Boxes}
	return k, k.check()
}

// check tells whether k says something.
func (k Keepers) check() error {
	switch {
	case k.Partner.IsZero():
		return fmt.Errorf("%w: no partner", ErrStatement)
	case k.Issued.IsZero():
		return fmt.Errorf("%w: no time of issue", ErrStatement)
	case k.Counter == 0 || k.Counter > maxNumber:
		return fmt.Errorf("%w: list number %d", ErrStatement, k.Counter)
	case len(k.Boxes) > MaxKeepers:
		return fmt.Errorf("%w: %d boxes, more than %d", ErrStatement, len(k.Boxes), MaxKeepers)
	}
	for i, b := range k.Boxes {
		switch {
		case i > 0 && bytes.Compare(k.Boxes[i-1].Box[:], b.Box[:]) >= 0:
			return fmt.Errorf("%w: the boxes are not in order", ErrStatement)
		case len(b.Addr) > MaxKeeperAddr:
			return fmt.Errorf("%w: an address of %d bytes", ErrStatement, len(b.Addr))
		}
	}
	return nil
}

// Has reports whether a box is in the list.
func (k Keepers) Has(box BoxKey) bool {
	for _, b := range k.Boxes {
		if b.Box == box {
			return true
		}
	}
	return false
}

// ErrOlderKeepers says that a list of keepers does not replace another one.
var ErrOlderKeepers = errors.New("a newer list of keepers is known")

// Replaces returns nil when k is to be followed instead of old, a list of the
// same partner: its number is higher, and it is not older by time. Any list
// replaces the zero Keepers. The error wraps [ErrOlderKeepers].
func (k Keepers) Replaces(old Keepers) error {
	if old.Partner.IsZero() {
		return nil
	}
	if k.Partner != old.Partner || k.Counter <= old.Counter || k.Issued.Before(old.Issued) {
		return fmt.Errorf("%w: number %d, and this one is %d", ErrOlderKeepers, old.Counter, k.Counter)
	}
	return nil
}
