package identity_test

import (
	"errors"
	"strings"
	"testing"

	"cobox/seeder/feed"
	"cobox/seeder/identity"
)

func testDeletion() identity.Deletion {
	return identity.Deletion{Box: box, Partner: partner, Feed: feed.Key{7}, Bytes: 7_654_321, Gone: true, Deleted: issued}
}

func TestDeletion(t *testing.T) {
	nothing := identity.Deletion{Box: box, Partner: partner, Feed: feed.Key{1}, Deleted: issued}
	for _, d := range []identity.Deletion{testDeletion(), nothing} {
		got, err := identity.OpenDeletion(must(t)(identity.SignDeletion(boxPrivate, d)), box)
		if err != nil || got != d {
			t.Errorf("OpenDeletion = %+v, %v, want %+v", got, err, d)
		}
	}
}

func TestOpenDeletionRefuses(t *testing.T) {
	good := must(t)(identity.SignDeletion(boxPrivate, testDeletion()))
	stolen := must(t)(identity.Sign(good.Context, good.Body, identity.Box, testKey(9)))
	changed := good
	changed.Body = []byte(strings.Replace(string(good.Body), `"gone":true`, `"gone":false`, 1))
	asPartner := must(t)(identity.Sign(good.Context, good.Body, identity.Partner, boxPrivate))
	for what, c := range map[string]struct {
		st   identity.Statement
		box  identity.BoxKey
		want error
	}{
		"another box's":      {good, identity.BoxKeyOf(testKey(8)), identity.ErrWrongBox},
		"another's signed":   {stolen, box, identity.ErrNotTrusted},
		"changed":            {changed, box, identity.ErrBadSignature},
		"a partner's":        {asPartner, box, identity.ErrNotTrusted},
		"a receipt":          {must(t)(identity.SignReceipt(boxPrivate, testReceipt())), box, identity.ErrContext},
		"a body of the zero": {must(t)(identity.Sign(good.Context, []byte("{}"), identity.Box, boxPrivate)), box, identity.ErrStatement},
	} {
		if got, err := identity.OpenDeletion(c.st, c.box); !errors.Is(err, c.want) || got != (identity.Deletion{}) {
			t.Errorf("%s: OpenDeletion = %+v, %v, want only %v", what, got, err, c.want)
		}
	}
	large := testDeletion()
	large.Bytes = 1 << 53
	for what, err := range map[string]error{
		"2^53 bytes":       signs(identity.SignDeletion(boxPrivate, large)),
		"of another box":   signs(identity.SignDeletion(testKey(9), testDeletion())),
		"of no feed":       signs(identity.SignDeletion(boxPrivate, identity.Deletion{Box: box, Partner: partner, Deleted: issued})),
		"at no time":       signs(identity.SignDeletion(boxPrivate, identity.Deletion{Box: box, Partner: partner, Feed: feed.Key{1}})),
		"of no partner's":  signs(identity.SignDeletion(boxPrivate, identity.Deletion{Box: box, Feed: feed.Key{1}, Deleted: issued})),
		"of no box at all": signs(identity.SignDeletion(boxPrivate, identity.Deletion{Partner: partner, Feed: feed.Key{1}, Deleted: issued})),
	} {
		if !errors.Is(err, identity.ErrStatement) {
			t.Errorf("SignDeletion %s = %v, want ErrStatement", what, err)
		}
	}
}

func signs(_ identity.Statement, err error) error { return err }
