package identity_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"cobox/seeder/feed"
	"cobox/seeder/identity"
)

// The parties of these tests.
var (
	boxPrivate      = testKey(1)
	operatorPrivate = testKey(2)
	partnerPrivate  = testKey(3)
	devicePrivate   = testKey(4)

	box      = identity.BoxKeyOf(boxPrivate)
	operator = identity.OperatorKeyOf(operatorPrivate)
	partner  = identity.PartnerKeyOf(partnerPrivate)
	device   = identity.DeviceKeyOf(devicePrivate)

	issued = time.Date(2026, 11, 23, 17, 38, 29, 0, time.UTC)
)

func testGrant() identity.Grant {
	return identity.Grant{
		Box: box, Partner: partner, QuotaBytes: 100e9, MaxFeeds: 32,
		Issued: issued, NotAfter: issued.AddDate(1, 0, 0), Notice: 30 * 24 * time.Hour,
	}
}

func testCert() identity.DeviceCert {
	return identity.DeviceCert{
		Partner: partner, Device: device, Scope: identity.ScopeFull,
		Issued: issued, NotAfter: issued.AddDate(0, 3, 0),
	}
}

func testReceipt() identity.Receipt {
	return identity.Receipt{
		Box: box, Partner: partner, Feed: feed.Key{31: 7}, Fork: 1, Length: 120, Bytes: 7864320,
		Root: feed.Hash{0: 0xab, 31: 0xcd}, Synced: issued,
	}
}

func testAuditAnswer() identity.AuditAnswer {
	return identity.AuditAnswer{Box: box, Challenge: feed.Hash{0: 1, 31: 2}, Answer: feed.Hash{0: 3, 31: 4}, Given: issued}
}

func isOperator(k identity.OperatorKey) bool { return k == operator }

// must returns st, which came without an error.
func must(t testing.TB) func(st identity.Statement, err error) identity.Statement {
	return func(st identity.Statement, err error) identity.Statement {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
}

func TestGrant(t *testing.T) {
	endless := testGrant()
	endless.NotAfter = time.Time{}
	least := identity.Grant{Box: box, Partner: partner, Issued: issued}
	most := testGrant()
	most.QuotaBytes, most.MaxFeeds, most.Notice = identity.MaxQuota, identity.MaxFeeds, identity.MaxNotice
	for _, g := range []identity.Grant{testGrant(), endless, least, most} {
		st := must(t)(identity.SignGrant(operatorPrivate, g))
		st, err := identity.ParseStatement(st.Append(nil))
		if err != nil {
			t.Fatal(err)
		}
		got, by, err := identity.OpenGrant(st, isOperator, box)
		if err != nil || got != g || by != operator {
			t.Errorf("OpenGrant = %+v, %v, %v, want %+v", got, by, err, g)
		}
	}
}

func TestGrantTimesAreInUTCAndSeconds(t *testing.T) {
	g := testGrant()
	east := time.FixedZone("east", 5*3600)
	g.Issued, g.NotAfter = issued.Add(999*time.Millisecond).In(east), g.NotAfter.In(east)
	got, _, err := identity.OpenGrant(must(t)(identity.SignGrant(operatorPrivate, g)), isOperator, box)
	if err != nil || got != testGrant() {
		t.Errorf("OpenGrant = %+v, %v, want %+v", got, err, testGrant())
	}
}

func TestOpenGrantRefuses(t *testing.T) {
	good := must(t)(identity.SignGrant(operatorPrivate, testGrant()))
	stranger := must(t)(identity.SignGrant(testKey(9), testGrant()))
	posing := stranger
	posing.Signer = good.Signer
	changed := good
	changed.Body = []byte(strings.Replace(string(good.Body), "100000000000", "900000000000", 1))
	asPartner := must(t)(identity.Sign(good.Context, good.Body, identity.Partner, operatorPrivate))
	for what, c := range map[string]struct {
		st   identity.Statement
		box  identity.BoxKey
		want error
	}{
		"another box":        {good, identity.BoxKeyOf(testKey(8)), identity.ErrWrongBox},
		"a stranger's":       {stranger, box, identity.ErrNotTrusted},
		"forged":             {posing, box, identity.ErrBadSignature},
		"changed":            {changed, box, identity.ErrBadSignature},
		"signed as partner":  {asPartner, box, identity.ErrNotTrusted},
		"a certificate":      {must(t)(identity.SignDeviceCert(partnerPrivate, testCert())), box, identity.ErrContext},
		"a receipt":          {must(t)(identity.SignReceipt(boxPrivate, testReceipt())), box, identity.ErrContext},
		"nothing":            {identity.Statement{}, box, identity.ErrContext},
		"a body of the zero": {must(t)(identity.Sign(good.Context, []byte("{}"), identity.Operator, operatorPrivate)), box, identity.ErrStatement},
	} {
		g, by, err := identity.OpenGrant(c.st, isOperator, c.box)
		if !errors.Is(err, c.want) || g != (identity.Grant{}) || !by.IsZero() {
			t.Errorf("%s: OpenGrant = %+v, %v, %v, want only %v", what, g, by, err, c.want)
		}
	}
}

// A body has one form. Everything else is refused, even when signed.
func TestBodiesHaveOneForm(t *testing.T) {
	good := must(t)(identity.SignGrant(operatorPrivate, testGrant()))
	replace := func(old, new string) string {
		if !strings.Contains(string(good.Body), old) {
			t.Fatalf("%s is not in %s", old, good.Body)
		}
		return strings.Replace(string(good.Body), old, new, 1)
	}
	for what, body := range map[string]string{
		"unknown field":      replace(`}`, `,"more":1}`),
		"missing field":      replace(`"maxFeeds":32,`, ``),
		"null":               replace(`"maxFeeds":32`, `"maxFeeds":null`),
		"another order":      replace(`"quotaBytes":100000000000,"maxFeeds":32`, `"maxFeeds":32,"quotaBytes":100000000000`),
		"white space":        replace(`,`, `, `),
		"upper case":         replace(`"maxFeeds"`, `"MaxFeeds"`),
		"escaped key":        replace(`"maxFeeds"`, `"\u006daxFeeds"`),
		"exponent":           replace(`100000000000`, `1e11`),
		"fraction":           replace(`32`, `32.0`),
		"number as text":     replace(`32`, `"32"`),
		"negative quota":     replace(`100000000000`, `-1`),
		"quota over 2^53":    replace(`100000000000`, `9007199254740992`),
		"quota over 2^64":    replace(`100000000000`, `18446744073709551616`),
		"negative feeds":     replace(`32`, `-1`),
		"too many feeds":     replace(`32`, `1000001`),
		"negative notice":    replace(`2592000`, `-1`),
		"too long a notice":  replace(`2592000`, `315360001`),
		"notice that wraps":  replace(`2592000`, `18446744074`),
		"another time zone":  replace(`17:38:29Z`, `17:38:29+00:00`),
		"parts of a second":  replace(`17:38:29Z`, `17:38:29.5Z`),
		"no day":             replace(`2026-11-23`, `2026-11-31`),
		"a number for time":  replace(`"2026-11-23T17:38:29Z"`, `1795455509`),
		"ends at once":       replace(`"notAfter":"2027`, `"notAfter":"2025`),
		"zero time":          replace(`"notAfter":"2027-11-23T17:38:29Z"`, `"notAfter":"0001-01-01T00:00:00Z"`),
		"zero time of issue": replace(`"issued":"2026-11-23T17:38:29Z"`, `"issued":"0001-01-01T00:00:00Z"`),
		"box ID alone":       replace(`"box:12D3`, `"12D3`),
		"partner in hex":     replace(partner.String(), "partner:"+strings.Repeat("ab", 32)),
		"device for partner": replace(`"partner:`, `"device:`),
	} {
		st := must(t)(identity.Sign(good.Context, []byte(body), identity.Operator, operatorPrivate))
		if g, _, err := identity.OpenGrant(st, isOperator, box); !errors.Is(err, identity.ErrStatement) {
			t.Errorf("%s: OpenGrant = %+v, %v, want ErrStatement", what, g, err)
		}
	}
}

func TestSignGrantRefuses(t *testing.T) {
	for what, change := range map[string]func(g *identity.Grant){
		"no box":           func(g *identity.Grant) { g.Box = identity.BoxKey{} },
		"no partner":       func(g *identity.Grant) { g.Partner = identity.PartnerKey{} },
		"large quota":      func(g *identity.Grant) { g.QuotaBytes = identity.MaxQuota + 1 },
		"many feeds":       func(g *identity.Grant) { g.MaxFeeds = identity.MaxFeeds + 1 },
		"negative feeds":   func(g *identity.Grant) { g.MaxFeeds = -1 },
		"no time of issue": func(g *identity.Grant) { g.Issued = time.Time{} },
		"ends before":      func(g *identity.Grant) { g.NotAfter = g.Issued.Add(-time.Second) },
		"negative notice":  func(g *identity.Grant) { g.Notice = -time.Second },
		"long notice":      func(g *identity.Grant) { g.Notice = identity.MaxNotice + time.Second },
		"broken notice":    func(g *identity.Grant) { g.Notice = time.Millisecond },
		"year 10000":       func(g *identity.Grant) { g.NotAfter = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
	} {
		g := testGrant()
		change(&g)
		if _, err := identity.SignGrant(operatorPrivate, g); !errors.Is(err, identity.ErrStatement) {
			t.Errorf("%s: SignGrant = %v, want ErrStatement", what, err)
		}
	}
}

func TestGrantTimes(t *testing.T) {
	g := testGrant()
	for _, c := range []struct {
		now  time.Time
		want error
	}{
		{time.Unix(0, 0), nil}, // a box without a clock: the caller's to decide
		{g.NotAfter.Add(-time.Second), nil},
		{g.NotAfter, nil},
		{g.NotAfter.Add(time.Nanosecond), identity.ErrExpired},
	} {
		if err := g.CheckTime(c.now); !errors.Is(err, c.want) {
			t.Errorf("CheckTime(%v) = %v, want %v", c.now, err, c.want)
		}
	}
	if got, want := g.KeepUntil(), g.NotAfter.Add(g.Notice); !got.Equal(want) {
		t.Errorf("KeepUntil = %v, want %v", got, want)
	}
	g.NotAfter = time.Time{}
	if err := g.CheckTime(issued.AddDate(1000, 0, 0)); err != nil || !g.KeepUntil().IsZero() {
		t.Errorf("a grant without end: %v, kept until %v", err, g.KeepUntil())
	}
}

func TestGrantReplaces(t *testing.T) {
	old := testGrant()
	newer := old
	newer.Issued = old.Issued.Add(time.Second)
	otherPartner := newer
	otherPartner.Partner = identity.PartnerKeyOf(testKey(9))
	otherBox := newer
	otherBox.Box = identity.BoxKeyOf(testKey(9))
	if !newer.Replaces(old) || old.Replaces(newer) || old.Replaces(old) || otherPartner.Replaces(old) || otherBox.Replaces(old) {
		t.Error("Replaces does not order grants by their issue")
	}
}

func TestDeviceCert(t *testing.T) {
	read := testCert()
	read.Scope, read.NotAfter = identity.ScopeRead, time.Time{}
	for _, c := range []identity.DeviceCert{testCert(), read} {
		got, err := identity.OpenDeviceCert(must(t)(identity.SignDeviceCert(partnerPrivate, c)), device)
		if err != nil || got != c || got.MayWrite() != (c.Scope == identity.ScopeFull) {
			t.Errorf("OpenDeviceCert = %+v, %v, want %+v", got, err, c)
		}
	}
	c := testCert()
	if c.CheckTime(c.NotAfter) != nil || !errors.Is(c.CheckTime(c.NotAfter.Add(1)), identity.ErrExpired) {
		t.Error("CheckTime does not end at NotAfter")
	}
}

func TestOpenDeviceCertRefuses(t *testing.T) {
	good := must(t)(identity.SignDeviceCert(partnerPrivate, testCert()))
	stolen := must(t)(identity.Sign(good.Context, good.Body, identity.Partner, testKey(9)))
	asOperator := must(t)(identity.Sign(good.Context, good.Body, identity.Operator, partnerPrivate))
	admin := must(t)(identity.Sign(good.Context,
		[]byte(strings.Replace(string(good.Body), `"full"`, `"admin"`, 1)), identity.Partner, partnerPrivate))
	changed := good
	changed.Body = []byte(strings.Replace(string(good.Body), `"full"`, `"read"`, 1))
	for what, c := range map[string]struct {
		st     identity.Statement
		device identity.DeviceKey
		want   error
	}{
		"another device":     {good, identity.DeviceKeyOf(testKey(8)), identity.ErrWrongDevice},
		"another's signed":   {stolen, device, identity.ErrNotTrusted},
		"signed as operator": {asOperator, device, identity.ErrNotTrusted},
		"unknown scope":      {admin, device, identity.ErrStatement},
		"changed":            {changed, device, identity.ErrBadSignature},
		"a grant":            {must(t)(identity.SignGrant(operatorPrivate, testGrant())), device, identity.ErrContext},
	} {
		if got, err := identity.OpenDeviceCert(c.st, c.device); !errors.Is(err, c.want) || got != (identity.DeviceCert{}) {
			t.Errorf("%s: OpenDeviceCert = %+v, %v, want only %v", what, got, err, c.want)
		}
	}
	if _, err := identity.SignDeviceCert(testKey(9), testCert()); !errors.Is(err, identity.ErrStatement) {
		t.Errorf("SignDeviceCert with another partner's key = %v, want ErrStatement", err)
	}
}

func TestReceipt(t *testing.T) {
	empty := identity.Receipt{Box: box, Partner: partner, Feed: feed.Key{1}, Synced: issued}
	most := testReceipt()
	most.Fork, most.Length, most.Bytes = 1<<53-1, 1<<53-1, 1<<53-1
	for _, r := range []identity.Receipt{testReceipt(), empty, most} {
		got, err := identity.OpenReceipt(must(t)(identity.SignReceipt(boxPrivate, r)), box)
		if err != nil || got != r {
			t.Errorf("OpenReceipt = %+v, %v, want %+v", got, err, r)
		}
	}
}

func TestOpenReceiptRefuses(t *testing.T) {
	good := must(t)(identity.SignReceipt(boxPrivate, testReceipt()))
	stolen := must(t)(identity.Sign(good.Context, good.Body, identity.Box, testKey(9)))
	changed := good
	changed.Body = []byte(strings.Replace(string(good.Body), `"length":120`, `"length":121`, 1))
	hexFeed := must(t)(identity.Sign(good.Context, []byte(strings.Replace(string(good.Body),
		testReceipt().Feed.String(), strings.Repeat("0", 62)+"07", 1)), identity.Box, boxPrivate))
	upperRoot := must(t)(identity.Sign(good.Context, []byte(strings.Replace(string(good.Body),
		`"root":"ab`, `"root":"AB`, 1)), identity.Box, boxPrivate))
	for what, c := range map[string]struct {
		st   identity.Statement
		box  identity.BoxKey
		want error
	}{
		"another box's":    {good, identity.BoxKeyOf(testKey(8)), identity.ErrWrongBox},
		"another's signed": {stolen, box, identity.ErrNotTrusted},
		"changed":          {changed, box, identity.ErrBadSignature},
		"feed in hex":      {hexFeed, box, identity.ErrStatement},
		"root upper case":  {upperRoot, box, identity.ErrStatement},
		"a grant":          {must(t)(identity.SignGrant(operatorPrivate, testGrant())), box, identity.ErrContext},
	} {
		if got, err := identity.OpenReceipt(c.st, c.box); !errors.Is(err, c.want) || got != (identity.Receipt{}) {
			t.Errorf("%s: OpenReceipt = %+v, %v, want only %v", what, got, err, c.want)
		}
	}
	tooLong := testReceipt()
	tooLong.Length = 1 << 53
	if _, err := identity.SignReceipt(boxPrivate, tooLong); !errors.Is(err, identity.ErrStatement) {
		t.Errorf("SignReceipt of length 2^53 = %v, want ErrStatement", err)
	}
	if _, err := identity.SignReceipt(testKey(9), testReceipt()); !errors.Is(err, identity.ErrStatement) {
		t.Errorf("SignReceipt with another box's key = %v, want ErrStatement", err)
	}
}

// What an Open function reads, the Sign function signs in the same bytes.
func FuzzBodies(f *testing.F) {
	f.Add(must(f)(identity.SignGrant(operatorPrivate, testGrant())).Body)
	f.Add(must(f)(identity.SignDeviceCert(partnerPrivate, testCert())).Body)
	f.Add(must(f)(identity.SignReceipt(boxPrivate, testReceipt())).Body)
	f.Add(must(f)(identity.SignDeletion(boxPrivate, testDeletion())).Body)
	f.Fuzz(func(t *testing.T, body []byte) {
		same := func(again identity.Statement, err error) {
			t.Helper()
			if err != nil || string(again.Body) != string(body) {
				t.Errorf("%s is read, and signed again as %s, %v", body, again.Body, err)
			}
		}
		if st, err := identity.Sign("cobox/grant/v1", body, identity.Operator, operatorPrivate); err == nil {
			if g, _, err := identity.OpenGrant(st, isOperator, box); err == nil {
				same(identity.SignGrant(operatorPrivate, g))
			}
		}
		if st, err := identity.Sign("cobox/device/v1", body, identity.Partner, partnerPrivate); err == nil {
			if c, err := identity.OpenDeviceCert(st, device); err == nil {
				same(identity.SignDeviceCert(partnerPrivate, c))
			}
		}
		if st, err := identity.Sign("cobox/receipt/v1", body, identity.Box, boxPrivate); err == nil {
			if r, err := identity.OpenReceipt(st, box); err == nil {
				same(identity.SignReceipt(boxPrivate, r))
			}
		}
		if st, err := identity.Sign("cobox/deletion/v1", body, identity.Box, boxPrivate); err == nil {
			if d, err := identity.OpenDeletion(st, box); err == nil {
				same(identity.SignDeletion(boxPrivate, d))
			}
		}
	})
}
