package boottest_test

import (
	"context"
	"flag"
	"testing"
	"time"

	"cobox/appliance/boottest"
	"cobox/provision/control"
)

var starts = flag.Int("starts", 1, "how often a box is started to see how long it takes")

// TestStarts says how long a paired box takes from power-on to its first answer, and
// to the first block that a partner gets of it.
func TestStarts(t *testing.T) {
	s := newStory(t, boottest.Virt)
	x := newSender(s)
	s.switchOn()
	s.awaitBox()
	x.own(1 << 30)
	box := x.connect()
	x.sendUntil(box, 100)
	for range *starts {
		s.cutPower()
		x.host.ClosePeer(peerOf(t, box.ID()))
		s.switchOn()
		s.awaitBox()
		x.asOperator("asking how the box stands", func(ctx context.Context, c control.Client) error {
			_, err := c.State(ctx)
			return err
		})
		answered := time.Since(s.guest.Began())
		box = x.connect()
		x.verify(box, x.receipt-1)
		t.Logf("from power-on to the first answer %.1f s, to the first block %.1f s; the start:\n%s",
			answered.Seconds(), time.Since(s.guest.Began()).Seconds(), marks(s.guest.Console()))
	}
}
