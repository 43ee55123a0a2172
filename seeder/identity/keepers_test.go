package identity_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"cobox/seeder/identity"
)

func testKeepers() identity.Keepers {
	a, b := identity.BoxKeyOf(testKey(1)), identity.BoxKeyOf(testKey(8))
	if string(a[:]) > string(b[:]) {
		a, b = b, a
	}
	return identity.Keepers{Partner: partner, Issued: issued, Counter: 3, Boxes: []identity.Keeper{{Box: a, Addr: "/ip4/192.0.2.7/tcp/4001"}, {Box: b}}}
}

func TestKeepers(t *testing.T) {
	for _, want := range []identity.Keepers{testKeepers(), {Partner: partner, Issued: issued, Counter: 1, Boxes: []identity.Keeper{}}} {
		st := must(t)(identity.SignKeepers(partnerPrivate, want))
		got, err := identity.OpenKeepers(st, partner)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("OpenKeepers = %+v, %v, want %+v", got, err, want)
		}
	}
	k := testKeepers()
	if !k.Has(k.Boxes[1].Box) || k.Has(identity.BoxKeyOf(testKey(9))) {
		t.Error("Has does not tell who is in the list")
	}
	most := testKeepers()
	most.Boxes = nil
	for i := range identity.MaxKeepers {
		most.Boxes = append(most.Boxes, identity.Keeper{Box: identity.BoxKey{byte(i)}, Addr: strings.Repeat("a", identity.MaxKeeperAddr)})
	}
	must(t)(identity.SignKeepers(partnerPrivate, most))
}

func TestOpenKeepersRefuses(t *testing.T) {
	good := must(t)(identity.SignKeepers(partnerPrivate, testKeepers()))
	changed := good
	changed.Body = []byte(strings.Replace(string(good.Body), `"counter":3`, `"counter":4`, 1))
	nobody := must(t)(identity.Sign(good.Context, []byte(strings.Split(string(good.Body), `,"boxes"`)[0]+"}"), identity.Partner, partnerPrivate))
	for what, c := range map[string]struct {
		st   identity.Statement
		want error
	}{
		"another partner's": {must(t)(identity.Sign(good.Context, good.Body, identity.Partner, testKey(9))), identity.ErrNotTrusted},
		"by an operator":    {must(t)(identity.Sign(good.Context, good.Body, identity.Operator, partnerPrivate)), identity.ErrNotTrusted},
		"changed":           {changed, identity.ErrBadSignature},
		"without a list":    {nobody, identity.ErrStatement},
		"a certificate":     {must(t)(identity.SignDeviceCert(partnerPrivate, testCert())), identity.ErrContext},
	} {
		if got, err := identity.OpenKeepers(c.st, partner); !errors.Is(err, c.want) || !got.Partner.IsZero() {
			t.Errorf("%s: OpenKeepers = %+v, %v, want only %v", what, got, err, c.want)
		}
	}
	twice := testKeepers()
	twice.Boxes = append(twice.Boxes, twice.Boxes[1])
	many := testKeepers()
	many.Boxes = make([]identity.Keeper, identity.MaxKeepers+1)
	zero := testKeepers()
	zero.Counter = 0
	for what, k := range map[string]identity.Keepers{"a box twice": twice, "too many": many, "no number": zero, "nothing": {}} {
		if _, err := identity.SignKeepers(partnerPrivate, k); !errors.Is(err, identity.ErrStatement) {
			t.Errorf("%s: SignKeepers = %v, want ErrStatement", what, err)
		}
	}
}

func TestKeepersReplaces(t *testing.T) {
	old := testKeepers()
	newer := old
	newer.Counter++
	older := newer
	older.Issued = old.Issued.Add(-time.Hour)
	if newer.Replaces(old) != nil || old.Replaces(identity.Keepers{}) != nil {
		t.Error("a newer list does not replace an older one")
	}
	for _, k := range []identity.Keepers{old, older} {
		if err := k.Replaces(old); !errors.Is(err, identity.ErrOlderKeepers) {
			t.Errorf("list %d of %v replaces list %d: %v", k.Counter, k.Issued, old.Counter, err)
		}
	}
}
