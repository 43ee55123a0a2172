package identity

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"
)

// revokedContext is the context of lists of revoked devices.
const revokedContext = "cobox/revoked/v1"

// MaxRevoked bounds the entries of a list, so that the largest one is a
// statement still. An entry goes when the device's certificate has ended: who
// gives certificates an end has room for ever.
const MaxRevoked = 256

// A Revoked is a partner's word that devices, which it has certified, speak for
// it no more. There is one list for all of them, so that a newer one can be told
// from an older one, and the older one be refused.
type Revoked struct {
	Partner PartnerKey
	Issued  time.Time
	Counter uint64          // of the partner's lists, from 1
	Devices []RevokedDevice // ascending by ID, each once, at most [MaxRevoked]
}

// A RevokedDevice is one device of a list.
type RevokedDevice struct {
	ID DeviceID
	// Until is the midnight (UTC) from which the entry is not needed any more,
	// because all certificates of the device have ended; zero for never.
	Until time.Time
}

// revokedBody is a list's body; the order of its fields is the order in the text.
type revokedBody struct {
	Partner PartnerKey     `json:"partner"`
	Issued  seconds        `json:"issued"`
	Counter uint64         `json:"counter"`
	Devices []revokedEntry `json:"devices"`
}

// A revokedEntry is a device's ID and, big-endian, the day of its Until since
// 1970, 0 for none: 24 characters of URL-safe base64.
type revokedEntry [18]byte

var entryText = base64.RawURLEncoding.Strict()

// MarshalText writes the entry.
func (e revokedEntry) MarshalText() ([]byte, error) { return entryText.AppendEncode(nil, e[:]), nil }

// UnmarshalText reads what MarshalText writes.
func (e *revokedEntry) UnmarshalText(text []byte) error {
	b, err := entryText.DecodeString(string(text))
	if err != nil || len(b) != len(e) {
		return fmt.Errorf("entry %.32q is not 18 bytes in base64", text)
	}
	copy(e[:], b)
	return nil
}

const day = 24 * time.Hour

// lastDay is the last day that an entry can name; what ends later never goes.
const lastDay = 1<<16 - 1

// midnightAfter returns the first midnight that is not before t, as entries
// name it: zero for never.
func midnightAfter(t time.Time) time.Time {
	if t.IsZero() {
		return t
	}
	d := t.UTC().Truncate(day)
	if d.Before(t) {
		d = d.Add(day)
	}
	if n := d.Unix() / int64(day/time.Second); n < 1 || n > lastDay {
		return time.Time{}
	}
	return d
}

// SignRevoked signs r with the partner's key, which must be that of r.Partner.
// Errors wrap [ErrStatement].
func SignRevoked(partner ed25519.PrivateKey, r Revoked) (Statement, error) {
	r.Issued = inSeconds(r.Issued).Time
	err := r.check()
	if err == nil && PartnerKeyOf(partner) != r.Partner {
		err = fmt.Errorf("%w: the key is not that of the partner in it", ErrStatement)
	}
	if err != nil {
		return Statement{}, fmt.Errorf("signing list of revoked devices: %w", err)
	}
	b := revokedBody{r.Partner, seconds{r.Issued}, r.Counter, make([]revokedEntry, len(r.Devices))}
	for i, d := range r.Devices {
		copy(b.Devices[i][:], d.ID[:])
		if !d.Until.IsZero() {
			binary.BigEndian.PutUint16(b.Devices[i][16:], uint16(d.Until.Unix()/int64(day/time.Second)))
		}
	}
	body, err := marshalBody(b)
	if err != nil {
		return Statement{}, fmt.Errorf("signing list of revoked devices: %w: %w", ErrStatement, err)
	}
	return Sign(revokedContext, body, Partner, partner)
}

// OpenRevoked verifies that st is partner's list, signed by it, and returns it.
// Whether it counts beside another one says [Revoked.Replaces]. Errors wrap
// [ErrContext], [ErrNotTrusted], [ErrBadSignature] or [ErrStatement].
func OpenRevoked(st Statement, partner PartnerKey) (Revoked, error) {
	r, err := openRevoked(st, partner)
	if err != nil {
		return Revoked{}, fmt.Errorf("opening list of revoked devices: %w", err)
	}
	return r, nil
}

func openRevoked(st Statement, partner PartnerKey) (Revoked, error) {
	if err := st.open(revokedContext, Partner); err != nil {
		return Revoked{}, err
	}
	if st.Signer != partner {
		return Revoked{}, fmt.Errorf("%w: %s signed, it is about %s", ErrNotTrusted, st.SignerText(), partner)
	}
	var b revokedBody
	if err := unmarshalBody(st.Body, &b); err != nil {
		return Revoked{}, err
	}
	if b.Partner != partner {
		return Revoked{}, fmt.Errorf("%w: %s signed for %s", ErrNotTrusted, st.SignerText(), b.Partner)
	}
	if b.Devices == nil {
		return Revoked{}, fmt.Errorf("%w: no list", ErrStatement)
	}
	r := Revoked{b.Partner, b.Issued.Time, b.Counter, make([]RevokedDevice, len(b.Devices))}
	for i, e := range b.Devices {
		r.Devices[i].ID = DeviceID(e[:16])
		if n := binary.BigEndian.Uint16(e[16:]); n != 0 {
			r.Devices[i].Until = time.Unix(int64(n)*int64(day/time.Second), 0).UTC()
		}
	}
	return r, r.check()
}

// check tells whether r says something.
func (r Revoked) check() error {
	switch {
	case r.Partner.IsZero():
		return fmt.Errorf("%w: no partner", ErrStatement)
	case r.Issued.IsZero():
		return fmt.Errorf("%w: no time of issue", ErrStatement)
	case r.Counter == 0 || r.Counter > maxNumber:
		return fmt.Errorf("%w: list number %d", ErrStatement, r.Counter)
	case len(r.Devices) > MaxRevoked:
		return fmt.Errorf("%w: %d devices, more than %d", ErrStatement, len(r.Devices), MaxRevoked)
	}
	for i, d := range r.Devices {
		switch {
		case i > 0 && bytes.Compare(r.Devices[i-1].ID[:], d.ID[:]) >= 0:
			return fmt.Errorf("%w: the devices are not in order", ErrStatement)
		case !d.Until.Equal(midnightAfter(d.Until)):
			return fmt.Errorf("%w: an entry until %v, which is no midnight from 1970 to 2149", ErrStatement, d.Until)
		}
	}
	return nil
}

// Has reports whether a device is revoked.
func (r Revoked) Has(k DeviceKey) bool {
	_, ok := r.find(k.ID())
	return ok
}

func (r Revoked) find(id DeviceID) (RevokedDevice, bool) {
	i, ok := slices.BinarySearchFunc(r.Devices, id, func(d RevokedDevice, id DeviceID) int { return bytes.Compare(d.ID[:], id[:]) })
	if !ok {
		return RevokedDevice{}, false
	}
	return r.Devices[i], true
}

// ErrOlderList says that a list of revoked devices does not replace another one:
// it is not newer, or it leaves devices out that still have to be in it.
var ErrOlderList = errors.New("a newer list of revoked devices is known")

// Replaces returns nil when r is to be followed from now on instead of old, a
// list of the same partner: it is newer by number and not older by time, and
// holds all of old's devices but those whose certificates have ended. So neither
// a replayed list nor one made without knowing old brings a device back. The
// error wraps [ErrOlderList]. Any list replaces the zero Revoked.
func (r Revoked) Replaces(old Revoked, now time.Time) error {
	if old.Partner.IsZero() {
		return nil
	}
	switch {
	case r.Partner != old.Partner:
		return fmt.Errorf("%w: this one is another partner's", ErrOlderList)
	case r.Counter <= old.Counter:
		return fmt.Errorf("%w: it has number %d, this one %d", ErrOlderList, old.Counter, r.Counter)
	case r.Issued.Before(old.Issued):
		return fmt.Errorf("%w: it is of %s, this one of %s", ErrOlderList, old.Issued.Format(secondsForm), r.Issued.Format(secondsForm))
	}
	for _, d := range old.Devices {
		if d.over(now) {
			continue
		}
		if e, ok := r.find(d.ID); !ok || d.outlasts(e) {
			return fmt.Errorf("%w: it has device %s, which this one leaves out or lets go earlier", ErrOlderList, d.ID)
		}
	}
	return nil
}

// over reports whether an entry is not needed any more.
func (d RevokedDevice) over(now time.Time) bool { return !d.Until.IsZero() && !now.Before(d.Until) }

// outlasts reports whether d is needed longer than e.
func (d RevokedDevice) outlasts(e RevokedDevice) bool {
	return !e.Until.IsZero() && (d.Until.IsZero() || d.Until.After(e.Until))
}

// Next returns the list that replaces r and all of others, lists of the same
// partner, whatever each of them knows: with the devices of all, but for those
// of r that are not needed any more at now, and the next number. Those of others
// stay: who keeps such a list may have a clock that is behind. r may be zero but
// for the partner. The result is to be signed by the partner; see [Revoked.Add].
func (r Revoked) Next(now time.Time, others ...Revoked) Revoked {
	next := Revoked{Partner: r.Partner, Counter: r.Counter, Issued: inSeconds(now).Time}
	if r.Issued.After(next.Issued) {
		next.Issued = r.Issued // a clock that was ahead must not stop us
	}
	for _, d := range r.Devices {
		if !d.over(now) {
			next.insert(d)
		}
	}
	for _, o := range others {
		next.Counter = max(next.Counter, o.Counter)
		if o.Issued.After(next.Issued) {
			next.Issued = o.Issued
		}
		for _, d := range o.Devices {
			next.insert(d)
		}
	}
	next.Counter++
	return next
}

// Add puts a device into the list. Until is when the last of its certificates
// ends, zero when one has no end or that is not known.
func (r *Revoked) Add(k DeviceKey, until time.Time) {
	r.insert(RevokedDevice{k.ID(), midnightAfter(until)})
}

// insert keeps the order, and of two entries of a device the one that lasts longer.
func (r *Revoked) insert(d RevokedDevice) {
	i, ok := slices.BinarySearchFunc(r.Devices, d.ID, func(e RevokedDevice, id DeviceID) int { return bytes.Compare(e.ID[:], id[:]) })
	switch {
	case !ok:
		r.Devices = slices.Insert(r.Devices, i, d)
	case d.outlasts(r.Devices[i]):
		r.Devices[i] = d
	}
}
