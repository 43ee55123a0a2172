package torture

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"testing"
	"testing/synctest"
	"time"
)

var (
	oneSeed = flag.Uint64("seed", 0, "run this seed alone")
	seeds   = flag.Uint64("seeds", 15, "how many seeds")
	from    = flag.Uint64("from", 1, "the first seed")
	until   = flag.Duration("for", 0, "begin no seed after this time; 0 for no end")
	talk    = flag.Bool("talk", false, "print what boxes and partners log")
)

// TestTorture tells the story of each seed, in a world with a clock of its own,
// and looks whether a promise was broken.
func TestTorture(t *testing.T) {
	first, last := *from, *from+*seeds-1
	if *oneSeed != 0 {
		first, last = *oneSeed, *oneSeed
	}
	began := time.Now()
	var c counts
	n := uint64(0)
	for seed := first; seed <= last && (*until == 0 || time.Since(began) < *until); seed++ {
		n++
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			if err := torture(t, seed, nothing, &c); err != nil {
				t.Errorf("%v\nagain: go test ./hack/rig/torture -run TestTorture -seed %d", err, seed)
			}
		})
	}
	t.Logf("%d seeds in %v: %v", n, time.Since(began).Round(time.Second), &c)
}

// patience is how long a seed may take by the clock outside of its world: one whose
// clock stands still would never end.
const patience = 5 * time.Minute

// torture runs a seed.
func torture(t *testing.T, seed uint64, planted plant, c *counts) (err error) {
	dir, err := os.MkdirTemp(tempDir(), "torture")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	watchdog := time.AfterFunc(patience, func() { panic(fmt.Sprintf("seed %d has not ended after %v", seed, patience)) })
	defer watchdog.Stop()
	w := &world{seed: seed, dir: dir, planted: planted, counts: c, out: os.Stderr, r: rand.New(rand.NewPCG(seed, 0))}
	if err := w.build(); err != nil {
		return err
	}
	days := w.days()
	for i, begin := range days {
		synctest.Test(t, func(*testing.T) { err = w.day(begin, i == len(days)-1) })
		if err != nil {
			return fmt.Errorf("day %d of %d: %w", i+1, len(days), err)
		}
	}
	return w.leaks()
}

// tempDir is in memory where that is possible: a seed syncs hundreds of times.
func tempDir() string {
	if info, err := os.Stat("/dev/shm"); err == nil && info.IsDir() {
		return "/dev/shm"
	}
	return os.TempDir()
}
