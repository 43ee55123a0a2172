package space_test

import (
	"bytes"
	"errors"
	"testing"

	"cobox/seeder/feed"
	"cobox/seeder/space"
)

// Padmé: sizes grow, by at most 12 %, and there are few of them.
func TestPadding(t *testing.T) {
	sizes := map[int]bool{}
	last := 0
	for n := 1; n <= space.MaxPack; n++ {
		padded := space.PaddedSize(n)
		if padded < n || padded < last || (n > space.MinBlock && float64(padded) > 1.12*float64(n)) {
			t.Fatalf("paddedSize(%d) = %d after %d", n, padded, last)
		}
		if space.PaddedSize(padded) != padded {
			t.Fatalf("paddedSize(%d) = %d, which pads to %d", n, padded, space.PaddedSize(padded))
		}
		last = padded
		sizes[padded] = true
	}
	if len(sizes) > 300 {
		t.Errorf("%d different sizes up to 1 MiB", len(sizes))
	}
}

// Every changed byte of a block's frame is noticed; the payload's bytes are for
// the payload's own checks.
func TestUnframe(t *testing.T) {
	keys := space.Secret{}.Keys(space.ID{})
	key := feed.Key{5}
	payload := bytes.Repeat([]byte{0xaa}, 600)
	open := func(b []byte) []byte {
		b, err := keys.Cipher(key).Open(3, b)
		must(t, err)
		return b
	}
	plain := open(space.SealBlock(keys, key, 3, space.KindData, payload))
	if k, got, err := space.Unframe(plain); err != nil || k != space.KindData || !bytes.Equal(got, payload) {
		t.Fatalf("Unframe = %d, %x, %v", k, got, err)
	}
	for i := range plain {
		if i == 0 || (i >= 5 && i < 5+len(payload)) {
			continue
		}
		bad := bytes.Clone(plain)
		bad[i] ^= 0x40
		if _, _, err := space.Unframe(bad); !errors.Is(err, space.ErrDamaged) {
			t.Errorf("byte %d changed: %v", i, err)
		}
	}
	for n := range plain {
		if _, _, err := space.Unframe(plain[:n]); !errors.Is(err, space.ErrDamaged) {
			t.Errorf("cut to %d bytes: %v", n, err)
		}
	}
	if _, _, err := space.Unframe(make([]byte, space.MaxBlock+1)); !errors.Is(err, space.ErrDamaged) {
		t.Errorf("too large: %v", err)
	}
}
