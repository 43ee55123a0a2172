package audit_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"cobox/seeder/audit"
	"cobox/seeder/feed"
)

const day = 24 * time.Hour

func TestJudge(t *testing.T) {
	bad := audit.Draw{Feed: feed.Key{1}, Block: 7}
	at := func(days int, e audit.Ending) audit.Outcome {
		return audit.Outcome{Time: now.Add(-time.Duration(days) * day), Ending: e, Draws: audit.PlanDaily, Why: "because"}
	}
	failed := func(o audit.Outcome) audit.Outcome { o.Failed = []audit.Draw{bad}; return o }
	settled := func(o audit.Outcome) audit.Outcome { o.Settled = []audit.Draw{bad}; return o }
	for what, c := range map[string]struct {
		row   []audit.Outcome
		light audit.Light
		want  audit.Ending
	}{
		"never audited":            {nil, audit.Yellow, ""},
		"passed":                   {[]audit.Outcome{at(1, audit.Passed), at(0, audit.Passed)}, audit.Green, audit.Passed},
		"late":                     {[]audit.Outcome{at(1, audit.Passed), at(0, audit.Late)}, audit.Yellow, audit.Late},
		"silent for a day":         {[]audit.Outcome{at(1, audit.Passed), at(0, audit.Offline)}, audit.Yellow, audit.Offline},
		"silent for too long":      {[]audit.Outcome{at(5, audit.Passed), at(4, audit.Offline), at(0, audit.Offline)}, audit.Red, audit.Offline},
		"disk gone":                {[]audit.Outcome{at(1, audit.Passed), at(0, audit.DiskGone)}, audit.Yellow, audit.DiskGone},
		"disk gone for long":       {[]audit.Outcome{at(9, audit.Passed), at(0, audit.DiskGone)}, audit.Red, audit.DiskGone},
		"missing":                  {[]audit.Outcome{at(1, audit.Passed), failed(at(0, audit.Incomplete))}, audit.Red, audit.Incomplete},
		"missing, then luck":       {[]audit.Outcome{failed(at(1, audit.Incomplete)), at(0, audit.Passed)}, audit.Red, audit.Incomplete},
		"missing, then mended":     {[]audit.Outcome{failed(at(1, audit.Incomplete)), settled(at(0, audit.Passed))}, audit.Green, audit.Passed},
		"corrupt, then silent":     {[]audit.Outcome{failed(at(1, audit.Broken)), at(0, audit.Offline)}, audit.Red, audit.Broken},
		"a feed is gone":           {[]audit.Outcome{at(1, audit.Passed), at(0, audit.Incomplete)}, audit.Red, audit.Incomplete},
		"rolled back":              {[]audit.Outcome{at(1, audit.Older)}, audit.Red, audit.Older},
		"rolled back, then silent": {[]audit.Outcome{at(1, audit.Older), at(0, audit.Offline)}, audit.Red, audit.Older},
		"rolled back, then whole":  {[]audit.Outcome{at(1, audit.Older), at(0, audit.Passed)}, audit.Green, audit.Passed},
		"not looked at":            {[]audit.Outcome{at(20, audit.Passed)}, audit.Yellow, audit.Passed},
		"nonsense":                 {[]audit.Outcome{at(1, audit.Passed), at(0, audit.Nonsense)}, audit.Red, audit.Nonsense},
	} {
		v := audit.Judge(c.row, now, 3*day)
		if v.Light != c.light || v.Ending != c.want || v.Why == "" || (v.Try == "") != (v.Light == audit.Green) {
			t.Errorf("%s: Judge = %+v, want %s, %q", what, v, c.light, c.want)
		}
	}
	all := at(0, audit.Passed)
	all.Whole = true
	none := audit.Outcome{Time: now, Ending: audit.Passed}
	for why, c := range map[string]struct {
		last   audit.Outcome
		caught float64
	}{
		"all of its 46 blocks are there":                        {all, 1},
		"all of 46 blocks that were drawn in 30 days are there": {at(0, audit.Passed), audit.Caught(audit.PlanLoss, audit.PlanDaily)},
		"it keeps nothing yet that could be drawn":              {none, 0},
	} {
		if v := audit.Judge([]audit.Outcome{c.last}, now, 3*day); v.Why != why || v.Caught != c.caught {
			t.Errorf("Judge says %q, %v; want %q, %v", v.Why, v.Caught, why, c.caught)
		}
	}
	row := []audit.Outcome{failed(at(2, audit.Incomplete)), at(1, audit.Passed)}
	if got := audit.Unsettled(row); !slices.Equal(got, []audit.Draw{bad}) {
		t.Errorf("Unsettled = %v, want the block that failed", got)
	}
	if got := audit.Unsettled(append(row, settled(at(0, audit.Passed)))); len(got) > 0 {
		t.Errorf("Unsettled = %v after it was settled", got)
	}
}

func TestDeadline(t *testing.T) {
	slow := audit.Link{RTT: 2 * time.Second, Rate: 4 * 20e3}
	fast := audit.Link{RTT: time.Millisecond, Rate: 100e6}
	unknown := audit.Link{}
	const answer = 46 << 20
	if a, b, c := fast.Deadline(answer), slow.Deadline(answer), unknown.Deadline(answer); a >= b || b >= c {
		t.Errorf("deadlines %v, %v, %v: want the fastest link's first, and that of an unknown one last", a, b, c)
	}
}

// TestNobodyIsAccusedOfASlowLink audits boxes that lost nothing, over links that
// are slow by chance and break by chance. Time is that of the model.
func TestNobodyIsAccusedOfASlowLink(t *testing.T) {
	const seeds, days = 1000, 6
	k := newKept(t, 3, 200, 2000)
	late, broken := 0, 0
	for seed := range uint64(seeds) {
		rng := rand.New(rand.NewPCG(seed, 11))
		var row []audit.Outcome
		link := audit.Link{}
		for d := range days {
			at := now.Add(time.Duration(d) * day)
			c := &audit.Challenge{Draws: audit.Pick(rng, []audit.Extent{{k.key(), 200}}, 2)}
			rate := 1e3 * (1 + 100*rng.Float64()*rng.Float64()) // 1 to 100 kB/s
			l := &modelLink{r: bytes.NewReader(answer(t, c, boxPrivate, k)), rng: rng, rate: rate, fails: 0.01}
			report, err := audit.Check(l, c, box, audit.Known{Heads: map[feed.Key]feed.Head{k.key(): k.state.Head}})
			o := audit.Outcome{Time: at, Took: l.took}
			switch {
			case errors.Is(err, errLink):
				o.Ending = audit.Offline
				broken++
			case err != nil:
				t.Fatalf("seed %d, day %d: %v", seed, d, err)
			default:
				o.Ending, o.Draws, o.Bytes = audit.EndingOf(report, l.took, link.Deadline(report.Bytes)), len(c.Draws), report.Bytes
				link.Rate = float64(report.Bytes) / l.took.Seconds()
			}
			if o.Ending == audit.Late {
				late++
			}
			row = append(row, o)
			v := audit.Judge(row, at, 30*day)
			if v.Light == audit.Red {
				t.Fatalf("seed %d, day %d: an honest box is accused: %+v", seed, d, v)
			}
		}
	}
	t.Logf("%d audits of honest boxes: %d broken connections, %d late, none accused", seeds*days, broken, late)
}

// modelLink delivers at a rate, stalls, and breaks, in time of its own.
type modelLink struct {
	r     *bytes.Reader
	rng   *rand.Rand
	rate  float64
	fails float64
	took  time.Duration
}

var errLink = fmt.Errorf("the link broke")

func (l *modelLink) Read(b []byte) (int, error) {
	if l.rng.Float64() < l.fails {
		return 0, errLink
	}
	n, err := l.r.Read(b[:min(len(b), 512)])
	l.took += time.Duration(float64(n) / l.rate * float64(time.Second))
	if l.rng.Float64() < 0.02 {
		l.took += time.Duration(l.rng.Int64N(int64(time.Minute)))
	}
	return n, err
}
