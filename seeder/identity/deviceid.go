package identity

import (
	"encoding/hex"
	"fmt"
)

// A DeviceID is the short name of a device: the first 16 bytes of its key. It
// stands in snapshots and in lists of revoked devices. To make another key with
// the same ID takes 2^127 tries, and gains nothing without a certificate for it.
type DeviceID [16]byte

// ID returns the device's short name.
func (k DeviceKey) ID() DeviceID { return DeviceID(k[:16]) }

// String returns the ID in hex, 32 characters.
func (id DeviceID) String() string { return hex.EncodeToString(id[:]) }

// ParseDeviceID reads 32 lower-case hex characters. Errors wrap [ErrKey].
func ParseDeviceID(text string) (DeviceID, error) {
	b, err := hex.DecodeString(text)
	if err != nil || len(b) != len(DeviceID{}) || hex.EncodeToString(b) != text {
		return DeviceID{}, fmt.Errorf("reading device ID %.40q: %w: it has 32 hex digits", text, ErrKey)
	}
	return DeviceID(b), nil
}

// MarshalText returns the text form.
func (id DeviceID) MarshalText() ([]byte, error) { return []byte(id.String()), nil }

// UnmarshalText reads the text form. Errors wrap [ErrKey].
func (id *DeviceID) UnmarshalText(text []byte) (err error) {
	*id, err = ParseDeviceID(string(text))
	return err
}
