package identity_test

import (
	"errors"
	"testing"

	"cobox/seeder/identity"
)

func TestAuditAnswer(t *testing.T) {
	want := testAuditAnswer()
	st := must(t)(identity.SignAuditAnswer(boxPrivate, want))
	if got, err := identity.OpenAuditAnswer(st, box); err != nil || got != want {
		t.Errorf("OpenAuditAnswer = %+v, %v, want %+v", got, err, want)
	}
	changed := st
	changed.Signature[0] ^= 1
	for what, c := range map[string]struct {
		st   identity.Statement
		box  identity.BoxKey
		want error
	}{
		"another box's":    {st, identity.BoxKeyOf(testKey(8)), identity.ErrWrongBox},
		"another's signed": {must(t)(identity.Sign(st.Context, st.Body, identity.Box, testKey(9))), box, identity.ErrNotTrusted},
		"changed":          {changed, box, identity.ErrBadSignature},
		"a receipt":        {must(t)(identity.SignReceipt(boxPrivate, testReceipt())), box, identity.ErrContext},
		"an empty body":    {must(t)(identity.Sign(st.Context, []byte("{}"), identity.Box, boxPrivate)), box, identity.ErrStatement},
	} {
		if got, err := identity.OpenAuditAnswer(c.st, c.box); !errors.Is(err, c.want) || got != (identity.AuditAnswer{}) {
			t.Errorf("%s: OpenAuditAnswer = %+v, %v, want only %v", what, got, err, c.want)
		}
	}
	if _, err := identity.SignAuditAnswer(testKey(9), want); !errors.Is(err, identity.ErrStatement) {
		t.Errorf("SignAuditAnswer with another box's key = %v, want ErrStatement", err)
	}
}
