package audit_test

import (
	"strings"
	"testing"
	"time"

	"cobox/seeder/audit"
)

func TestStand(t *testing.T) {
	wish := audit.Wish{Copies: 2, Age: 3 * day}
	good := audit.Copy{Box: "a", Signed: now.Add(-time.Hour), Audits: audit.Verdict{Light: audit.Yellow}} // never audited
	with := func(change func(*audit.Copy)) audit.Copy {
		c := good
		c.Box = "b"
		change(&c)
		return c
	}
	for what, c := range map[string]struct {
		copies  []audit.Copy
		light   audit.Light
		counted int
		why     string
	}{
		"no box":        {nil, audit.Red, 0, "0 of 2 wanted copies"},
		"one box":       {[]audit.Copy{good}, audit.Red, 1, "1 of 2"},
		"two good":      {[]audit.Copy{good, good}, audit.Green, 2, "2 of 2"},
		"just in time":  {[]audit.Copy{good, with(func(c *audit.Copy) { c.Signed = now.Add(-3 * day) })}, audit.Green, 2, "2 of 2"},
		"too old":       {[]audit.Copy{good, with(func(c *audit.Copy) { c.Signed = now.Add(-3*day - time.Second) })}, audit.Red, 1, "box b: its newest receipt is 3 days old"},
		"of the future": {[]audit.Copy{good, with(func(c *audit.Copy) { c.Signed = now.Add(400 * day) })}, audit.Red, 1, "from the future"},
		"a clock ahead": {[]audit.Copy{good, with(func(c *audit.Copy) { c.Signed = now.Add(time.Hour) })}, audit.Green, 2, "2 of 2"},
		"never signed":  {[]audit.Copy{good, with(func(c *audit.Copy) { c.Signed = time.Time{} })}, audit.Red, 1, "signed for nothing"},
		"silent":        {[]audit.Copy{good, with(func(c *audit.Copy) { c.Trouble = "it does not answer" })}, audit.Yellow, 2, "box b: it does not answer"},
		"silent long":   {[]audit.Copy{good, with(func(c *audit.Copy) { c.Trouble, c.Signed = "it does not answer", now.Add(-9*day) })}, audit.Red, 1, "9 days old: it does not answer"},
		"behind":        {[]audit.Copy{good, with(func(c *audit.Copy) { c.Behind = 12 })}, audit.Yellow, 2, "lacks 12 blocks"},
		"slow":          {[]audit.Copy{good, with(func(c *audit.Copy) { c.Audits.Ending, c.Audits.Why, c.Audits.Try = audit.Late, "slowly", "ask" })}, audit.Yellow, 2, "slowly"},
		"lost some":     {[]audit.Copy{good, with(func(c *audit.Copy) { c.Audits = audit.Verdict{Light: audit.Red, Why: "lost", Try: "ask"} })}, audit.Red, 1, "box b: lost"},
		"a third lost some": {[]audit.Copy{good, good, with(func(c *audit.Copy) { c.Audits = audit.Verdict{Light: audit.Red, Why: "lost", Try: "ask"} })},
			audit.Yellow, 2, "box b: lost"},
	} {
		s := audit.Stand(wish, c.copies, now)
		if s.Light != c.light || s.Counted != c.counted || !strings.Contains(s.Why, c.why) || (s.Light == audit.Green) != (s.Try == "") {
			t.Errorf("%s: %+v, want %s with %d copies and %q", what, s, c.light, c.counted, c.why)
		}
	}
}
