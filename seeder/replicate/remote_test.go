package replicate

import (
	"testing"

	"cobox/seeder/wire"
)

// A Bitfield may come before the upgrade that leads to its last blocks: they count as
// soon as it is verified. Each place of the length in a word is tried.
func TestBitfieldBeforeUpgrade(t *testing.T) {
	for length := uint64(0); length < 70; length++ {
		for _, grown := range []uint64{1, 2, 33, 100} {
			h := &remoteHave{}
			m := &wire.Bitfield{Words: make([]uint32, (length+grown+31)/32)}
			for i := range length + grown {
				if i%5 != 3 || i == length { // with gaps
					m.Words[i/32] |= 1 << (i % 32)
				}
			}
			h.window(m, length)
			if h.grown(length + grown) {
				t.Fatalf("at length %d, grown by %d: some was forgotten", length, grown)
			}
			for i := range length + grown + 40 {
				want := i < length+grown && (i%5 != 3 || i == length)
				if h.has(i) != want {
					t.Fatalf("at length %d, grown by %d: block %d is there: %v, want %v", length, grown, i, h.has(i), want)
				}
			}
		}
	}
	h := &remoteHave{} // very many short runs: bounded
	m := &wire.Bitfield{Words: make([]uint32, 4*wantWindow/32)}
	for i := range m.Words {
		m.Words[i] = 0x55555555
	}
	h.window(m, 0)
	if len(h.later) > maxRemoteRanges {
		t.Errorf("%d ranges are kept", len(h.later))
	}
	if !h.grown(1000) || h.grown(1001) {
		t.Error("that ranges were forgotten is to be told once, so that the peer is asked again")
	}
	long := &remoteHave{} // below the length all counts, however long the message is
	full := &wire.Bitfield{Words: make([]uint32, 2*wantWindow/32)}
	full.Words[len(full.Words)-1] = 1 << 31
	long.window(full, 2*wantWindow)
	if !long.has(2*wantWindow-1) || long.forgot {
		t.Error("the end of a long message was cut off")
	}
}
