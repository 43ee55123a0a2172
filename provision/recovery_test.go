package provision_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"cobox/provision"
	"cobox/provision/chain"
	"cobox/provision/label"
	"cobox/seeder/identity"
)

// A clocked agent's box has been up for as long as the test says.
type clocked struct {
	*provision.Agent
	dir string
	up  time.Duration // since the box was switched on
}

// reopen is a power cut: the box starts anew.
func (c *clocked) reopen(t *testing.T) {
	t.Helper()
	if c.Agent != nil {
		if err := c.Agent.Close(); err != nil {
			t.Fatal(err)
		}
	}
	c.up = 0
	c.Agent = open(t, provision.Config{State: c.dir, Uptime: func() time.Duration { return c.up }})
}

// pass lets the box be up for d, during which the agent does what it does each
// minute.
func (c *clocked) pass(t *testing.T, d time.Duration) {
	t.Helper()
	for d > 0 {
		step := min(d, time.Minute)
		c.up += step
		d -= step
		if err := c.Recover(); err != nil {
			t.Fatal(err)
		}
	}
}

func (c *clocked) owners() (list []identity.OperatorKey) {
	for _, m := range c.State().Members {
		if m.Role == chain.Owner {
			list = append(list, m.Key)
		}
	}
	return list
}

// recoverable returns a box that has an owner and a recovery key.
func recoverable(t *testing.T) (*clocked, label.ClaimKey) {
	t.Helper()
	c := &clocked{dir: personalised(t)}
	c.reopen(t)
	code := claimKey(110)
	if err := c.Redeem(provision.Claim{ID: codeOf.ID(), Key: public(owner)}); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Find(code.ID()); ok {
		t.Fatal("a recovery code counts before it was set")
	}
	if err := order(t, c.Agent, owner, chain.SetRecovery{Key: chain.PublicKey(code)}); err != nil {
		t.Fatal(err)
	}
	return c, code
}

// Case 29: the recovery waits 72 hours in which the box is up, and not one less;
// the same key may ask again, another may not; then it is the only owner, and
// asking once more is answered yes still.
func TestCase29Recovery(t *testing.T) {
	c, code := recoverable(t)
	heir := provision.Claim{ID: code.ID(), Key: public(key(60))}
	if o, ok := c.Find(code.ID()); !ok || o.Role != chain.Owner || o.LANOnly || o.Late || o.UsedBy != [32]byte{} {
		t.Fatalf("the offer of a recovery code: %+v, %v", o, ok)
	}
	if err := c.Redeem(heir); err != nil {
		t.Fatal(err)
	}
	seq := c.State().Seq
	if err := c.Redeem(heir); err != nil || c.State().Seq != seq {
		t.Errorf("asking again: %v, entry %d after %d", err, c.State().Seq, seq)
	}
	if err := c.Redeem(provision.Claim{ID: code.ID(), Key: public(key(61))}); !errors.Is(err, provision.ErrUsed) {
		t.Errorf("another key while one waits: %v, want ErrUsed", err)
	}
	c.pass(t, chain.RecoveryWait-time.Minute)
	if got := c.owners(); len(got) != 1 || got[0] != public(owner) {
		t.Fatalf("before the time is over the owners are %v", got)
	}
	c.pass(t, time.Minute)
	if got := c.owners(); len(got) != 1 || got[0] != public(key(60)) {
		t.Fatalf("when the time is over the owners are %v", got)
	}
	if c.State().Epoch != 2 {
		t.Errorf("epoch %d, want 2", c.State().Epoch)
	}
	for _, again := range []string{"at once", "after a restart"} {
		if err := c.Redeem(heir); err != nil || c.State().Seq != seq+1 {
			t.Errorf("asking when it is done, %s: %v, entry %d", again, err, c.State().Seq)
		}
		if err := c.Redeem(provision.Claim{ID: code.ID(), Key: public(key(61))}); !errors.Is(err, provision.ErrUsed) {
			t.Errorf("another key when it is done, %s: %v, want ErrUsed", again, err)
		}
		c.reopen(t)
	}
}

// Case 29: any operator can refuse, until the last minute; the code counts on, so
// that a refusal by mistake locks nobody out, and another recovery key ends it.
func TestCase29Cancel(t *testing.T) {
	c, code := recoverable(t)
	thief := provision.Claim{ID: code.ID(), Key: public(key(60))}
	if err := c.Redeem(thief); err != nil {
		t.Fatal(err)
	}
	c.pass(t, chain.RecoveryWait-time.Minute)
	if err := order(t, c.Agent, owner, chain.CancelRecovery{}); err != nil {
		t.Fatal(err)
	}
	c.pass(t, 2*time.Hour)
	if got := c.owners(); len(got) != 1 || got[0] != public(owner) {
		t.Fatalf("after the refusal the owners are %v", got)
	}
	if err := c.Redeem(thief); err != nil {
		t.Fatalf("asking after a refusal: %v", err)
	}
	c.pass(t, chain.RecoveryWait-time.Minute) // nothing of the first wait counts
	if got := c.owners(); got[0] != public(owner) {
		t.Fatal("a recovery that was refused has shortened the next one")
	}
	if err := order(t, c.Agent, owner, chain.SetRecovery{Key: chain.PublicKey(claimKey(111))}); err != nil {
		t.Fatal(err)
	}
	if o, ok := c.Find(code.ID()); ok {
		t.Errorf("the earlier recovery code counts: %+v", o)
	}
	if err := c.Redeem(thief); !errors.Is(err, chain.ErrSpent) {
		t.Errorf("using the earlier code: %v, want ErrSpent", err)
	}
	c.pass(t, 2*chain.RecoveryWait)
	if got := c.owners(); got[0] != public(owner) {
		t.Errorf("the owners are %v", got)
	}
}

// Case 29: the time is counted over restarts, whenever the power is cut: none of
// it counts twice, and less than what is kept each hour is lost.
func TestCase29PowerCuts(t *testing.T) {
	for _, session := range []time.Duration{time.Minute, 59 * time.Minute, 61 * time.Minute, 150 * time.Minute, 7 * time.Hour} {
		t.Run(session.String(), func(t *testing.T) {
			c, code := recoverable(t)
			if err := c.Redeem(provision.Claim{ID: code.ID(), Key: public(key(60))}); err != nil {
				t.Fatal(err)
			}
			var up time.Duration
			for range 12 {
				c.pass(t, session)
				c.reopen(t)
				up += session
			}
			left := c.RecoveryWait()
			if left < chain.RecoveryWait-up {
				t.Errorf("after %v in sessions of %v it has to wait %v still: some counted twice", up, session, left)
			}
			if most := chain.RecoveryWait - up + 12*time.Hour; left > min(most, chain.RecoveryWait) {
				t.Errorf("after %v in sessions of %v it has to wait %v still, want at most %v", up, session, left, most)
			}
		})
	}
}

// The file with the waiting time is of no use to who writes another recovery's
// time into it, and damaged it starts the waiting anew.
func TestRecoveryFile(t *testing.T) {
	for _, text := range []string{"", "nonsense", `{"epoch":1,"seq":99,"waited":999999999999999}`, `{"epoch":7,"seq":3,"waited":999999999999999}`, `{"epoch":1,"seq":3,"waited":-1}`} {
		c, code := recoverable(t)
		if err := c.Redeem(provision.Claim{ID: code.ID(), Key: public(key(60))}); err != nil {
			t.Fatal(err)
		}
		c.pass(t, 2*time.Hour)
		if err := os.WriteFile(filepath.Join(c.dir, "own", "recovery"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		c.reopen(t)
		if left := c.RecoveryWait(); left != chain.RecoveryWait {
			t.Errorf("with %q it has to wait %v, want all of it", text, left)
		}
	}
}

// An owner who uses the recovery code changes nothing.
func TestRecoveryByOwner(t *testing.T) {
	c, code := recoverable(t)
	head := c.State().Head()
	if err := c.Redeem(provision.Claim{ID: code.ID(), Key: public(owner)}); err != nil || c.State().Head() != head {
		t.Errorf("Redeem = %v, head %+v", err, c.State().Head())
	}
}

// A running agent carries the recovery out by itself, tells operators how long
// it waits, and keeps the lounge open for whoever comes with the code.
func TestRecoveryRuns(t *testing.T) {
	dir, code := personalised(t), claimKey(110)
	a := open(t, provision.Config{State: dir, RecoveryWait: 300 * time.Millisecond})
	if err := a.Redeem(provision.Claim{ID: codeOf.ID(), Key: public(owner)}); err != nil {
		t.Fatal(err)
	}
	client := serve(t, a, dir)
	if got := askAccess(t, client, 0, 0); got.Invites != 0 {
		t.Errorf("%d codes count before there is one", got.Invites)
	}
	if err := order(t, a, owner, chain.SetRecovery{Key: chain.PublicKey(code)}); err != nil {
		t.Fatal(err)
	}
	if got := askAccess(t, client, 1, 1); got.Invites != 1 {
		t.Errorf("%d codes count, want the recovery key's", got.Invites)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	if err := a.Redeem(provision.Claim{ID: code.ID(), Key: public(key(60))}); err != nil {
		t.Fatal(err)
	}
	st, err := operator(t, dir, identity.OperatorKey(public(owner)).PeerID()).State(t.Context())
	if err != nil || st.RecoveryWait <= 0 || st.Chain.Recovery.NewOwner != public(key(60)) {
		t.Errorf("the owner sees %v, %v: %v", st.RecoveryWait, st.Chain.Recovery, err)
	}
	if got := askAccess(t, client, 1, st.Chain.Seq); got.Head.Epoch != 2 || got.Invites != 0 || len(got.Members) != 1 || got.Members[0].Key != public(key(60)) {
		t.Errorf("after the recovery: %+v", got)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	st, err = operator(t, dir, identity.OperatorKey(public(key(60))).PeerID()).State(t.Context())
	if err != nil || st.RecoveryWait != 0 || st.Role != chain.Owner {
		t.Errorf("the new owner sees %+v: %v", st, err)
	}
}

// With the box given away the recovery code is void.
func TestRecoveryEndsWithOwnership(t *testing.T) {
	c, code := recoverable(t)
	transfer := claimKey(112)
	if err := order(t, c.Agent, owner, chain.Invite{ID: chain.ID(transfer.ID()), ClaimKey: chain.PublicKey(transfer), Role: chain.Owner,
		NotAfter: inAnHour(), Transfer: true}); err != nil {
		t.Fatal(err)
	}
	if err := c.Redeem(provision.Claim{ID: transfer.ID(), Key: public(key(70))}); err != nil {
		t.Fatal(err)
	}
	if _, ok := c.Find(code.ID()); ok {
		t.Error("the recovery code of the owner before counts")
	}
	if err := c.Redeem(provision.Claim{ID: code.ID(), Key: public(key(60))}); !errors.Is(err, chain.ErrSpent) {
		t.Errorf("using it: %v, want ErrSpent", err)
	}
}
