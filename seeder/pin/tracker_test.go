package pin_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"cobox/seeder/feed"
	"cobox/seeder/pin"
)

// at returns the time of a test's clock after so many minutes.
func at(minutes int) time.Time { return created.Add(time.Duration(minutes) * time.Minute) }

func head(length uint64) pin.Head { return pin.Head{Length: length, Bytes: 1000 * length} }

func thawed() pin.Pin {
	p := testPin()
	p.Frozen = false
	return p
}

// wantState checks state and since at a time, and that Why is one sentence with all parts.
func wantState(t *testing.T, tr *pin.Tracker, now int, state pin.State, since int, why ...string) {
	t.Helper()
	s := tr.Status(at(now))
	if s.State != state || !s.Since.Equal(at(since)) {
		t.Errorf("at %d min: %s since %v min, want %s since %d min", now, s.State, s.Since.Sub(created).Minutes(), state, since)
	}
	for _, part := range why {
		if !strings.Contains(s.Why, part) {
			t.Errorf("at %d min: %q does not say %q", now, s.Why, part)
		}
	}
	if len(s.Why) < 10 || !strings.HasSuffix(s.Why, ".") {
		t.Errorf("at %d min: %q is not a sentence", now, s.Why)
	}
	if again := tr.Status(at(now)); again != s {
		t.Errorf("at %d min: asked twice, %+v then %+v", now, s, again)
	}
}

// The usual story: pinned, connected, filled, grown, filled again.
func TestStoryOfAPin(t *testing.T) {
	tr := pin.NewTracker(thawed(), at(0))
	wantState(t, tr, 1, pin.Queued, 0, "Waiting")
	tr.Peers(1, at(2))
	wantState(t, tr, 2, pin.Queued, 0, "Connected")
	tr.Seen(head(3), at(3))
	wantState(t, tr, 4, pin.Replicating, 3, "0 of 3 blocks (0 bytes of 3.0 kB)", "1 peer connected")
	tr.Stored(1, 1000, at(5))
	tr.Stored(1, 1000, at(6))
	wantState(t, tr, 7, pin.Replicating, 3, "2 of 3 blocks")
	tr.Stored(1, 1000, at(8))
	wantState(t, tr, 9, pin.Complete, 8, "3 blocks, 3.0 kB")
	tr.Seen(head(3), at(9)) // told again by another peer
	tr.Peers(0, at(9))
	wantState(t, tr, 9+1000, pin.Complete, 8) // however long ago
	tr.Seen(head(4), at(2000))
	wantState(t, tr, 2001, pin.Replicating, 2000, "nobody is connected")
	tr.Stored(1, 1000, at(2002))
	wantState(t, tr, 2003, pin.Complete, 2002)

	s := tr.Status(at(2003))
	want := pin.Status{
		Pin: thawed(), State: pin.Complete, Since: at(2002), Why: s.Why, Head: head(4),
		Blocks: 4, HeldBytes: 4000, Newest: at(2000), Peers: 0,
	}
	if s != want {
		t.Errorf("Status = %+v, want %+v", s, want)
	}
}

func TestStall(t *testing.T) {
	const limit = int(pin.StallAfter / time.Minute)
	tr := pin.NewTracker(thawed(), at(0))
	wantState(t, tr, limit-1, pin.Queued, 0)
	wantState(t, tr, limit, pin.Stalled, 0, "Nothing of this feed has come:", "start cobox")
	tr.Peers(1, at(20)) // connected, and silent: it may be empty
	wantState(t, tr, 21, pin.Queued, 20)
	tr.Peers(0, at(22))
	wantState(t, tr, 23, pin.Stalled, 0, "last seen 2026-11-23T18:00:29Z")

	tr.Peers(2, at(30))
	tr.Seen(head(10), at(30))
	tr.Stored(4, 4000, at(31))
	wantState(t, tr, 31+limit-1, pin.Replicating, 30)
	wantState(t, tr, 31+limit, pin.Stalled, 31, "4 of 10 blocks", "with 2 peers connected", "since 2026-11-23T18:09:29Z")
	tr.Peers(0, at(50))
	wantState(t, tr, 50, pin.Stalled, 31, "nobody who has the rest is connected", "last seen 2026-11-23T18:28:29Z")
	tr.Stored(1, 1000, at(60))
	wantState(t, tr, 60, pin.Replicating, 60, "5 of 10")
	// A stall that nobody asked about happened all the same.
	tr.Stored(1, 1000, at(100))
	wantState(t, tr, 101, pin.Replicating, 100)
	tr.Seen(head(11), at(100+limit-1)) // news is progress
	wantState(t, tr, 100+limit+1, pin.Replicating, 100)
}

func TestClockThatGoesBackIsNoStall(t *testing.T) {
	tr := pin.NewTracker(thawed(), at(1000))
	tr.Seen(head(2), at(1000))
	wantState(t, tr, 5, pin.Replicating, 1000)
	tr.Stored(1, 1, at(6))
	wantState(t, tr, 7, pin.Replicating, 1000)
}

func TestFrozen(t *testing.T) {
	tr := pin.NewTracker(testPin(), at(0)) // frozen already
	wantState(t, tr, 100, pin.Frozen, 0, "two different histories")
	tr.Thaw(at(101))
	wantState(t, tr, 102, pin.Queued, 101)
	if tr.Pin().Frozen {
		t.Error("the pin is frozen after Thaw")
	}
	tr.Seen(head(1), at(103))
	tr.Stored(1, 1, at(103))
	tr.Freeze("Two heads of length 1.", at(104))
	tr.Stored(1, 1, at(105))
	tr.OverQuota("over quota by 1 byte", at(105))
	wantState(t, tr, 500, pin.Frozen, 104, "Two heads of length 1.")
	if !tr.Pin().Frozen || !tr.Status(at(500)).Frozen {
		t.Error("the pin is not frozen after Freeze")
	}
	tr.Thaw(at(600))
	wantState(t, tr, 600, pin.OverQuota, 600, "Over quota by 1 byte.")
}

func TestOverQuota(t *testing.T) {
	tr := pin.NewTracker(thawed(), at(0))
	tr.WithinQuota(at(1)) // nothing was refused
	tr.Seen(head(9), at(1))
	tr.OverQuota("Over quota by 9 kB.", at(2))
	wantState(t, tr, 100, pin.OverQuota, 2, "Over quota by 9 kB.")
	tr.OverQuota("", at(100))
	wantState(t, tr, 101, pin.OverQuota, 2, "ask the operator")
	tr.WithinQuota(at(102))
	wantState(t, tr, 103, pin.Replicating, 102)
	wantState(t, tr, 112, pin.Stalled, 102)
}

func TestResume(t *testing.T) {
	tr := pin.NewTracker(thawed(), at(1000))
	tr.Resume(head(5), at(3), 4, 4000, at(1000))
	wantState(t, tr, 1001, pin.Replicating, 1000, "4 of 5 blocks")
	if got := tr.Status(at(1001)).Newest; !got.Equal(at(3)) {
		t.Errorf("Newest = %v, want %v", got, at(3))
	}
	wantState(t, tr, 1010, pin.Stalled, 1000)
	tr.Resume(head(5), at(3), 5, 5000, at(1020))
	wantState(t, tr, 1021, pin.Complete, 1020)
}

// A truncation, then a scrub that finds a bad block.
func TestHeld(t *testing.T) {
	tr := pin.NewTracker(thawed(), at(0))
	tr.Seen(head(5), at(1))
	tr.Stored(5, 5000, at(1))
	tr.Seen(pin.Head{Fork: 1, Length: 3, Bytes: 3000}, at(2))
	tr.Held(3, 3000, at(2))
	wantState(t, tr, 3, pin.Complete, 1, "3 blocks")
	tr.Held(2, 2000, at(100))
	wantState(t, tr, 101, pin.Replicating, 100, "2 of 3")
	tr.Held(2, 2000, at(105))
	wantState(t, tr, 110, pin.Stalled, 100)
	tr.Held(3, 3000, at(120))
	wantState(t, tr, 121, pin.Complete, 120)
}

func TestChange(t *testing.T) {
	tr := pin.NewTracker(thawed(), at(0))
	tr.Change(false, true, "new")
	if p := tr.Pin(); p.Open || p.Label != "new" || p.Feed != thawed().Feed {
		t.Errorf("Pin = %+v", p)
	}
}

func TestHeadOf(t *testing.T) {
	h := feed.Head{Fork: 1, Length: 2, Bytes: 3, Hash: feed.Hash{4}}
	if got := pin.HeadOf(h); got != (pin.Head{Fork: 1, Length: 2, Bytes: 3}) {
		t.Errorf("HeadOf = %+v", got)
	}
}

// Every combination of facts has the state that the table of rules says, by
// whatever way it was reached.
func TestEveryState(t *testing.T) {
	const limit = int(pin.StallAfter / time.Minute)
	bools := []bool{false, true}
	for _, frozen := range bools {
		for _, over := range bools {
			for length := range uint64(4) {
				for blocks := range uint64(5) {
					for peers := range 3 {
						for _, idle := range []int{0, limit - 1, limit, limit + 1} {
							want := pin.Replicating
							switch {
							case frozen:
								want = pin.Frozen
							case over:
								want = pin.OverQuota
							case length == 0 && (peers > 0 || idle < limit):
								want = pin.Queued
							case length > 0 && blocks >= length:
								want = pin.Complete
							case idle >= limit:
								want = pin.Stalled
							}
							facts := fmt.Sprintf("frozen %v, over %v, %d of %d, %d peers, idle %d", frozen, over, blocks, length, peers, idle)
							p := thawed()
							tell := []func(tr *pin.Tracker){
								func(tr *pin.Tracker) { tr.Peers(peers, at(0)) },
								func(tr *pin.Tracker) { tr.Seen(head(length), at(0)) },
								func(tr *pin.Tracker) { tr.Stored(blocks, 1000*blocks, at(0)) },
								func(tr *pin.Tracker) {
									if over {
										tr.OverQuota("Over.", at(0))
									}
								},
								func(tr *pin.Tracker) {
									if frozen {
										tr.Freeze("Forked.", at(0))
									}
								},
							}
							for first := range tell { // in another order each time
								tr := pin.NewTracker(p, at(0))
								for i := range tell {
									tell[(first+i)%len(tell)](tr)
								}
								s := tr.Status(at(idle))
								if s.State != want {
									t.Fatalf("%s: %s, want %s", facts, s.State, want)
								}
								if s.Why == "" || !s.Since.Equal(at(0)) {
									t.Fatalf("%s: since %v, why %q", facts, s.Since, s.Why)
								}
							}
						}
					}
				}
			}
		}
	}
}

func TestTrackerConcurrently(t *testing.T) {
	const each = 200
	tr := pin.NewTracker(thawed(), at(0))
	tr.Seen(head(4*each), at(0))
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range each {
				tr.Stored(1, 1000, at(1))
				tr.Peers(1, at(1))
				tr.Status(at(1))
			}
		})
	}
	wg.Wait()
	wantState(t, tr, 2, pin.Complete, 1, "800 blocks, 800.0 kB")
}

func TestSizesForPeople(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0 bytes", 1: "1 byte", 999: "999 bytes", 1000: "1.0 kB", 999_949: "999.9 kB", 999_950: "1.0 MB",
		1_500_000_000: "1.5 GB", 1 << 53: "9.0 PB", 1<<64 - 1: "18.4 EB",
	} {
		tr := pin.NewTracker(thawed(), at(0))
		tr.Seen(pin.Head{Length: 1, Bytes: n}, at(0))
		tr.Stored(1, n, at(0))
		if why := tr.Status(at(0)).Why; why != "All of it is here: 1 block, "+want+"." {
			t.Errorf("%d bytes: %q, want %s", n, why, want)
		}
	}
}
