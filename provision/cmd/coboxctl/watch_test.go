package main

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"cobox/appliance/health"
	"cobox/metrics/fleet"
)

// What a watcher takes for a trouble, and of which boxes it knows nothing else.
func TestTroubles(t *testing.T) {
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	sight := func(name string, up bool, seen, since time.Duration, checks ...health.Result) fleet.Sight {
		return fleet.Sight{Box: fleet.Box{ID: name, Name: name}, Tried: true, Up: up, Seen: now.Add(-seen), Since: now.Add(-since), Health: health.Report{Checks: checks}}
	}
	check := func(c health.Check, s health.State) health.Result { return health.Result{Check: c, State: s} }
	untried := sight("untried", false, 24*time.Hour, 0)
	untried.Tried = false
	sights := []fleet.Sight{
		sight("fine", true, 0, time.Hour, check(health.CheckDisk, health.OK), check(health.CheckPower, health.Unknown)),
		sight("broken", true, 0, time.Hour, check(health.CheckDisk, health.Failed), check(health.CheckSpace, health.Blocked), check(health.CheckReach, health.Warning)),
		sight("silent", false, 16*time.Minute, 16*time.Minute),
		sight("short", false, 14*time.Minute, 14*time.Minute),
		sight("woken", false, 24*time.Hour, time.Minute, check(health.CheckDisk, health.Failed)), // this computer was asleep
		sight("never", false, 500_000*time.Hour, time.Hour),
		untried,
	}
	for _, c := range []struct {
		soon  bool
		awake time.Duration
		want  []string
	}{
		{false, 5 * time.Minute, []string{"broken disk", "silent silent", "never silent"}},
		{true, 5 * time.Minute, []string{"broken disk", "broken reach", "silent silent", "never silent"}},
		{false, 0, []string{"broken disk", "silent silent", "woken silent", "never silent"}},
	} {
		w := &watcher{silence: 15 * time.Minute, awake: c.awake, soon: c.soon}
		list, blind := w.troubles(sights, now)
		var got []string
		for _, tr := range list {
			got = append(got, tr.ID+" "+tr.Kind)
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("warnings %v, awake %v: %q, want %q", c.soon, c.awake, got, c.want)
		}
		if fmt.Sprint(blind) != "map[never:true short:true silent:true untried:true woken:true]" {
			t.Errorf("blind: %v", blind)
		}
	}
}
