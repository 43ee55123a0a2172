package operator_test

import (
	"slices"
	"testing"

	"cobox/provision/operator"
	"cobox/seeder/audit"
	"cobox/seeder/feed"
	"cobox/seeder/pin"
)

// What a box owes of a feed: what it has whole, and what it had, unless the writer
// took it back or nobody pins it any more.
func TestOwes(t *testing.T) {
	key := feed.Key{7}
	at := func(fork, length, blocks uint64) []pin.Status {
		return []pin.Status{{Pin: pin.Pin{Feed: key}, Head: pin.Head{Fork: fork, Length: length}, Blocks: blocks}}
	}
	var a operator.Audits
	for what, c := range map[string]struct {
		before, now []pin.Status
		want        uint64 // 0 for nothing, and waiting
	}{
		"nothing known":         {nil, at(0, 0, 0), 0},
		"still coming":          {nil, at(0, 9, 8), 0},
		"whole":                 {nil, at(0, 9, 9), 9},
		"grown":                 {at(0, 9, 9), at(0, 12, 12), 12},
		"growing":               {at(0, 9, 9), at(0, 12, 10), 9},
		"lost some":             {at(0, 9, 9), at(0, 9, 3), 9},
		"lost all":              {at(0, 9, 9), at(0, 0, 0), 9},
		"rolled back":           {at(0, 9, 9), at(0, 4, 4), 9},
		"an older fork":         {at(1, 4, 4), at(0, 9, 9), 9},
		"truncated":             {at(0, 9, 9), at(1, 4, 4), 4},
		"truncated, and coming": {at(0, 9, 9), at(1, 4, 3), 0},
	} {
		a.Feeds = make(map[string]operator.AuditedFeed)
		a.Learn(c.before, nil)
		got, waiting := a.Owes(append(c.now, c.now...)) // two partners pin it
		want := []audit.Extent{{Feed: key, Length: c.want}}
		if c.want == 0 && (len(got) != 0 || waiting != 1) || c.want > 0 && (!slices.Equal(got, want) || waiting != 0) {
			t.Errorf("%s: Owes = %v, %d waiting; want %d blocks", what, got, waiting, c.want)
		}
	}

	a.Learn(at(0, 9, 9), nil)
	if n := a.Gone(at(0, 9, 9)); n != 0 {
		t.Errorf("Gone = %d with the feed pinned", n)
	}
	if n := a.Gone(nil); n != 1 {
		t.Errorf("Gone = %d after the pin ended, want 1", n)
	}
	a.Learn(nil, nil)
	if got, _ := a.Owes(at(0, 12, 10)); len(got) > 0 {
		t.Errorf("Owes = %v of a feed that was forgotten", got)
	}
}
