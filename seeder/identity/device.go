package identity

import (
	"crypto/ed25519"
	"fmt"
	"time"
)

// deviceContext is the context of device certificates.
const deviceContext = "cobox/device/v1"

// A Scope says what a device may do in its partner's name.
type Scope string

// The scopes.
const (
	ScopeFull Scope = "full" // pin, unpin, upload, read
	ScopeRead Scope = "read" // read what is pinned, and its status and receipts
)

// A DeviceCert is a partner's word that a device speaks for it. The box keeps
// it, so it holds no name: what the partner calls the device is the partner's.
type DeviceCert struct {
	Partner  PartnerKey
	Device   DeviceKey
	Scope    Scope
	Issued   time.Time
	NotAfter time.Time // zero for no end
}

// deviceBody is a certificate's body; the order of its fields is the order in the text.
type deviceBody struct {
	Partner  PartnerKey `json:"partner"`
	Device   DeviceKey  `json:"device"`
	Scope    Scope      `json:"scope"`
	Issued   seconds    `json:"issued"`
	NotAfter seconds    `json:"notAfter,omitzero"`
}

// SignDeviceCert signs c with the partner's key, which must be that of
// c.Partner. Times are cut to whole seconds. Errors wrap [ErrStatement].
func SignDeviceCert(partner ed25519.PrivateKey, c DeviceCert) (Statement, error) {
	c.Issued, c.NotAfter = inSeconds(c.Issued).Time, inSeconds(c.NotAfter).Time
	err := c.check()
	if err == nil && PartnerKeyOf(partner) != c.Partner {
		err = fmt.Errorf("%w: the key is not that of the partner in it", ErrStatement)
	}
	if err != nil {
		return Statement{}, fmt.Errorf("signing device certificate: %w", err)
	}
	body, err := marshalBody(deviceBody{c.Partner, c.Device, c.Scope, seconds{c.Issued}, seconds{c.NotAfter}})
	if err != nil {
		return Statement{}, fmt.Errorf("signing device certificate: %w: %w", ErrStatement, err)
	}
	return Sign(deviceContext, body, Partner, partner)
}

// OpenDeviceCert verifies that st is a certificate of device, signed by the
// partner in it, and returns it. Take device from the connection's peer ID, not
// from what the peer says. Whether the partner has a grant, and the time (see
// [DeviceCert.CheckTime]), are for the caller. Errors wrap [ErrContext],
// [ErrNotTrusted], [ErrBadSignature], [ErrStatement] or [ErrWrongDevice].
func OpenDeviceCert(st Statement, device DeviceKey) (DeviceCert, error) {
	c, err := openDeviceCert(st, device)
	if err != nil {
		return DeviceCert{}, fmt.Errorf("opening device certificate: %w", err)
	}
	return c, nil
}

func openDeviceCert(st Statement, device DeviceKey) (DeviceCert, error) {
	if err := st.open(deviceContext, Partner); err != nil {
		return DeviceCert{}, err
	}
	var b deviceBody
	if err := unmarshalBody(st.Body, &b); err != nil {
		return DeviceCert{}, err
	}
	c := DeviceCert{b.Partner, b.Device, b.Scope, b.Issued.Time, b.NotAfter.Time}
	if err := c.check(); err != nil {
		return DeviceCert{}, err
	}
	if c.Partner != st.Signer {
		return DeviceCert{}, fmt.Errorf("%w: %s signed for %s", ErrNotTrusted, st.SignerText(), c.Partner)
	}
	if c.Device != device {
		return DeviceCert{}, fmt.Errorf("%w: %s, this is %s", ErrWrongDevice, c.Device, device)
	}
	return c, nil
}

// check tells whether c says something.
func (c DeviceCert) check() error {
	switch {
	case c.Partner.IsZero():
		return fmt.Errorf("%w: no partner", ErrStatement)
	case c.Device.IsZero():
		return fmt.Errorf("%w: no device", ErrStatement)
	case c.Scope != ScopeFull && c.Scope != ScopeRead:
		return fmt.Errorf("%w: scope %.16q", ErrStatement, c.Scope)
	}
	return checkTerm(c.Issued, c.NotAfter)
}

// CheckTime returns nil, or an error wrapping [ErrExpired] when at now the
// certificate has ended.
func (c DeviceCert) CheckTime(now time.Time) error {
	return checkTime("device certificate", c.NotAfter, now)
}

// MayWrite reports whether the device may change anything: pin, unpin, upload.
func (c DeviceCert) MayWrite() bool { return c.Scope == ScopeFull }
