package audit

import (
	crand "crypto/rand"
	"math"
	"math/rand/v2"
	"slices"
	"time"

	"cobox/seeder/feed"
)

// Draws returns how many draws find a loss of the part loss (0.01 for one block
// in a hundred) with a chance to miss it of at most miss: the least n with
// (1-loss)^n <= miss. Blocks are drawn without replacement within a challenge,
// which only helps.
func Draws(loss, miss float64) int {
	if !(loss > 0 && loss < 1 && miss > 0 && miss < 1) {
		panic("audit: loss and miss are parts of one")
	}
	return int(math.Ceil(math.Log(miss) / math.Log1p(-loss)))
}

// Caught returns the chance that so many draws find a loss of the part loss.
func Caught(loss float64, draws int) float64 {
	return -math.Expm1(float64(draws) * math.Log1p(-loss))
}

// The plan of those who audit once a day: a loss of one block in a hundred is
// found within ten days with 99 %, within thirty with 99.9999 %. With the blocks
// of cobox, of 1 MiB at most, that is 46 MiB a day from a box, at most.
const (
	PlanLoss    = 0.01
	PlanDaily   = 46
	PlanDays    = 30
	planMiss    = 0.01
	planWarning = 10 // days within which planMiss holds
)

// Tolerance is how long a box may be silent before its light is red, unless its
// auditor says otherwise.
const Tolerance = 3 * 24 * time.Hour

// MaxTime bounds one audit: [MaxDraws] blocks of 1 MiB at 64 kB/s take 18 minutes.
const MaxTime = 40 * time.Minute

// An Extent is how much of a feed may be drawn from: its first Length blocks.
type Extent struct {
	Feed   feed.Key
	Length uint64
}

// Unforeseeable returns random numbers that nobody else knows, for [Pick].
func Unforeseeable() *rand.Rand {
	var seed [32]byte
	_, _ = crand.Read(seed[:]) // never fails
	return rand.New(rand.NewChaCha8(seed))
}

// Covers reports whether draws are all blocks of the feeds, and there are some.
func Covers(draws []Draw, feeds []Extent) bool {
	drawn := make(map[Draw]bool, len(draws))
	for _, d := range draws {
		drawn[d] = true
	}
	var total uint64
	for _, f := range feeds {
		if total += f.Length; total > uint64(len(draws)) {
			return false
		}
		for i := range f.Length {
			if !drawn[Draw{f.Feed, i}] {
				return false
			}
		}
	}
	return total > 0
}

// Pick draws n different blocks of the feeds, each block as likely as any
// other; all of them when there are no more. The order is that of the feeds, so
// that the box's disk reads in order. rng must not be foreseeable by the box.
func Pick(rng *rand.Rand, feeds []Extent, n int) []Draw {
	var total uint64
	for _, f := range feeds {
		total += f.Length
	}
	chosen := make(map[uint64]struct{}, n)
	if uint64(n) >= total {
		for i := range total {
			chosen[i] = struct{}{}
		}
	} else {
		// Floyd's sampling: every set of n is as likely, and none is drawn twice.
		for i := total - uint64(n); i < total; i++ {
			at := rng.Uint64N(i + 1)
			if _, taken := chosen[at]; taken {
				at = i
			}
			chosen[at] = struct{}{}
		}
	}
	places := make([]uint64, 0, len(chosen))
	for at := range chosen {
		places = append(places, at)
	}
	slices.Sort(places)
	draws := make([]Draw, 0, len(places))
	var before uint64
	k := 0
	for _, at := range places {
		for at-before >= feeds[k].Length {
			before += feeds[k].Length
			k++
		}
		draws = append(draws, Draw{feeds[k].Feed, at - before})
	}
	return draws
}
