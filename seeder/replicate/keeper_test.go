package replicate

import (
	"math/rand/v2"
	"testing"
)

// What sessions keep is bounded, each by itself and all together; each may always have
// its own share; and when all is kept or dropped, nothing is held.
func TestRoomToKeep(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	x := new(Exchange)
	type holder struct {
		s    session
		held []int
	}
	var all [20]holder
	for i := range all {
		all[i].s.x = x
	}
	free := func(h *holder) {
		i := r.IntN(len(h.held))
		h.s.keptLocked(h.held[i])
		h.held = append(h.held[:i], h.held[i+1:]...)
	}
	highest := int64(0)
	for range 20_000 {
		h := &all[r.IntN(len(all))]
		if len(h.held) > 0 && r.IntN(3) == 0 {
			free(h)
			continue
		}
		n := 1 + r.IntN(2<<20)
		room := h.s.roomLocked(n)
		if !room && h.s.keeping+n <= maxKeeping {
			t.Fatalf("a session with %d bytes may not have %d more", h.s.keeping, n)
		}
		if room {
			h.s.keeping += n
			h.held = append(h.held, n)
		}
		if h.s.keeping > maxKeeping+h.s.extra || h.s.extra > maxSessionExtra || x.extra.Load() > maxExtra {
			t.Fatalf("a session has %d bytes, %d of them extra of %d", h.s.keeping, h.s.extra, x.extra.Load())
		}
		highest = max(highest, x.extra.Load())
	}
	if highest < maxExtra*9/10 {
		t.Errorf("the extra was never used up: %d bytes at most", highest)
	}
	for i := range all {
		for len(all[i].held) > 0 {
			free(&all[i])
		}
		if all[i].s.keeping != 0 || all[i].s.extra != 0 {
			t.Errorf("session %d holds %d bytes, %d extra", i, all[i].s.keeping, all[i].s.extra)
		}
	}
	if n := x.extra.Load(); n != 0 {
		t.Errorf("%d bytes are held by nobody", n)
	}
}
