package chain_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"testing"
	"time"

	"cobox/provision/chain"
	"cobox/seeder/identity"
)

var update = flag.Bool("update", false, "write the vectors anew")

// vectors are a chain with entries of all kinds, and statements that must not be
// taken in at some point of it.
type vectors struct {
	Note    string          `json:"note"`
	Box     identity.BoxKey `json:"box"`
	Seeds   []seedVector    `json:"seeds"`
	Now     time.Time       `json:"now"` // what the box's trusted clock says throughout
	Entries []entryVector   `json:"entries"`
	Refused []refusedVector `json:"refused"`
}

// A seedVector is a key with which statements of the vectors are signed.
type seedVector struct {
	Who  string `json:"who"`
	Seed string `json:"seed"`
}

type entryVector struct {
	Text  string          `json:"text"`
	Hash  chain.Hash      `json:"hash"`
	State json.RawMessage `json:"state"` // after it
}

type refusedVector struct {
	Why   string `json:"why"`
	After uint64 `json:"after"` // the entry after which it is shown to the box
	Text  string `json:"text"`
}

// whys are the reasons that the vectors name.
var whys = map[string]error{
	"signature": identity.ErrBadSignature, "form": identity.ErrStatement, "box": identity.ErrWrongBox, "signer": identity.ErrNotTrusted,
	"role": chain.ErrRole, "stale": chain.ErrStale, "epoch": chain.ErrOldEpoch, "last owner": chain.ErrLastOwner,
	"spent": chain.ErrSpent, "claimed": chain.ErrClaimed, "unknown": chain.ErrUnknown, "exists": chain.ErrExists,
	"too early": chain.ErrTooEarly, "expired": identity.ErrExpired, "revoked": chain.ErrRevoked, "retired": chain.ErrRetired,
}

// A writer makes the vectors.
type writer struct {
	*tester
	v vectors
}

func (w *writer) entry(err error) {
	w.Helper()
	w.must(err)
	st := w.all[len(w.all)-1]
	state, err := json.Marshal(w.s)
	w.must(err)
	w.v.Entries = append(w.v.Entries, entryVector{string(st.Append(nil)), st.Hash(), state})
}

func (w *writer) order(by int, o chain.Order) {
	w.Helper()
	w.entry(w.tester.order(by, o))
}

func (w *writer) fact(f chain.Fact) {
	w.Helper()
	w.entry(w.tester.fact(f))
}

// refuse notes a statement that is not taken in here.
func (w *writer) refuse(why string, text []byte) {
	w.v.Refused = append(w.v.Refused, refusedVector{why, w.s.Seq, string(text)})
}

func (w *writer) refuseOrder(why string, by int, h chain.Head, o chain.Order) {
	w.Helper()
	st, err := chain.SignOrder(key(by), h, now, o)
	w.must(err)
	w.refuse(why, st.Append(nil))
}

func (w *writer) refuseFact(why string, f chain.Fact) {
	w.Helper()
	st, err := chain.SignFact(boxPrivate, w.s.Head(), now, f)
	w.must(err)
	w.refuse(why, st.Append(nil))
}

// makeVectors goes through the life of a box with entries of every kind.
func makeVectors(t *testing.T) vectors {
	w := &writer{newTester(t), vectors{
		Note: "entries are taken in one after the other; refused ones are shown to a copy of the state after entry number after, and are not",
		Box:  boxKey, Now: now,
	}}
	for _, k := range []struct {
		who string
		n   int
	}{{"box", 1}, {"owner", owner}, {"operator", helper}, {"observer", watcher}, {"stranger", stranger}, {"partner", member}, {"next owner", 30}} {
		w.v.Seeds = append(w.v.Seeds, seedVector{k.who, hex.EncodeToString(key(k.n).Seed())})
	}
	evidence := chain.Evidence{Transcript: chain.Hash{1}, ClaimKey: claimKey(100), ClaimSignature: chain.Signature{2}, KeySignature: chain.Signature{3}}
	feed := chain.FeedKey{9, 31: 1}

	w.refuseOrder("signer", owner, w.s.Head(), chain.Rename{Name: "attic"}) // nobody's yet
	w.fact(chain.Claimed{Claim: id(1), Operator: operator(owner), SealedName: "sealed", Evidence: evidence})
	w.refuseFact("claimed", chain.Claimed{Claim: id(2), Operator: operator(stranger)})
	w.order(owner, chain.AddOperator{Operator: operator(helper), Role: chain.Operator, SealedName: "\x00\xff"})
	w.order(owner, chain.AddOperator{Operator: operator(watcher), Role: chain.Observer})
	w.refuseOrder("role", watcher, w.s.Head(), chain.Rename{Name: "attic"})
	w.refuseOrder("signer", stranger, w.s.Head(), chain.Rename{Name: "attic"})
	w.refuseOrder("role", helper, w.s.Head(), chain.AddOperator{Operator: operator(50), Role: chain.Operator})
	w.refuseOrder("last owner", owner, w.s.Head(), chain.RemoveOperator{Operator: operator(owner)})
	before := w.s.Head()
	w.order(helper, chain.Rename{Name: "attic"})
	w.refuseOrder("stale", helper, before, chain.Rename{Name: "cellar"})
	elsewhere := w.s.Head()
	elsewhere.Box = identity.BoxKeyOf(key(2))
	w.refuseOrder("box", owner, elsewhere, chain.Rename{Name: "cellar"})
	st, err := chain.SignOrder(key(owner), w.s.Head(), now, chain.Rename{Name: "cellar"})
	w.must(err)
	w.refuse("signature", bytes.Replace(st.Append(nil), []byte("cellar"), []byte("garret"), 1))
	spaced, err := identity.Sign(st.Context, bytes.Replace(st.Body, []byte(`"what":`), []byte(`"what": `), 1), st.SignerKind, key(owner))
	w.must(err)
	w.refuse("form", spaced.Append(nil))
	w.refuse("signature", bytes.Replace(spaced.Append(nil), []byte(`"what": `), []byte(`"what":`), 1))

	full := terms()
	full.Until = now.AddDate(1, 0, 0)
	forPartner := invite(100, chain.Partner)
	forPartner.SealedName, forPartner.Terms = "name", full
	w.order(helper, forPartner)
	w.refuseOrder("spent", owner, w.s.Head(), forPartner)
	// A quota that somebody changed on the way (acceptance case 32).
	w.refuse("signature", bytes.Replace([]byte(w.v.Entries[len(w.v.Entries)-1].Text), []byte(`"quotaBytes":1073741824`), []byte(`"quotaBytes":2073741824`), 1))
	w.fact(chain.Redeemed{Invite: id(100), Partner: partner(member), Evidence: evidence})
	w.refuseFact("spent", chain.Redeemed{Invite: id(100), Partner: partner(stranger)})
	w.order(owner, invite(101, chain.Observer))
	w.order(helper, chain.CancelInvite{ID: id(101)})
	w.refuseFact("spent", chain.Redeemed{Invite: id(101), Operator: operator(50)})
	past := invite(102, chain.Observer)
	past.NotAfter = now.Add(-time.Second)
	late, err := chain.SignOrder(key(owner), w.s.Head(), now.Add(-time.Hour), past)
	w.must(err)
	w.entry(w.take(late))
	w.refuseFact("expired", chain.Redeemed{Invite: id(102), Operator: operator(50)})
	w.order(helper, chain.Grant{Partner: partner(70), Terms: terms(), SealedName: "other"})
	w.order(helper, chain.NamePartner{Partner: partner(70), SealedName: "another"})
	w.order(helper, chain.TolerateSilence{Partner: partner(70), Seconds: 14 * 86400})
	w.order(helper, chain.Pin{Feed: feed, Partner: partner(70)})
	w.order(helper, chain.Unpin{Feed: feed, Partner: partner(70)})
	w.order(helper, chain.Revoke{Partner: partner(70), NoticeSeconds: 30 * 86400})
	w.refuseOrder("revoked", helper, w.s.Head(), chain.Pin{Feed: feed, Partner: partner(70)})
	w.refuseOrder("unknown", helper, w.s.Head(), chain.Revoke{Partner: partner(71)})
	w.order(owner, chain.Set{Name: "hypercore", Value: "on"})
	w.order(helper, chain.Update{Release: chain.Hash{31: 7}, LimitSeconds: 7200})
	w.order(owner, chain.AdoptDisk{Disk: "SanDisk Ultra, serial 4C530001, 64.2 GB", Erase: true})
	w.order(owner, chain.GiveUpDisk{Disk: "SanDisk Ultra, serial 4C530001, 64.2 GB", ID: diskID})
	w.order(owner, chain.AcceptBoard{Board: "1a2b3c4d"})
	w.order(owner, chain.SetRecovery{Key: claimKey(80)})
	w.fact(chain.RecoveryRequested{Operator: operator(40), Evidence: evidence})
	w.refuseFact("exists", chain.RecoveryRequested{Operator: operator(42)})
	w.order(helper, chain.CancelRecovery{})
	w.refuseFact("unknown", chain.Recovered{Operator: operator(40)})
	w.order(owner, chain.RemoveOperator{Operator: operator(watcher)})
	w.refuseOrder("signer", watcher, w.s.Head(), chain.Rename{Name: "mine"})

	away := invite(103, chain.Owner)
	away.Transfer = true
	w.order(owner, away)
	old := w.s.Head()
	w.fact(chain.Redeemed{Invite: id(103), Operator: operator(30), SealedName: "next"})
	w.refuseOrder("epoch", owner, old, chain.Rename{Name: "mine"})
	w.refuseOrder("signer", owner, w.s.Head(), chain.Rename{Name: "mine"})
	w.order(30, chain.SetRecovery{Key: claimKey(81)})
	w.fact(chain.RecoveryRequested{Operator: operator(41)})
	w.refuseFact("too early", chain.Recovered{Operator: operator(41)})
	waited, err := chain.SignFact(boxPrivate, w.s.Head(), now, chain.Recovered{Operator: operator(41)})
	w.must(err)
	w.must(w.s.Apply(waited, chain.Conditions{Clock: good.Clock, Waited: chain.RecoveryWait}))
	w.all = append(w.all, waited)
	w.entry(nil)
	w.order(41, chain.Retire{})
	w.refuseOrder("retired", 41, w.s.Head(), chain.Rename{Name: "again"})
	w.fact(chain.Reset{Reset: id(90), Mode: chain.Reowner, Claim: id(91)})
	w.refuseFact("spent", chain.Reset{Reset: id(90), Mode: chain.Wipe, Claim: id(92)})
	w.refuseFact("spent", chain.Claimed{Claim: id(1), Operator: operator(owner)})
	w.fact(chain.Claimed{Claim: id(91), Operator: operator(owner)})
	w.fact(chain.Reset{Reset: id(93), Mode: chain.Wipe, Claim: id(94)})
	// A card that names its owner: the owner has signed nothing.
	byCard := chain.Evidence{Transcript: chain.Hash{4}, ClaimKey: claimKey(95), ClaimSignature: chain.Signature{5}}
	w.fact(chain.Claimed{Claim: id(94), Operator: operator(30), Evidence: byCard})
	w.order(30, chain.Grant{Partner: partner(72), Terms: terms()})
	return w.v
}

// TestVectors: what the file says of every entry and every refusal is so, and the
// file is what is made today from the same keys.
func TestVectors(t *testing.T) {
	const file = "testdata/vectors.json"
	made, err := json.MarshalIndent(makeVectors(t), "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	made = append(made, '\n')
	if *update {
		if err := os.WriteFile(file, made, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(text, made) {
		t.Fatalf("%s is not what is made today; when that is meant: go test ./provision/chain -run TestVectors -update", file)
	}

	var v vectors
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatal(err)
	}
	kinds := map[string]bool{}
	s := chain.New(v.Box)
	states := []*chain.State{s.Clone()}
	for i, e := range v.Entries {
		st, err := identity.ParseStatement([]byte(e.Text))
		if err != nil {
			t.Fatalf("entry %d: %v", i+1, err)
		}
		kinds[st.Context] = true
		if err := s.Replay(st); err != nil || s.Last != e.Hash {
			t.Fatalf("entry %d: %v, hash %s, want %s", i+1, err, s.Last, e.Hash)
		}
		var want bytes.Buffer
		if err := json.Compact(&want, e.State); err != nil {
			t.Fatal(err)
		}
		if got, err := json.Marshal(s); err != nil || !bytes.Equal(got, want.Bytes()) {
			t.Errorf("after entry %d: %v\n%s\nwant\n%s", i+1, err, got, want.Bytes())
		}
		states = append(states, s.Clone())
	}
	all, _ := everyStatement(t)
	for _, st := range all {
		if !kinds[st.Context] {
			t.Errorf("no entry is a %s: add one to makeVectors", st.Context)
		}
	}

	named := map[string]bool{}
	clock := chain.Conditions{Clock: chain.Clock{Now: v.Now, Trusted: true}}
	for i, r := range v.Refused {
		named[r.Why] = true
		want, ok := whys[r.Why]
		if !ok {
			t.Errorf("refusal %d has the unknown reason %q", i, r.Why)
			continue
		}
		st, err := identity.ParseStatement([]byte(r.Text))
		if err == nil {
			err = states[r.After].Clone().Apply(st, clock)
		}
		if !errors.Is(err, want) {
			t.Errorf("refusal %d after entry %d: %v, want %s", i, r.After, err, r.Why)
		}
	}
	for why := range whys {
		if !named[why] {
			t.Errorf("no refusal for the reason %q", why)
		}
	}
}
