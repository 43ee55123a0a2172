package audit_test

import (
	"math/rand/v2"
	"testing"

	"cobox/seeder/audit"
	"cobox/seeder/feed"
)

func TestDraws(t *testing.T) {
	for _, c := range []struct {
		loss, miss float64
		want       int
	}{
		{0.01, 0.01, 459}, {0.01, 1e-6, 1375}, {0.001, 0.01, 4603}, {0.5, 0.5, 1},
	} {
		got := audit.Draws(c.loss, c.miss)
		if got != c.want || audit.Caught(c.loss, got) < 1-c.miss || audit.Caught(c.loss, got-1) >= 1-c.miss {
			t.Errorf("Draws(%v, %v) = %d, want %d", c.loss, c.miss, got, c.want)
		}
	}
	// What the documentation of the plan promises.
	if n := audit.Draws(audit.PlanLoss, 0.01); n > 10*audit.PlanDaily {
		t.Errorf("ten days have %d draws, and 99 %% take %d", 10*audit.PlanDaily, n)
	}
	if n := audit.Draws(audit.PlanLoss, 1e-6); n > audit.PlanDays*audit.PlanDaily {
		t.Errorf("%d days have %d draws, and 99.9999 %% take %d", audit.PlanDays, audit.PlanDays*audit.PlanDaily, n)
	}
	if audit.PlanDaily > audit.MaxDraws {
		t.Error("a day's draws are more than a challenge holds")
	}
}

func TestPick(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	feeds := []audit.Extent{{feed.Key{1}, 3}, {feed.Key{2}, 0}, {feed.Key{3}, 5}, {feed.Key{4}, 1}}
	count := make(map[audit.Draw]int)
	const rounds = 9000
	for range rounds {
		draws := audit.Pick(rng, feeds, 4)
		seen := make(map[audit.Draw]bool)
		for _, d := range draws {
			count[d]++
			seen[d] = true
		}
		if len(seen) != 4 {
			t.Fatalf("Pick = %v, want 4 different draws", draws)
		}
	}
	if len(count) != 9 {
		t.Fatalf("%d blocks were drawn at some time, want all 9", len(count))
	}
	for d, n := range count { // 4000 each; the standard deviation is 47
		if d.Block >= 5 || n < 3700 || n > 4300 {
			t.Errorf("%v was drawn %d times of %d, want about 4000", d, n, rounds)
		}
	}
	if draws := audit.Pick(rng, feeds, 100); len(draws) != 9 {
		t.Errorf("Pick of 100 of 9 blocks = %v", draws)
	}
	if draws := audit.Pick(rng, nil, 4); len(draws) != 0 {
		t.Errorf("Pick of no feeds = %v", draws)
	}
}

// TestLossIsFound audits boxes once a day that have lost one block in a hundred:
// each is found out within the draws that the plan promises.
func TestLossIsFound(t *testing.T) {
	const seeds, blocks = 100, 5000
	k := newKept(t, 3, blocks, 8)
	worst := 0
	for seed := range uint64(seeds) {
		rng := rand.New(rand.NewPCG(seed, 7))
		clear(k.lost)
		for _, d := range audit.Pick(rng, []audit.Extent{{k.key(), blocks}}, blocks/100) {
			k.lost[d.Block] = true
		}
		draws, found := 0, false
		for range audit.PlanDays {
			c := &audit.Challenge{Draws: audit.Pick(rng, []audit.Extent{{k.key(), blocks}}, audit.PlanDaily)}
			draws += len(c.Draws)
			if r := ask(t, c, audit.Known{}, k); audit.EndingOf(r, 1, 2) == audit.Incomplete {
				found = true
				break
			}
		}
		if !found {
			t.Errorf("seed %d: a loss of 1 %% was not found in %d draws", seed, draws)
		}
		worst = max(worst, draws)
	}
	t.Logf("%d boxes that lost 1 %%: all found, the last after %d of %d draws", seeds, worst, audit.PlanDays*audit.PlanDaily)
}

func TestCovers(t *testing.T) {
	feeds := []audit.Extent{{feed.Key{1}, 2}, {feed.Key{2}, 0}, {feed.Key{3}, 1}}
	all := audit.Pick(audit.Unforeseeable(), feeds, 3)
	if !audit.Covers(all, feeds) || !audit.Covers(append(all, all[0], audit.Draw{Feed: feed.Key{9}}), feeds) {
		t.Error("all blocks were drawn")
	}
	if audit.Covers(all[1:], feeds) || audit.Covers([]audit.Draw{all[0], all[0], all[1]}, feeds) || audit.Covers(nil, nil) {
		t.Error("not all blocks were drawn, or there are none")
	}
	if audit.Covers(all, []audit.Extent{{feed.Key{1}, 1 << 60}}) {
		t.Error("three draws cover an endless feed")
	}
}
