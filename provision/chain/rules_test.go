package chain_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"cobox/provision/chain"
	"cobox/seeder/identity"
)

func key(n int) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(binary.BigEndian.AppendUint64(make([]byte, 24), uint64(n)))
}

func public(k ed25519.PrivateKey) (p [32]byte) {
	copy(p[:], k.Public().(ed25519.PublicKey))
	return p
}

func operator(n int) identity.OperatorKey { return public(key(n)) }
func partner(n int) identity.PartnerKey   { return public(key(n)) }

var (
	boxPrivate = key(1)
	boxKey     = identity.BoxKeyOf(boxPrivate)
	now        = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	good       = chain.Conditions{Clock: chain.Clock{Now: now, Trusted: true}}
)

func id(n int) (x chain.ID) {
	binary.BigEndian.PutUint64(x[:], uint64(n))
	return x
}

func claimKey(n int) chain.PublicKey { return public(key(n)) }

// A tester drives a state.
type tester struct {
	*testing.T
	s   *chain.State
	all []identity.Statement // taken in, in order
}

func newTester(t *testing.T) *tester { return &tester{T: t, s: chain.New(boxKey)} }

func (t *tester) order(by int, o chain.Order) error {
	t.Helper()
	st, err := chain.SignOrder(key(by), t.s.Head(), now, o)
	if err != nil {
		t.Fatal(err)
	}
	return t.take(st)
}

func (t *tester) fact(f chain.Fact) error {
	t.Helper()
	st, err := chain.SignFact(boxPrivate, t.s.Head(), now, f)
	if err != nil {
		t.Fatal(err)
	}
	return t.take(st)
}

func (t *tester) take(st identity.Statement) error {
	t.Helper()
	before := t.s.Clone()
	err := t.s.Apply(st, good)
	if err != nil && !reflect.DeepEqual(before, t.s) {
		t.Errorf("%s was refused (%v) and has changed the state", st.Context, err)
	}
	if err == nil {
		t.all = append(t.all, st)
	}
	return err
}

func (t *tester) must(err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// The people of the tests.
const (
	owner = 10 + iota
	helper
	watcher
	stranger
	member // a partner, who has no say
)

// owned is a box with one of each role and a partner.
func owned(t *testing.T) *tester {
	t.Helper()
	x := newTester(t)
	x.must(x.fact(chain.Claimed{Claim: id(1), Operator: operator(owner)}))
	x.must(x.order(owner, chain.AddOperator{Operator: operator(helper), Role: chain.Operator}))
	x.must(x.order(owner, chain.AddOperator{Operator: operator(watcher), Role: chain.Observer}))
	x.must(x.order(owner, chain.Grant{Partner: partner(member), Terms: terms()}))
	return x
}

func terms() chain.Terms { return chain.Terms{QuotaBytes: 1 << 30, MaxFeeds: 10, NoticeSeconds: 60} }

func invite(n int, role chain.Role) chain.Invite {
	inv := chain.Invite{ID: id(n), ClaimKey: claimKey(n), Role: role, NotAfter: now.Add(time.Hour)}
	if role == chain.Partner {
		inv.Terms = terms()
	}
	return inv
}

// Every order by every role: who may what.
func TestRoles(t *testing.T) {
	ownerOnly, operators := []int{owner}, []int{owner, helper}
	feed := chain.FeedKey{7}
	for name, c := range map[string]struct {
		o   chain.Order
		may []int
	}{
		"add an owner":         {chain.AddOperator{Operator: operator(50), Role: chain.Owner}, ownerOnly},
		"add an operator":      {chain.AddOperator{Operator: operator(50), Role: chain.Operator}, ownerOnly},
		"add an observer":      {chain.AddOperator{Operator: operator(50), Role: chain.Observer}, operators},
		"raise an observer":    {chain.AddOperator{Operator: operator(watcher), Role: chain.Owner}, ownerOnly},
		"remove an operator":   {chain.RemoveOperator{Operator: operator(helper)}, ownerOnly},
		"remove an observer":   {chain.RemoveOperator{Operator: operator(watcher)}, operators},
		"rename":               {chain.Rename{Name: "attic"}, operators},
		"invite a partner":     {invite(60, chain.Partner), operators},
		"invite an observer":   {invite(60, chain.Observer), operators},
		"invite an operator":   {invite(60, chain.Operator), ownerOnly},
		"invite an owner":      {invite(60, chain.Owner), ownerOnly},
		"give the box away":    {func() chain.Invite { i := invite(60, chain.Owner); i.Transfer = true; return i }(), ownerOnly},
		"grant":                {chain.Grant{Partner: partner(70), Terms: terms()}, operators},
		"name a partner":       {chain.NamePartner{Partner: partner(member)}, operators},
		"tolerate a silence":   {chain.TolerateSilence{Partner: partner(member)}, operators},
		"revoke":               {chain.Revoke{Partner: partner(member)}, operators},
		"pin":                  {chain.Pin{Feed: feed, Partner: partner(member)}, operators},
		"unpin":                {chain.Unpin{Feed: feed, Partner: partner(member)}, operators},
		"set the recovery key": {chain.SetRecovery{Key: claimKey(80)}, ownerOnly},
		"change a setting":     {chain.Set{Name: chain.Settings()[0], Value: "on"}, ownerOnly},
		"update":               {chain.Update{Release: chain.Hash{1}}, operators},
		"give up a disk":       {chain.GiveUpDisk{Disk: "a disk", ID: diskID}, ownerOnly},
		"adopt a disk":         {chain.AdoptDisk{Disk: "a disk"}, ownerOnly},
		"retire":               {chain.Retire{}, ownerOnly},
	} {
		for _, by := range []int{owner, helper, watcher, stranger, member} {
			x := owned(t)
			err := x.order(by, c.o)
			may := false
			for _, m := range c.may {
				may = may || m == by
			}
			switch {
			case may && err != nil:
				t.Errorf("%s by %d: %v", name, by, err)
			case !may && err == nil:
				t.Errorf("%s by %d was allowed", name, by)
			case !may && !errors.Is(err, chain.ErrRole) && !errors.Is(err, identity.ErrNotTrusted):
				t.Errorf("%s by %d: %v, want ErrRole or ErrNotTrusted", name, by, err)
			}
		}
	}
}

// Case 28: the last owner stays; two owners who remove each other at once: one
// wins, and the chain is whole.
func TestCase28LastOwner(t *testing.T) {
	x := owned(t)
	for _, o := range []chain.Order{
		chain.RemoveOperator{Operator: operator(owner)},
		chain.AddOperator{Operator: operator(owner), Role: chain.Observer},
	} {
		if err := x.order(owner, o); !errors.Is(err, chain.ErrLastOwner) {
			t.Errorf("%T of the last owner: %v, want ErrLastOwner", o, err)
		}
	}
	x.must(x.order(owner, chain.AddOperator{Operator: operator(20), Role: chain.Owner}))
	first, err := chain.SignOrder(key(owner), x.s.Head(), now, chain.RemoveOperator{Operator: operator(20)})
	x.must(err)
	second, err := chain.SignOrder(key(20), x.s.Head(), now, chain.RemoveOperator{Operator: operator(owner)})
	x.must(err)
	x.must(x.take(first))
	if err := x.take(second); err == nil {
		t.Error("both orders were taken in")
	}
	if x.s.Role(operator(owner)) != chain.Owner || x.s.Role(operator(20)) != "" {
		t.Errorf("members = %+v", x.s.Members)
	}
}

// Case 30: a transfer makes one owner, once, and what was signed before counts no more.
func TestCase30Transfer(t *testing.T) {
	x := owned(t)
	inv := invite(60, chain.Owner)
	inv.Transfer = true
	x.must(x.order(owner, inv))
	late, err := chain.SignOrder(key(owner), x.s.Head(), now, chain.Rename{Name: "mine"})
	x.must(err)
	x.must(x.fact(chain.Redeemed{Invite: id(60), Operator: operator(30)}))
	if x.s.Epoch != 2 || len(x.s.Members) != 1 || x.s.Role(operator(30)) != chain.Owner {
		t.Errorf("after the transfer: epoch %d, members %+v", x.s.Epoch, x.s.Members)
	}
	if err := x.take(late); !errors.Is(err, chain.ErrOldEpoch) {
		t.Errorf("an order of the owner before: %v, want ErrOldEpoch", err)
	}
	if err := x.fact(chain.Redeemed{Invite: id(60), Operator: operator(31)}); !errors.Is(err, chain.ErrSpent) {
		t.Errorf("the code again: %v, want ErrSpent", err)
	}
	if _, ok := x.s.Partner(partner(member)); !ok {
		t.Error("the partners went with the owner")
	}
}

// Case 29: a recovery takes its time, and any operator can stop it.
func TestCase29Recovery(t *testing.T) {
	x := owned(t)
	x.must(x.order(owner, chain.SetRecovery{Key: claimKey(80)}))
	x.must(x.fact(chain.RecoveryRequested{Operator: operator(40)}))
	st, err := chain.SignFact(boxPrivate, x.s.Head(), now, chain.Recovered{Operator: operator(40)})
	x.must(err)
	if err := x.s.Clone().Apply(st, chain.Conditions{Waited: chain.RecoveryWait - time.Second}); !errors.Is(err, chain.ErrTooEarly) {
		t.Errorf("before the time is over: %v, want ErrTooEarly", err)
	}
	after := x.s.Clone()
	if err := after.Apply(st, chain.Conditions{Waited: chain.RecoveryWait}); err != nil || after.Role(operator(40)) != chain.Owner || after.Role(operator(owner)) != "" {
		t.Errorf("after the time: %v, members %+v", err, after.Members)
	}
	x.must(x.order(helper, chain.CancelRecovery{}))
	st, err = chain.SignFact(boxPrivate, x.s.Head(), now, chain.Recovered{Operator: operator(40)})
	x.must(err)
	if err := x.s.Clone().Apply(st, chain.Conditions{Waited: chain.RecoveryWait}); !errors.Is(err, chain.ErrUnknown) {
		t.Errorf("after an operator cancelled it: %v, want ErrUnknown", err)
	}
}

// Case 24: a reset card counts once; reowner keeps the partners, wipe does not.
func TestCase24Reset(t *testing.T) {
	for _, mode := range []chain.ResetMode{chain.Reowner, chain.Wipe} {
		x := owned(t)
		x.must(x.order(owner, chain.Rename{Name: "attic"}))
		x.must(x.fact(chain.Reset{Reset: id(90), Mode: mode, Claim: id(91)}))
		_, kept := x.s.Partner(partner(member))
		if x.s.Claimed() || x.s.Epoch != 2 || kept != (mode == chain.Reowner) || (x.s.Name != "") != kept {
			t.Errorf("%s: %+v", mode, x.s)
		}
		if err := x.fact(chain.Reset{Reset: id(90), Mode: mode, Claim: id(92)}); !errors.Is(err, chain.ErrSpent) {
			t.Errorf("%s: the card again: %v, want ErrSpent", mode, err)
		}
		if err := x.fact(chain.Claimed{Claim: id(1), Operator: operator(owner)}); !errors.Is(err, chain.ErrSpent) {
			t.Errorf("%s: the label's code after a reset: %v, want ErrSpent", mode, err)
		}
		x.must(x.fact(chain.Claimed{Claim: id(91), Operator: operator(41)}))
	}
}

// Cases 17 and 18: an invite that ends is not used without a clock, nor after its end.
func TestCase18Clock(t *testing.T) {
	x := owned(t)
	x.must(x.order(owner, invite(60, chain.Partner)))
	st, err := chain.SignFact(boxPrivate, x.s.Head(), now, chain.Redeemed{Invite: id(60), Partner: partner(70)})
	x.must(err)
	for _, c := range []struct {
		clock chain.Clock
		want  error
	}{
		{chain.Clock{}, chain.ErrClockUntrusted},
		{chain.Clock{Now: now}, chain.ErrClockUntrusted},
		{chain.Clock{Now: now.Add(2 * time.Hour)}, identity.ErrExpired},
		{chain.Clock{Now: now.Add(2 * time.Hour), Trusted: true}, identity.ErrExpired},
		{chain.Clock{Now: now, Trusted: true}, nil},
	} {
		if err := x.s.Clone().Apply(st, chain.Conditions{Clock: c.clock}); !errors.Is(err, c.want) {
			t.Errorf("with %+v: %v, want %v", c.clock, err, c.want)
		}
	}

	f := chain.NewFloor(now, time.Time{})
	if c := f.Read(now.Add(time.Hour), true); !c.Trusted {
		t.Error("a clock that a time server has set is not trusted")
	}
	if c := f.Read(now.AddDate(-2, 0, 0), true); c.Trusted || c.Now.Before(now.Add(time.Hour)) {
		t.Errorf("two years back: %+v", c)
	}
	if c := f.Read(now.AddDate(5, 0, 0), true); c.Trusted {
		t.Errorf("five years ahead: %+v", c)
	}
	if c := f.Read(now.Add(2*time.Hour), false); c.Trusted {
		t.Error("a clock that nobody has set is trusted")
	}
}

// No statement that was taken in is taken in again, at any later point.
func TestReplayRefused(t *testing.T) {
	x := owned(t)
	x.must(x.order(owner, chain.Revoke{Partner: partner(member)}))
	x.must(x.order(owner, chain.Grant{Partner: partner(member), Terms: terms()}))
	for i, st := range x.all {
		if err := x.take(st); err == nil {
			t.Errorf("entry %d was taken in again", i+1)
		}
	}
}

// Case 32: statements that were changed in any byte, such as a quota or a role, or
// belong elsewhere, are refused.
func TestCase32Tampered(t *testing.T) {
	x := owned(t)
	for _, o := range []chain.Order{invite(60, chain.Partner), invite(61, chain.Operator), chain.Rename{Name: "attic"}} {
		st, err := chain.SignOrder(key(owner), x.s.Head(), now, o)
		x.must(err)
		text := st.Append(nil)
		for i := range text {
			bad := bytes.Clone(text)
			bad[i] ^= 1
			forged, err := identity.ParseStatement(bad)
			if err != nil {
				continue
			}
			if err := x.s.Clone().Apply(forged, good); err == nil {
				t.Errorf("%s, byte %d changed: it was taken in", chain.Kind(o), i)
			}
		}
		for _, c := range []struct{ old, new string }{
			{`"quotaBytes":1073741824`, `"quotaBytes":9073741824`}, {`"role":"operator"`, `"role":"owner"`},
		} {
			text := strings.Replace(string(text), c.old, c.new, 1)
			forged, err := identity.ParseStatement([]byte(text))
			if err == nil {
				err = x.s.Clone().Apply(forged, good)
			}
			if strings.Contains(text, c.new) && !errors.Is(err, identity.ErrBadSignature) {
				t.Errorf("with %s: %v, want ErrBadSignature", c.new, err)
			}
		}
	}
	other := x.s.Head()
	other.Box = identity.BoxKeyOf(key(2))
	st, err := chain.SignOrder(key(owner), other, now, chain.Rename{Name: "attic"})
	x.must(err)
	if err := x.take(st); !errors.Is(err, identity.ErrWrongBox) {
		t.Errorf("an order for another box: %v, want ErrWrongBox", err)
	}
}

// Whatever is ordered by whomever: a claimed box has an owner, the epoch never
// falls, numbers are not used twice, no code counts twice; and the statements
// alone give the same state again.
func TestRandomOrders(t *testing.T) {
	for seed := range uint64(40) {
		r := rand.New(rand.NewPCG(seed, 1))
		x := newTester(t)
		x.must(x.fact(chain.Claimed{Claim: id(1), Operator: operator(owner)}))
		used := map[chain.ID]bool{}
		numbers := map[uint64]identity.PartnerKey{}
		for range 120 {
			epoch := x.s.Epoch
			by, whom, code := owner+r.IntN(4), owner+r.IntN(4), 100+r.IntN(12)
			role := []chain.Role{chain.Owner, chain.Operator, chain.Observer}[r.IntN(3)]
			p := partner(200 + r.IntN(4))
			var redeemed error
			switch r.IntN(10) {
			case 0:
				_ = x.order(by, chain.AddOperator{Operator: operator(whom), Role: role})
			case 1:
				_ = x.order(by, chain.RemoveOperator{Operator: operator(whom)})
			case 2:
				inv := invite(code, role)
				inv.Transfer = role == chain.Owner && r.IntN(3) == 0
				_ = x.order(by, inv)
			case 3:
				_ = x.order(by, invite(code, chain.Partner))
			case 4, 5:
				f := chain.Redeemed{Invite: id(code)}
				if r.IntN(2) == 0 {
					f.Operator = operator(whom)
				} else {
					f.Partner = p
				}
				if redeemed = x.fact(f); redeemed == nil {
					if used[id(code)] {
						t.Fatalf("seed %d: a code was used twice", seed)
					}
					used[id(code)] = true
				}
			case 6:
				_ = x.order(by, chain.Grant{Partner: p, Terms: terms()})
			case 7:
				_ = x.order(by, chain.Revoke{Partner: p})
			case 8:
				_ = x.order(by, chain.CancelInvite{ID: id(code)})
			case 9:
				_ = x.order(by, chain.Unpin{Feed: chain.FeedKey{byte(r.IntN(3) + 1)}, Partner: p})
			}
			owners := 0
			for _, m := range x.s.Members {
				if m.Role == chain.Owner {
					owners++
				}
			}
			if owners == 0 || x.s.Epoch < epoch {
				t.Fatalf("seed %d: %d owners, epoch %d after %d", seed, owners, x.s.Epoch, epoch)
			}
			for _, p := range x.s.Partners {
				if k, ok := numbers[p.Number]; ok && k != p.Key {
					t.Fatalf("seed %d: number %d means two partners", seed, p.Number)
				}
				numbers[p.Number] = p.Key
			}
		}
		var text bytes.Buffer
		for _, st := range x.all {
			text.Write(st.Append(nil))
		}
		again, err := chain.Replay(boxKey, &text)
		if err != nil || !reflect.DeepEqual(again, x.s) {
			t.Fatalf("seed %d: replayed to %+v, %v, want %+v", seed, again, err, x.s)
		}
	}
}

// Every kind of statement is described in words, without keys that are secret.
func TestDescribe(t *testing.T) {
	x := owned(t)
	for _, st := range x.all {
		if text, err := chain.Describe(st); err != nil || text == "" {
			t.Errorf("Describe(%s) = %q, %v", st.Context, text, err)
		}
	}
}

func FuzzRead(f *testing.F) {
	st, err := chain.SignOrder(key(owner), chain.New(boxKey).Head(), now, chain.Rename{Name: "attic"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(st.Append(nil))
	f.Fuzz(func(t *testing.T, text []byte) {
		st, err := identity.ParseStatement(text)
		if err != nil {
			return
		}
		e, err := chain.Read(st)
		if err != nil {
			return
		}
		if fmt.Sprint(e.Action) == "" || chain.Kind(e.Action) == "" {
			t.Errorf("%q has no words", text)
		}
	})
}

// The latest orders to update and to adopt a disk count, and only those of who
// owns the box now.
func TestLatestOrders(t *testing.T) {
	x := owned(t)
	x.must(x.order(helper, chain.Update{Release: chain.Hash{1}}))
	x.must(x.order(helper, chain.Update{Release: chain.Hash{2}, LimitSeconds: 60}))
	x.must(x.order(owner, chain.AdoptDisk{Disk: "a disk", Erase: true}))
	if u := x.s.Update; u.Release != (chain.Hash{2}) || u.LimitSeconds != 60 || u.Seq != x.s.Seq-1 {
		t.Errorf("update %+v", u)
	}
	if d := x.s.Disk; d.Disk != "a disk" || !d.Erase || d.Seq != x.s.Seq {
		t.Errorf("disk %+v", d)
	}
	x.must(x.order(owner, chain.GiveUpDisk{Disk: "a disk", ID: diskID}))
	if g := x.s.GivenUp; g.ID != diskID || g.Seq != x.s.Seq {
		t.Errorf("given up %+v", g)
	}
	x.must(x.fact(chain.Reset{Reset: id(90), Mode: chain.Reowner, Claim: id(91)}))
	if x.s.Update != (chain.UpdateOrder{}) || x.s.Disk != (chain.DiskOrder{}) || x.s.GivenUp != (chain.GivenUpDisk{}) {
		t.Errorf("after a reset: %+v, %+v, %+v", x.s.Update, x.s.Disk, x.s.GivenUp)
	}
}

// How long a partner may be silent is the operators' word, or else the box's.
func TestSilence(t *testing.T) {
	x := owned(t)
	const normal = 8 * 24 * time.Hour
	for _, c := range []struct {
		seconds int64
		want    time.Duration
	}{{3600, time.Hour}, {chain.SilentForEver, 0}, {0, normal}} {
		x.must(x.order(owner, chain.TolerateSilence{Partner: partner(member), Seconds: c.seconds}))
		if p, _ := x.s.Partner(partner(member)); p.Silence(normal) != c.want {
			t.Errorf("after an order of %d seconds a partner may be silent for %v, not %v", c.seconds, p.Silence(normal), c.want)
		}
	}
}
