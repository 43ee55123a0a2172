package chain_test

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"cobox/provision/chain"
	"cobox/seeder/identity"
)

// everyOrder and everyFact are one or two of each kind, with all they can hold.
func everyOrder() []chain.Order {
	full := terms()
	full.Until = now.AddDate(1, 0, 0)
	transfer := invite(62, chain.Owner)
	transfer.Transfer = true
	named := invite(60, chain.Partner)
	named.SealedName, named.Terms = "\x00sealed\xff", full
	f := chain.FeedKey{9, 31: 1}
	return []chain.Order{
		chain.AddOperator{Operator: operator(20), Role: chain.Owner, SealedName: "somebody"},
		chain.AddOperator{Operator: operator(21), Role: chain.Observer},
		chain.RemoveOperator{Operator: operator(21)},
		chain.Rename{Name: "attic-2"},
		named, invite(61, chain.Observer), transfer,
		chain.CancelInvite{ID: id(61)},
		chain.Grant{Partner: partner(70), Terms: full, SealedName: chain.Sealed(strings.Repeat("x", chain.MaxSealed))},
		chain.NamePartner{Partner: partner(70), SealedName: "other"},
		chain.TolerateSilence{Partner: partner(70), Seconds: 14 * 86400},
		chain.TolerateSilence{Partner: partner(70), Seconds: chain.SilentForEver},
		chain.Pin{Feed: f, Partner: partner(70)},
		chain.Unpin{Feed: f, Partner: partner(70)},
		chain.Revoke{Partner: partner(70), NoticeSeconds: 30 * 86400},
		chain.SetRecovery{Key: claimKey(80)},
		chain.CancelRecovery{},
		chain.Set{Name: "hypercore", Value: "on"},
		chain.Update{Release: chain.Hash{31: 7}},
		chain.Update{Release: chain.Hash{31: 8}, LimitSeconds: 7200},
		chain.AdoptDisk{Disk: "SanDisk Ultra, serial 4C530001, 64.2 GB"},
		chain.AdoptDisk{Disk: "SanDisk Ultra, serial 4C530001, 64.2 GB", Erase: true},
		chain.GiveUpDisk{Disk: "SanDisk Ultra, serial 4C530001, 64.2 GB", ID: diskID},
		chain.AcceptBoard{Board: "serial:0123456789abcdef"},
		chain.Retire{},
	}
}

const diskID = "95f444b8-f84e-86de-8936-91725b77efba"

func everyFact() []chain.Fact {
	evidence := chain.Evidence{Transcript: chain.Hash{1}, ClaimKey: claimKey(60), ClaimSignature: chain.Signature{2}, KeySignature: chain.Signature{3}}
	return []chain.Fact{
		chain.Claimed{Claim: id(1), Operator: operator(owner), SealedName: "me", Evidence: evidence},
		chain.Redeemed{Invite: id(60), Partner: partner(70), Evidence: evidence},
		chain.Redeemed{Invite: id(61), Operator: operator(30), SealedName: "they"},
		chain.RecoveryRequested{Operator: operator(40), Evidence: evidence},
		chain.Recovered{Operator: operator(40)},
		chain.Reset{Reset: id(90), Mode: chain.Wipe, Claim: id(91)},
	}
}

// statements returns one of each kind, all to follow the same head.
func everyStatement(t testing.TB) (all []identity.Statement, actions []chain.Action) {
	t.Helper()
	h := chain.Head{Box: boxKey, Epoch: 3, Seq: 41, Hash: chain.Hash{7}}
	for _, o := range everyOrder() {
		st, err := chain.SignOrder(key(owner), h, now, o)
		if err != nil {
			t.Fatal(err)
		}
		all, actions = append(all, st), append(actions, o)
	}
	for _, f := range everyFact() {
		st, err := chain.SignFact(boxPrivate, h, now, f)
		if err != nil {
			t.Fatal(err)
		}
		all, actions = append(all, st), append(actions, f)
	}
	return all, actions
}

// What is signed is read again, and is said in one sentence.
func TestEveryKind(t *testing.T) {
	all, actions := everyStatement(t)
	said := map[string]bool{}
	for i, st := range all {
		st, err := identity.ParseStatement(st.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		e, err := chain.Read(st)
		if err != nil {
			t.Fatal(err)
		}
		if !reflect.DeepEqual(e.Action, actions[i]) || e.Seq != 42 || e.Epoch != 3 || !e.Issued.Equal(now) || e.Hash != st.Hash() {
			t.Errorf("read %+v, want %+v", e, actions[i])
		}
		text := e.Describe()
		if said[text] || !strings.HasPrefix(text, "2026-11-23T12:00:00Z "+st.SignerText()+" ") ||
			strings.ContainsAny(text, "\n%") || strings.Contains(text, "sealed") {
			t.Errorf("%s: %s", chain.Kind(e.Action), text)
		}
		said[text] = true
	}
}

// A body has one form: whatever else means the same is refused, though signed.
func TestOneForm(t *testing.T) {
	all, _ := everyStatement(t)
	for _, st := range all {
		k := key(owner)
		if st.SignerKind == identity.Box {
			k = boxPrivate
		}
		for _, c := range []struct{ old, new string }{
			{`{"box"`, `{ "box"`},
			{`"epoch":3`, `"epoch":3.0`},
			{`"epoch":3,"seq":42`, `"seq":42,"epoch":3`},
			{`"seq":42`, `"seq":0`},
			{`"seq":42`, `"seq":9007199254740992`},
			{`"previous":"07`, `"previous":"0A`},
			{`"previous":"07`, `"previous":"`},
			{`12:00:00Z`, `12:00:00.0Z`},
			{`12:00:00Z`, `12:00:00.5Z`},
			{`12:00:00Z`, `12:00:00+00:00`},
			{`12:00:00Z`, `14:00:00+02:00`},
			{`"what":{`, `"what": {`},
			{`"what":{`, `"more":1,"what":{`},
			{`"what":{`, `"what":{"more":1,`},
			{`"what":{`, `"what":[{`},
			{`"what":`, `"What":`},
			{`"operator":"operator:`, `"operator":"partner:`},
			{`"partner":"partner:`, `"partner":"Partner:`},
			{`"transfer":false`, `"transfer":null`},
			{`,"transfer":false`, ``},
			{`"sealedName":"`, `"sealedName":"\u0041`},
			{`"name":"hypercore"`, `"name":"telnet"`},
			{`"value":"on"`, `"value":"yes"`},
			{`"mode":"wipe"`, `"mode":"erase"`},
			{`"role":"owner"`, `"role":"root"`},
			{`"noticeSeconds":60`, `"noticeSeconds":-60`},
			{`"noticeSeconds":2592000`, `"noticeSeconds":315360001`},
			{`"quotaBytes":1073741824`, `"quotaBytes":9007199254740992`},
			{`"maxFeeds":10`, `"maxFeeds":1000001`},
			{`"issued":"2026`, `"issued":"0000`},
			{`"evidence":{`, `"evidence":{},"Evidence":{`},
		} {
			body := strings.Replace(string(st.Body), c.old, c.new, 1)
			if body == string(st.Body) {
				continue
			}
			bad, err := identity.Sign(st.Context, []byte(body), st.SignerKind, k)
			if err != nil {
				continue // not even a statement
			}
			if _, err := chain.Read(bad); !errors.Is(err, identity.ErrStatement) {
				t.Errorf("%s with %s: %v, want ErrStatement", st.Context, c.new, err)
			}
		}
	}
}

// What says nothing, or too much, is not signed.
func TestUnsigned(t *testing.T) {
	h := chain.New(boxKey).Head()
	with := func(change func(*chain.Invite)) chain.Invite {
		i := invite(60, chain.Partner)
		change(&i)
		return i
	}
	for name, o := range map[string]chain.Order{
		"nobody":                         chain.AddOperator{Role: chain.Owner},
		"no role":                        chain.AddOperator{Operator: operator(20)},
		"a partner's role":               chain.AddOperator{Operator: operator(20), Role: chain.Partner},
		"a long name":                    chain.AddOperator{Operator: operator(20), Role: chain.Owner, SealedName: chain.Sealed(make([]byte, chain.MaxSealed+1))},
		"no one to remove":               chain.RemoveOperator{},
		"no ID":                          with(func(i *chain.Invite) { i.ID = chain.ID{} }),
		"no claim key":                   with(func(i *chain.Invite) { i.ClaimKey = chain.PublicKey{} }),
		"no role of an invite":           with(func(i *chain.Invite) { i.Role = "" }),
		"an endless invite":              with(func(i *chain.Invite) { i.NotAfter = time.Time{} }),
		"a local time":                   with(func(i *chain.Invite) { i.NotAfter = now.Add(time.Hour).In(time.FixedZone("", 3600)) }),
		"half a second":                  with(func(i *chain.Invite) { i.NotAfter = now.Add(1500 * time.Millisecond) }),
		"terms for an owner":             with(func(i *chain.Invite) { i.Role = chain.Owner }),
		"a box for a partner":            with(func(i *chain.Invite) { i.Transfer = true }),
		"no code":                        chain.CancelInvite{},
		"no partner":                     chain.Grant{Terms: terms()},
		"a large quota":                  chain.Grant{Partner: partner(70), Terms: chain.Terms{QuotaBytes: identity.MaxQuota + 1}},
		"many feeds":                     chain.Grant{Partner: partner(70), Terms: chain.Terms{MaxFeeds: identity.MaxFeeds + 1}},
		"less than no feeds":             chain.Grant{Partner: partner(70), Terms: chain.Terms{MaxFeeds: -1}},
		"no one to name":                 chain.NamePartner{},
		"no one to be silent":            chain.TolerateSilence{Seconds: 86400},
		"a short silence":                chain.TolerateSilence{Partner: partner(70), Seconds: 3599},
		"a long silence":                 chain.TolerateSilence{Partner: partner(70), Seconds: 1 << 62},
		"a silence before all":           chain.TolerateSilence{Partner: partner(70), Seconds: -2},
		"no one to revoke":               chain.Revoke{},
		"a long notice":                  chain.Revoke{Partner: partner(70), NoticeSeconds: 1 << 62},
		"no feed":                        chain.Pin{Partner: partner(70)},
		"no recovery key":                chain.SetRecovery{},
		"no setting":                     chain.Set{Value: "on"},
		"no release":                     chain.Update{},
		"a long trial":                   chain.Update{Release: chain.Hash{1}, LimitSeconds: 7201},
		"a trial that is over":           chain.Update{Release: chain.Hash{1}, LimitSeconds: -1},
		"no disk":                        chain.AdoptDisk{},
		"a disk with a bell":             chain.AdoptDisk{Disk: "disk\a"},
		"a long disk":                    chain.AdoptDisk{Disk: strings.Repeat("x", chain.MaxDisk+1)},
		"no disk given up":               chain.GiveUpDisk{ID: diskID},
		"a disk given up without its ID": chain.GiveUpDisk{Disk: "a disk"},
		"a disk given up in capitals":    chain.GiveUpDisk{Disk: "a disk", ID: strings.ToUpper(diskID)},
		"no board":                       chain.AcceptBoard{},
		"a long board":                   chain.AcceptBoard{Board: strings.Repeat("a", 65)},
		"a sentence of boards":           chain.AcceptBoard{Board: "the attic"},
	} {
		if _, err := chain.SignOrder(key(owner), h, now, o); !errors.Is(err, identity.ErrStatement) {
			t.Errorf("%s: %v, want ErrStatement", name, err)
		}
	}
	for name, f := range map[string]chain.Fact{
		"claimed by nobody":      chain.Claimed{Claim: id(1)},
		"claimed with nothing":   chain.Claimed{Operator: operator(owner)},
		"redeemed by nobody":     chain.Redeemed{Invite: id(60)},
		"redeemed by two":        chain.Redeemed{Invite: id(60), Partner: partner(70), Operator: operator(30)},
		"a name by a partner":    chain.Redeemed{Invite: id(60), Partner: partner(70), SealedName: "x"},
		"nothing redeemed":       chain.Redeemed{Partner: partner(70)},
		"no new owner":           chain.RecoveryRequested{},
		"recovered by nobody":    chain.Recovered{},
		"no reset ID":            chain.Reset{Mode: chain.Wipe, Claim: id(1)},
		"a reset without a mode": chain.Reset{Reset: id(90), Claim: id(1)},
		"a reset without a code": chain.Reset{Reset: id(90), Mode: chain.Wipe},
	} {
		if _, err := chain.SignFact(boxPrivate, h, now, f); !errors.Is(err, identity.ErrStatement) {
			t.Errorf("%s: %v, want ErrStatement", name, err)
		}
	}
	if _, err := chain.SignFact(key(2), h, now, chain.Claimed{Claim: id(1), Operator: operator(owner)}); err == nil {
		t.Error("one box signs for another")
	}
	if _, err := chain.SignOrder(key(owner), h, time.Time{}, chain.Retire{}); err == nil {
		t.Error("an order of no time is signed")
	}
}

// Ends before the issue are refused when the order comes.
func TestEndsBeforeIssue(t *testing.T) {
	x := owned(t)
	i := invite(60, chain.Partner)
	i.NotAfter = now.Add(-time.Second)
	refuse(x, identity.ErrStatement, x.order(owner, i))
	i = invite(60, chain.Partner)
	i.Terms.Until = now.Add(-time.Second)
	refuse(x, identity.ErrStatement, x.order(owner, i))
	refuse(x, identity.ErrStatement, x.order(owner, chain.Grant{Partner: partner(70), Terms: i.Terms}))
}

// A fact that an operator signs, and an order that the box signs, is nothing.
func TestWrongSigner(t *testing.T) {
	x := owned(t)
	all, _ := everyStatement(t)
	for _, st := range all {
		kind, k := identity.Box, boxPrivate
		if st.SignerKind == identity.Box {
			kind, k = identity.Operator, key(owner)
		}
		swapped, err := identity.Sign(st.Context, st.Body, kind, k)
		x.must(err)
		refuse(x, identity.ErrNotTrusted, x.take(swapped))
	}
	other, err := identity.Sign("cobox/fact-recovered/v1", all[len(all)-1].Body, identity.Box, key(2))
	x.must(err)
	refuse(x, identity.ErrNotTrusted, x.take(other))
	unknown, err := identity.Sign("cobox/order-retire/v2", all[0].Body, identity.Operator, key(owner))
	x.must(err)
	refuse(x, identity.ErrContext, x.take(unknown))
}

func TestCheckName(t *testing.T) {
	for _, name := range []string{"a", "attic", "cobox-7k3", "3com", strings.Repeat("a", 63)} {
		if err := chain.CheckName(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{
		"", "-a", "a-", "Attic", "a.b", "a_b", "a b", "ä", "42", "a\n", "<b>", strings.Repeat("a", 64), "a\x00",
	} {
		if err := chain.CheckName(name); !errors.Is(err, identity.ErrStatement) {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// Whatever is signed as a body of any kind: what is read can be signed again,
// and is the same statement.
func FuzzBody(f *testing.F) {
	all, _ := everyStatement(f)
	for i, st := range all {
		f.Add(uint8(i), st.Body)
	}
	f.Fuzz(func(t *testing.T, kind uint8, body []byte) {
		like := all[int(kind)%len(all)]
		k := key(owner)
		if like.SignerKind == identity.Box {
			k = boxPrivate
		}
		st, err := identity.Sign(like.Context, body, like.SignerKind, k)
		if err != nil {
			return
		}
		e, err := chain.Read(st)
		if err != nil {
			return
		}
		h := chain.Head{Box: e.Box, Epoch: e.Epoch, Seq: e.Seq - 1, Hash: e.Previous}
		var again identity.Statement
		switch a := e.Action.(type) {
		case chain.Order:
			again, err = chain.SignOrder(k, h, e.Issued, a)
		case chain.Fact:
			again, err = chain.SignFact(k, h, e.Issued, a)
		}
		if err != nil || !bytes.Equal(again.Append(nil), st.Append(nil)) {
			t.Errorf("%s was read, and signed again is %s, %v", st, again, err)
		}
		if strings.ContainsFunc(e.Describe(), func(r rune) bool { return r < ' ' }) {
			t.Errorf("%q is not one line", e.Describe())
		}
	})
}

// Whatever is in a log's files: it opens or says why, it does not panic, and
// what it takes to be good can be read again.
func FuzzOpen(f *testing.F) {
	d := newDisk()
	l, err := chain.OpenOn(d, boxKey)
	if err != nil {
		f.Fatal(err)
	}
	st, err := chain.SignFact(boxPrivate, l.State().Head(), now, chain.Claimed{Claim: id(1), Operator: operator(owner)})
	if err == nil {
		err = l.Append(st, good)
	}
	if err != nil {
		f.Fatal(err)
	}
	text := d.statements
	order, err := chain.SignOrder(key(owner), l.State().Head(), now, chain.Rename{Name: "attic"})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text, d.head)
	f.Add(order.Append(bytes.Clone(text)), d.head)
	f.Add(append(bytes.Clone(text), make([]byte, 600)...), d.head)
	f.Add(text[:len(text)-1], d.head)
	f.Add([]byte{}, []byte(nil))
	f.Fuzz(func(t *testing.T, statements, head []byte) {
		d := newDisk()
		d.statements, d.synced, d.head = statements, statements, head
		l, err := chain.OpenOn(d, boxKey)
		if l == nil || (err != nil) != (l.Damage() != nil) {
			t.Fatalf("OpenOn = %v, %v", l, err)
		}
		var out bytes.Buffer
		if err := l.Export(&out); err != nil {
			t.Fatal(err)
		}
		s, err := chain.Replay(boxKey, &out)
		if err != nil || !reflect.DeepEqual(s, l.State()) {
			t.Errorf("the export gives %+v, %v", s, err)
		}
		n := uint64(0)
		for _, err := range l.Entries(0) {
			if err != nil {
				t.Fatal(err)
			}
			n++
		}
		if n != s.Seq {
			t.Errorf("%d entries of %d", n, s.Seq)
		}
	})
}
