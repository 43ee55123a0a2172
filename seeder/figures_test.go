package seeder_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"cobox/seeder"
	"cobox/seeder/api"
	"cobox/seeder/identity"
	"cobox/seeder/pin"
)

// The figures of a box follow what happens to it, and what must outlast a restart does.
func TestFigures(t *testing.T) {
	state := stateDir(t)
	b := startBox(t, state)
	if f := b.Figures(); len(f.Partners) != 0 || f.Store.Feeds != 0 || !f.Scrub.Since.IsZero() {
		t.Errorf("a new box has %+v", f)
	}
	partner := key(70)
	who := identity.PartnerKeyOf(partner)
	b.grant(t, partner, 1<<20, time.Now())
	c := newDevice(t, partner, 71).connect(t, b)
	l := newLog(t, 72)
	l.write(t, 20, 1000, 1)
	if _, err := c.Pin(t.Context(), l.Key(), api.PinRequest{}); err != nil {
		t.Fatal(err)
	}
	stop := push(t, c, l)
	wait(t, c, l.Key(), pin.Complete, 20)
	f := b.Figures()
	of := f.Partners[who]
	if f.Store.Feeds != 1 || f.Store.Blocks != 20 || f.Store.Bytes != 20_000 || f.Replication.ReceivedBlocks != 20 || f.Replication.Heads == 0 {
		t.Errorf("after 20 blocks of 1000 bytes: %+v %+v", f.Store, f.Replication)
	}
	if of.UsedBytes != 20_000 || of.Feeds != 1 || of.Pins[pin.Complete] != 1 || time.Since(of.Seen) > time.Minute || time.Since(of.NewestHead) > time.Minute {
		t.Errorf("of the partner: %+v", of)
	}
	if f.Pins[pin.Complete] != 1 || f.Feeds.Behind != 0 || f.Feeds.BehindFor != 0 || f.Peers[api.LocalPeer] != 1 {
		t.Errorf("pins %v, feeds %+v, peers %v", f.Pins, f.Feeds, f.Peers)
	}

	// The writer contradicts himself.
	stop()
	twin := newLog(t, 72)
	twin.write(t, 25, 1000, 90)
	stop = push(t, c, twin)
	wait(t, c, l.Key(), pin.Frozen, 20)
	stop()
	if f := b.Figures(); f.Feeds.Forks != 1 || f.Pins[pin.Frozen] != 1 {
		t.Errorf("after a fork: %+v, %v", f.Feeds, f.Pins)
	}
	c.Close()
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}

	// A byte of a block changes while the box is off. It is found, counted, and counts
	// as damaged until it is whole again; nobody is there who has it.
	files, err := filepath.Glob(filepath.Join(state, "store", "feeds", "*", "*.blocks"))
	if err != nil || len(files) != 1 {
		t.Fatalf("files of blocks: %v, %v", files, err)
	}
	blocks, err := os.OpenFile(files[0], os.O_RDWR, 0)
	if err == nil {
		_, err = blocks.WriteAt([]byte{0xff}, 5500)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := blocks.Close(); err != nil {
		t.Fatal(err)
	}
	b = startBoxWith(t, state, func(c *seeder.Config) { c.ScrubRate = 1 << 30 })
	for f := b.Figures(); f.Scrub.Finished.IsZero() || f.Feeds.Behind == 0; f = b.Figures() {
		select {
		case <-t.Context().Done():
			t.Fatalf("the scrub does not end, or its loss does not show: %+v, %+v", f.Scrub, f.Feeds)
		case <-time.After(5 * time.Millisecond):
		}
	}
	f = b.Figures()
	if f.Scrub.LostBlocks != 1 || f.Scrub.Damaged != 1 || f.Scrub.Since.IsZero() || f.Scrub.Running || f.Scrub.CheckedBytes < 19_000 {
		t.Errorf("after a scrub: %+v", f.Scrub)
	}
	if f.Feeds.Behind != 1 || f.Feeds.BacklogBlocks != 1 || f.Feeds.BacklogBytes != 1000 {
		t.Errorf("a block is missing: %+v", f.Feeds)
	}
	if f.Feeds.Forks != 1 || f.Partners[who].Seen.Before(of.Seen) || f.Partners[who].NewestHead.IsZero() {
		t.Errorf("after a restart: %+v, %+v", f.Feeds, f.Partners[who])
	}
}

// A fork counts once, however many ask for the pin when it shows.
func TestForkCountsOnce(t *testing.T) {
	state := stateDir(t)
	b := startBox(t, state)
	b.grant(t, key(1), 1<<20, time.Now())
	c := newDevice(t, key(1), 2).connect(t, b)
	l, twin := newLog(t, 72), newLog(t, 72)
	l.write(t, 3, 10, 1)
	twin.write(t, 4, 10, 9)
	if _, err := c.Pin(t.Context(), l.Key(), api.PinRequest{}); err != nil {
		t.Fatal(err)
	}
	stop := push(t, c, l)
	wait(t, c, l.Key(), pin.Complete, 3)
	stop()
	push(t, c, twin)
	var asking sync.WaitGroup
	for range 3 { // a peer may have a few streams
		asking.Go(func() {
			for b.Figures().Pins[pin.Frozen] == 0 {
				if _, err := c.Pins(t.Context()); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	asking.Wait()
	if f := b.Figures(); f.Feeds.Forks != 1 {
		t.Errorf("one fork counts as %d", f.Feeds.Forks)
	}
}

// A box whose power is cut soon after a partner came for the first time knows
// afterwards that it was there: how long it is silent could not be told otherwise.
func TestFirstContactOutlastsPowerCut(t *testing.T) {
	b := startBox(t, stateDir(t))
	for n := range byte(2) { // with the first, notes are written that may then wait
		partner := key(80 + n)
		b.grant(t, partner, 1<<20, time.Now())
		newDevice(t, partner, 84+n).connect(t, b)
		b.Figures()
	}
	cut := stateDir(t)
	if err := os.Remove(filepath.Join(b.state, "run", "seederd.sock")); err != nil { // which is no file to copy
		t.Fatal(err)
	}
	if err := os.CopyFS(cut, os.DirFS(b.state)); err != nil {
		t.Fatal(err)
	}
	if err := b.stop(); err != nil {
		t.Fatal(err)
	}
	again := startBox(t, cut)
	for n := range byte(2) {
		of := again.Figures().Partners[identity.PartnerKeyOf(key(80+n))]
		if time.Since(of.Seen) > time.Hour {
			t.Errorf("partner %d was last seen at %v", n, of.Seen)
		}
	}
}
