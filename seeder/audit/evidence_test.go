package audit_test

import (
	"bytes"
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
	text, err := e.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	got, err := audit.ParseEvidence(text)
	if err != nil {
		t.Fatal(err)
	}
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
	if _, err := audit.ParseEvidence(bytes.Replace(text, []byte("evidence 1"), []byte("evidence 2"), 1)); !errors.Is(err, audit.ErrEvidence) {
		t.Errorf("ParseEvidence of another format = %v, want ErrEvidence", err)
	}
}
