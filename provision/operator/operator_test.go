package operator_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cobox/provision/chain"
	"cobox/provision/control"
	"cobox/provision/label"
	"cobox/provision/operator"
	"cobox/provision/pairing"
	"cobox/seeder/api"
	"cobox/seeder/identity"
	"cobox/seeder/swarm"
)

func key(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

// newHome makes a home of its own with a key.
func newHome(t *testing.T) (*operator.Home, string) {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "home")
	h, err := operator.Make(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "config"), []byte("mdns off\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return h, dir
}

// A fakeBox answers operators over libp2p with whatever chain it is given: the
// box that an operator has to see through.
type fakeBox struct {
	host *swarm.Host
	key  identity.BoxKey
	text []byte // the chain
	// forge changes what is answered, when it is not nil.
	forge func(*control.State)
	// first is called before an order is taken in, when it is not nil; the order is
	// refused when it returns true, because another came before.
	first func() bool
}

func startFake(t *testing.T, entries ...chain.Action) *fakeBox {
	t.Helper()
	host, err := swarm.New(swarm.Config{Key: key(1), Listen: []string{"/ip4/127.0.0.1/tcp/0"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = host.Close() })
	b := &fakeBox{host: host, key: identity.BoxKeyOf(key(1))}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/state", func(w http.ResponseWriter, _ *http.Request) {
		st := control.State{Box: b.key, Tag: "ABC234", Version: "1", Role: chain.Owner, Trusted: true, Chain: *b.state(t)}
		if b.forge != nil {
			b.forge(&st)
		}
		api.WriteAnswer(w, st)
	})
	mux.HandleFunc("GET /v1/log", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(b.text) })
	mux.HandleFunc("POST /v1/orders", func(w http.ResponseWriter, r *http.Request) {
		var o control.Order
		if err := json.NewDecoder(r.Body).Decode(&o); err != nil {
			t.Error(err)
		}
		if b.first != nil && b.first() {
			api.WriteError(w, &api.Error{Code: api.Stale, Text: "made before the latest change"})
			return
		}
		b.text = append(b.text, o.Statement...)
		api.WriteAnswer(w, control.Head{Head: b.state(t).Head()})
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	var l net.Listener = host.Listener(control.Protocol)
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	return b
}

// state returns what the chain says.
func (b *fakeBox) state(t *testing.T) *chain.State {
	st, err := chain.Replay(b.key, bytes.NewReader(b.text))
	if err != nil {
		t.Errorf("the test's own chain: %v", err)
	}
	return st
}

// add signs an entry to the chain.
func (b *fakeBox) add(t *testing.T, a chain.Action, by ed25519.PrivateKey) {
	t.Helper()
	var st identity.Statement
	var err error
	switch a := a.(type) {
	case chain.Fact:
		st, err = chain.SignFact(by, b.state(t).Head(), time.Now(), a)
	case chain.Order:
		st, err = chain.SignOrder(by, b.state(t).Head(), time.Now(), a)
	}
	if err != nil {
		t.Fatal(err)
	}
	b.text = append(b.text, st.Append(nil)...)
}

// link connects a home to the box.
func (b *fakeBox) link(t *testing.T, h *operator.Home) *operator.Link {
	t.Helper()
	s, err := h.Dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	box, err := h.Find(b.host.Addrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	l, err := s.Connect(t.Context(), box, b.host.Addrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

// TestRollback goes through the ways in which a box can have forgotten orders.
func TestRollback(t *testing.T) {
	h, _ := newHome(t)
	b := startFake(t)
	b.add(t, chain.Claimed{Claim: chain.ID{1}, Operator: h.Operator()}, key(1))
	b.add(t, chain.Rename{Name: "attic"}, h.Private())
	older := bytes.Clone(b.text)
	b.add(t, chain.Rename{Name: "cellar"}, h.Private())
	l := b.link(t, h)
	if _, err := l.State(t.Context()); err != nil {
		t.Fatal(err)
	}
	if l.Box.Name != "cellar" || l.Box.Head.Seq != 3 {
		t.Errorf("remembered %+v", l.Box)
	}
	newest := bytes.Clone(b.text)

	refused := func(what string) {
		t.Helper()
		_, err := l.State(t.Context())
		if _, ok := errors.AsType[*operator.RolledBackError](err); !ok {
			t.Errorf("%s: %v", what, err)
		}
		if err := l.Order(t.Context(), func(*control.State) (chain.Order, error) { return chain.Rename{Name: "x1"}, nil }); err == nil {
			t.Errorf("%s: an order was given to it", what)
		}
		if l.Box.Head.Seq != 3 {
			t.Fatalf("%s: what was seen is forgotten: %+v", what, l.Box.Head)
		}
	}
	b.text = older
	refused("an order is missing")
	b.add(t, chain.Rename{Name: "loft"}, h.Private())
	refused("another order in its place")
	b.add(t, chain.Rename{Name: "roof"}, h.Private())
	refused("another order in its place, and one more")
	b.text = newest
	b.add(t, chain.Rename{Name: "loft"}, h.Private())
	if _, err := l.State(t.Context()); err != nil || l.Box.Head.Seq != 4 {
		t.Errorf("it goes on: %+v, %v", l.Box.Head, err)
	}

	// The state tells of orders that the log does not have.
	b.forge = func(st *control.State) { st.Chain.Seq++ }
	if _, err := l.State(t.Context()); err == nil {
		t.Error("a state beyond the log is believed")
	}
	b.forge = func(st *control.State) { st.Box = identity.BoxKeyOf(key(9)) }
	if _, err := l.State(t.Context()); err == nil || !strings.Contains(err.Error(), "another box") {
		t.Errorf("the state of another box: %v", err)
	}
}

// TestOrderAgain signs again when another order came first.
func TestOrderAgain(t *testing.T) {
	h, _ := newHome(t)
	b := startFake(t)
	b.add(t, chain.Claimed{Claim: chain.ID{1}, Operator: h.Operator()}, key(1))
	l := b.link(t, h)
	for _, others := range []int{0, 1, 4, 5} {
		planned, came := 0, 0
		b.first = func() bool {
			if came == others {
				return false
			}
			came++
			b.add(t, chain.Rename{Name: "cellar"}, h.Private())
			return true
		}
		err := l.Order(t.Context(), func(st *control.State) (chain.Order, error) {
			planned++
			return chain.Rename{Name: "attic"}, nil
		})
		e, stale := errors.AsType[*api.Error](err)
		if others < 5 && (err != nil || planned != others+1 || l.Box.Head != b.state(t).Head() || b.state(t).Name != "attic") {
			t.Errorf("%d others: planned %d times, %v", others, planned, err)
		} else if others == 5 && (!stale || e.Code != api.Stale) {
			t.Errorf("%d others: %v", others, err)
		}
	}
}

// TestNames keeps to those whom a name is sealed to.
func TestNames(t *testing.T) {
	h, _ := newHome(t)
	other, _ := newHome(t)
	b := startFake(t)
	b.add(t, chain.Claimed{Claim: chain.ID{1}, Operator: h.Operator()}, key(1))
	l := b.link(t, h)
	terms := chain.Terms{QuotaBytes: 1 << 20, MaxFeeds: 3}
	partner := identity.PartnerKeyOf(key(40))
	err := l.Order(t.Context(), func(st *control.State) (chain.Order, error) {
		sealed, err := l.Seal(st, "Food Coop")
		return chain.Grant{Partner: partner, Terms: terms, SealedName: sealed}, err
	})
	if err != nil {
		t.Fatal(err)
	}
	b.add(t, chain.AddOperator{Operator: other.Operator(), Role: chain.Operator}, h.Private())
	st, err := l.State(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	theirs := b.link(t, other)
	if name := theirs.Name(st.Chain.Partners[0].SealedName); name != "" {
		t.Errorf("sealed to others, it reads %q", name)
	}
	if n, err := l.Reseal(t.Context(), st); n != 1 || err != nil {
		t.Errorf("sealed again: %d, %v", n, err)
	}
	if st, err = l.State(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, l := range []*operator.Link{l, theirs} {
		if name := l.Name(st.Chain.Partners[0].SealedName); name != "Food Coop" {
			t.Errorf("after sealing again it reads %q", name)
		}
	}
	if n, err := l.Reseal(t.Context(), st); n != 0 || err != nil {
		t.Errorf("sealed a third time: %d, %v", n, err)
	}
	// An observer reads no names, and changes none.
	st.Role = chain.Observer
	if n, err := l.Reseal(t.Context(), st); n != 0 || err != nil {
		t.Errorf("an observer seals: %d, %v", n, err)
	}
}

// TestFind goes through the ways in which people name a box.
func TestFind(t *testing.T) {
	h, dir := newHome(t)
	if _, err := h.Find(""); !errors.Is(err, operator.ErrNoBox) {
		t.Errorf("no boxes: %v", err)
	}
	one := &operator.Box{ID: identity.BoxKeyOf(key(1)), Tag: "ABC234"}
	two := &operator.Box{ID: identity.BoxKeyOf(key(2)), Tag: "DEF567", Name: "attic"}
	if err := errors.Join(h.Keep(one), h.Keep(two)); err != nil {
		t.Fatal(err)
	}
	id := one.ID.PeerID().String()
	for _, name := range []string{"ABC234", "abc234", "cobox-abc234", "cobox-abc234.local", id, one.ID.String(), "/ip4/192.0.2.1/tcp/4001/p2p/" + id} {
		if b, err := h.Find(name); err != nil || b.ID != one.ID {
			t.Errorf("%q: %+v, %v", name, b, err)
		}
	}
	if b, err := h.Find("attic"); err != nil || b.ID != two.ID {
		t.Errorf("attic: %+v, %v", b, err)
	}
	if _, err := h.Find(""); !errors.Is(err, operator.ErrWhichBox) || !strings.Contains(err.Error(), "attic, cobox-abc234") {
		t.Errorf("one of two: %v", err)
	}
	for _, name := range []string{"cellar", "/ip4/192.0.2.1/tcp/4001", "12D3KooW", "/p2p/"} {
		if _, err := h.Find(name); !errors.Is(err, operator.ErrNoBox) {
			t.Errorf("%q: %v", name, err)
		}
	}
	three := identity.BoxKeyOf(key(3))
	if b, err := h.Find(three.PeerID().String()); err != nil || b.ID != three || b.Head.Seq != 0 {
		t.Errorf("a box that is not known: %+v, %v", b, err)
	}
	two.Name, two.Tag = "", "ABC234"
	if err := h.Keep(two); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Find("ABC234"); !errors.Is(err, operator.ErrWhichBox) {
		t.Errorf("two with one tag: %v", err)
	}
	if err := h.Forget(two); err != nil {
		t.Fatal(err)
	}
	if all, err := h.Boxes(); len(all) != 1 || err != nil {
		t.Errorf("one was forgotten: %v, %v", all, err)
	}
	// A damaged file is named, and is not a box without a name.
	if err := os.WriteFile(filepath.Join(dir, "boxes", "x.json"), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Boxes(); err == nil || !strings.Contains(err.Error(), "x.json") {
		t.Errorf("a damaged file: %v", err)
	}
}

// TestHome keeps an operator key once made.
func TestHome(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "home")
	if _, err := operator.Open(dir); !errors.Is(err, operator.ErrNoKey) {
		t.Errorf("no key: %v", err)
	}
	a, err := operator.Make(dir)
	if err != nil {
		t.Fatal(err)
	}
	b, err := operator.Make(dir)
	if err != nil || a.Operator() != b.Operator() {
		t.Errorf("made twice: %v and %v, %v", a.Operator(), b.Operator(), err)
	}
	if err := os.WriteFile(filepath.Join(dir, "operator.key"), []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := operator.Make(dir); err == nil {
		t.Error("a damaged key was replaced")
	}
	info, err := os.Stat(filepath.Join(dir, "operator.key"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
}

// Case 67: a box is taken for the one that was started from a card only by what the
// card signed for it; of one that just says so nothing is remembered.
func TestCase67FalseBox(t *testing.T) {
	h, _ := newHome(t)
	card := label.ClaimSeed{7}
	id := card.Claim().Public().ID()
	// evidence is as a card gives it for a box and an owner.
	evidence := func(card label.ClaimSeed, box identity.BoxKey, owner identity.OperatorKey) chain.Evidence {
		t := pairing.CardTranscript(card.Claim().Public().ID(), box, owner)
		return chain.Evidence{Transcript: chain.Hash(t), ClaimKey: chain.PublicKey(card.Claim().Public()), ClaimSignature: pairing.SignCard(card.Claim(), t)}
	}
	this, me := identity.BoxKeyOf(key(1)), h.Operator()
	for what, e := range map[string]chain.Evidence{
		"nothing to show":      {},
		"another card":         evidence(label.ClaimSeed{8}, this, me),
		"what another box has": evidence(card, identity.BoxKeyOf(key(9)), me),
		"another owner's":      evidence(card, this, identity.OperatorKeyOf(key(9))),
		"the claim key alone":  {Transcript: chain.Hash(pairing.CardTranscript(id, this, me)), ClaimKey: chain.PublicKey(card.Claim().Public())},
	} {
		t.Run(what, func(t *testing.T) {
			b := startFake(t)
			b.add(t, chain.Claimed{Claim: chain.ID(id), Operator: me, Evidence: e}, key(1))
			if got, err := meet(t, h, b, id); !errors.Is(err, operator.ErrOtherCard) {
				t.Errorf("met %+v, %v", got, err)
			}
			if all, err := h.Boxes(); err != nil || len(all) > 0 {
				t.Errorf("remembered: %v, %v", all, err)
			}
		})
	}
	b := startFake(t)
	b.add(t, chain.Claimed{Claim: chain.ID(id), Operator: me, Evidence: evidence(card, this, me)}, key(1))
	b.add(t, chain.Rename{Name: "attic"}, h.Private())
	got, err := meet(t, h, b, id)
	if err != nil || got.ID != b.key || got.Name != "attic" || got.Head.Seq != 2 {
		t.Errorf("the right one: %+v, %v", got, err)
	}
	if all, err := h.Boxes(); err != nil || len(all) != 1 || all[0].Addrs[0] != b.host.Addrs()[0] {
		t.Errorf("remembered: %+v, %v", all, err)
	}
	// A stranger to the box gets no answer.
	b.forge = func(*control.State) { panic(http.ErrAbortHandler) }
	if _, err := meet(t, h, b, id); !errors.Is(err, operator.ErrNoAnswer) {
		t.Errorf("a box that does not answer: %v", err)
	}
	// What another box says is not the right one's word.
	b.forge = func(st *control.State) { st.Box = identity.BoxKeyOf(key(9)) }
	if _, err := meet(t, h, b, id); err == nil {
		t.Error("the state of another box is believed")
	}
}

// meet looks for the box that was started from a card, where b is.
func meet(t *testing.T, h *operator.Home, b *fakeBox, card label.ClaimID) (*operator.Box, error) {
	t.Helper()
	s, err := h.Dial(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	return s.Meet(t.Context(), card, b.host.Addrs()[0])
}
