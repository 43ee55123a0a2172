package provision_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"testing"

	"cobox/provision"
	"cobox/provision/label"
)

func TestPersonal(t *testing.T) {
	tag, err := label.NewTag(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	want := provision.Personal{Card: provision.Card{Claim: label.ClaimKey{1, 2}, Tag: tag, Anywhere: true}, Seed: []byte("from whoever flashed it")}
	text, err := want.Text()
	if err != nil || len(text) != provision.PersonalSize {
		t.Fatalf("%d bytes, %v", len(text), err)
	}
	got, err := provision.ParsePersonal(text)
	if err != nil || got.Card != want.Card || !bytes.Equal(got.Seed, want.Seed) {
		t.Errorf("read %+v, %v", got, err)
	}
	if _, err := provision.ParsePersonal(provision.BlankPersonal()); !errors.Is(err, provision.ErrBlank) {
		t.Errorf("a blank one: %v", err)
	}
	end := len(bytes.TrimRight(text, " "))
	for i := range end - 1 { // the last byte is a line's end
		bad := bytes.Clone(text)
		bad[i] ^= 1
		if _, err := provision.ParsePersonal(bad); !errors.Is(err, provision.ErrPersonal) {
			t.Fatalf("with byte %d changed: %v", i, err)
		}
		half := append(bytes.Clone(text[:i]), provision.BlankPersonal()[i:]...)
		if _, err := provision.ParsePersonal(half); !errors.Is(err, provision.ErrPersonal) && i > 0 {
			t.Fatalf("cut off after %d bytes: %v", i, err)
		}
	}
	want.Seed = make([]byte, provision.MaxSeed+1)
	if _, err := want.Text(); err == nil {
		t.Error("a seed of any length is written")
	}
}
