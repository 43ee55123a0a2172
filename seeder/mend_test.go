package seeder

import (
	"testing"
	"time"
)

// A box that was not let in tries again soon, then less and less often; and begins anew
// when everything was whole in between, or something new is to be mended.
func TestMendWait(t *testing.T) {
	var w mendWait
	for i, c := range []struct {
		whole bool
		want  time.Duration
	}{
		{false, time.Minute}, {false, 2 * time.Minute}, {false, 4 * time.Minute}, {false, 8 * time.Minute},
		{false, 10 * time.Minute}, {false, 10 * time.Minute}, {true, 10 * time.Minute}, {false, time.Minute},
	} {
		if got := w.after(c.whole); got != c.want {
			t.Errorf("round %d: %v, want %v", i, got, c.want)
		}
	}
}
