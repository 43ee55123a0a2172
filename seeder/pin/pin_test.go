package pin_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/pin"
)

var created = time.Date(2026, 11, 23, 17, 38, 29, 0, time.UTC)

func testPin() pin.Pin {
	return pin.Pin{
		Feed: feed.Key{1, 2, 3}, Partner: identity.PartnerKey{4, 5, 6}, Created: created,
		Open: true, Label: "c2VhbGVk", Frozen: true,
	}
}

func TestPinEncoding(t *testing.T) {
	plain := testPin()
	plain.Open, plain.Label, plain.Frozen = false, "", false
	odd := testPin()
	odd.Label = strings.Repeat("<", pin.MaxLabel) // escaped sixfold
	foreign := testPin()
	foreign.Label = `Fotos "2026" \ ünï <&>` + "\u2028"
	for _, p := range []pin.Pin{testPin(), plain, odd, foreign} {
		b, err := p.Append([]byte("before"))
		if err != nil {
			t.Fatal(err)
		}
		b, ok := bytes.CutPrefix(b, []byte("before"))
		if !ok || len(b) > pin.MaxEncoded {
			t.Errorf("Append wrote %d bytes: %s", len(b), b)
		}
		got, err := pin.Parse(b)
		if err != nil || got != p {
			t.Errorf("Parse(%s) = %+v, %v, want %+v", b, got, err, p)
		}
		text, err := json.Marshal(p)
		if err != nil {
			t.Fatal(err)
		}
		var again pin.Pin
		if err := json.Unmarshal(text, &again); err != nil || again != p {
			t.Errorf("JSON %s = %+v, %v, want %+v", text, again, err, p)
		}
	}
}

// The form in the store, which later programs must still read.
func TestPinEncodingIsStable(t *testing.T) {
	const want = `{"v":1,"feed":"yrbygyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy",` +
		`"partner":"partner:yonocyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy",` +
		`"created":"2026-11-23T17:38:29Z","open":true,"label":"c2VhbGVk","frozen":true}`
	if got, err := testPin().Append(nil); err != nil || string(got) != want {
		t.Errorf("Append = %s, %v, want %s", got, err, want)
	}
}

func TestPinTimeIsInUTCAndSeconds(t *testing.T) {
	p := testPin()
	p.Created = created.Add(time.Second / 2).In(time.FixedZone("east", 3600))
	b, err := p.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := pin.Parse(b); err != nil || got != testPin() {
		t.Errorf("Parse = %+v, %v, want %+v", got, err, testPin())
	}
}

func TestCheckRefuses(t *testing.T) {
	for what, change := range map[string]func(p *pin.Pin){
		"no feed":        func(p *pin.Pin) { p.Feed = feed.Key{} },
		"no partner":     func(p *pin.Pin) { p.Partner = identity.PartnerKey{} },
		"no time":        func(p *pin.Pin) { p.Created = time.Time{} },
		"year 10000":     func(p *pin.Pin) { p.Created = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC) },
		"year 0":         func(p *pin.Pin) { p.Created = time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC) },
		"long label":     func(p *pin.Pin) { p.Label = strings.Repeat("x", pin.MaxLabel+1) },
		"binary label":   func(p *pin.Pin) { p.Label = "\xff" },
		"label of lines": func(p *pin.Pin) { p.Label = "a\nb" },
		"escape codes":   func(p *pin.Pin) { p.Label = "\x1b[2J" },
	} {
		p := testPin()
		change(&p)
		if err := p.Check(); !errors.Is(err, pin.ErrPin) {
			t.Errorf("%s: Check = %v, want ErrPin", what, err)
		}
		if b, err := p.Append([]byte("x")); !errors.Is(err, pin.ErrPin) || string(b) != "x" {
			t.Errorf("%s: Append = %q, %v, want ErrPin", what, b, err)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	b, err := testPin().Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	good := string(b)
	replace := func(old, new string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("%s is not in %s", old, good)
		}
		return strings.Replace(good, old, new, 1)
	}
	for what, text := range map[string]string{
		"nothing":       "",
		"null":          "null",
		"array":         "[]",
		"no version":    replace(`"v":1,`, ``),
		"next version":  replace(`"v":1`, `"v":2`),
		"version twice": replace(`"v":1`, `"v":1,"v":1`),
		"unknown field": replace(`}`, `,"x":1}`),
		"missing field": replace(`"created":"2026-11-23T17:38:29Z",`, ``),
		"feed twice":    replace(`"v":1,`, `"v":1,"feed":"x",`),
		"white space":   replace(`,`, `, `),
		"false":         replace(`"open":true`, `"open":false`),
		"upper case":    replace(`"open"`, `"Open"`),
		"feed in hex":   replace("yrbygyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy", "010203"+strings.Repeat("0", 58)),
		"device's key":  replace("partner:y", "device:y"),
		"time zone":     replace("29Z", "29+00:00"),
		"trailing":      good + " ",
		"two":           good + good,
		"too long":      replace("c2VhbGVk", strings.Repeat("x", pin.MaxEncoded)),
	} {
		if p, err := pin.Parse([]byte(text)); !errors.Is(err, pin.ErrPin) || p != (pin.Pin{}) {
			t.Errorf("%s: Parse = %+v, %v, want ErrPin", what, p, err)
		}
	}
	for i := range good {
		if p, err := pin.Parse([]byte(good[:i])); !errors.Is(err, pin.ErrPin) {
			t.Errorf("the first %d bytes: Parse = %+v, %v, want ErrPin", i, p, err)
		}
	}
	if _, err := pin.Parse([]byte(replace(`"v":1`, `"v":2`))); err == nil || !strings.Contains(err.Error(), "newer") {
		t.Errorf("of a newer version: %v, does not say so", err)
	}
}

func FuzzParse(f *testing.F) {
	b, err := testPin().Append(nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"v":1}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := pin.Parse(b)
		if err != nil {
			if !errors.Is(err, pin.ErrPin) {
				t.Errorf("error %v does not wrap ErrPin", err)
			}
			return
		}
		if again, err := p.Append(nil); err != nil || !bytes.Equal(again, b) {
			t.Errorf("%q is read, and written as %q, %v", b, again, err)
		}
	})
}

func TestStatusJSON(t *testing.T) {
	s := pin.Status{
		Pin: testPin(), State: pin.Replicating, Since: created.Add(time.Minute), Why: "Because.",
		Head: pin.Head{Fork: 1, Length: 20, Bytes: 300}, Blocks: 10, HeldBytes: 150,
		Newest: created.Add(time.Hour), Peers: 2,
	}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	const want = `{"feed":"yrbygyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy",` +
		`"partner":"partner:yonocyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy",` +
		`"created":"2026-11-23T17:38:29Z","open":true,"label":"c2VhbGVk","frozen":true,` +
		`"state":"replicating","since":"2026-11-23T17:39:29Z","why":"Because.",` +
		`"head":{"fork":1,"length":20,"bytes":300},"blocks":10,"heldBytes":150,` +
		`"newest":"2026-11-23T18:38:29Z","peers":2}`
	if string(text) != want {
		t.Errorf("JSON is %s, want %s", text, want)
	}
	var got pin.Status
	newer := strings.Replace(want, `{"fork"`, `{"added":true,"fork"`, 1)
	if err := json.Unmarshal([]byte(newer), &got); err != nil || got != s {
		t.Errorf("Unmarshal = %+v, %v, want %+v", got, err, s)
	}
	for _, bad := range []string{`[]`, `{"feed":"x"}`, `{"since":"yesterday"}`} {
		if err := json.Unmarshal([]byte(bad), &got); err == nil {
			t.Errorf("%s is read", bad)
		}
	}
}
