package identity_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"cobox/seeder/identity"
)

// deviceN returns one of many device keys; they need not be points of the curve.
func deviceN(n int) (k identity.DeviceKey) {
	binary.BigEndian.PutUint32(k[:], uint32(n)+1)
	return k
}

func testRevoked() identity.Revoked {
	r := identity.Revoked{Partner: partner, Issued: issued, Counter: 7}
	r.Add(device, issued.AddDate(0, 3, 0))
	r.Add(identity.DeviceKeyOf(testKey(5)), time.Time{})
	return r
}

func TestRevoked(t *testing.T) {
	empty := identity.Revoked{Partner: partner, Issued: issued, Counter: 1, Devices: []identity.RevokedDevice{}}
	most := identity.Revoked{Partner: partner, Issued: issued, Counter: 1<<53 - 1}
	for i := range identity.MaxRevoked {
		most.Add(deviceN(i*7), issued.AddDate(0, 0, i))
	}
	for _, r := range []identity.Revoked{testRevoked(), empty, most} {
		st := must(t)(identity.SignRevoked(partnerPrivate, r))
		st, err := identity.ParseStatement(st.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		got, err := identity.OpenRevoked(st, partner)
		if err != nil || !reflect.DeepEqual(got, r) {
			t.Errorf("OpenRevoked = %+v, %v, want %+v", got, err, r)
		}
	}
	most.Add(deviceN(3), time.Time{})
	if _, err := identity.SignRevoked(partnerPrivate, most); !errors.Is(err, identity.ErrStatement) {
		t.Errorf("signing %d devices = %v, want ErrStatement", len(most.Devices), err)
	}
	if r := testRevoked(); !r.Has(device) || r.Has(identity.DeviceKeyOf(testKey(9))) || !r.Has(identity.DeviceKeyOf(testKey(5))) {
		t.Error("Has does not say who is in the list")
	}
}

// An entry lasts to the midnight after the certificate's end.
func TestRevokedUntil(t *testing.T) {
	midnight := time.Date(2027, 3, 1, 0, 0, 0, 0, time.UTC)
	for _, c := range []struct{ end, want time.Time }{
		{time.Time{}, time.Time{}},
		{midnight, midnight},
		{midnight.Add(-1), midnight},
		{midnight.Add(1), midnight.AddDate(0, 0, 1)},
		{midnight.In(time.FixedZone("east", 5*3600)), midnight},
		{time.Unix(0, 0), time.Time{}}, // cannot be named: it stays for ever
		{time.Date(2149, 6, 6, 0, 0, 0, 0, time.UTC), time.Date(2149, 6, 6, 0, 0, 0, 0, time.UTC)},
		{time.Date(2149, 6, 6, 0, 0, 1, 0, time.UTC), time.Time{}},
		{time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC), time.Time{}},
	} {
		var r identity.Revoked
		r.Add(device, c.end)
		if got := r.Devices[0].Until; !got.Equal(c.want) {
			t.Errorf("a certificate to %v: until %v, want %v", c.end, got, c.want)
		}
	}
}

func TestOpenRevokedRefuses(t *testing.T) {
	good := must(t)(identity.SignRevoked(partnerPrivate, testRevoked()))
	again := func(old, new string) identity.Statement {
		if !strings.Contains(string(good.Body), old) {
			t.Fatalf("%s is not in %s", old, good.Body)
		}
		return must(t)(identity.Sign(good.Context, []byte(strings.Replace(string(good.Body), old, new, 1)), identity.Partner, partnerPrivate))
	}
	list := string(good.Body[bytes.IndexByte(good.Body, '['):])
	list = strings.TrimSuffix(list, "}")
	entries := strings.Split(strings.Trim(list, "[]"), ",")
	changed := good
	changed.Body = bytes.Replace(good.Body, []byte(`"counter":7`), []byte(`"counter":8`), 1)
	for what, c := range map[string]struct {
		st   identity.Statement
		want error
	}{
		"another partner's":     {must(t)(identity.Sign(good.Context, good.Body, identity.Partner, testKey(9))), identity.ErrNotTrusted},
		"for another partner":   {again(partner.String(), identity.PartnerKeyOf(testKey(9)).String()), identity.ErrNotTrusted},
		"signed as operator":    {must(t)(identity.Sign(good.Context, good.Body, identity.Operator, partnerPrivate)), identity.ErrNotTrusted},
		"changed":               {changed, identity.ErrBadSignature},
		"a certificate":         {must(t)(identity.SignDeviceCert(partnerPrivate, testCert())), identity.ErrContext},
		"number 0":              {again(`"counter":7`, `"counter":0`), identity.ErrStatement},
		"number over 2^53":      {again(`"counter":7`, `"counter":9007199254740992`), identity.ErrStatement},
		"no time":               {again(`2026-11-23T17:38:29Z`, `0001-01-01T00:00:00Z`), identity.ErrStatement},
		"no list":               {again(list, `null`), identity.ErrStatement},
		"wrong order":           {again(list, "["+entries[1]+","+entries[0]+"]"), identity.ErrStatement},
		"twice":                 {again(list, "["+entries[0]+","+entries[0]+"]"), identity.ErrStatement},
		"a short entry":         {again(entries[0], entries[0][:len(entries[0])-3]+`"`), identity.ErrStatement},
		"other base64":          {again(entries[0], `"++++++++++++++++++++++++"`), identity.ErrStatement},
		"an empty entry":        {again(entries[0], `""`), identity.ErrStatement},
		"an entry with a break": {again(entries[0], entries[0][:5]+`\n`+entries[0][5:]), identity.ErrStatement},
		"too many":              {again(list, tooMany()), identity.ErrStatement},
		"nothing":               {identity.Statement{}, identity.ErrContext},
	} {
		if got, err := identity.OpenRevoked(c.st, partner); !errors.Is(err, c.want) || !reflect.DeepEqual(got, identity.Revoked{}) {
			t.Errorf("%s: OpenRevoked = %+v, %v, want only %v", what, got, err, c.want)
		}
	}
	if _, err := identity.SignRevoked(testKey(9), testRevoked()); !errors.Is(err, identity.ErrStatement) {
		t.Errorf("SignRevoked with another partner's key = %v, want ErrStatement", err)
	}
}

// tooMany is a list of one entry more than there may be, in order.
func tooMany() string {
	var b strings.Builder
	for i := range identity.MaxRevoked + 1 {
		b.WriteString(`,"AAA` + string(rune('A'+i/16)) + string(rune('A'+i%16)) + `AAAAAAAAAAAAAAAAAAA"`)
	}
	return "[" + b.String()[1:] + "]"
}

// Every list over three devices, with and without an end, against every other:
// one replaces another when it is newer and lets nobody back early.
func TestReplaces(t *testing.T) {
	now := issued
	ends := []time.Time{{}, now.AddDate(0, 0, -1), now.AddDate(0, 0, 10), now.AddDate(0, 0, 20)}
	var lists []identity.Revoked
	for n := range 5 * 5 * 5 {
		var r identity.Revoked
		for i, m := 0, n; i < 3; i, m = i+1, m/5 {
			if m%5 > 0 {
				r.Add(deviceN(i), ends[m%5-1])
			}
		}
		lists = append(lists, r)
	}
	lets := func(old, r identity.Revoked) bool { // somebody back early
		for _, d := range old.Devices {
			if d.Until.Equal(now.Truncate(24 * time.Hour)) {
				continue // over already
			}
			i := slices.IndexFunc(r.Devices, func(e identity.RevokedDevice) bool { return e.ID == d.ID })
			if i < 0 {
				return true
			}
			if u := r.Devices[i].Until; !u.IsZero() && (d.Until.IsZero() || u.Before(d.Until)) {
				return true
			}
		}
		return false
	}
	for _, old := range lists {
		old.Partner, old.Counter, old.Issued = partner, 4, issued
		for _, r := range lists {
			r.Partner, r.Issued = partner, issued
			for counter := uint64(3); counter <= 5; counter++ {
				r.Counter = counter
				err := r.Replaces(old, now)
				if want := counter == 5 && !lets(old, r); (err == nil) != want || err != nil && !errors.Is(err, identity.ErrOlderList) {
					t.Fatalf("%+v replaces %+v: %v, want %v", r, old, err, want)
				}
			}
			next := old.Next(now, r)
			for _, o := range []identity.Revoked{old, r} {
				if err := next.Replaces(o, now); err != nil {
					t.Fatalf("the list that follows %+v and %+v does not replace one: %v", old, r, err)
				}
			}
		}
	}
}

func TestReplacesByPartnerAndTime(t *testing.T) {
	old := testRevoked()
	next := old.Next(issued.AddDate(0, 0, 1))
	early := next
	early.Issued = old.Issued.Add(-time.Second)
	others := next
	others.Partner = identity.PartnerKeyOf(testKey(9))
	if next.Replaces(old, issued) != nil || old.Replaces(identity.Revoked{}, issued) != nil {
		t.Error("a newer list does not replace")
	}
	for what, r := range map[string]identity.Revoked{"an earlier time": early, "another partner": others, "itself": old} {
		if err := r.Replaces(old, issued); !errors.Is(err, identity.ErrOlderList) {
			t.Errorf("%s: Replaces = %v, want ErrOlderList", what, err)
		}
	}
	// A computer whose clock is behind signs lists that count all the same.
	if r := old.Next(issued.AddDate(-1, 0, 0)); r.Replaces(old, issued) != nil || !r.Issued.Equal(old.Issued) {
		t.Errorf("after a list of %v a clock behind makes one of %v", old.Issued, r.Issued)
	}
	// What is over goes, and makes room.
	if r := old.Next(issued.AddDate(1, 0, 0)); len(r.Devices) != 1 || r.Has(device) || r.Replaces(old, issued.AddDate(1, 0, 0)) != nil {
		t.Errorf("a year later the list is %+v", r)
	}
}

func FuzzOpenRevoked(f *testing.F) {
	f.Add(must(f)(identity.SignRevoked(partnerPrivate, testRevoked())).Body)
	f.Add([]byte(`{"partner":"` + partner.String() + `","issued":"2026-11-23T17:38:29Z","counter":1,"devices":` + tooMany() + `}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		st, err := identity.Sign("cobox/revoked/v1", body, identity.Partner, partnerPrivate)
		if err != nil {
			return
		}
		r, err := identity.OpenRevoked(st, partner)
		if err != nil {
			return
		}
		if again, err := identity.SignRevoked(partnerPrivate, r); err != nil || string(again.Body) != string(body) {
			t.Errorf("%s is read, and signed again as %s, %v", body, again.Body, err)
		}
		if err := r.Next(issued).Replaces(r, issued); err != nil {
			t.Errorf("the next list of %+v: %v", r, err)
		}
	})
}
