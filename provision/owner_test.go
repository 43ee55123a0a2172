package provision_test

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"cobox/provision"
	"cobox/provision/chain"
	"cobox/provision/label"
	"cobox/provision/pairing"
	"cobox/seeder/identity"
)

// flashed returns the state folder of a box whose card names the owner.
func flashed(t *testing.T) (dir string, card provision.Card) {
	t.Helper()
	tag, err := label.ParseTag("7K3F9Q")
	if err != nil {
		t.Fatal(err)
	}
	if card, err = provision.OwnedCard(public(owner), tag, rand.Reader); err != nil {
		t.Fatal(err)
	}
	dir = stateDir(t)
	if err := provision.WriteCard(dir, card); err != nil {
		t.Fatal(err)
	}
	return dir, card
}

// claims returns the entries of a box's chain by which somebody became its first owner.
func claims(t *testing.T, a *provision.Agent) (list []chain.Claimed) {
	t.Helper()
	for st, err := range a.Entries() {
		if err != nil {
			t.Fatal(err)
		}
		e, err := chain.Read(st)
		if err != nil {
			t.Fatal(err)
		}
		if c, ok := e.Action.(chain.Claimed); ok {
			list = append(list, c)
		}
	}
	return list
}

// Case 66: a box is from its first start the owner's whom its card names, and shows
// which card that was. No code counts, not even the card's own claim.
func TestCase66CardWithOwner(t *testing.T) {
	dir, card := flashed(t)
	a := open(t, provision.Config{State: dir})
	if a.State().Role(public(owner)) != chain.Owner || a.State().Seq != 1 {
		t.Fatalf("at the first start: %+v", a.State())
	}
	got := claims(t, a)
	if len(got) != 1 || got[0].Operator != public(owner) || got[0].Claim != chain.ID(card.Claim.ID()) {
		t.Fatalf("the chain says %+v", got)
	}
	e := got[0].Evidence
	want := pairing.CardTranscript(card.Claim.ID(), identity.BoxKeyOf(boxKey), public(owner))
	if e.Transcript != chain.Hash(want) || label.ClaimKey(e.ClaimKey) != card.Claim || !pairing.VerifyCard(card.Claim, want, e.ClaimSignature) || e.KeySignature != (chain.Signature{}) {
		t.Errorf("the box shows of its card %+v", e)
	}
	if o, ok := a.Find(card.Claim.ID()); !ok || o.UsedBy != public(owner) {
		t.Errorf("the card's claim in an exchange: %+v, %v", o, ok)
	}
	if err := a.Redeem(provision.Claim{ID: card.Claim.ID(), Key: public(key(9))}); !errors.Is(err, provision.ErrUsed) {
		t.Errorf("somebody else uses the card's claim: %v", err)
	}
	for n := range 2 { // and after another start
		kept, err := provision.ReadCard(dir)
		if err != nil || !kept.Owner.Seed.IsZero() || kept.Owner.Key != public(owner) || kept.Claim != card.Claim || kept.Tag != card.Tag {
			t.Errorf("the box keeps the card %+v, %v", kept, err)
		}
		if text, err := os.ReadFile(filepath.Join(dir, "own", "claim")); err != nil || bytes.Contains(text, []byte("seed")) {
			t.Errorf("the seed is still there: %v", err)
		}
		if s := a.Standing(); !s.Claimed || s.Claimable || s.NoCode {
			t.Errorf("the box says of itself %+v", s)
		}
		if n == 0 {
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
			a = open(t, provision.Config{State: dir})
		}
	}
	if a.State().Seq != 1 {
		t.Errorf("the second start wrote more: %+v", a.State())
	}
}

// Case 66: the owner finds the box by what it announces, until he was there.
func TestCase66Announce(t *testing.T) {
	dir, card := flashed(t)
	a := open(t, provision.Config{State: dir})
	want := []string{"tag=7K3F9Q", "card=" + card.Claim.ID().String()}
	if got := a.Announce(); !slices.Equal(got, want) {
		t.Errorf("before the owner was there it announces %q, want %q", got, want)
	}
	a.NoteSeen()
	if got := a.Announce(); len(got) > 0 {
		t.Errorf("after that it announces %q", got)
	}
}

// Case 66: a box that can keep nothing is nobody's by its card, nor claimed by it.
func TestCase66ReadOnly(t *testing.T) {
	dir, card := flashed(t)
	a := open(t, provision.Config{State: dir, ReadOnly: errors.New("the card is read-only")})
	if o, ok := a.Find(card.Claim.ID()); ok || a.State().Claimed() || a.Standing().Claimable || len(a.Announce()) > 0 {
		t.Errorf("it offers %+v, says %+v, announces %q", o, a.Standing(), a.Announce())
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	if a = open(t, provision.Config{State: dir}); a.State().Role(public(owner)) != chain.Owner {
		t.Errorf("once it can write: %+v", a.State())
	}
}

// Case 68: the power is cut after each of the writes: at the next start the box is
// its owner's, by one entry, and the seed is gone.
func TestCase68PowerCuts(t *testing.T) {
	before, card := flashed(t)
	if err := os.Remove(filepath.Join(before, "own", "claim")); err != nil {
		t.Fatal(err)
	}
	// The chain's own files come first.
	if err := open(t, provision.Config{State: before}).Close(); err != nil {
		t.Fatal(err)
	}
	if err := provision.WriteCard(before, card); err != nil {
		t.Fatal(err)
	}
	cutOff(t, before, func(t *testing.T, dir string) {
		a := open(t, provision.Config{State: dir})
		if got := claims(t, a); len(got) != 1 || a.State().Role(public(owner)) != chain.Owner {
			t.Errorf("the box is %+v, by %+v", a.State(), got)
		}
		if card, err := provision.ReadCard(dir); err != nil || !card.Owner.Seed.IsZero() {
			t.Errorf("the seed is still there: %v", err)
		}
	})
}

// Case 68: a reset card takes the box from whom the first card named, and that card
// does not give it back to him, wherever the power was cut.
func TestCase68Reset(t *testing.T) {
	dir, card := flashed(t)
	if err := open(t, provision.Config{State: dir}).Close(); err != nil {
		t.Fatal(err)
	}
	putReset(t, dir, resetCard(chain.Reowner))
	a := open(t, provision.Config{State: dir})
	if kept, err := provision.ReadCard(dir); err != nil || kept != resetCard(chain.Reowner).Card || a.State().Claimed() || !a.Standing().Claimable {
		t.Errorf("after the reset the card is %+v, %v; the box %+v", kept, err, a.State())
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	for _, old := range []provision.Card{card, {Claim: card.Claim, Tag: card.Tag, Owner: provision.Owner{Key: public(owner)}}} {
		dir := copyOf(t, dir)
		if err := provision.WriteCard(dir, old); err != nil {
			t.Fatal(err)
		}
		if a := open(t, provision.Config{State: dir}); a.State().Claimed() || a.Standing().Claimable {
			t.Errorf("the card of before makes the box %+v", a.State())
		}
	}
	a = open(t, provision.Config{State: dir})
	if err := a.Redeem(provision.Claim{ID: resetCode.ID(), Key: public(key(70))}); err != nil {
		t.Errorf("claiming with the reset card's code: %v", err)
	}

	owned := resetCard(chain.Wipe)
	owned.ID, owned.Card = chain.ID{8}, card
	path := filepath.Join(t.TempDir(), "reset")
	if err := provision.WriteResetCard(path, owned); err != nil {
		t.Fatal(err)
	}
	if _, err := provision.ReadResetCard(path); !errors.Is(err, provision.ErrResetCard) {
		t.Errorf("a reset card that names an owner: %v", err)
	}
}

// Case 51: a card whose parts do not fit each other makes nobody the owner.
func TestCase51DamagedOwner(t *testing.T) {
	dir, card := flashed(t)
	card.Claim = codeOf
	if err := provision.WriteCard(dir, card); err != nil {
		t.Fatal(err)
	}
	if _, err := provision.ReadCard(dir); !errors.Is(err, provision.ErrCard) {
		t.Errorf("it is read: %v", err)
	}
	if a := open(t, provision.Config{State: dir}); a.State().Claimed() || a.Standing().Claimable {
		t.Errorf("the box is %+v", a.State())
	}
}
