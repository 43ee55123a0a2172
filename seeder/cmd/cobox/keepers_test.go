package main

import (
	"fmt"
	"testing"
	"time"

	"cobox/seeder/identity"
	"cobox/seeder/space"
)

func TestCurrentKeepers(t *testing.T) {
	t.Setenv("COBOX_HOME", t.TempDir())
	h, err := newHome(space.NewSecret())
	if err != nil {
		t.Fatal(err)
	}
	if err := h.save(); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	boxes := func(n int) {
		sp := &spaceFile{ID: "1", Name: "docs"}
		for i := range n {
			id := identity.BoxKey{byte(i + 1)}.PeerID().String()
			sp.Boxes = append(sp.Boxes, fmt.Sprintf("/ip4/192.0.2.%d/tcp/4001/p2p/%s", i+1, id))
		}
		if err := h.writeSpace(sp); err != nil {
			t.Fatal(err)
		}
	}
	want := func(what string, seen, counter uint64, n int) {
		t.Helper()
		_, k, err := h.currentKeepers(seen, now)
		if err != nil || k.Counter != counter || len(k.Boxes) != n {
			t.Errorf("%s: list %d of %d boxes, %v; want list %d of %d", what, k.Counter, len(k.Boxes), err, counter, n)
		}
	}
	boxes(1)
	want("one box needs no list", 0, 0, 0)
	boxes(2)
	want("two boxes", 0, 1, 2)
	want("nothing has changed", 0, 1, 2)
	want("a box follows ours", 1, 1, 2)
	want("a box follows another computer's", 5, 6, 2)
	boxes(1)
	want("one has gone", 6, 7, 1)
	boxes(20)
	want("more than a list holds", 7, 8, identity.MaxKeepers)
}
