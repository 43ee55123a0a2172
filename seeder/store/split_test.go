package store_test

import (
	"bytes"
	"errors"
	"testing"

	"cobox/seeder/feed"
	"cobox/seeder/store"
	"cobox/seeder/store/storetest"
)

// A commit that is too large for one transaction of the index is cut in two by a
// crash. What it left must not be taken for part of what comes in its place.
func TestCrashWithinCommit(t *testing.T) {
	const many = 5_000 // blocks, whose nodes take more than a transaction
	blocks := func(fill byte) [][]byte {
		list := make([][]byte, many)
		for i := range list {
			list[i] = bytes.Repeat([]byte{fill}, 1+i%3)
		}
		return list
	}
	dir := storeDir(t)
	w := storetest.NewWriter(1)
	indexes, crashAfter := 0, 1<<30
	s, err := store.Open(dir, store.WithSmallIndex(store.WithFault(store.Config{}, func(step, _ string) error {
		if step == "index" {
			if indexes++; indexes > crashAfter {
				return storetest.ErrCrash
			}
		}
		return nil
	})))
	must(t, err)
	f := create(t, s, w.Key)
	must(t, f.SetManifest(w.Manifest))
	w.Append([]byte("first"))
	_, err = f.Append(t.Context(), w.Blocks, w.Sign)
	must(t, err)
	crashAfter = indexes + 1 // one of the transactions of what comes
	if _, err := f.Append(t.Context(), blocks(1), w.Sign); !errors.Is(err, storetest.ErrCrash) {
		t.Fatalf("Append = %v; is the commit in one transaction?", err)
	}
	if _, err := f.Append(t.Context(), blocks(1), w.Sign); err == nil {
		t.Error("Append after an error of the disk: no error")
	}
	if err := s.Close(); !errors.Is(err, storetest.ErrCrash) {
		t.Errorf("Close = %v", err)
	}

	s = openStore(t, dir)
	check(t, s, w)
	f = create(t, s, w.Key)
	left := 0
	for i := range uint64(2*many + 2) {
		if i > 1 {
			if _, err := f.Node(i); err == nil {
				left++
			}
		}
	}
	if left > 0 {
		t.Errorf("%d tree nodes of the commit that failed are there", left)
	}
	// Nobody has seen the blocks that failed, so that others may come there:
	// first fewer, then more.
	for _, n := range []int{3, 300, many} {
		more := blocks(byte(n))[:n]
		w.Append(more...)
		_, err := f.Append(t.Context(), more, w.Sign)
		must(t, err)
	}
	check(t, s, w)
	must(t, s.Close())
	s = openStore(t, dir)
	check(t, s, w)
	f, err = s.Feed(w.Key)
	must(t, err)
	if _, err := feed.Prove(w.Head, w.Manifest, f, feed.Request{Block: &feed.BlockRequest{Index: 17, Nodes: 5}}); err != nil {
		t.Errorf("proving a block: %v", err)
	}
}
