package boottest_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"cobox/appliance/boottest"
)

// TestPowerCut cuts the power at random moments while data comes in: nothing that
// the box has given a receipt for is missing afterwards, and what it keeps verifies.
func TestPowerCut(t *testing.T) {
	s := newStory(t, boottest.Virt)
	x := newSender(s)
	s.switchOn()
	s.awaitBox()
	x.own(1 << 30)
	box := x.connect()
	began := time.Now()
	for round := range *cuts {
		// Some of the cuts come while the box is busy with the start and the last cut.
		wait := time.Duration(rand.Int64N(int64(8 * time.Second)))
		ctx, cancel := context.WithTimeout(t.Context(), wait)
		err := x.send(ctx, box, 64)
		cancel()
		if ctx.Err() == nil {
			t.Fatalf("round %d: sending: %v", round+1, err)
		}
		before := x.receipt
		s.cutPower()
		x.host.ClosePeer(peerOf(t, box.ID()))
		s.switchOn()
		if rand.IntN(4) == 0 { // again, while it comes up
			<-time.After(time.Duration(rand.Int64N(int64(10 * time.Second))))
			s.cutPower()
			s.switchOn()
		}
		s.awaitBox()
		box = x.connect()
		x.verify(box, x.receipt-min(x.receipt, 100))
		t.Logf("cut %d after %.1f s of sending, with receipts for %d blocks of %d: nothing is missing", round+1, wait.Seconds(), before, x.feed.State().Head.Length)
	}
	x.verify(box, 0)
	s.cutPower()
	takePerm(t, s.card.File)
	t.Logf("after %d cuts in %v all %d blocks (%d MB) that there are receipts for were read back and verified", *cuts, time.Since(began).Round(time.Second), x.receipt, x.receipt*blockSize/1e6)
}
