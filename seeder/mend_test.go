package seeder

import (
	"testing"
	"time"
)

// A box that was not let in tries again soon, then less and less often; and begins anew
// when everything was whole in between, or something new is to be mended.
func TestMendWait(t *testing.T) {
	w := mendWait(0)
	for i, c := range []struct {
		whole bool
		want  time.Duration
	}{
		{false, time.Minute}, {false, 2 * time.Minute}, {false, 4 * time.Minute}, {false, 8 * time.Minute},
		{false, 10*time.Minute - 1}, {false, 10*time.Minute - 1}, {true, 10 * time.Minute}, {false, time.Minute},
	} {
		if w = w.next(c.whole); time.Duration(w) != c.want {
			t.Errorf("round %d: %v, want %v", i, time.Duration(w), c.want)
		}
	}
}
