package wire

import (
	"encoding/binary"
	"errors"
	"fmt"

	"cobox/seeder/compact"
	"cobox/seeder/feed"
)

// ErrUnknownType says that a message is of a type that this package does not
// know. Peers pass over such messages.
var ErrUnknownType = errors.New("wire: unknown message type")

// A Message is one message of the replication channel.
type Message interface {
	// Type returns the number that stands before the body.
	Type() uint64
	// Append appends the body.
	Append(b []byte) []byte
}

// The types of messages.
const (
	typeSync uint64 = iota
	typeRequest
	typeCancel
	typeData
	typeNoData
	typeWant
	typeUnwant
	typeBitfield
	typeRange
	typeExtension
)

// ParseMessage parses the body of a message of the given type. Fields that a
// newer peer added at the end are passed over. The slices in the result are
// parts of body.
func ParseMessage(typ uint64, body []byte) (Message, error) {
	d := compact.NewDecoder(body)
	var m Message
	switch typ {
	case typeSync:
		m = parseSync(d)
	case typeRequest:
		m = parseRequest(d)
	case typeCancel:
		m = &Cancel{ID: d.Uint()}
	case typeData:
		m = parseData(d)
	case typeNoData:
		m = parseNoData(d)
	case typeWant:
		w := parseWant(d)
		m = &w
	case typeUnwant:
		w := Unwant(parseWant(d))
		m = &w
	case typeBitfield:
		m = parseBitfield(d)
	case typeRange:
		m = parseRange(d)
	case typeExtension:
		m = &Extension{Name: d.String(), Body: d.Rest()}
	default:
		return nil, fmt.Errorf("%w %d", ErrUnknownType, typ)
	}
	if err := d.Err(); err != nil {
		return nil, fmt.Errorf("reading message of type %d: %w", typ, err)
	}
	return m, nil
}

// A Handshake opens a feed's channel: it proves that its sender knows the feed key.
type Handshake struct {
	Seeks      bool // the sender answers seek requests
	Capability feed.Hash
}

// ParseHandshake parses a handshake.
func ParseHandshake(b []byte) (Handshake, error) {
	d := compact.NewDecoder(b)
	flags := d.Uint()
	h := Handshake{Seeks: flags&1 != 0, Capability: d.Fixed32()}
	if err := d.Err(); err != nil {
		return Handshake{}, fmt.Errorf("reading a channel's handshake: %w", err)
	}
	return h, nil
}

// Append appends the handshake.
func (h Handshake) Append(b []byte) []byte {
	return append(append(b, flag(h.Seeks, 1)), h.Capability[:]...)
}

// flag returns bit when set is.
func flag(set bool, bit byte) byte {
	if set {
		return bit
	}
	return 0
}

// Sync tells where the sender is, and acknowledges where it knows the receiver to be.
type Sync struct {
	CanUpgrade   bool // it can prove the way from the receiver's length to its own
	Uploading    bool
	Downloading  bool
	HasManifest  bool
	AllowPush    bool
	Fork, Length uint64
	RemoteLength uint64 // the receiver's length as the sender knows it; 0 on another fork
}

// Type implements [Message].
func (*Sync) Type() uint64 { return typeSync }

// Append implements [Message].
func (m *Sync) Append(b []byte) []byte {
	b = append(b, flag(m.CanUpgrade, 1)|flag(m.Uploading, 2)|flag(m.Downloading, 4)|flag(m.HasManifest, 8)|flag(m.AllowPush, 16))
	b = compact.AppendUint(b, m.Fork)
	b = compact.AppendUint(b, m.Length)
	return compact.AppendUint(b, m.RemoteLength)
}

func parseSync(d *compact.Decoder) *Sync {
	f := d.Uint()
	return &Sync{
		CanUpgrade: f&1 != 0, Uploading: f&2 != 0, Downloading: f&4 != 0, HasManifest: f&8 != 0, AllowPush: f&16 != 0,
		Fork: d.Uint(), Length: d.Uint(), RemoteLength: d.Uint(),
	}
}

// Cancel takes a request back.
type Cancel struct{ ID uint64 }

// Type implements [Message].
func (*Cancel) Type() uint64 { return typeCancel }

// Append implements [Message].
func (m *Cancel) Append(b []byte) []byte { return compact.AppendUint(b, m.ID) }

// The reasons of NoData.
const (
	NotAvailable   = 1
	InvalidRequest = 2
)

// NoData answers a request that cannot be answered with data.
type NoData struct {
	ID     uint64
	Reason uint64 // 0 when none is given
}

// Type implements [Message].
func (*NoData) Type() uint64 { return typeNoData }

// Append implements [Message].
func (m *NoData) Append(b []byte) []byte {
	b = compact.AppendUint(b, m.ID)
	if m.Reason == 0 {
		return append(b, 0)
	}
	return compact.AppendUint(append(b, 1), m.Reason)
}

func parseNoData(d *compact.Decoder) *NoData {
	m := &NoData{ID: d.Uint()}
	if d.Len() == 0 { // as older peers send it
		return m
	}
	if d.Uint()&1 != 0 {
		m.Reason = d.Uint()
	}
	return m
}

// Want subscribes to what the receiver has of a window of blocks.
type Want struct {
	Start, Length uint64
	Any           bool // one range of it is enough
}

// Unwant takes a Want back.
type Unwant Want

// Type implements [Message].
func (*Want) Type() uint64 { return typeWant }

// Type implements [Message].
func (*Unwant) Type() uint64 { return typeUnwant }

// Append implements [Message].
func (m *Want) Append(b []byte) []byte {
	b = compact.AppendUint(b, m.Start)
	b = compact.AppendUint(b, m.Length)
	if m.Any {
		b = append(b, 1)
	}
	return b
}

// Append implements [Message].
func (m *Unwant) Append(b []byte) []byte { return (*Want)(m).Append(b) }

func parseWant(d *compact.Decoder) Want {
	w := Want{Start: d.Uint(), Length: d.Uint()}
	if d.Len() > 0 {
		w.Any = d.Uint()&1 != 0
	}
	return w
}

// Bitfield tells which blocks of a window the sender has: bit i of the window is
// Words[i>>5]>>(i&31)&1.
type Bitfield struct {
	Start uint64 // a multiple of 32
	Words []uint32
}

// Type implements [Message].
func (*Bitfield) Type() uint64 { return typeBitfield }

// Append implements [Message].
func (m *Bitfield) Append(b []byte) []byte {
	b = compact.AppendUint(b, m.Start)
	b = compact.AppendUint(b, uint64(len(m.Words)))
	for _, w := range m.Words {
		b = binary.LittleEndian.AppendUint32(b, w)
	}
	return b
}

func parseBitfield(d *compact.Decoder) *Bitfield {
	m := &Bitfield{Start: d.Uint()}
	n := d.Count(4)
	if n > maxWords || m.Start%32 != 0 {
		d.Fail(compact.ErrRange)
		return m
	}
	m.Words = make([]uint32, n)
	for i := range m.Words {
		m.Words[i] = d.Uint32()
	}
	return m
}

// Range tells that the sender has, or no longer has, a run of blocks.
type Range struct {
	Drop          bool
	Start, Length uint64
}

// Type implements [Message].
func (*Range) Type() uint64 { return typeRange }

// Append implements [Message].
func (m *Range) Append(b []byte) []byte {
	b = append(b, flag(m.Drop, 1)|flag(m.Length == 1, 2))
	b = compact.AppendUint(b, m.Start)
	if m.Length != 1 {
		b = compact.AppendUint(b, m.Length)
	}
	return b
}

func parseRange(d *compact.Decoder) *Range {
	f := d.Uint()
	m := &Range{Drop: f&1 != 0, Start: d.Uint(), Length: 1}
	if f&2 == 0 {
		m.Length = d.Uint()
	}
	if m.Start+m.Length > compact.MaxUint {
		d.Fail(compact.ErrRange)
	}
	return m
}

// Extension is a message of somebody else's protocol within the channel.
type Extension struct {
	Name string // empty for the same as in the one before
	Body []byte
}

// Type implements [Message].
func (*Extension) Type() uint64 { return typeExtension }

// Append implements [Message].
func (m *Extension) Append(b []byte) []byte {
	return append(compact.AppendString(b, m.Name), m.Body...)
}
