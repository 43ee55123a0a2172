package store

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
	"time"

	"cobox/seeder/feed"

	"github.com/google/go-cmp/cmp"
)

func TestPlace(t *testing.T) {
	type spot struct {
		id   pageID
		slot int
	}
	seen := make(map[spot]uint64)
	check := func(index uint64) {
		t.Helper()
		id, slot := place(index)
		if slot < 0 || slot >= pageSlots || slot == pageRoot {
			t.Fatalf("place(%d) is slot %d", index, slot)
		}
		if other, ok := seen[spot{id, slot}]; ok && other != index {
			t.Fatalf("place(%d) is that of %d", index, other)
		}
		seen[spot{id, slot}] = index
		if got := id.index(slot); got != index {
			t.Fatalf("index of place(%d) = %d", index, got)
		}
		root := id.root()
		if feed.LeftSpan(root) > feed.LeftSpan(index) || feed.RightSpan(root) < feed.RightSpan(index) {
			t.Fatalf("tree node %d is not below its page's root %d", index, root)
		}
	}
	for index := range uint64(1 << 18) {
		check(index)
	}
	clear(seen)
	for depth := range 41 { // the highest nodes, and those around
		for offset := range uint64(3) {
			check(offset<<(depth+1) + 1<<depth - 1)
			check(((1<<(40-depth))-1-min(offset, 1<<(40-depth)-1))<<(depth+1) + 1<<depth - 1)
		}
	}
}

// treePages returns the pages of a tree of n blocks, and all its nodes.
func treePages(n int) (map[pageID]*page, []feed.Node) {
	tree, err := feed.NewTree(nil)
	if err != nil {
		panic(err)
	}
	pages := make(map[pageID]*page)
	var nodes []feed.Node
	for i := range n {
		for _, node := range tree.Append(bytes.Repeat([]byte{byte(i)}, i%300)) {
			id, slot := place(node.Index)
			if pages[id] == nil {
				pages[id] = &page{id: id}
			}
			pages[id].set(slot, node)
			nodes = append(nodes, node)
		}
	}
	return pages, nodes
}

func TestPagesOfAllTrees(t *testing.T) {
	for n := range 601 {
		pages, nodes := treePages(n)
		for id, p := range pages {
			data := p.appendTo(nil)
			got, err := parsePage(id, data)
			if err != nil {
				t.Fatalf("page %v of a tree of %d blocks: %v", id, n, err)
			}
			if got.present != p.present {
				t.Fatalf("page %v of a tree of %d blocks comes back with other nodes", id, n)
			}
			pages[id] = got
		}
		for _, want := range nodes {
			id, slot := place(want.Index)
			if p := pages[id]; !p.has(slot) || p.node(slot) != want {
				t.Fatalf("node %d of a tree of %d blocks comes back as %v", want.Index, n, p.node(slot))
			}
		}
	}
}

// Hashes that are owed are those of the nodes as they were when the page was read,
// whatever is changed before somebody asks for them.
func TestOwedHashes(t *testing.T) {
	pages, _ := treePages(256)
	want := pages[pageID{}]
	for slot := 1; slot < pageSlots; slot++ {
		if slot == pageRoot {
			continue
		}
		got, err := parsePage(pageID{}, want.appendTo(nil))
		if err != nil {
			t.Fatal(err)
		}
		leaf := slot &^ 1
		if slot%3 == 0 {
			got.unset(leaf)
		} else {
			got.set(leaf, feed.Node{Size: 1, Hash: feed.Hash{1}})
		}
		for other := range pageSlots {
			if other != leaf && other != pageRoot && got.node(other) != want.node(other) {
				t.Fatalf("with slot %d changed, slot %d is %v, not %v", leaf, other, got.node(other), want.node(other))
			}
		}
	}
}

// A page that is cut has just the nodes of the shorter tree.
func TestCutPages(t *testing.T) {
	for n := 1; n <= 520; n += 37 {
		for length := 0; length <= n; length += 1 + length/8 {
			pages, _ := treePages(n)
			shorter, _ := treePages(length)
			for id, p := range pages {
				p.cut(uint64(length))
				want := shorter[id]
				if want == nil {
					want = &page{id: id}
				}
				if p.present != want.present {
					t.Fatalf("page %v of %d blocks, cut to %d, has other nodes than that of %d blocks", id, n, length, length)
				}
			}
		}
	}
}

func TestPageSize(t *testing.T) {
	for _, size := range []uint64{64 << 10, 1 << 20} {
		p := &page{}
		for leaf := range pageLeaves {
			p.set(2*leaf, feed.Node{Size: size, Hash: feed.Hash{byte(leaf), 1}})
		}
		if !p.derive() {
			t.Fatal("a full page does not fit together")
		}
		perBlock := float64(len(p.appendTo(nil))) / pageLeaves
		// The pages above have a 256th of it each time.
		if perBlock *= 256.0 / 255; perBlock > 36 {
			t.Errorf("%.2f bytes a block of %d bytes, want at most 36", perBlock, size)
		}
	}
}

func FuzzParsePage(f *testing.F) {
	for _, n := range []int{0, 1, 2, 3, 255, 256, 300} {
		pages, _ := treePages(n)
		for _, p := range pages {
			f.Add(p.appendTo(nil))
		}
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := parsePage(pageID{}, data)
		if err != nil {
			if !errors.Is(err, ErrDamaged) {
				t.Errorf("error %v", err)
			}
			return
		}
		if got := p.appendTo(nil); !bytes.Equal(got, data) {
			t.Errorf("page comes back as %x, was %x", got, data)
		}
	})
}

func sampleRecord() *record {
	head := feed.Head{Fork: 3, Length: 20, Bytes: 1000, Hash: feed.Hash{1}, Signature: []byte("signature")}
	r := newRecord(feed.Key{9})
	r.state.Head = head
	r.state.Roots = []feed.Node{{Index: 15, Size: 900, Hash: feed.Hash{2}}, {Index: 35, Size: 100, Hash: feed.Hash{3}}}
	r.generations = []generation{{}, {4, 10, 400}}
	r.layer, r.next = 4, 5
	r.retired = []retired{
		{layer: 0, common: 12, commonByte: 500, cut: &generation{}, head: head, at: time.Unix(77, 0).UTC(), stage: gone},
		{layer: 3, common: 10, commonByte: 400, dropped: []generation{{3, 12, 500}}, cut: &generation{}, head: head, at: time.Unix(78, 0).UTC()},
	}
	r.litter = []uint64{1, 2}
	r.clearFrom, r.clearTo, r.blocks, r.bytes = 3, 7, 15, 800
	return r
}

func TestRecord(t *testing.T) {
	for _, r := range []*record{newRecord(feed.Key{1}), sampleRecord()} {
		data := r.append(nil)
		got, err := parseRecord(data)
		if err != nil {
			t.Fatal(err)
		}
		opts := cmp.AllowUnexported(record{}, generation{}, retired{})
		if diff := cmp.Diff(r, got, opts); diff != "" {
			t.Errorf("record comes back otherwise (-want +got):\n%s", diff)
		}
		for n := range data {
			if _, err := parseRecord(data[:n]); err == nil {
				t.Errorf("a record cut to %d of %d bytes: no error", n, len(data))
			}
		}
		if _, err := parseRecord(append(data, 0)); !errors.Is(err, ErrDamaged) {
			t.Errorf("a record with a byte more: %v", err)
		}
		data[0]++
		if _, err := parseRecord(data); !errors.Is(err, ErrNewerVersion) {
			t.Errorf("a record of a newer version: %v", err)
		}
	}
}

func FuzzParseRecord(f *testing.F) {
	f.Add(newRecord(feed.Key{1}).append(nil))
	f.Add(sampleRecord().append(nil))
	f.Add(binary.AppendUvarint([]byte{recordVersion}, 1<<60))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := parseRecord(data)
		if err != nil {
			return
		}
		again, err := parseRecord(r.append(nil))
		if err != nil {
			t.Fatalf("what was read and written again: %v", err)
		}
		if !bytes.Equal(again.append(nil), r.append(nil)) {
			t.Error("a record changes when it is read and written again")
		}
	})
}
