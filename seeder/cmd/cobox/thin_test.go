package main

import (
	"context"
	"crypto/ed25519"
	"errors"
	"testing"
	"time"

	"cobox/seeder/feed"
	"cobox/seeder/space"
	"cobox/seeder/store"
)

// Where the disk is short, a backup waits for the boxes, but only as long as they take something.
func TestThinnerWaits(t *testing.T) {
	st, err := store.Open(t.TempDir(), store.Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := st.Close(); err != nil {
			t.Error(err)
		}
	}()
	private := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	m := feed.NewManifest(private.Public().(ed25519.PublicKey))
	f, err := st.Create(m.Key())
	if err != nil {
		t.Fatal(err)
	}
	own := &ownFeed{Feed: f, private: private, manifest: m}
	const next = 1000
	// Whoever waits learns that this has ended.
	ended, end := context.WithCancel(t.Context())
	end()
	for _, test := range []struct {
		what  string
		free  uint64
		boxes uint64
		there bool
		since time.Duration // since boxes had taken 5 blocks
		waits bool
	}{
		{what: "there is room", free: roomKept, boxes: 5, there: true},
		{what: "the boxes take blocks", boxes: 6, there: true, since: 2 * patience, waits: true},
		{what: "the boxes have just taken some", boxes: 5, there: true, since: patience / 2, waits: true},
		{what: "the boxes have taken nothing for long", boxes: 5, there: true, since: 2 * patience},
		{what: "the boxes have nearly all", boxes: next - fewBlocks, there: true},
		{what: "a box is away", boxes: 5},
	} {
		thin := newThinner(&push{own: own}, space.Secret{}.Keys(space.ID{}), t.TempDir())
		thin.free = func() (uint64, bool) { return test.free, true }
		thin.boxes = func() (uint64, bool) { return test.boxes, test.there }
		thin.last, thin.since = 5, time.Now().Add(-test.since)
		if err := thin.makeRoom(ended, next); errors.Is(err, context.Canceled) != test.waits || !test.waits && err != nil {
			t.Errorf("%s: makeRoom = %v, want it to wait: %t", test.what, err, test.waits)
		}
	}
}
