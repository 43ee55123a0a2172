package audit_test

import (
	"slices"
	"testing"
	"time"

	"cobox/seeder/audit"
	"cobox/seeder/feed"
)

func TestRecord(t *testing.T) {
	k := newKept(t, 3, 8, 100)
	k.lost[5] = true
	draw := func(i uint64) audit.Draw { return audit.Draw{Feed: k.key(), Block: i} }
	owes := func(d audit.Draw) bool { return d.Block < 8 }
	var r audit.Record

	// What is not owed is not asked for; what failed is asked for again.
	draws, settled := r.Choose([]audit.Draw{draw(2), draw(5), draw(9)}, owes)
	if !slices.Equal(draws, []audit.Draw{draw(2), draw(5)}) || settled != nil {
		t.Fatalf("Choose = %v, %v", draws, settled)
	}
	o := audit.Outcome{Time: now}
	r.Note(&o, ask(t, &audit.Challenge{Draws: draws}, audit.Known{}, k), time.Second, r.Link(time.Millisecond))
	if o.Ending != audit.Incomplete || o.Draws != 1 || !slices.Equal(o.Failed, []audit.Draw{draw(5)}) || o.Why == "" {
		t.Fatalf("Note = %+v, want block 5 missing", o)
	}
	r.Add(o)
	draws, _ = r.Choose([]audit.Draw{draw(3)}, owes)
	if !slices.Equal(draws, []audit.Draw{draw(5), draw(3)}) {
		t.Fatalf("Choose = %v, want what failed before too", draws)
	}
	// Mended, or not owed any more, it counts no more.
	clear(k.lost)
	mended := audit.Outcome{Time: now}
	r.Note(&mended, ask(t, &audit.Challenge{Draws: draws}, audit.Known{}, k), time.Second, r.Link(time.Millisecond))
	if mended.Ending != audit.Passed || !slices.Equal(mended.Settled, []audit.Draw{draw(5)}) {
		t.Errorf("Note = %+v, want block 5 settled", mended)
	}
	if draws, settled := r.Choose(nil, func(audit.Draw) bool { return false }); len(draws) > 0 || !slices.Equal(settled, []audit.Draw{draw(5)}) {
		t.Errorf("Choose of nothing that is owed = %v, %v", draws, settled)
	}

	if l := r.Link(time.Second); l.RTT != time.Second || l.Rate != float64(o.Bytes) {
		t.Errorf("Link = %+v, want the rate of the answer of %d bytes in a second", l, o.Bytes)
	}
	for i := range 500 {
		r.Add(audit.Outcome{Time: now.Add(time.Duration(i) * day)})
	}
	if n := len(r.Outcomes); n > 400 || !r.Outcomes[n-1].Time.Equal(now.Add(499*day)) {
		t.Errorf("%d outcomes are kept, the last of %v", n, r.Outcomes[n-1].Time)
	}
}

func TestHead(t *testing.T) {
	k := newKept(t, 3, 8, 100)
	_, heads := audit.Compare(nil, []*audit.Report{ask(t, &audit.Challenge{Draws: all(k)}, audit.Known{}, k)})
	b := heads[k.key()].Append(nil)
	h, err := audit.ParseHead(k.key(), b)
	if err != nil || h.Hash != k.state.Head.Hash || h.Length != 8 {
		t.Errorf("ParseHead = %+v, %v", h, err)
	}
	if _, err := audit.ParseHead(feed.Key{1}, b); err == nil {
		t.Error("ParseHead for another feed = nil")
	}
	for i := range b {
		if h, err := audit.ParseHead(k.key(), b[:i]); err == nil {
			t.Errorf("cut to %d bytes: ParseHead = %+v", i, h)
		}
	}
}

func FuzzParseHead(f *testing.F) {
	k := newKept(f, 3, 8, 100)
	_, heads := audit.Compare(nil, []*audit.Report{ask(f, &audit.Challenge{Draws: all(k)}, audit.Known{}, k)})
	f.Add(heads[k.key()].Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		if h, err := audit.ParseHead(k.key(), b); err == nil && (h.Length == 0 || h.Proof == nil) {
			t.Errorf("ParseHead = %+v", h)
		}
	})
}
