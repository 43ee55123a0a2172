package compact_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"math"
	"os"
	"path/filepath"
	"testing"

	"cobox/seeder/compact"
)

// vectors lets the same tests run on another file of the same form.
var vectors = flag.String("vectors", "testdata", "folder with the test vectors")

type hexBytes []byte

func (h *hexBytes) UnmarshalJSON(b []byte) error {
	var text *string
	if err := json.Unmarshal(b, &text); err != nil || text == nil {
		return err
	}
	raw, err := hex.DecodeString(*text)
	*h = raw
	return err
}

type number struct {
	Value   uint64
	Encoded hexBytes
}

type compactVectors struct {
	Uint, Uint64 []number
	String       []struct {
		Value   string
		Encoded hexBytes
	}
	Buffer []struct {
		Length  int
		Encoded json.RawMessage // hex, or {prefix, length} of a long one
	}
	OptionalBuffer []struct{ Value, Encoded hexBytes }
	Uint32array    []struct {
		Value   []uint32
		Encoded hexBytes
	}
	Bool []struct {
		Value   bool
		Encoded hexBytes
	}
	Fixed32    []struct{ Value, Encoded hexBytes }
	Malformed  []hexBytes `json:"malformed_uint_must_fail"`
	Nonminimal []number   `json:"nonminimal_uint_accepted_by_js"`
}

func load(t testing.TB) *compactVectors {
	b, err := os.ReadFile(filepath.Join(*vectors, "02-compact.json"))
	if err != nil {
		t.Fatal(err)
	}
	var v compactVectors
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	if len(v.Uint) == 0 || len(v.Buffer) == 0 || len(v.Malformed) == 0 {
		t.Fatal("vectors are missing")
	}
	return &v
}

// done fails unless d has read everything without an error.
func done(t *testing.T, what string, d *compact.Decoder) {
	t.Helper()
	if d.Err() != nil || d.Len() != 0 {
		t.Errorf("%s: error %v, %d bytes left", what, d.Err(), d.Len())
	}
}

func TestVectors(t *testing.T) {
	v := load(t)
	for _, n := range v.Uint {
		if got := compact.AppendUint([]byte{9}, n.Value)[1:]; !bytes.Equal(got, n.Encoded) || compact.UintSize(n.Value) != len(got) {
			t.Errorf("AppendUint(%d) = %x, UintSize %d, want %x", n.Value, got, compact.UintSize(n.Value), []byte(n.Encoded))
		}
	}
	for _, n := range append(v.Uint, v.Nonminimal...) {
		d := compact.NewDecoder(n.Encoded)
		if got := d.Uint(); got != n.Value {
			t.Errorf("Uint of %x = %d, want %d", []byte(n.Encoded), got, n.Value)
		}
		done(t, "uint", d)
	}
	for _, n := range v.Uint64 {
		d := compact.NewDecoder(n.Encoded)
		if got := d.Uint64(); got != n.Value {
			t.Errorf("Uint64 of %x = %d, want %d", []byte(n.Encoded), got, n.Value)
		}
		done(t, "uint64", d)
	}
	for _, s := range v.String {
		if got := compact.AppendString(nil, s.Value); !bytes.Equal(got, s.Encoded) {
			t.Errorf("AppendString(%q) = %x", s.Value, got)
		}
		d := compact.NewDecoder(s.Encoded)
		if got := d.String(); got != s.Value {
			t.Errorf("String of %x = %q", []byte(s.Encoded), got)
		}
		done(t, "string", d)
	}
	for _, b := range v.Bool {
		if got := compact.AppendBool(nil, b.Value); !bytes.Equal(got, b.Encoded) {
			t.Errorf("AppendBool(%v) = %x", b.Value, got)
		}
		d := compact.NewDecoder(b.Encoded)
		if got := d.Bool(); got != b.Value {
			t.Errorf("Bool of %x = %v", []byte(b.Encoded), got)
		}
		done(t, "bool", d)
	}
	for _, f := range v.Fixed32 {
		d := compact.NewDecoder(f.Encoded)
		if got := d.Fixed32(); !bytes.Equal(got[:], f.Value) {
			t.Errorf("Fixed32 = %x", got)
		}
		done(t, "fixed32", d)
	}
	for _, a := range v.Uint32array {
		d := compact.NewDecoder(a.Encoded)
		n := d.Count(4)
		if n != len(a.Value) {
			t.Errorf("Count = %d, want %d", n, len(a.Value))
		}
		for i := range n {
			if got := d.Uint32(); got != a.Value[i] {
				t.Errorf("Uint32 = %d, want %d", got, a.Value[i])
			}
		}
		done(t, "uint32array", d)
	}
}

func TestBufferVectors(t *testing.T) {
	v := load(t)
	for _, b := range v.OptionalBuffer {
		if got := compact.AppendBuffer(nil, b.Value); !bytes.Equal(got, b.Encoded) {
			t.Errorf("AppendBuffer(%x) = %x", []byte(b.Value), got)
		}
		d := compact.NewDecoder(b.Encoded)
		if got := d.Buffer(); !bytes.Equal(got, b.Value) || (got == nil) != (b.Value == nil) {
			t.Errorf("Buffer of %x = %x", []byte(b.Encoded), got)
		}
		done(t, "optional buffer", d)
	}
	for _, b := range v.Buffer {
		var prefix hexBytes
		var long struct {
			Prefix hexBytes
			Length int
		}
		if err := json.Unmarshal(b.Encoded, &prefix); err == nil {
			long.Prefix, long.Length = prefix, len(prefix)
		} else if err := json.Unmarshal(b.Encoded, &long); err != nil {
			t.Fatal(err)
		}
		encoded := append(bytes.Clone(long.Prefix), make([]byte, long.Length-len(long.Prefix))...)
		d := compact.NewDecoder(encoded)
		value := d.Buffer()
		if len(value) != b.Length || !bytes.Equal(compact.AppendBuffer(nil, value), encoded) {
			t.Errorf("Buffer of %d bytes: got %d, which encodes to other bytes", b.Length, len(value))
		}
		done(t, "buffer", d)
	}
}

func TestMalformed(t *testing.T) {
	for _, b := range load(t).Malformed {
		d := compact.NewDecoder(b)
		if n := d.Uint(); n != 0 || d.Err() == nil {
			t.Errorf("Uint of %x = %d, %v, want an error", []byte(b), n, d.Err())
		}
	}
	short := []struct {
		name string
		b    []byte
		read func(*compact.Decoder)
		want error
	}{
		{"uint", []byte{0xfe, 1, 2, 3}, func(d *compact.Decoder) { d.Uint() }, compact.ErrShort},
		{"uint above 2^53-1", binary.LittleEndian.AppendUint64([]byte{0xff}, 1<<53), func(d *compact.Decoder) { d.Uint() }, compact.ErrRange},
		{"uint64", make([]byte, 7), func(d *compact.Decoder) { d.Uint64() }, compact.ErrShort},
		{"uint32", make([]byte, 3), func(d *compact.Decoder) { d.Uint32() }, compact.ErrShort},
		{"bool", nil, func(d *compact.Decoder) { d.Bool() }, compact.ErrShort},
		{"fixed32", make([]byte, 31), func(d *compact.Decoder) { d.Fixed32() }, compact.ErrShort},
		{"buffer", []byte{2, 1}, func(d *compact.Decoder) { d.Buffer() }, compact.ErrShort},
		{"huge buffer", []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x1f, 0}, func(d *compact.Decoder) { d.Buffer() }, compact.ErrShort},
		{"string", []byte{5, 'a'}, func(d *compact.Decoder) { _ = d.String() }, compact.ErrShort},
		{"bytes", []byte{5}, func(d *compact.Decoder) { d.Bytes(math.MaxUint64) }, compact.ErrShort},
		{"array that cannot fit", []byte{3, 0, 0, 0, 0}, func(d *compact.Decoder) { d.Count(2) }, compact.ErrShort},
		{"array above the limit", compact.AppendUint(nil, compact.MaxArray+1), func(d *compact.Decoder) { d.Count(0) }, compact.ErrRange},
	}
	for _, test := range short {
		d := compact.NewDecoder(test.b)
		test.read(d)
		if !errors.Is(d.Err(), test.want) || d.Len() != 0 || d.Rest() != nil {
			t.Errorf("%s: error %v with %d bytes left, want %v", test.name, d.Err(), d.Len(), test.want)
		}
	}
}

// After an error everything reads as zero, and the first error stays.
func TestDecoderAfterError(t *testing.T) {
	d := compact.NewDecoder([]byte{1, 2, 3, 4})
	first := errors.New("first")
	d.Fail(first)
	d.Fail(errors.New("second"))
	if d.Uint() != 0 || d.Uint64() != 0 || d.Uint32() != 0 || d.Bool() || d.Buffer() != nil || d.String() != "" ||
		d.Fixed32() != [32]byte{} || d.Count(1) != 0 || d.Bytes(1) != nil {
		t.Error("a value is read after an error")
	}
	if d.Err() != first {
		t.Errorf("Err = %v, want the first", d.Err())
	}
}

// The slices are the message's, but appending to them does not write into it.
func TestBytesAreCapped(t *testing.T) {
	message := []byte{1, 7, 8}
	d := compact.NewDecoder(message)
	b := d.Buffer()
	_ = append(b, 99)
	if b[0] != 7 || message[2] != 8 || !bytes.Equal(d.Rest(), []byte{8}) {
		t.Errorf("buffer %v, message %v, rest %v", b, message, d.Rest())
	}
}

func TestAppendUintPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("AppendUint(2^53) does not panic")
		}
	}()
	compact.AppendUint(nil, compact.MaxUint+1)
}

// FuzzDecoder reads values that the first byte of each chooses: no panic, never
// more than there was, and what was read writes itself again, no longer than it was.
func FuzzDecoder(f *testing.F) {
	v := load(f)
	for _, n := range append(v.Uint, v.Nonminimal...) {
		f.Add(append([]byte{0}, n.Encoded...))
	}
	for _, s := range v.String {
		f.Add(append([]byte{1}, s.Encoded...))
		f.Add(append([]byte{2}, s.Encoded...))
	}
	for _, a := range v.Uint32array {
		f.Add(append([]byte{3}, a.Encoded...))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		d := compact.NewDecoder(b)
		for d.Len() > 0 {
			kind := d.Bytes(1)[0]
			before := d.Rest()
			var again []byte
			switch kind % 7 {
			case 0:
				again = compact.AppendUint(nil, d.Uint())
			case 1:
				again = compact.AppendString(nil, d.String())
			case 2:
				again = compact.AppendBuffer(nil, d.Buffer())
			case 3:
				n := d.Count(4)
				again = compact.AppendUint(nil, uint64(n))
				for range n {
					again = binary.LittleEndian.AppendUint32(again, d.Uint32())
				}
			case 4:
				again = binary.LittleEndian.AppendUint64(nil, d.Uint64())
			case 5:
				fixed := d.Fixed32()
				again = fixed[:]
			case 6:
				again = compact.AppendBool(nil, d.Bool())
			}
			if d.Err() != nil {
				if d.Len() != 0 {
					t.Fatalf("%d bytes left after %v", d.Len(), d.Err())
				}
				return
			}
			read := before[:len(before)-d.Len()]
			if len(again) > len(read) || kind%7 >= 4 && kind%7 < 6 && !bytes.Equal(again, read) {
				t.Fatalf("kind %d: %x reads as what is written %x", kind%7, read, again)
			}
			// The shortest form reads as itself.
			if kind%7 < 3 && len(again) == len(read) && !bytes.Equal(again, read) {
				t.Fatalf("kind %d: %x reads as what is written %x", kind%7, read, again)
			}
		}
	})
}
