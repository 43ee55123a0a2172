package wire_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"testing"

	"cobox/seeder/compact"
	"cobox/seeder/feed"
	"cobox/seeder/wire"
)

// A vectorMessage is a message with its body.
type vectorMessage struct {
	Message string
	TypeID  *uint64
	Value   json.RawMessage
	Encoded hexBytes
}

func loadMessages(t testing.TB) []vectorMessage {
	t.Helper()
	var v struct{ Messages []vectorMessage }
	load(t, "06-wire.json", &v)
	if len(v.Messages) == 0 {
		t.Fatal("no messages in the vectors")
	}
	return v.Messages
}

// Every message writes as JavaScript writes it, and reads as what it was.
func TestMessageVectors(t *testing.T) {
	seen := make(map[uint64]bool)
	for _, v := range loadMessages(t) {
		if v.TypeID == nil {
			var h vectorHandshake
			if err := json.Unmarshal(v.Value, &h); err != nil {
				t.Fatal(err)
			}
			want := h.handshake()
			if got := want.Append(nil); !bytes.Equal(got, v.Encoded) {
				t.Errorf("Append of handshake %s = %x, want %x", v.Value, got, []byte(v.Encoded))
			}
			if got, err := wire.ParseHandshake(v.Encoded); err != nil || got != want {
				t.Errorf("ParseHandshake(%x) = %v, %v, want %v", []byte(v.Encoded), got, err, want)
			}
			continue
		}
		seen[*v.TypeID] = true
		want := messageOf(t, v.Message, v.Value)
		if want.Type() != *v.TypeID {
			t.Errorf("%s: Type = %d, want %d", v.Message, want.Type(), *v.TypeID)
		}
		if got := want.Append([]byte{7})[1:]; !bytes.Equal(got, v.Encoded) {
			t.Errorf("Append of %s %s =\n%x, want\n%x", v.Message, v.Value, got, []byte(v.Encoded))
		}
		got, err := wire.ParseMessage(*v.TypeID, v.Encoded)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("ParseMessage(%d, %x) = %+v, %v, want %+v", *v.TypeID, []byte(v.Encoded), got, err, want)
		}
		// A field that a newer peer adds changes nothing (an extension's body has no end of its own).
		if _, open := want.(*wire.Extension); !open && !hasOptionalEnd(want) {
			got, err := wire.ParseMessage(*v.TypeID, append(bytes.Clone(v.Encoded), 0xff, 1))
			if err != nil || !reflect.DeepEqual(got, want) {
				t.Errorf("ParseMessage of a longer %s = %+v, %v, want %+v", v.Message, got, err, want)
			}
		}
	}
	for typ := range uint64(10) {
		if !seen[typ] {
			t.Errorf("the vectors have no message of type %d", typ)
		}
	}
}

// hasOptionalEnd reports whether more bytes at the end of m mean something.
func hasOptionalEnd(m wire.Message) bool {
	switch m := m.(type) {
	case *wire.Want:
		return !m.Any
	case *wire.Unwant:
		return !m.Any
	}
	return false
}

// A message that is cut short anywhere is an error, but for fields that older peers leave out.
func TestTruncatedMessages(t *testing.T) {
	for _, v := range loadMessages(t) {
		if v.TypeID == nil {
			for n := range v.Encoded {
				if _, err := wire.ParseHandshake(v.Encoded[:n]); !errors.Is(err, compact.ErrShort) {
					t.Errorf("ParseHandshake of %d bytes = %v, want ErrShort", n, err)
				}
			}
			continue
		}
		for n := range v.Encoded {
			m, err := wire.ParseMessage(*v.TypeID, v.Encoded[:n])
			if err == nil && mayEnd(m, n) {
				continue
			}
			if !errors.Is(err, compact.ErrShort) {
				t.Errorf("ParseMessage(%s, first %d of %d bytes) = %v, %v, want ErrShort", v.Message, n, len(v.Encoded), m, err)
			}
		}
	}
}

// mayEnd reports whether m may be n bytes long although it was longer.
func mayEnd(m wire.Message, n int) bool {
	switch m := m.(type) {
	case *wire.NoData:
		return m.Reason == 0
	case *wire.Want:
		return !m.Any
	case *wire.Unwant:
		return !m.Any
	case *wire.Extension:
		return n > len(m.Name)
	}
	return false
}

func TestUnknownMessageType(t *testing.T) {
	if m, err := wire.ParseMessage(10, []byte{1, 2, 3}); m != nil || !errors.Is(err, wire.ErrUnknownType) {
		t.Errorf("ParseMessage(10) = %v, %v, want ErrUnknownType", m, err)
	}
}

// What a message may claim is bounded, whatever it holds.
func TestMessageLimits(t *testing.T) {
	nodes := func(n int) []feed.Node { return make([]feed.Node, n) }
	upgrade := func(n, additional, signature int) []byte {
		return (&wire.Data{Proof: feed.Proof{Upgrade: &feed.UpgradeProof{
			Nodes: nodes(n), Additional: nodes(additional), Signature: make([]byte, signature),
		}}}).Append(nil)
	}
	block := func(n int) []byte {
		return (&wire.Data{Proof: feed.Proof{Block: &feed.BlockProof{Nodes: nodes(n)}}}).Append(nil)
	}
	huge := compact.AppendUint(nil, compact.MaxUint)
	rows := []struct {
		name string
		typ  uint64
		body []byte
		want error
	}{
		{"many nodes", 3, block(256), nil},
		{"too many nodes", 3, block(257), compact.ErrRange},
		{"nodes of an upgrade", 3, upgrade(256, 256, wire.MaxSignature), nil},
		{"too many nodes of an upgrade", 3, upgrade(257, 0, 0), compact.ErrRange},
		{"too many additional nodes", 3, upgrade(0, 257, 0), compact.ErrRange},
		{"too long a signature", 3, upgrade(0, 0, wire.MaxSignature+1), compact.ErrRange},
		{"more nodes than there can be", 3, append([]byte{1, 0, 0, 0, 0}, 200), compact.ErrShort},
		{"a huge block", 3, append([]byte{1, 0, 0, 0}, huge...), compact.ErrShort},
		{"a whole segment", 7, (&wire.Bitfield{Words: make([]uint32, 1<<16)}).Append(nil), nil},
		{"more than a segment", 7, (&wire.Bitfield{Words: make([]uint32, 1<<16+1)}).Append(nil), compact.ErrRange},
		{"words that are not there", 7, []byte{0, 0xfc, 1, 2, 3, 4}, compact.ErrShort},
		{"words from the middle of one", 7, []byte{31, 1, 1, 2, 3, 4}, compact.ErrRange},
		{"the last range of all", 8, (&wire.Range{Start: compact.MaxUint - 1, Length: 1}).Append(nil), nil},
		{"a range beyond all numbers", 8, (&wire.Range{Start: compact.MaxUint, Length: 1}).Append(nil), compact.ErrRange},
		{"a long range beyond all numbers", 8, (&wire.Range{Start: 2, Length: compact.MaxUint - 1}).Append(nil), compact.ErrRange},
		{"a length above 2^53-1", 0, []byte{0, 0, 0xff, 0, 0, 0, 0, 0, 0, 0x20, 0, 0}, compact.ErrRange},
	}
	for _, row := range rows {
		if _, err := wire.ParseMessage(row.typ, row.body); !errors.Is(err, row.want) {
			t.Errorf("%s: ParseMessage = %v, want %v", row.name, err, row.want)
		}
	}
}

// The parts of a Data message are what Append writes, and the value is not copied.
func TestDataParts(t *testing.T) {
	header := []byte{3, 3}
	for _, v := range loadMessages(t) {
		if v.Message != "data" {
			continue
		}
		m := messageOf(t, v.Message, v.Value).(*wire.Data)
		head, value, tail := m.AppendParts(bytes.Clone(header))
		want := append(bytes.Clone(header), v.Encoded...)
		if got := bytes.Join([][]byte{head, value, tail}, nil); !bytes.Equal(got, want) {
			t.Errorf("AppendParts of %s =\n%x, want\n%x", v.Value, got, want)
		}
		if m.Block != nil && len(value) > 0 && &value[0] != &m.Block.Value[0] {
			t.Errorf("AppendParts of %s copies the value", v.Value)
		}
		_ = append(head, 0xee) // must not write into the tail
		if got := bytes.Join([][]byte{head, value, tail}, nil); !bytes.Equal(got, want) {
			t.Errorf("appending to the head of %s changes the tail", v.Value)
		}
	}
}

// The integers of the vectors read and write through messages.
func TestCompactVectors(t *testing.T) {
	type number struct {
		Value   uint64
		Encoded hexBytes
	}
	var v struct {
		Uint       []number
		Malformed  []hexBytes `json:"malformed_uint_must_fail"`
		Nonminimal []number   `json:"nonminimal_uint_accepted_by_js"`
		Words      []struct {
			Value   []uint32
			Encoded hexBytes
		} `json:"uint32array"`
	}
	load(t, "02-compact.json", &v)
	if len(v.Uint) == 0 || len(v.Malformed) == 0 || len(v.Words) == 0 {
		t.Fatal("vectors are missing")
	}
	for _, n := range v.Uint {
		if got := (&wire.Cancel{ID: n.Value}).Append(nil); !bytes.Equal(got, n.Encoded) {
			t.Errorf("Append of Cancel %d = %x, want %x", n.Value, got, []byte(n.Encoded))
		}
	}
	for _, n := range append(v.Uint, v.Nonminimal...) {
		m, err := wire.ParseMessage(2, n.Encoded)
		if c, ok := m.(*wire.Cancel); !ok || err != nil || c.ID != n.Value {
			t.Errorf("ParseMessage(2, %x) = %v, %v, want %d", []byte(n.Encoded), m, err, n.Value)
		}
	}
	for _, b := range v.Malformed {
		if m, err := wire.ParseMessage(2, b); err == nil {
			t.Errorf("ParseMessage(2, %x) = %v, want an error", []byte(b), m)
		}
	}
	for _, w := range v.Words {
		if got := (&wire.Bitfield{Words: w.Value}).Append(nil)[1:]; !bytes.Equal(got, w.Encoded) {
			t.Errorf("words %v write as %x, want %x", w.Value, got, []byte(w.Encoded))
		}
	}
}
