package provision_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"cobox/provision"
	"cobox/provision/chain"
	"cobox/provision/label"
)

// resetCode is the code of the reset card.
var resetCode = claimKey(120)

func resetCard(mode chain.ResetMode) provision.ResetCard {
	return provision.ResetCard{ID: chain.ID{7}, Mode: mode, Card: provision.Card{Claim: resetCode}}
}

func putReset(t *testing.T, dir string, c provision.ResetCard) {
	t.Helper()
	if err := provision.WriteResetCard(filepath.Join(dir, provision.ResetFile), c); err != nil {
		t.Fatal(err)
	}
}

func isThere(t *testing.T, path ...string) bool {
	t.Helper()
	_, err := os.Stat(filepath.Join(path...))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	return err == nil
}

// inUse returns a box with an owner, an operator, a partner, an open invite, a
// recovery that waits, a name and a setting, closed.
func inUse(t *testing.T) (dir string) {
	t.Helper()
	c, code := recoverable(t)
	invite := claimKey(113)
	for _, o := range []chain.Order{
		chain.AddOperator{Operator: public(key(3)), Role: chain.Operator},
		chain.Grant{Partner: public(key(30)), Terms: chain.Terms{QuotaBytes: 5, MaxFeeds: 6}},
		chain.Invite{ID: chain.ID(invite.ID()), ClaimKey: chain.PublicKey(invite), Role: chain.Observer, NotAfter: inAnHour()},
		chain.Rename{Name: "attic"},
		chain.Set{Name: "hypercore", Value: "on"},
	} {
		if err := order(t, c.Agent, owner, o); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.Redeem(provision.Claim{ID: code.ID(), Key: public(key(60))}); err != nil {
		t.Fatal(err)
	}
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	return c.dir
}

// Case 24: a reset card is applied once; both modes end the ownership with all
// its operators, invites and recoveries, wipe ends the rest too.
func TestCase24ResetCard(t *testing.T) {
	for _, mode := range []chain.ResetMode{chain.Reowner, chain.Wipe} {
		t.Run(string(mode), func(t *testing.T) {
			dir := inUse(t)
			putReset(t, dir, resetCard(mode))
			a := open(t, provision.Config{State: dir})
			st := a.State()
			if st.Claimed() || st.Epoch != 2 || len(st.Invites) > 0 || st.Recovery != (chain.Recovery{}) || !slices.Equal(st.Resets, []chain.ID{{7}}) {
				t.Errorf("after the reset: %+v", st)
			}
			wantPartners, wantName, wantWiped := 1, "attic", uint64(0)
			if mode == chain.Wipe {
				wantPartners, wantName, wantWiped = 0, "", 2
			}
			if len(st.Partners) != wantPartners || st.Name != wantName || st.Wiped != wantWiped || len(st.Settings) != wantPartners {
				t.Errorf("%d partners, name %q, wiped %d, settings %v; want %d, %q, %d", len(st.Partners), st.Name, st.Wiped, st.Settings, wantPartners, wantName, wantWiped)
			}
			if isThere(t, dir, provision.ResetFile) {
				t.Error("the card is still there")
			}
			for name, code := range map[string]label.ClaimKey{"the label's": codeOf, "the recovery": claimKey(110), "an invite's": claimKey(113)} {
				if o, ok := a.Find(code.ID()); ok {
					t.Errorf("%s code counts: %+v", name, o)
				}
			}
			if err := a.Redeem(provision.Claim{ID: resetCode.ID(), Key: public(key(70))}); err != nil {
				t.Fatalf("claiming with the card's code: %v", err)
			}

			// The same card again, which somebody forgot to take out.
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
			putReset(t, dir, resetCard(mode))
			a = open(t, provision.Config{State: dir})
			if a.State().Role(public(key(70))) != chain.Owner || a.State().Epoch != 2 || isThere(t, dir, provision.ResetFile) {
				t.Errorf("the card was applied twice: %+v", a.State())
			}
			if o, ok := a.Find(resetCode.ID()); !ok || o.UsedBy != public(key(70)) {
				t.Errorf("the card's code after it was used: %+v, %v", o, ok)
			}
		})
	}
}

// Case 21: a photo of the label is of no use once the box is claimed, and of no
// use either when it was taken from its owner again.
func TestCase21OldLabel(t *testing.T) {
	a, dir := claimed(t)
	photographer := provision.Claim{ID: codeOf.ID(), Key: public(key(50))}
	if err := a.Redeem(photographer); !errors.Is(err, provision.ErrUsed) {
		t.Errorf("the label of a claimed box: %v, want ErrUsed", err)
	}
	for n, mode := range []chain.ResetMode{chain.Reowner, chain.Wipe} {
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		card := resetCard(mode)
		card.ID[1], card.Card.Claim = byte(n), claimKey(byte(130+n))
		putReset(t, dir, card)
		a = open(t, provision.Config{State: dir})
		if o, ok := a.Find(codeOf.ID()); ok { // so that it is denied, as any other code
			t.Errorf("after a reset (%s) the label's code counts: %+v", mode, o)
		}
		if err := a.Redeem(photographer); err == nil || a.State().Claimed() {
			t.Errorf("after a reset (%s) the photographer owns the box", mode)
		}
	}
}

// Case 24: what is no whole card of this kind is put aside once, and changes nothing.
func TestCase24BadResetCard(t *testing.T) {
	dir := inUse(t)
	path := filepath.Join(dir, provision.ResetFile)
	putReset(t, dir, resetCard(chain.Wipe))
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	bad := map[string][]byte{
		"empty":           {},
		"half":            good[:len(good)/2],
		"flipped":         bytes.Replace(good, []byte("wipe"), []byte("wjpe"), 1),
		"too long":        append(bytes.Clone(good), make([]byte, 8<<10)...),
		"another product": provision.Summed(bytes.Replace(good[65:], []byte("cobox-seeder"), []byte("toaster"), 1)),
		"newer":           provision.Summed(bytes.Replace(good[65:], []byte(`"version":1`), []byte(`"version":2`), 1)),
		"another mode":    provision.Summed(bytes.Replace(good[65:], []byte("wipe"), []byte("burn"), 1)),
		"no card":         provision.Summed([]byte(`{"product":"cobox-seeder","version":1,"reset":"07000000000000000000000000000000","mode":"wipe"}`)),
		"no JSON":         provision.Summed([]byte("reset!")),
	}
	for _, name := range slices.Sorted(maps.Keys(bad)) {
		if err := os.WriteFile(path, bad[name], 0o600); err != nil {
			t.Fatal(err)
		}
		var log bytes.Buffer
		a := open(t, provision.Config{State: dir, Log: logTo(&log)})
		if a.State().Role(public(owner)) != chain.Owner {
			t.Errorf("%s: it was applied", name)
		}
		if isThere(t, path) || !isThere(t, path+".bad") {
			t.Errorf("%s: it was not put aside", name)
		}
		if n := bytes.Count(log.Bytes(), []byte("a reset card is not applied")); n != 1 {
			t.Errorf("%s: %d lines in the log\n%s", name, n, &log)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for i := range good {
		flipped := bytes.Clone(good)
		flipped[i] ^= 0x20
		if err := os.WriteFile(path, flipped, 0o600); err != nil {
			t.Fatal(err)
		}
		if c, err := provision.ReadResetCard(path); !errors.Is(err, provision.ErrResetCard) {
			t.Fatalf("byte %d changed: %+v, %v", i, c, err)
		}
	}
}

// Case 24: the power is cut after each of the writes: at the next start the card
// is applied, once, and its code counts.
func TestCase24PowerCuts(t *testing.T) {
	before := inUse(t)
	putReset(t, before, resetCard(chain.Reowner))
	cutOff(t, before, func(t *testing.T, dir string) {
		if err := os.WriteFile(filepath.Join(dir, "own", ".durable-1.tmp"), []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		a := open(t, provision.Config{State: dir})
		if a.State().Epoch != 2 || len(a.State().Resets) != 1 || a.State().Claimed() {
			t.Errorf("the card was not applied once: %+v", a.State())
		}
		if isThere(t, dir, provision.ResetFile) || isThere(t, dir, "own", ".durable-1.tmp") {
			t.Error("files are left over")
		}
		if err := a.Redeem(provision.Claim{ID: resetCode.ID(), Key: public(key(70))}); err != nil {
			t.Errorf("claiming with the card's code: %v", err)
		}
	})
}

// cutOff calls check with a box that was in the state before and started from it, and
// whose power was cut after each of the writes of that start: in a folder of its own.
func cutOff(t *testing.T, before string, check func(t *testing.T, dir string)) {
	t.Helper()
	after := copyOf(t, before)
	if err := open(t, provision.Config{State: after}).Close(); err != nil {
		t.Fatal(err)
	}
	for _, written := range [][]string{ // which files are those of after
		{},
		{"own/chain/statements"},
		{"own/chain/statements", "own/chain/head"},
		{"own/chain/statements", "own/chain/head", "own/claim"},
	} {
		t.Run(fmt.Sprint(len(written)), func(t *testing.T) {
			dir := copyOf(t, before)
			for _, name := range written {
				copyFile(t, filepath.Join(after, name), filepath.Join(dir, name))
			}
			check(t, dir)
		})
	}
}

// Cases 51 and 52: a box whose chain or card is damaged is nobody's to claim, and
// a reset card is the way on: the epoch rises above the one it had, and what was
// damaged is kept.
func TestCase52ResetOfDamagedBox(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, dir string){
		"the first entry": func(t *testing.T, dir string) { flip(t, filepath.Join(dir, "own/chain/statements"), 100) },
		"the last entry":  func(t *testing.T, dir string) { flip(t, filepath.Join(dir, "own/chain/statements"), -3) },
		"all entries": func(t *testing.T, dir string) {
			if err := os.Truncate(filepath.Join(dir, "own/chain/statements"), 0); err != nil {
				t.Fatal(err)
			}
		},
		"the head": func(t *testing.T, dir string) { flip(t, filepath.Join(dir, "own/chain/head"), 5) },
		"the card": func(t *testing.T, dir string) { flip(t, filepath.Join(dir, "own/claim"), 70) },
	} {
		t.Run(name, func(t *testing.T) {
			dir := inUse(t)
			putReset(t, dir, resetCard(chain.Reowner)) // so that the epoch is 2 before the damage
			a := open(t, provision.Config{State: dir})
			if err := a.Redeem(provision.Claim{ID: resetCode.ID(), Key: public(key(70))}); err != nil {
				t.Fatal(err)
			}
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
			damage(t, dir)
			statements, err := os.ReadFile(filepath.Join(dir, "own/chain/statements"))
			if err != nil {
				t.Fatal(err)
			}

			a = open(t, provision.Config{State: dir})
			for _, code := range []label.ClaimKey{codeOf, resetCode} {
				if err := a.Redeem(provision.Claim{ID: code.ID(), Key: public(key(71))}); err == nil {
					t.Fatal("a damaged box was claimed")
				}
			}
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}

			// The card of before, left in the slot, is no way on.
			putReset(t, dir, resetCard(chain.Reowner))
			a = open(t, provision.Config{State: dir})
			if err := a.Redeem(provision.Claim{ID: resetCode.ID(), Key: public(key(71))}); err == nil {
				t.Fatal("a card that was used gave a damaged box away")
			}
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}

			fresh := resetCard(chain.Wipe)
			fresh.ID, fresh.Card.Claim = chain.ID{8}, claimKey(121)
			putReset(t, dir, fresh)
			a = open(t, provision.Config{State: dir})
			if name != "the head" && a.State().Epoch != 3 || name == "the head" && a.State().Epoch < 2 {
				t.Errorf("epoch %d", a.State().Epoch)
			}
			if a.State().Wiped != a.State().Epoch {
				t.Errorf("wiped in epoch %d of %d", a.State().Wiped, a.State().Epoch)
			}
			if name != "the card" {
				kept, err := os.ReadFile(filepath.Join(dir, "own/evidence", chain.ID{8}.String()))
				if err != nil || !bytes.Equal(kept, statements) {
					t.Errorf("the damaged chain was not kept: %d bytes of %d, %v", len(kept), len(statements), err)
				}
			}
			if err := a.Redeem(provision.Claim{ID: claimKey(121).ID(), Key: public(key(72))}); err != nil {
				t.Errorf("claiming with the new card's code: %v", err)
			}
			if err := a.Close(); err != nil {
				t.Fatal(err)
			}
			if a = open(t, provision.Config{State: dir}); a.State().Role(public(key(72))) != chain.Owner {
				t.Errorf("after a restart: %+v", a.State())
			}
		})
	}
}

// A box that nobody has claimed takes a reset card too: its label was lost.
func TestResetOfUnclaimedBox(t *testing.T) {
	dir := personalised(t)
	putReset(t, dir, resetCard(chain.Reowner))
	a := open(t, provision.Config{State: dir})
	if _, ok := a.Find(codeOf.ID()); ok {
		t.Error("the lost label's code counts")
	}
	if err := a.Redeem(provision.Claim{ID: resetCode.ID(), Key: public(owner)}); err != nil {
		t.Error(err)
	}
}

// What an unclaimed box says on its network, and a claimed one does not.
func TestAnnounce(t *testing.T) {
	tag, err := label.ParseTag("7K3F9Q")
	if err != nil {
		t.Fatal(err)
	}
	dir := stateDir(t)
	if err := provision.WriteCard(dir, provision.Card{Claim: codeOf, Tag: tag}); err != nil {
		t.Fatal(err)
	}
	a := open(t, provision.Config{State: dir})
	client := serve(t, a, dir)
	want := []string{"tag=7K3F9Q", "cid=" + codeOf.ID().String()}
	if got := askAccess(t, client, 0, 0); !slices.Equal(got.Announce, want) || got.Host != "cobox-7k3f9q" {
		t.Errorf("an unclaimed box announces %q, host %q; want %q", got.Announce, got.Host, want)
	}
	if err := a.Redeem(provision.Claim{ID: codeOf.ID(), Key: public(owner)}); err != nil {
		t.Fatal(err)
	}
	if err := order(t, a, owner, chain.Rename{Name: "attic"}); err != nil {
		t.Fatal(err)
	}
	if got := askAccess(t, client, 0, 0); len(got.Announce) > 0 || got.Host != "attic" {
		t.Errorf("a claimed box announces %q, host %q", got.Announce, got.Host)
	}
	other := open(t, provision.Config{State: stateDir(t)}) // without a card
	if len(other.Announce()) > 0 {
		t.Errorf("a box without a code announces %q", other.Announce())
	}
}

func flip(t *testing.T, path string, at int) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if at < 0 {
		at += len(text)
	}
	text[at] ^= 1
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}

func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := stateDir(t)
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, text, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func FuzzResetCard(f *testing.F) {
	dir := f.TempDir()
	path := filepath.Join(dir, "reset")
	for _, mode := range []chain.ResetMode{chain.Reowner, chain.Wipe} {
		if err := provision.WriteResetCard(path, resetCard(mode)); err != nil {
			f.Fatal(err)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text[65:])
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		c, err := provision.ParseResetCard(provision.Summed(body))
		if err != nil {
			return
		}
		path := filepath.Join(t.TempDir(), "reset")
		if err := provision.WriteResetCard(path, c); err != nil {
			t.Fatal(err)
		}
		if again, err := provision.ReadResetCard(path); err != nil || again != c {
			t.Errorf("%+v is read again as %+v, %v", c, again, err)
		}
	})
}
