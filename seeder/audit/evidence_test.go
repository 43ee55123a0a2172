package audit_test

import (
	"errors"
	"testing"
	"time"

	"cobox/seeder/audit"
	"cobox/seeder/identity"
)

func receipt(t testing.TB, k *kept, length uint64, synced time.Time) identity.Statement {
	t.Helper()
	st, err := identity.SignReceipt(boxPrivate, identity.Receipt{
		Box: box, Partner: identity.PartnerKey{1}, Feed: k.key(), Fork: k.state.Head.Fork, Length: length,
		Bytes: k.state.Head.Bytes, Root: k.state.Head.Hash, Synced: synced,
	})
	if err != nil {
		t.Fatal(err)
	}
	return st
}

func TestEvidence(t *testing.T) {
	k := newKept(t, 3, 8, 100)
	k.lost[5] = true
	c := &audit.Challenge{Draws: all(k)}
	e := &audit.Evidence{
		Box: box, Receipts: []identity.Statement{receipt(t, k, 8, now.Add(-time.Hour))},
		Challenge: c.Append(nil), Answer: answer(t, c, boxPrivate, k),
	}
	got := e
	broken, _, err := got.Verify()
	if err != nil || len(broken) != 1 || broken[0].Result.Block != 5 || broken[0].Receipt.Length != 8 {
		t.Errorf("Verify = %+v, %v, want block 5 against the receipt", broken, err)
	}

	// A receipt that does not cover the block, and one from after the answer.
	for what, r := range map[string]identity.Statement{
		"a shorter receipt": receipt(t, k, 5, now.Add(-time.Hour)),
		"a later receipt":   receipt(t, k, 8, now.Add(time.Hour)),
	} {
		got.Receipts = []identity.Statement{r}
		if broken, _, err := got.Verify(); err != nil || len(broken) > 0 {
			t.Errorf("%s: Verify = %+v, %v, want nothing against the box", what, broken, err)
		}
	}
	got.Receipts = nil
	for i := range got.Answer {
		got.Answer[i] ^= 1
		if _, _, err := got.Verify(); err == nil {
			t.Fatalf("byte %d of the answer changed, and Verify = nil", i)
		}
		got.Answer[i] ^= 1
	}
	got.Box = identity.BoxKeyOf(otherPrivate)
	if _, _, err := got.Verify(); !errors.Is(err, audit.ErrAnswer) {
		t.Errorf("Verify for another box = %v, want ErrAnswer", err)
	}
}

// A box that went back in time is shown by its receipt and its own answer, whatever
// it signed later.
func TestEvidenceOfRollback(t *testing.T) {
	k := newKept(t, 3, 8, 100)
	before := receipt(t, k, 8, now.Add(-time.Hour))
	old := newKept(t, 3, 5, 100) // the same feed when it was shorter
	c := &audit.Challenge{Draws: []audit.Draw{{Feed: k.key(), Block: 2}, {Feed: k.key(), Block: 6}}}
	e := &audit.Evidence{
		Box: box, Receipts: []identity.Statement{before, receipt(t, k, 8, now.Add(time.Hour))},
		Challenge: c.Append(nil), Answer: answer(t, c, boxPrivate, old),
	}
	broken, _, err := e.Verify()
	if err != nil || len(broken) != 2 || broken[0].Result.Finding != audit.RolledBack || broken[1].Result.Finding != audit.Missing {
		t.Errorf("Verify = %+v, %v, want block 2 rolled back and block 6 missing", broken, err)
	}
	// A longer feed, and one that its writer truncated since, are no rollback.
	e.Receipts = []identity.Statement{receipt(t, old, 5, now.Add(-time.Hour))}
	e.Answer = answer(t, c, boxPrivate, k)
	if broken, _, err := e.Verify(); err != nil || len(broken) > 0 {
		t.Errorf("Verify of a feed that has grown = %+v, %v, want nothing against the box", broken, err)
	}
}
