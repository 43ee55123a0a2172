package feed

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
	"sort"
)

// PageBits is the number of bits in a page: 32768, that is 4096 bytes.
const PageBits = 32768

const (
	pageWords = PageBits / 64
	pageBytes = PageBits / 8
)

// A Bitfield is a set of block indexes, in pages of [PageBits] bits, so that a
// long feed with long runs costs little memory: pages without bits cost
// nothing, a run of full pages costs as much as one number, however long, and of
// any other page only what is between its full beginning and its empty end is kept.
// The zero Bitfield is empty. It is not safe for concurrent use.
type Bitfield struct {
	runs  []run // in order, not overlapping; full ones that touch are one
	count uint64
}

// A run is a page with its bits, or any number of full pages.
type run struct {
	first, pages uint64
	bits         *mixed // nil: all pages are full
}

func (r *run) end() uint64 { return r.first + r.pages }

func (r *run) count() uint64 {
	if r.bits == nil {
		return r.pages * PageBits
	}
	return r.bits.ones
}

// A mixed page is neither full nor empty: some full words, then these, then empty ones.
type mixed struct {
	full  int
	words []uint64
	ones  uint64 // in all of it; neither 0 nor PageBits, but while it is edited
}

func (m *mixed) word(w int) uint64 {
	switch {
	case w < m.full:
		return ^uint64(0)
	case w-m.full < len(m.words):
		return m.words[w-m.full]
	}
	return 0
}

// window returns the words [from, to), to be edited.
func (m *mixed) window(from, to int) []uint64 {
	if from < m.full {
		more := make([]uint64, m.full-from, m.full-from+len(m.words))
		for i := range more {
			more[i] = ^uint64(0)
		}
		m.words, m.full = append(more, m.words...), from
	}
	if missing := to - m.full - len(m.words); missing > 0 {
		m.words = append(m.words, make([]uint64, missing)...)
	}
	return m.words[from-m.full : to-m.full]
}

// trim forgets the words that the full beginning and the empty end say as well.
func (m *mixed) trim() {
	for len(m.words) > 0 && m.words[0] == ^uint64(0) {
		m.words = m.words[1:]
		m.full++
	}
	n := len(m.words)
	for n > 0 && m.words[n-1] == 0 {
		n--
	}
	m.words = m.words[:n]
}

func onesOf(words []uint64) (ones uint64) {
	for _, word := range words {
		ones += uint64(bits.OnesCount64(word))
	}
	return ones
}

// find returns the place of the first run that ends after page p, and whether p is in it.
func (b *Bitfield) find(p uint64) (k int, in bool) {
	k = sort.Search(len(b.runs), func(k int) bool { return b.runs[k].end() > p })
	return k, k < len(b.runs) && b.runs[k].first <= p
}

// Get reports whether i is in the set.
func (b *Bitfield) Get(i uint64) bool {
	k, in := b.find(i / PageBits)
	if !in {
		return false
	}
	page := b.runs[k].bits
	return page == nil || page.word(int(i%PageBits/64))>>(i%64)&1 == 1
}

// Set puts i in the set, or takes it out; it reports whether this changed anything.
func (b *Bitfield) Set(i uint64, in bool) bool {
	if b.Get(i) == in {
		return false
	}
	b.edit(i/PageBits, i%PageBits, i%PageBits+1, func(words []uint64) { words[0] ^= 1 << (i % 64) })
	return true
}

// SetRange puts [start, end) in the set, or takes it out.
func (b *Bitfield) SetRange(start, end uint64, in bool) {
	if start >= end {
		return
	}
	first, last := start/PageBits, (end-1)/PageBits
	if first == last {
		b.editRange(first, start%PageBits, (end-1)%PageBits+1, in)
		return
	}
	if start%PageBits != 0 {
		b.editRange(first, start%PageBits, PageBits, in)
		first++
	}
	if end%PageBits != 0 {
		b.editRange(last, 0, end%PageBits, in)
		last--
	}
	if first > last {
		return
	}
	b.replace(first, last-first+1, run{first: first, pages: last - first + 1}, in)
}

// editRange sets bits [from, to) of page p.
func (b *Bitfield) editRange(p, from, to uint64, in bool) {
	b.edit(p, from, to, func(words []uint64) {
		for i := range words {
			mask := rangeMask(from/64+uint64(i), from, to)
			if in {
				words[i] |= mask
			} else {
				words[i] &^= mask
			}
		}
	})
}

// rangeMask returns the bits of [from, to) that lie in word w.
func rangeMask(w, from, to uint64) uint64 {
	mask := ^uint64(0)
	if from > w*64 {
		mask <<= from - w*64
	}
	if to < w*64+64 {
		mask &= 1<<(to-w*64) - 1
	}
	return mask
}

// Count returns the size of the set.
func (b *Bitfield) Count() uint64 { return b.count }

// CountRange returns the size of the set within [start, end).
func (b *Bitfield) CountRange(start, end uint64) uint64 {
	if start >= end {
		return 0
	}
	var n uint64
	k, _ := b.find(start / PageBits)
	for ; k < len(b.runs) && b.runs[k].first <= (end-1)/PageBits; k++ {
		r := &b.runs[k]
		from := max(start, r.first*PageBits)
		if r.bits == nil {
			// Counted by the last bit, since the end of the last page of all overflows.
			last := min(end-1, r.first*PageBits+(r.pages*PageBits-1))
			n += last - from + 1
			continue
		}
		lo, hi := from-r.first*PageBits, uint64(PageBits)
		if (end-1)/PageBits == r.first {
			hi = (end-1)%PageBits + 1
		}
		if lo == 0 && hi == PageBits {
			n += r.bits.ones
			continue
		}
		for w := lo / 64; w*64 < hi; w++ {
			n += uint64(bits.OnesCount64(r.bits.word(int(w)) & rangeMask(w, lo, hi)))
		}
	}
	return n
}

// NextUnset returns the first index >= i that is not in the set.
func (b *Bitfield) NextUnset(i uint64) uint64 {
	for k, in := b.find(i / PageBits); in; {
		r := &b.runs[k]
		if r.bits != nil {
			if j, ok := scan(r.bits, i%PageBits, ^uint64(0)); ok {
				return r.first*PageBits + j
			}
		}
		i = r.end() * PageBits
		k++
		in = k < len(b.runs) && b.runs[k].first*PageBits == i
	}
	return i
}

// NextSet returns the first index >= i that is in the set; ok is false when there is none.
func (b *Bitfield) NextSet(i uint64) (index uint64, ok bool) {
	for k, _ := b.find(i / PageBits); k < len(b.runs); k++ {
		r := &b.runs[k]
		i = max(i, r.first*PageBits)
		if r.bits == nil {
			return i, true
		}
		if i/PageBits == r.first {
			if j, ok := scan(r.bits, i%PageBits, 0); ok {
				return r.first*PageBits + j, true
			}
		}
	}
	return 0, false
}

// scan returns the first bit >= from that is set after all words are XORed with flip.
func scan(page *mixed, from, flip uint64) (uint64, bool) {
	w := int(from / 64)
	word := (page.word(w) ^ flip) &^ (1<<(from%64) - 1)
	for word == 0 {
		if w++; w == pageWords {
			return 0, false
		}
		word = page.word(w) ^ flip
	}
	return uint64(w)*64 + uint64(bits.TrailingZeros64(word)), true
}

// Words returns n words of 32 bits from bit start, which must be a multiple of
// 32: bit i is words[i>>5]>>(i&31)&1, as in Hypercore's bitfield message.
func (b *Bitfield) Words(start uint64, n int) []uint32 {
	mustAlign(start)
	words := make([]uint32, n)
	for done := 0; done < n; {
		i := start + uint64(done)*32
		at := int(i % PageBits / 32)
		step := min(n-done, PageBits/32-at)
		if k, in := b.find(i / PageBits); in {
			for j := range step {
				words[done+j] = b.runs[k].word32(at + j)
			}
		}
		done += step
	}
	return words
}

func (r *run) word32(i int) uint32 {
	if r.bits == nil {
		return math.MaxUint32
	}
	return uint32(r.bits.word(i/2) >> (i % 2 * 32))
}

// SetWords overwrites the bits from start (a multiple of 32) with words.
func (b *Bitfield) SetWords(start uint64, words []uint32) {
	mustAlign(start)
	for len(words) > 0 {
		at := start % PageBits / 32
		step := min(uint64(len(words)), PageBits/32-at)
		b.edit(start/PageBits, at*32, (at+step)*32, func(page []uint64) {
			for j, word := range words[:step] {
				i := at%2 + uint64(j)
				shift := i % 2 * 32
				page[i/2] = page[i/2]&^(math.MaxUint32<<shift) | uint64(word)<<shift
			}
		})
		words = words[step:]
		start += step * 32
	}
}

func mustAlign(start uint64) {
	if start%32 != 0 {
		panic(fmt.Sprintf("feed: bitfield words from bit %d, which is no multiple of 32", start))
	}
}

// Page returns a copy of page p (bits p*PageBits to (p+1)*PageBits) as 4096
// bytes, bit i at byte i/8, low bit first; nil when the page is empty.
func (b *Bitfield) Page(p uint64) []byte {
	k, in := b.find(p)
	if !in {
		return nil
	}
	page := make([]byte, 0, pageBytes)
	for w := range pageWords {
		word := ^uint64(0)
		if b.runs[k].bits != nil {
			word = b.runs[k].bits.word(w)
		}
		page = binary.LittleEndian.AppendUint64(page, word)
	}
	return page
}

// SetPage overwrites page p. data has 4096 bytes, is not retained, or is nil
// for an empty page.
func (b *Bitfield) SetPage(p uint64, data []byte) {
	if data == nil {
		b.replace(p, 1, run{}, false)
		return
	}
	if len(data) != pageBytes {
		panic(fmt.Sprintf("feed: bitfield page of %d bytes, want %d", len(data), pageBytes))
	}
	page := &mixed{words: make([]uint64, pageWords)}
	for w := range page.words {
		page.words[w] = binary.LittleEndian.Uint64(data[8*w:])
	}
	page.ones = onesOf(page.words)
	page.trim()
	page.words = slices.Clone(page.words) // no longer than it must be
	b.put(p, page)
}

// Clone returns a copy that shares nothing with b.
func (b *Bitfield) Clone() *Bitfield {
	c := &Bitfield{runs: slices.Clone(b.runs), count: b.count}
	for i := range c.runs {
		if page := c.runs[i].bits; page != nil {
			c.runs[i].bits = &mixed{page.full, slices.Clone(page.words), page.ones}
		}
	}
	return c
}

// edit lets fn change the words of page p that have the bits [from, to).
func (b *Bitfield) edit(p, from, to uint64, fn func([]uint64)) {
	k, in := b.find(p)
	var page *mixed
	switch {
	case in && b.runs[k].bits != nil:
		page = b.runs[k].bits
	case in:
		page = &mixed{full: pageWords, ones: PageBits}
	default:
		page = &mixed{}
	}
	before := page.ones
	words := page.window(int(from/64), int((to+63)/64))
	ones := onesOf(words)
	fn(words)
	page.ones += onesOf(words) - ones
	page.trim()
	if in && page == b.runs[k].bits {
		b.count += page.ones - before
		if page.ones != 0 && page.ones != PageBits { // the common case: nothing moves
			return
		}
	}
	b.put(p, page)
}

// put makes a page the bits of page p.
func (b *Bitfield) put(p uint64, page *mixed) {
	switch page.ones {
	case PageBits:
		b.replace(p, 1, run{first: p, pages: 1}, true)
	case 0:
		b.replace(p, 1, run{}, false)
	default:
		b.replace(p, 1, run{first: p, pages: 1, bits: page}, true)
	}
}

// replace empties pages [first, first+pages) and, if put is true, puts r there.
func (b *Bitfield) replace(first, pages uint64, r run, put bool) {
	from, _ := b.find(first)
	to := from
	var keep []run
	for ; to < len(b.runs) && b.runs[to].first < first+pages; to++ {
		old := b.runs[to]
		b.count -= old.count()
		if old.first < first { // a full run that sticks out on the left
			keep = append(keep, run{first: old.first, pages: first - old.first})
		}
		if put {
			keep, put = append(keep, r), false
		}
		if old.end() > first+pages { // on the right
			keep = append(keep, run{first: first + pages, pages: old.end() - first - pages})
		}
	}
	if put {
		keep = append(keep, r)
	}
	for i := range keep {
		b.count += keep[i].count()
	}
	b.runs = slices.Replace(b.runs, from, to, keep...)
	b.join(max(from-1, 0), from+len(keep)+1)
}

// join makes one of full runs that touch, among runs [from, to).
func (b *Bitfield) join(from, to int) {
	for k := min(to, len(b.runs)) - 1; k > from; k-- {
		left, right := &b.runs[k-1], &b.runs[k]
		if left.bits == nil && right.bits == nil && left.end() == right.first {
			left.pages += right.pages
			b.runs = slices.Delete(b.runs, k, k+1)
		}
	}
}
