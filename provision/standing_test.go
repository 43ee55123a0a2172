package provision_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"cobox/provision"
	"cobox/provision/chain"
	"cobox/provision/label"
)

// What a box tells in public of whose it is, at each stage of its life.
func TestStanding(t *testing.T) {
	dir := stateDir(t)
	if s := open(t, provision.Config{State: dir}).Standing(); !s.NoCode || s.Claimable || s.Claimed {
		t.Errorf("without a code: %+v", s)
	}

	tag, err := label.ParseTag("7K3F9Q")
	if err != nil {
		t.Fatal(err)
	}
	dir = stateDir(t)
	if err := provision.WriteCard(dir, provision.Card{Claim: codeOf, Tag: tag}); err != nil {
		t.Fatal(err)
	}
	up := 18 * time.Minute
	a := open(t, provision.Config{State: dir, Uptime: func() time.Duration { return up }})
	want := provision.Standing{Host: "cobox-7k3f9q", Tag: "7K3F9Q", Claimable: true, Window: 42 * time.Minute}
	if s := a.Standing(); s != want {
		t.Errorf("to be claimed: %+v, want %+v", s, want)
	}
	up = 2 * time.Hour
	if s := a.Standing(); !s.Claimable || s.Window > 0 {
		t.Errorf("after the time for it: %+v", s)
	}
	if err := a.Redeem(provision.Claim{ID: codeOf.ID(), Key: public(owner)}); err != nil {
		t.Fatal(err)
	}
	if err := order(t, a, owner, chain.Rename{Name: "attic"}); err != nil {
		t.Fatal(err)
	}
	if s := a.Standing(); !s.Claimed || s.Claimable || s.Retired || s.Host != "attic" {
		t.Errorf("claimed and renamed: %+v", s)
	}
	if err := order(t, a, owner, chain.Retire{}); err != nil {
		t.Fatal(err)
	}
	if s := a.Standing(); !s.Retired || !s.Claimed {
		t.Errorf("retired: %+v", s)
	}
}

// Case 51: a box that cannot read whose it is says so, and does not pretend to wait
// for its code.
func TestCase51Standing(t *testing.T) {
	dir := personalised(t)
	if err := os.WriteFile(filepath.Join(dir, "own", "claim"), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if s := open(t, provision.Config{State: dir}).Standing(); s.Claimable || s.Claimed || s.NoCode {
		t.Errorf("with a damaged card: %+v", s)
	}
	a, dir := claimed(t)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(dir, "own", "chain", "*"))
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		for i := range text {
			text[i] ^= 1
		}
		if err := os.WriteFile(f, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if s := open(t, provision.Config{State: dir}).Standing(); s.Claimable || s.Claimed {
		t.Errorf("with a damaged chain: %+v", s)
	}
}
