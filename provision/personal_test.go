package provision_test

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"errors"
	"testing"

	"cobox/provision"
	"cobox/provision/label"
	"cobox/seeder/identity"
)

func TestPersonal(t *testing.T) {
	tag, err := label.NewTag(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	owned, err := provision.OwnedCard(public(owner), tag, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, card := range []provision.Card{{Claim: label.ClaimKey{1, 2}, Tag: tag, Anywhere: true}, owned} {
		tryPersonal(t, provision.Personal{Card: card, Seed: []byte("from whoever flashed it")})
	}
}

func tryPersonal(t *testing.T, want provision.Personal) {
	t.Helper()
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

// TestPersonalParts: a card whose parts do not fit each other is neither written nor read.
func TestPersonalParts(t *testing.T) {
	whole, err := provision.OwnedCard(public(owner), label.Tag{}, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for what, change := range map[string]func(*provision.Card){
		"no claim key":            func(c *provision.Card) { c.Claim = label.ClaimKey{} },
		"another claim's key":     func(c *provision.Card) { c.Claim = codeOf },
		"a seed for nobody":       func(c *provision.Card) { c.Owner.Key = identity.OperatorKey{} },
		"an owner without a seed": func(c *provision.Card) { c.Owner.Seed = label.ClaimSeed{} },
	} {
		card := whole
		change(&card)
		if _, err := (provision.Personal{Card: card}).Text(); err == nil {
			t.Errorf("%s: it is written", what)
		}
		text, err := json.Marshal(struct {
			Product string         `json:"product"`
			Version int            `json:"version"`
			Card    provision.Card `json:"card"`
		}{"cobox-seeder", 2, card})
		if err != nil {
			t.Fatal(err)
		}
		if p, err := provision.ParsePersonal(provision.Summed(text)); !errors.Is(err, provision.ErrPersonal) {
			t.Errorf("%s: it is read as %+v, %v", what, p.Card, err)
		}
	}
	// Its version keeps a card with an owner from boxes that do not know of owners.
	for version, card := range map[int]provision.Card{1: whole, 2: {Claim: codeOf}} {
		text, err := json.Marshal(struct {
			Product string         `json:"product"`
			Version int            `json:"version"`
			Card    provision.Card `json:"card"`
		}{"cobox-seeder", version, card})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := provision.ParsePersonal(provision.Summed(text)); !errors.Is(err, provision.ErrPersonal) {
			t.Errorf("as version %d: %v", version, err)
		}
	}
}

// FuzzPersonal: what is read is written again, and read as the same.
func FuzzPersonal(f *testing.F) {
	owned, err := provision.OwnedCard(public(owner), label.Tag{}, rand.Reader)
	if err != nil {
		f.Fatal(err)
	}
	for _, card := range []provision.Card{{Claim: codeOf, WindowMinutes: 5}, owned} {
		text, err := provision.Personal{Card: card, Seed: []byte{1, 2}}.Text()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(bytes.TrimRight(text[65:], " "))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		p, err := provision.ParsePersonal(provision.Summed(body))
		if err != nil {
			return
		}
		text, err := p.Text()
		if err != nil {
			return // it would be longer than the file
		}
		again, err := provision.ParsePersonal(text)
		if err != nil || again.Card != p.Card || !bytes.Equal(again.Seed, p.Seed) {
			t.Errorf("%+v is read again as %+v, %v", p, again, err)
		}
	})
}
