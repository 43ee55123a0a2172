package feed_test

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"cobox/seeder/feed"
)

// modelBits is how many bits the model below has: a little over three pages.
const modelBits = 3*feed.PageBits + 200

// A model is a set of block indexes in the plainest form.
type model [modelBits]bool

func (m *model) check(t *testing.T, b *feed.Bitfield, rnd *rand.Rand, what string) {
	t.Helper()
	var count uint64
	for i, in := range m {
		if b.Get(uint64(i)) != in {
			t.Fatalf("%s: Get(%d) = %v", what, i, !in)
		}
		if in {
			count++
		}
	}
	if got := b.Count(); got != count {
		t.Fatalf("%s: Count = %d, want %d", what, got, count)
	}
	for range 40 {
		start, end := edge(rnd), edge(rnd)
		var want uint64
		for i := start; i < end; i++ {
			if m[i] {
				want++
			}
		}
		if got := b.CountRange(start, end); got != want {
			t.Fatalf("%s: CountRange(%d, %d) = %d, want %d", what, start, end, got, want)
		}
		set, unset := start, start
		for set < modelBits && !m[set] {
			set++
		}
		for unset < modelBits && m[unset] {
			unset++
		}
		if got, ok := b.NextSet(start); ok != (set < modelBits) || ok && got != set {
			t.Fatalf("%s: NextSet(%d) = %d, %v, want %d", what, start, got, ok, set)
		}
		if got := b.NextUnset(start); got != unset {
			t.Fatalf("%s: NextUnset(%d) = %d, want %d", what, start, got, unset)
		}
	}
}

// edge returns an index, often one near the edge of a page or word.
func edge(rnd *rand.Rand) uint64 {
	switch rnd.IntN(3) {
	case 0:
		return uint64(rnd.IntN(modelBits))
	case 1:
		return uint64(rnd.IntN(4)) * feed.PageBits
	}
	return min(modelBits, uint64(max(0, rnd.IntN(4)*feed.PageBits+rnd.IntN(140)-70)))
}

func TestBitfieldAgainstModel(t *testing.T) {
	for seed := range uint64(6) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		var m model
		var b feed.Bitfield
		for step := range 30 {
			in := rnd.IntN(3) > 0
			var what string
			switch rnd.IntN(6) {
			case 0:
				what = "Set"
				for range 50 {
					i := min(edge(rnd), modelBits-1)
					if changed := b.Set(i, in); changed != (m[i] != in) {
						t.Fatalf("Set(%d, %v) = %v", i, in, changed)
					}
					m[i] = in
				}
			case 1, 2:
				what = "SetRange"
				start, end := edge(rnd), edge(rnd)
				b.SetRange(start, end, in)
				for i := start; i < end; i++ {
					m[i] = in
				}
			case 3:
				what = "SetWords"
				start := edge(rnd) / 64 * 32
				words := make([]uint32, rnd.IntN(1500))
				for i := range words {
					words[i] = rnd.Uint32() >> rnd.IntN(33)
				}
				b.SetWords(start, words)
				for i := range uint64(len(words)) * 32 {
					m[start+i] = words[i/32]>>(i%32)&1 == 1
				}
				if got := b.Words(start, len(words)); !slices.Equal(got, words) {
					t.Fatalf("Words(%d, %d) differ from those that were set", start, len(words))
				}
			case 4:
				what = "SetPage"
				p := uint64(rnd.IntN(3))
				page := make([]byte, feed.PageBits/8)
				for i := range page {
					page[i] = [4]byte{0, 0xff, byte(rnd.Uint32()), 0xff}[step%4]
				}
				b.SetPage(p, page)
				for i := range uint64(feed.PageBits) {
					m[p*feed.PageBits+i] = page[i/8]>>(i%8)&1 == 1
				}
			case 5:
				what = "Clone"
				c := b.Clone()
				b.SetRange(0, modelBits, in) // what is left behind may change
				b = *c
			}
			m.check(t, &b, rnd, what)
		}
		var again feed.Bitfield
		for p := range uint64(5) {
			again.SetPage(p, b.Page(p))
		}
		m.check(t, &again, rnd, "Page and SetPage")
	}
}

// Long runs cost nothing, wherever they are: this would not fit otherwise.
func TestBitfieldOfLongFeeds(t *testing.T) {
	var b feed.Bitfield
	const far = uint64(1) << 60
	b.SetRange(5, far, true)
	b.SetRange(1<<40+7, 1<<41+3, false)
	if got, want := b.Count(), far-5-(1<<40-4); got != want {
		t.Errorf("Count = %d, want %d", got, want)
	}
	if got := b.NextUnset(5); got != 1<<40+7 {
		t.Errorf("NextUnset(5) = %d", got)
	}
	if got, ok := b.NextSet(1<<40 + 7); !ok || got != 1<<41+3 {
		t.Errorf("NextSet = %d, %v", got, ok)
	}
	if got := b.NextUnset(1<<41 + 3); got != far {
		t.Errorf("NextUnset = %d, want %d", got, far)
	}
	if got := b.CountRange(0, 1<<41); got != 1<<40+7-5 {
		t.Errorf("CountRange = %d", got)
	}
	if page := b.Page(1 << 40); len(page) != 4096 || page[0] != 0xff || page[4095] != 0xff {
		t.Errorf("Page of ones = %v", page)
	}
	if page := b.Page(1 << 46); page != nil {
		t.Errorf("Page beyond all bits = %v", page)
	}
	b.SetRange(0, 1<<64-1, false)
	if b.Count() != 0 || b.Get(6) {
		t.Errorf("Count of an empty set = %d", b.Count())
	}
	if allocs := testing.AllocsPerRun(10, func() {
		b.SetRange(0, 1<<50, true)
		b.SetRange(0, 1<<50, false)
	}); allocs > 8 {
		t.Errorf("a long run takes %v allocations", allocs)
	}
}

// A box keeps the bitfields of all its feeds in memory, most of them complete.
func TestBitfieldOfCompleteFeedIsSmall(t *testing.T) {
	const feeds = 1000
	for _, blocks := range []uint64{1, 100, 10_000, 100_000} {
		list := make([]*feed.Bitfield, feeds)
		before := heap()
		for n := range list {
			b := new(feed.Bitfield)
			for p := range (blocks + feed.PageBits - 1) / feed.PageBits {
				page := make([]byte, feed.PageBits/8)
				for i := p * feed.PageBits; i < min(blocks, (p+1)*feed.PageBits); i++ {
					page[i%feed.PageBits/8] |= 1 << (i % 8)
				}
				b.SetPage(p, page)
			}
			list[n] = b
		}
		if each := (heap() - before) / feeds; each > 256 {
			t.Errorf("the bitfield of a feed that has all its %d blocks takes %d bytes, want at most 256", blocks, each)
		}
		runtime.KeepAlive(list)
	}
}

// heap returns the bytes that live.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

func TestBitfieldRefusesOddWords(t *testing.T) {
	for name, fn := range map[string]func(*feed.Bitfield){
		"Words":    func(b *feed.Bitfield) { b.Words(31, 1) },
		"SetWords": func(b *feed.Bitfield) { b.SetWords(33, []uint32{1}) },
		"SetPage":  func(b *feed.Bitfield) { b.SetPage(0, []byte{1}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s does not panic", name)
				}
			}()
			fn(new(feed.Bitfield))
		}()
	}
}

func BenchmarkBitfieldSet(b *testing.B) {
	var f feed.Bitfield
	for i := range uint64(b.N) {
		f.Set(i, true)
	}
}
