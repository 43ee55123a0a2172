package replicate

import (
	"math/bits"
	"slices"

	"cobox/seeder/feed"
	"cobox/seeder/wire"
)

// remoteHave is what a peer said it has. What it announces beyond the length
// that we have verified is kept only as a few ranges: a number that a stranger
// claims must not size anything.
type remoteHave struct {
	contiguous uint64        // blocks from the start
	bits       feed.Bitfield // the others, below the verified length
	later      []blockRange  // beyond it, at most maxRemoteRanges
	forgot     bool          // there was more beyond it
	missing    map[uint64]struct{}
	shown      uint64 // it has said of all blocks before this one whether it has them
}

type blockRange struct{ start, end uint64 }

// has reports whether the peer said that it has block i, and did not take it back.
func (h *remoteHave) has(i uint64) bool {
	if _, gone := h.missing[i]; gone {
		return false
	}
	return i < h.contiguous || h.bits.Get(i)
}

// next returns the first block >= i below length that the peer may have.
func (h *remoteHave) next(i, length uint64) (uint64, bool) {
	for ; i < length; i++ {
		if i >= h.contiguous {
			j, ok := h.bits.NextSet(i)
			if !ok || j >= length {
				return 0, false
			}
			i = j
		}
		if _, gone := h.missing[i]; !gone {
			return i, true
		}
	}
	return 0, false
}

// gone notes that the peer does not have block i after all. It reports false
// when this happened too often to go on with this peer.
func (h *remoteHave) gone(i uint64) bool {
	if h.missing == nil {
		h.missing = make(map[uint64]struct{})
	}
	h.missing[i] = struct{}{}
	return len(h.missing) < maxMissing
}

// announce takes in a Range message. length is our verified length.
func (h *remoteHave) announce(m *wire.Range, length uint64) {
	end := m.Start + m.Length // cannot overflow: both are below 2^53
	if m.Drop {
		h.drop(m.Start, end, length)
		return
	}
	for i := range h.missing {
		if i >= m.Start && i < end {
			delete(h.missing, i)
		}
	}
	if m.Start <= h.contiguous {
		h.contiguous = max(h.contiguous, end)
		return
	}
	if m.Start < length {
		h.bits.SetRange(m.Start, min(end, length), true)
	}
	if end > length {
		h.keepLater(blockRange{max(m.Start, length), end})
	}
}

func (h *remoteHave) drop(start, end, length uint64) {
	if start < h.contiguous {
		// What lies behind the gap is known again only below our length.
		if end < h.contiguous && end < length {
			h.bits.SetRange(end, min(h.contiguous, length), true)
		}
		h.contiguous = start
	}
	if start < length {
		h.bits.SetRange(start, min(end, length), false)
	}
	h.later = slices.DeleteFunc(h.later, func(r blockRange) bool { return r.start < end && start < r.end })
}

func (h *remoteHave) keepLater(r blockRange) {
	if n := len(h.later); n > 0 && h.later[n-1].end == r.start {
		h.later[n-1].end = r.end
		return
	}
	if len(h.later) == maxRemoteRanges {
		h.later, h.forgot = slices.Delete(h.later, 0, 1), true
	}
	h.later = append(h.later, r)
}

// window takes in a Bitfield message. What lies beyond our verified length is kept as
// ranges, as of a Range message: the upgrade that leads there may be under way.
func (h *remoteHave) window(m *wire.Bitfield, length uint64) {
	if m.Start%32 != 0 {
		return
	}
	// It is the answer to one of our Wants, which come in order: from now on the peer tells
	// by itself what changes in that window, also where the message ends before it does.
	if m.Start <= max(h.shown, h.contiguous) {
		h.shown = max(h.shown, (m.Start/wantWindow+1)*wantWindow)
	}
	below := 0
	if m.Start < length {
		below = int(min(uint64(len(m.Words)), (length-m.Start+31)/32))
		h.bits.SetWords(m.Start, m.Words[:below])
	}
	for i, word := range m.Words[below:] {
		start := m.Start + 32*uint64(below+i)
		if word != 0 && len(h.later) > maxRemoteRanges-32 {
			h.forgot = true // the first ones are of use next; the others are asked for when they are
			break
		}
		for word != 0 {
			first := bits.TrailingZeros32(word)
			n := bits.TrailingZeros32(^(word >> first))
			h.keepLater(blockRange{start + uint64(first), start + uint64(first+n)})
			word &^= uint32((uint64(1)<<n - 1) << first)
		}
	}
	h.missing = nil
}

// grown moves what was announced beyond the old verified length into place. It reports
// whether some of that was forgotten, so that the peer has to be asked again.
func (h *remoteHave) grown(length uint64) (forgot bool) {
	forgot, h.forgot = h.forgot, false
	kept := h.later[:0]
	for _, r := range h.later {
		if r.start < length {
			h.bits.SetRange(r.start, min(r.end, length), true)
			r.start = length
		}
		if r.start < r.end {
			kept = append(kept, r)
		}
	}
	h.later = kept
	return forgot
}
