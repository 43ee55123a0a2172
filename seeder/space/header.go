package space

import (
	"time"

	"cobox/seeder/compact"
)

// FormatVersion is the version of the format that this package writes and the
// only one that it reads.
const FormatVersion = 1

const (
	maxText = 1024 // bytes of a name of a space, a device, a folder, a tool
)

// A Header is block 0 of a feed: what the feed is for.
type Header struct {
	Space   ID
	Name    string // of the space
	Device  Device
	Created time.Time
}

// A Device is one of a partner's computers.
type Device struct {
	ID   ID
	Name string
}

func (h *Header) payload() []byte {
	b := compact.AppendUint(nil, FormatVersion)
	b = append(b, h.Space[:]...)
	b = compact.AppendString(b, h.Name)
	b = append(b, h.Device.ID[:]...)
	b = compact.AppendString(b, h.Device.Name)
	return appendTime(b, h.Created)
}

func decodeHeader(payload []byte) (*Header, error) {
	d := compact.NewDecoder(payload)
	version := d.Uint()
	if d.Err() == nil && version != FormatVersion {
		return nil, damaged("feed of format version %d, where this program knows %d: use a newer one", version, FormatVersion)
	}
	var h Header
	copy(h.Space[:], d.Bytes(16))
	h.Name = decodeText(d)
	copy(h.Device.ID[:], d.Bytes(16))
	h.Device.Name = decodeText(d)
	h.Created = decodeTime(d)
	return &h, finish(d, "header")
}

func decodeText(d *compact.Decoder) string {
	s := d.String()
	if len(s) > maxText {
		d.Fail(damaged("text of %d bytes", len(s)))
		return ""
	}
	return s
}
