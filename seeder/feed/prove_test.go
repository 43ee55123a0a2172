package feed_test

import (
	"errors"
	"testing"

	"cobox/seeder/feed"
)

func TestProveRefuses(t *testing.T) {
	w := newWriter(7).fill(10)
	h := w.head()
	huge := uint64(1<<53 - 1)
	block := func(i, n uint64) *feed.BlockRequest { return &feed.BlockRequest{Index: i, Nodes: n} }
	hash := func(i, n uint64) *feed.HashRequest { return &feed.HashRequest{Index: i, Nodes: n} }
	up := func(start, length uint64) *feed.UpgradeRequest {
		return &feed.UpgradeRequest{Start: start, Length: length}
	}
	seek := func(b, p uint64) *feed.SeekRequest { return &feed.SeekRequest{Bytes: b, Padding: p} }
	for _, req := range []feed.Request{
		{Block: block(10, 0)},
		{Block: block(huge, 0)},
		{Block: block(0, 4)}, // its fourth ancestor would reach beyond the tree
		{Block: block(0, huge)},
		{Block: block(8, 2)},
		{Hash: hash(15, 0)},
		{Hash: hash(20, 0)},
		{Hash: hash(huge, huge)},
		{Block: block(0, 0), Hash: hash(0, 0)},
		{Upgrade: up(0, 0)},
		{Upgrade: up(0, 11)},
		{Upgrade: up(10, 1)},
		{Upgrade: up(11, 1)},
		{Upgrade: up(huge, huge)},
		{Upgrade: up(2, 4), Block: block(7, 0)}, // beyond the upgrade
		{Upgrade: up(2, 4), Hash: hash(3, 0)},   // part old, part new
		{Seek: seek(3, 0)},
		{Seek: seek(huge+1, 0), Block: block(0, 3)},
		{Seek: seek(3, huge), Block: block(0, 3)},
		{Seek: seek(h.Bytes, 0), Block: block(0, 3)},
		{Seek: seek(0, 0), Block: block(7, 1)},
		{Seek: seek(0, 0), Upgrade: up(2, 4), Block: block(3, 0)},
		{Seek: seek(0, 0), Upgrade: up(2, 4), Hash: hash(3, 0)},
	} {
		p, err := feed.Prove(h, w.manifest, w.nodes, req)
		if !errors.Is(err, feed.ErrRequest) && !errors.Is(err, feed.ErrNoNode) {
			t.Errorf("Prove(%s) = %+v, %v; want an error that wraps ErrRequest", show(req), p, err)
		}
	}
	if _, err := feed.Prove(feed.Head{}, w.manifest, nodeMap{}, feed.Request{Upgrade: up(0, 1)}); !errors.Is(err, feed.ErrRequest) {
		t.Errorf("Prove of an empty feed = %v, want ErrRequest", err)
	}
	long := feed.Head{Length: feed.MaxLength + 1}
	if _, err := feed.Prove(long, w.manifest, nodeMap{}, feed.Request{Block: block(0, 0)}); !errors.Is(err, feed.ErrRequest) {
		t.Errorf("Prove of a feed beyond MaxLength = %v, want ErrRequest", err)
	}
}

// Who holds a part of the nodes proves what he can, and says so for the rest.
func TestProveWithoutNodes(t *testing.T) {
	w := newWriter(7).fill(16)
	h := w.head()
	for _, req := range []feed.Request{
		{Block: &feed.BlockRequest{Index: 3, Nodes: 2}},
		{Hash: &feed.HashRequest{Index: 3}},
		{Upgrade: &feed.UpgradeRequest{Start: 3, Length: 13}},
		{Upgrade: &feed.UpgradeRequest{Length: 16}, Block: &feed.BlockRequest{Index: 3}},
		{Upgrade: &feed.UpgradeRequest{Length: 3}, Seek: &feed.SeekRequest{Bytes: 3}},
		{Block: &feed.BlockRequest{Index: 9, Nodes: 1}, Seek: &feed.SeekRequest{Bytes: 50}},
	} {
		if p, err := feed.Prove(h, w.manifest, rootNodes(w.tree.Roots), req); !errors.Is(err, feed.ErrNoNode) {
			t.Errorf("Prove(%s) = %+v, %v; want ErrNoNode", show(req), p, err)
		}
	}
	for _, req := range []feed.Request{
		{Block: &feed.BlockRequest{Index: 3}},
		{Upgrade: &feed.UpgradeRequest{Length: 16}},
		{Upgrade: &feed.UpgradeRequest{Length: 16}, Seek: &feed.SeekRequest{Bytes: 5}},
	} {
		if _, err := feed.Prove(h, w.manifest, rootNodes(w.tree.Roots), req); err != nil {
			t.Errorf("Prove(%s): %v", show(req), err)
		}
	}
}

// A seek counts blocks without their padding, wherever that leads.
func TestSeekWithPadding(t *testing.T) {
	w := newWriter(7)
	for range 13 {
		w.append(make([]byte, 20)) // 12 of them count
	}
	h := w.head()
	s := feed.State{Key: w.key, Manifest: w.manifest}
	for at := range uint64(13*12 + 5) {
		req := feed.Request{Seek: &feed.SeekRequest{Bytes: at, Padding: 8}, Upgrade: &feed.UpgradeRequest{Length: 13}}
		p := w.prove(t, h, req)
		if _, err := s.Verify(nodeMap{}, p); err != nil {
			t.Fatalf("Verify(%s): %v", show(req), err)
		}
		if at >= 13*12 {
			if at > 13*12 && p.Seek != nil {
				t.Errorf("Prove(%s) found a byte beyond the feed", show(req))
			}
			continue
		}
		n := p.Seek.Nodes[0].Index
		if at%12 != 0 && n != at/12*2 {
			t.Errorf("Prove(%s) leads to node %d, want %d", show(req), n, at/12*2)
		}
	}
	// More padding than the blocks have is a stranger's nonsense, no crash.
	for _, padding := range []uint64{21, 1 << 20} {
		for at := range uint64(40) {
			req := feed.Request{Seek: &feed.SeekRequest{Bytes: at, Padding: padding}, Upgrade: &feed.UpgradeRequest{Length: 13}}
			w.prove(t, h, req)
		}
	}
}

// Below the second root and later ones JavaScript does not seek; nor do we.
func TestSeekBelowLaterRoots(t *testing.T) {
	w := newWriter(7).fill(10)
	for at := range w.tree.Bytes + 3 {
		req := feed.Request{Block: &feed.BlockRequest{Index: 9, Nodes: 1}, Seek: &feed.SeekRequest{Bytes: at}}
		if p := w.prove(t, w.head(), req); p.Seek != nil || len(p.Block.Nodes) != 1 {
			t.Errorf("Prove(%s) = block %+v, seek %+v", show(req), p.Block, p.Seek)
		}
	}
}

func TestManifestOnlyWhenAsked(t *testing.T) {
	w := newWriter(7).fill(3)
	up := &feed.UpgradeRequest{Length: 3}
	if p := w.prove(t, w.head(), feed.Request{Upgrade: up}); p.Manifest != nil {
		t.Error("a manifest that was not asked for")
	}
	p := w.prove(t, w.head(), feed.Request{Upgrade: up, Manifest: true})
	if p.Manifest == nil || p.Manifest.Key() != w.key {
		t.Errorf("manifest = %+v", p.Manifest)
	}
	p, err := feed.Prove(w.head(), nil, w.nodes, feed.Request{Upgrade: up, Manifest: true})
	if err != nil || p.Manifest != nil {
		t.Errorf("compat feed: manifest %+v, %v", p, err)
	}
}
