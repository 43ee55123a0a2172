package provision_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"cobox/provision"
	"cobox/provision/chain"
	"cobox/provision/control"
	"cobox/provision/label"
	"cobox/seeder/api"
	"cobox/seeder/identity"
)

func key(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

func public(k ed25519.PrivateKey) (p [32]byte) {
	copy(p[:], k.Public().(ed25519.PublicKey))
	return p
}

// claimKey stands for a code's claim key, without the slow derivation.
func claimKey(n byte) label.ClaimKey { return label.ClaimKey(public(key(n))) }

var (
	boxKey = key(1)
	owner  = key(2)
	codeOf = claimKey(100) // the label's
)

// stateDir is short: a socket's path is bounded.
func stateDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "box")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}

func personalised(t *testing.T) string {
	t.Helper()
	dir := stateDir(t)
	if err := provision.WriteCard(dir, provision.Card{Claim: codeOf}); err != nil {
		t.Fatal(err)
	}
	return dir
}

func open(t *testing.T, cfg provision.Config) *provision.Agent {
	t.Helper()
	cfg.Key = boxKey
	a, err := provision.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = a.Close() })
	return a
}

func claimed(t *testing.T) (*provision.Agent, string) {
	t.Helper()
	dir := personalised(t)
	a := open(t, provision.Config{State: dir})
	if err := a.Redeem(provision.Claim{ID: codeOf.ID(), Key: public(owner)}); err != nil {
		t.Fatal(err)
	}
	return a, dir
}

func order(t *testing.T, a *provision.Agent, by ed25519.PrivateKey, o chain.Order) error {
	t.Helper()
	st, err := chain.SignOrder(by, a.State().Head(), time.Now(), o)
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.Order(st.Append(nil))
	return err
}

// inAnHour is as statements hold times.
func inAnHour() time.Time { return time.Now().UTC().Add(time.Hour).Truncate(time.Second) }

// Case 6: of eight who use one code at the same time, one gets the box; cases 4
// and 5: the same one may ask again, others may not.
func TestCase06Racers(t *testing.T) {
	a := open(t, provision.Config{State: personalised(t)})
	var wg sync.WaitGroup
	won := make(chan byte, 8)
	for n := range byte(8) {
		wg.Go(func() {
			err := a.Redeem(provision.Claim{ID: codeOf.ID(), Key: public(key(10 + n))})
			if err == nil {
				won <- n
			} else if !errors.Is(err, provision.ErrUsed) {
				t.Errorf("racer %d: %v", n, err)
			}
		})
	}
	wg.Wait()
	close(won)
	winner, ok := <-won
	if _, two := <-won; !ok || two {
		t.Fatal("not one of eight won")
	}
	seq := a.State().Seq
	if err := a.Redeem(provision.Claim{ID: codeOf.ID(), Key: public(key(10 + winner))}); err != nil || a.State().Seq != seq {
		t.Errorf("the winner asks again: %v, entry %d after %d", err, a.State().Seq, seq)
	}
	if err := a.Redeem(provision.Claim{ID: codeOf.ID(), Key: public(key(50))}); !errors.Is(err, provision.ErrUsed) {
		t.Errorf("another one: %v, want ErrUsed", err)
	}
}

// Case 19: the time after power-on is over; case 20: the offer says that the code
// counts on the box's own network alone.
func TestCase19Window(t *testing.T) {
	up := 59 * time.Minute
	a := open(t, provision.Config{State: personalised(t), Uptime: func() time.Duration { return up }})
	if o, ok := a.Find(codeOf.ID()); !ok || o.Late || !o.LANOnly || o.Role != chain.Owner {
		t.Errorf("before an hour is over: %+v, %v", o, ok)
	}
	up = 61 * time.Minute
	if o, ok := a.Find(codeOf.ID()); !ok || !o.Late {
		t.Errorf("after an hour: %+v, %v", o, ok)
	}
	if _, ok := a.Find(claimKey(101).ID()); ok {
		t.Error("something is told of a code that never counted")
	}
}

// Case 31: an invite is used by one; case 33: it dies with the operator who made it.
func TestCase31Invite(t *testing.T) {
	a, _ := claimed(t)
	helper, invite := key(3), claimKey(102)
	inv := chain.Invite{ID: chain.ID(invite.ID()), ClaimKey: chain.PublicKey(invite), Role: chain.Partner,
		Terms: chain.Terms{QuotaBytes: 1 << 30, MaxFeeds: 10}, NotAfter: inAnHour()}
	if err := order(t, a, owner, inv); err != nil {
		t.Fatal(err)
	}
	if o, ok := a.Find(invite.ID()); !ok || o.Role != chain.Partner || o.Claim != invite || o.LANOnly || o.Late {
		t.Errorf("Find(invite) = %+v, %v", o, ok)
	}
	if err := a.Redeem(provision.Claim{ID: invite.ID(), Key: public(key(20))}); err != nil {
		t.Fatal(err)
	}
	if err := a.Redeem(provision.Claim{ID: invite.ID(), Key: public(key(21))}); !errors.Is(err, provision.ErrUsed) {
		t.Errorf("the second partner: %v, want ErrUsed", err)
	}
	if o, ok := a.Find(invite.ID()); !ok || o.UsedBy != public(key(20)) || o.Claim != invite {
		t.Errorf("Find(used invite) = %+v, %v", o, ok)
	}

	if err := order(t, a, owner, chain.AddOperator{Operator: public(helper), Role: chain.Operator}); err != nil {
		t.Fatal(err)
	}
	orphan := claimKey(103)
	inv.ID, inv.ClaimKey = chain.ID(orphan.ID()), chain.PublicKey(orphan)
	if err := order(t, a, helper, inv); err != nil {
		t.Fatal(err)
	}
	if err := order(t, a, owner, chain.RemoveOperator{Operator: public(helper)}); err != nil {
		t.Fatal(err)
	}
	if err := a.Redeem(provision.Claim{ID: orphan.ID(), Key: public(key(22))}); !errors.Is(err, chain.ErrSpent) {
		t.Errorf("an invite of an operator who was removed: %v, want ErrSpent", err)
	}
}

// Cases 17 and 18: without a clock pairing works and invites do not.
func TestCase17NoClock(t *testing.T) {
	known := false
	dir := personalised(t)
	a := open(t, provision.Config{State: dir, Built: time.Now().Add(-time.Hour), TimeKnown: func() bool { return known }})
	if err := a.Redeem(provision.Claim{ID: codeOf.ID(), Key: public(owner)}); err != nil {
		t.Errorf("pairing without a clock: %v", err)
	}
	invite := claimKey(102)
	if err := order(t, a, owner, chain.Invite{ID: chain.ID(invite.ID()), ClaimKey: chain.PublicKey(invite), Role: chain.Observer,
		NotAfter: inAnHour()}); err != nil {
		t.Fatal(err)
	}
	c := provision.Claim{ID: invite.ID(), Key: public(key(20))}
	if err := a.Redeem(c); !errors.Is(err, chain.ErrClockUntrusted) {
		t.Errorf("an invite without a clock: %v, want ErrClockUntrusted", err)
	}
	known = true
	if err := a.Redeem(c); err != nil {
		t.Errorf("an invite once the time is known: %v", err)
	}
}

// Case 51: a damaged card neither lets the box be claimed nor opens it.
func TestCase51DamagedCard(t *testing.T) {
	dir := personalised(t)
	path := filepath.Join(dir, "own", "claim")
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range text {
		bad := bytes.Clone(text)
		bad[i] ^= 1
		if err := os.WriteFile(path, bad, 0o600); err != nil {
			t.Fatal(err)
		}
		if c, err := provision.ReadCard(dir); !errors.Is(err, provision.ErrCard) {
			t.Fatalf("byte %d changed: %+v, %v", i, c, err)
		}
	}
	a := open(t, provision.Config{State: dir})
	if _, ok := a.Find(codeOf.ID()); ok {
		t.Error("a box with a damaged card can be claimed")
	}
}

// The state outlives the process; so does who used which code.
func TestReopen(t *testing.T) {
	a, dir := claimed(t)
	if err := order(t, a, owner, chain.Rename{Name: "attic"}); err != nil {
		t.Fatal(err)
	}
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	a = open(t, provision.Config{State: dir})
	if a.State().Name != "attic" || a.State().Role(public(owner)) != chain.Owner {
		t.Errorf("after reopening: %+v", a.State())
	}
	if err := a.Redeem(provision.Claim{ID: codeOf.ID(), Key: public(key(9))}); !errors.Is(err, provision.ErrUsed) {
		t.Errorf("the code again: %v, want ErrUsed", err)
	}
}

// serve runs a server on an agent's socket.
func serve(t *testing.T, a *provision.Agent, dir string) *http.Client {
	t.Helper()
	s := provision.NewServer(a, provision.Views{})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	for { // until the socket is there
		if c, err := net.Dial("unix", api.AuthorityPath(dir)); err == nil {
			_ = c.Close()
			return api.SocketClient(api.AuthorityPath(dir))
		}
	}
}

// handOn does what seederd does with a stream: it says whose it is.
func handOn(t *testing.T, dir, protocol string, peer identity.PeerID) net.Conn {
	t.Helper()
	conn, err := net.Dial("unix", api.AuthorityPath(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := fmt.Fprintf(conn, "POST /v1/streams?protocol=%s&peer=%s&from=%s HTTP/1.1\r\nHost: box\r\nConnection: Upgrade\r\nUpgrade: cobox\r\n\r\n",
		protocol, peer, netip.MustParseAddr("192.0.2.1")); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	resp, err := http.ReadResponse(r, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("handing a stream on: %v, %v", resp, err)
	}
	return conn
}

// operator returns a client whose streams seederd says are a peer's.
func operator(t *testing.T, dir string, peer identity.PeerID) *control.Client {
	t.Helper()
	tr := &http.Transport{DialContext: func(context.Context, string, string) (net.Conn, error) {
		return handOn(t, dir, control.Protocol, peer), nil
	}}
	t.Cleanup(tr.CloseIdleConnections)
	return &control.Client{HTTP: &http.Client{Transport: tr}}
}

// An owner reads and orders by way of seederd; an observer reads; a stranger does neither.
func TestControl(t *testing.T) {
	a, dir := claimed(t)
	serve(t, a, dir)
	c := operator(t, dir, identity.OperatorKey(public(owner)).PeerID())
	st, err := c.State(t.Context())
	if err != nil || st.Role != chain.Owner || st.Chain.Seq != 1 {
		t.Fatalf("State = %+v, %v", st, err)
	}
	signed, err := chain.SignOrder(owner, st.Chain.Head(), time.Now(), chain.Rename{Name: "attic"})
	if err != nil {
		t.Fatal(err)
	}
	head, err := c.Order(t.Context(), signed)
	if err != nil || head.Seq != 2 {
		t.Fatalf("Order = %+v, %v", head, err)
	}
	_, err = c.Order(t.Context(), signed)
	if e, ok := errors.AsType[*api.Error](err); !ok || e.Code != api.Stale {
		t.Errorf("the same order again: %v, want the code stale", err)
	}
	var log bytes.Buffer
	if err := c.Log(t.Context(), &log); err != nil {
		t.Fatal(err)
	}
	again, err := chain.Replay(st.Box, &log)
	if err != nil || again.Head() != head {
		t.Errorf("the exported log gives %+v, %v, want %+v", again, err, head)
	}
	for name, peer := range map[string]identity.PeerID{"a stranger": identity.OperatorKey(public(key(77))).PeerID(), "the box": st.Box.PeerID()} {
		if st, err := operator(t, dir, peer).State(t.Context()); err == nil {
			t.Errorf("%s reads %+v", name, st)
		}
	}
}

// A seederd that lies about who is speaking can change nothing: not with what a
// stranger signed, nor with what the owner signed for something else.
func TestLyingSeeder(t *testing.T) {
	a, dir := claimed(t)
	serve(t, a, dir)
	before := a.State().Head()
	c := operator(t, dir, identity.OperatorKey(public(owner)).PeerID()) // the lie
	attacker := key(66)
	attempts := map[string]identity.Statement{}
	add := func(name string, st identity.Statement, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		attempts[name] = st
	}
	st, err := chain.SignOrder(attacker, before, time.Now(), chain.AddOperator{Operator: public(attacker), Role: chain.Owner})
	add("an order by a stranger", st, err)
	forged := st
	forged.Signer = public(owner)
	add("the same with the owner's name", forged, nil)
	st, err = chain.SignFact(boxKey, before, time.Now(), chain.Recovered{Operator: public(attacker)})
	st.Signature[0] ^= 1
	add("a fact that the box did not sign", st, err)
	st, err = chain.SignFact(boxKey, before, time.Now(), chain.Reset{Reset: chain.ID{1}, Mode: chain.Wipe, Claim: chain.ID{2}})
	add("a fact signed with the box key, which seederd has", st, err)
	other := before
	other.Box = identity.BoxKey(public(key(99)))
	st, err = chain.SignOrder(owner, other, time.Now(), chain.Retire{})
	add("the owner's order for another box", st, err)
	other = before
	other.Epoch++
	st, err = chain.SignOrder(owner, other, time.Now(), chain.Retire{})
	add("the owner's order for another ownership", st, err)
	for name, st := range attempts {
		if head, err := c.Order(t.Context(), st); err == nil {
			t.Errorf("%s was taken in: %+v", name, head)
		}
	}
	if a.State().Head() != before {
		t.Errorf("the chain went on to %+v", a.State().Head())
	}
}

// askAccess asks for the table as seederd does.
func askAccess(t *testing.T, client *http.Client, epoch, after uint64) (table api.Access) {
	t.Helper()
	resp, err := client.Get(fmt.Sprintf("http://box/v1/access?epoch=%d&after=%d&ended=0", epoch, after))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := api.ReadAnswer(resp, 1<<20, &table); err != nil {
		t.Fatal(err)
	}
	return table
}

// seederd hears of a change at once, and of each only once.
func TestAccess(t *testing.T) {
	a, dir := claimed(t)
	client := serve(t, a, dir)
	first := askAccess(t, client, 0, 0)
	if !first.Claimed || len(first.Members) != 1 || first.Members[0].Key != public(owner) || first.Members[0].Role != "owner" {
		t.Fatalf("access = %+v", first)
	}
	done := make(chan api.Access, 1)
	go func() { done <- askAccess(t, client, first.Head.Epoch, first.Head.Seq) }()
	partner := identity.PartnerKey(public(key(30)))
	if err := order(t, a, owner, chain.Grant{Partner: partner, Terms: chain.Terms{QuotaBytes: 5, MaxFeeds: 6}}); err != nil {
		t.Fatal(err)
	}
	next := <-done
	grants := next.Grants(identity.BoxKeyOf(boxKey))
	if len(grants) != 1 || grants[0].Partner != partner || grants[0].QuotaBytes != 5 || grants[0].MaxFeeds != 6 {
		t.Errorf("grants = %+v", grants)
	}
}

func logTo(w io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(w, nil)) }
