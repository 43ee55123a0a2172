package pin_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"cobox/seeder/identity"
	"cobox/seeder/pin"
)

var (
	alice = identity.PartnerKey{1}
	bob   = identity.PartnerKey{2}
)

// granted returns a Ledger with grants of quota bytes and of feeds to alice and bob.
func granted(quota uint64, feeds int) *pin.Ledger {
	l := pin.NewLedger()
	for _, p := range []identity.PartnerKey{alice, bob} {
		l.SetGrant(identity.Grant{Partner: p, QuotaBytes: quota, MaxFeeds: feeds})
	}
	return l
}

// wantUsage checks the bytes of p.
func wantUsage(t *testing.T, l *pin.Ledger, p identity.PartnerKey, used, reserved uint64) {
	t.Helper()
	if gotUsed, gotReserved, _, _, _ := l.Usage(p); gotUsed != used || gotReserved != reserved {
		t.Errorf("Usage = %d used and %d reserved, want %d and %d", gotUsed, gotReserved, used, reserved)
	}
}

func wantTotal(t *testing.T, l *pin.Ledger, want uint64) {
	t.Helper()
	if got, _, _ := l.Total(); got != want {
		t.Errorf("Total = %d taken, want %d", got, want)
	}
}

func reserve(t *testing.T, l *pin.Ledger, p identity.PartnerKey, n uint64) *pin.Reservation {
	t.Helper()
	r, err := l.Reserve(p, n)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReserveCommitRelease(t *testing.T) {
	l := granted(100, 1)
	r := reserve(t, l, alice, 60)
	wantUsage(t, l, alice, 0, 60)
	for range 2 {
		if err := r.Commit(20); err != nil {
			t.Fatal(err)
		}
	}
	wantUsage(t, l, alice, 40, 20)
	if r.Left() != 20 {
		t.Errorf("Left = %d, want 20", r.Left())
	}
	if err := r.Commit(21); err == nil {
		t.Error("more was committed than is reserved")
	}
	if err := r.Grow(40); err != nil {
		t.Fatal(err)
	}
	if err := r.Grow(1); !errors.Is(err, pin.ErrOverQuota) {
		t.Errorf("Grow over the quota = %v, want ErrOverQuota", err)
	}
	wantUsage(t, l, alice, 40, 60)
	for range 2 {
		r.Release()
		wantUsage(t, l, alice, 40, 0)
	}
	if err := r.Commit(1); err == nil {
		t.Error("a released reservation was committed")
	}
	wantUsage(t, l, bob, 0, 0)
	wantTotal(t, l, 40)
	l.Free(alice, 40)
	wantUsage(t, l, alice, 0, 0)
	wantTotal(t, l, 0)
}

func TestQuotaErrorHasFigures(t *testing.T) {
	l := granted(1e9, 1)
	if err := reserve(t, l, alice, 5e8).Commit(3e8); err != nil {
		t.Fatal(err)
	}
	r, err := l.Reserve(alice, 6e8)
	if r != nil || !errors.Is(err, pin.ErrOverQuota) {
		t.Fatalf("Reserve = %v, %v, want ErrOverQuota", r, err)
	}
	e, ok := errors.AsType[*pin.QuotaError](err)
	if !ok || *e != (pin.QuotaError{Partner: alice, Quota: 1e9, Used: 3e8, Reserved: 2e8, Asked: 6e8}) {
		t.Errorf("the error is %+v", e)
	}
	const want = "over quota: 600.0 MB asked for, 300.0 MB used and 200.0 MB reserved of 1.0 GB: " +
		"unpin something, or ask the operator for a larger grant"
	if err.Error() != want {
		t.Errorf("the text is %q, want %q", err, want)
	}
}

func TestExactlyTheQuota(t *testing.T) {
	l := granted(10, 1)
	for n, want := range map[uint64]error{
		0: nil, 9: nil, 10: nil, 11: pin.ErrOverQuota, math.MaxUint64: pin.ErrOverQuota, math.MaxUint64 - 9: pin.ErrOverQuota,
	} {
		r, err := l.Reserve(alice, n)
		if !errors.Is(err, want) {
			t.Errorf("Reserve(%d) = %v, want %v", n, err, want)
		}
		if err == nil {
			r.Release()
		}
	}
	reserve(t, l, alice, 10)
	for _, n := range []uint64{1, math.MaxUint64 - 9, math.MaxUint64} {
		if _, err := l.Reserve(alice, n); !errors.Is(err, pin.ErrOverQuota) {
			t.Errorf("with all reserved, Reserve(%d) = %v, want ErrOverQuota", n, err)
		}
	}
}

func TestCapacityBoundsAllPartners(t *testing.T) {
	l := granted(100, 1)
	if _, _, bounded := l.Total(); bounded {
		t.Error("a new Ledger has a capacity")
	}
	l.SetCapacity(150)
	a := reserve(t, l, alice, 100)
	_, err := l.Reserve(bob, 51)
	e, ok := errors.AsType[*pin.FullError](err)
	if !errors.Is(err, pin.ErrBoxFull) || errors.Is(err, pin.ErrOverQuota) || !ok ||
		*e != (pin.FullError{Capacity: 150, Taken: 100, Asked: 51}) {
		t.Errorf("Reserve = %v, want ErrBoxFull with figures", err)
	}
	wantUsage(t, l, bob, 0, 0)
	b := reserve(t, l, bob, 50)
	if err := a.Commit(100); err != nil {
		t.Fatal(err)
	}
	wantTotal(t, l, 150)
	b.Release()
	l.SetCapacity(0) // the disk broke
	if _, err := l.Reserve(bob, 1); !errors.Is(err, pin.ErrBoxFull) {
		t.Errorf("Reserve without capacity = %v, want ErrBoxFull", err)
	}
	if _, err := l.Reserve(bob, 101); !errors.Is(err, pin.ErrOverQuota) {
		t.Errorf("Reserve over the quota of a full box = %v, want ErrOverQuota", err)
	}
}

func TestFeeds(t *testing.T) {
	l := granted(100, 2)
	for range 2 {
		if err := l.AddFeed(alice); err != nil {
			t.Fatal(err)
		}
	}
	err := l.AddFeed(alice)
	e, ok := errors.AsType[*pin.FeedsError](err)
	if !errors.Is(err, pin.ErrOverQuota) || !ok || *e != (pin.FeedsError{Partner: alice, Feeds: 2, MaxFeeds: 2}) {
		t.Errorf("AddFeed = %v, want a FeedsError", err)
	}
	if err := l.AddFeed(bob); err != nil {
		t.Error(err)
	}
	if err := reserve(t, l, alice, 10).Commit(10); err != nil {
		t.Fatal(err)
	}
	l.RemoveFeed(alice, 10)
	wantUsage(t, l, alice, 0, 0)
	if err := l.AddFeed(alice); err != nil {
		t.Errorf("after a feed was removed: %v", err)
	}
	if _, _, quota, feeds, maxFeeds := l.Usage(alice); quota != 100 || feeds != 2 || maxFeeds != 2 {
		t.Errorf("Usage = quota %d, %d of %d feeds", quota, feeds, maxFeeds)
	}
}

func TestWithoutGrant(t *testing.T) {
	l := pin.NewLedger()
	check := func() {
		t.Helper()
		if _, err := l.Reserve(alice, 0); !errors.Is(err, pin.ErrNoGrant) {
			t.Errorf("Reserve = %v, want ErrNoGrant", err)
		}
		if err := l.AddFeed(alice); !errors.Is(err, pin.ErrNoGrant) {
			t.Errorf("AddFeed = %v, want ErrNoGrant", err)
		}
	}
	check()
	l.RemoveGrant(alice) // of nobody: nothing happens
	l.Load(alice, 70, 2)
	check()
	l.SetGrant(identity.Grant{Partner: alice, QuotaBytes: 100, MaxFeeds: 3})
	if g, ok := l.Grant(alice); !ok || g.QuotaBytes != 100 || len(l.Grants()) != 1 {
		t.Errorf("Grant = %+v, %v; Grants = %v", g, ok, l.Grants())
	}
	r := reserve(t, l, alice, 20)
	l.RemoveGrant(alice)
	check()
	if _, ok := l.Grant(alice); ok || len(l.Grants()) != 0 {
		t.Error("a grant that was removed is there")
	}
	// What was promised before stays promised.
	if err := r.Commit(20); err != nil {
		t.Error(err)
	}
	wantUsage(t, l, alice, 90, 0)
	for range 2 {
		l.RemoveFeed(alice, 45)
	}
	wantUsage(t, l, alice, 0, 0)
	r.Release()
	if err := r.Commit(0); err != nil {
		t.Error(err)
	}
}

func TestSmallerGrantGivesNothingMore(t *testing.T) {
	l := granted(100, 5)
	l.Load(alice, 50, 3)
	l.Load(alice, 10, 0)
	r := reserve(t, l, alice, 20)
	l.SetGrant(identity.Grant{Partner: alice, QuotaBytes: 40, MaxFeeds: 1})
	wantUsage(t, l, alice, 60, 20)
	if _, err := l.Reserve(alice, 1); !errors.Is(err, pin.ErrOverQuota) {
		t.Errorf("Reserve = %v, want ErrOverQuota", err)
	}
	if err := l.AddFeed(alice); !errors.Is(err, pin.ErrOverQuota) {
		t.Errorf("AddFeed = %v, want ErrOverQuota", err)
	}
	if err := r.Commit(20); err != nil {
		t.Error(err)
	}
	l.Free(alice, 41)
	if _, err := l.Reserve(alice, 2); !errors.Is(err, pin.ErrOverQuota) {
		t.Errorf("Reserve = %v, want ErrOverQuota", err)
	}
	reserve(t, l, alice, 1)
}

func TestBrokenPromisesPanic(t *testing.T) {
	for what, broken := range map[string]func(l *pin.Ledger){
		"free of nobody's":      func(l *pin.Ledger) { l.Free(identity.PartnerKey{9}, 1) },
		"free of too much":      func(l *pin.Ledger) { l.Free(alice, 1) },
		"feed that is not":      func(l *pin.Ledger) { l.RemoveFeed(alice, 0) },
		"grow after release":    func(l *pin.Ledger) { r, _ := l.Reserve(alice, 1); r.Release(); _ = r.Grow(1) },
		"feed with other bytes": func(l *pin.Ledger) { l.Load(alice, 1, 1); l.RemoveFeed(alice, 2) },
	} {
		t.Run(what, func(t *testing.T) {
			defer func() {
				if v := recover(); v == nil || !strings.HasPrefix(v.(string), "pin: ") {
					t.Errorf("recovered %v, want a panic of this package", v)
				}
			}()
			broken(granted(10, 1))
		})
	}
}

// Many uploads at once, at random: whoever looks at any moment sees no partner
// over its quota and no box over its capacity, and in the end the sums agree
// with what each upload was told.
func TestLedgerIsNeverOverQuota(t *testing.T) {
	const (
		quota    = 1000
		capacity = 1500
		maxFeeds = 3
		uploads  = 16
		steps    = 2000
	)
	l := granted(quota, maxFeeds)
	l.SetCapacity(capacity)

	check := func() {
		for _, p := range []identity.PartnerKey{alice, bob} {
			used, reserved, _, feeds, _ := l.Usage(p)
			if used+reserved > quota || feeds > maxFeeds {
				t.Errorf("over quota: %d used, %d reserved, %d feeds", used, reserved, feeds)
			}
		}
		if taken, _, _ := l.Total(); taken > capacity {
			t.Errorf("over capacity: %d taken", taken)
		}
	}

	var kept [uploads]struct {
		used  uint64
		feeds int
	}
	partnerOf := func(i int) identity.PartnerKey {
		if i%2 == 0 {
			return alice
		}
		return bob
	}
	var wg sync.WaitGroup
	for i := range uploads {
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(1, uint64(i)))
			p, mine := partnerOf(i), &kept[i]
			for range steps {
				switch rng.IntN(6) {
				case 0:
					if l.AddFeed(p) == nil {
						mine.feeds++
					}
				case 1:
					if mine.feeds > 0 {
						mine.feeds--
						l.RemoveFeed(p, 0)
					}
				case 2:
					if n := rng.Uint64N(mine.used + 1); n > 0 {
						mine.used -= n
						l.Free(p, n)
					}
				default:
					r, err := l.Reserve(p, rng.Uint64N(quota))
					if err != nil {
						continue
					}
					n := rng.Uint64N(r.Left() + 1)
					if err := r.Commit(n); err != nil {
						t.Error(err)
					}
					mine.used += n
					if r.Grow(rng.Uint64N(100)) == nil {
						left := r.Left()
						if err := r.Commit(left); err != nil {
							t.Error(err)
						}
						mine.used += left
					}
					r.Release()
				}
				check()
			}
		})
	}
	wg.Wait()

	var total uint64
	for side, p := range []identity.PartnerKey{alice, bob} {
		var used uint64
		var feeds int
		for i := side; i < uploads; i += 2 {
			used += kept[i].used
			feeds += kept[i].feeds
		}
		total += used
		wantUsage(t, l, p, used, 0)
		if _, _, _, got, _ := l.Usage(p); got != feeds {
			t.Errorf("%d feeds, want %d", got, feeds)
		}
	}
	wantTotal(t, l, total)
}

// Two uploads that together do not fit are never both told yes.
func TestTwoUploadsNeverBothToldYes(t *testing.T) {
	for range 500 {
		l := granted(10, 1)
		var yes [2]bool
		var wg sync.WaitGroup
		for i := range yes {
			wg.Go(func() {
				_, err := l.Reserve(alice, 6)
				yes[i] = err == nil
			})
		}
		wg.Wait()
		if yes[0] == yes[1] {
			t.Fatalf("told %v, want exactly one yes", yes)
		}
	}
}
