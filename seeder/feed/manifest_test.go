package feed_test

import (
	"bytes"
	"errors"
	"reflect"
	"testing"

	"cobox/seeder/feed"
)

func TestManifestRefuses(t *testing.T) {
	signer := make([]byte, 65)
	for _, test := range []struct {
		name string
		b    []byte
	}{
		{"version 4", []byte{4, 0, 0, 0, 0}},
		{"hash 1", []byte{1, 0, 1, 0, 0}},
		{"signature 1", append([]byte{1, 0, 0, 1, 1, 1}, signer[1:]...)},
		{"quorum above signers", append([]byte{1, 0, 0, 2, 1}, signer...)},
		{"linked in version 1", []byte{1, 4, 0, 0, 0, 0}},
		{"user data in version 1", []byte{1, 8, 0, 0, 0, 0}},
		{"type 3 of version 0", []byte{0, 0, 3}},
		{"too large", append([]byte{2, 8, 0, 0, 0, 0xfe, 0, 0, 4, 0}, make([]byte, 4<<16)...)},
	} {
		m, err := feed.ParseManifest(test.b)
		if !errors.Is(err, feed.ErrManifest) {
			t.Errorf("%s: ParseManifest = %+v, %v, want an error that wraps ErrManifest", test.name, m, err)
		}
	}
	// A count that the bytes cannot hold is not believed.
	if _, err := feed.ParseManifest([]byte{1, 0, 0, 1, 0xfe, 0, 0, 1, 0}); err == nil {
		t.Error("65536 signers in no bytes are believed")
	}
}

func TestStaticManifestOfVersion0(t *testing.T) {
	m := &feed.Manifest{Prologue: &feed.Prologue{Hash: feed.Hash{7}}}
	got, err := feed.ParseManifest(m.Append(nil))
	if err != nil || !reflect.DeepEqual(got, m) {
		t.Errorf("ParseManifest = %+v, %v; want %+v", got, err, m)
	}
}

func FuzzManifest(f *testing.F) {
	var v cryptoVectors
	load(f, "01-crypto.json", &v)
	for _, m := range v.Manifests {
		f.Add([]byte(m.Encoded))
	}
	f.Add([]byte{0, 0, 0})
	f.Fuzz(func(t *testing.T, b []byte) {
		m, err := feed.ParseManifest(b)
		if err != nil {
			return
		}
		// The bytes may be a longer form of the same, which JavaScript reads
		// too: the key is that of the shortest form.
		short := m.Append(nil)
		again, err := feed.ParseManifest(short)
		if err != nil || !reflect.DeepEqual(again, m) {
			t.Fatalf("%x decodes to %+v, which encodes to %x and decodes to %+v, %v", b, m, short, again, err)
		}
		if len(short) > len(b) || !bytes.Equal(again.Append(nil), short) {
			t.Fatalf("%x encodes to %x", b, short)
		}
	})
}
