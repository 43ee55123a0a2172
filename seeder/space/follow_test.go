package space_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"cobox/seeder/feed"
	"cobox/seeder/space"
)

// itemsOf returns the pieces of a file in a snapshot, without where they are stored.
func (w *world) itemsOf(s *space.Snapshot, name string) (items []space.Item) {
	w.t.Helper()
	must(w.t, w.reader().Walk(w.t.Context(), s, func(path string, n *space.Node) error {
		if path != name {
			return nil
		}
		return w.reader().Content(w.t.Context(), n, func(_ uint64, it space.Item) error {
			it.Ref.Location = space.Location{}
			items = append(items, it)
			return nil
		})
	}))
	return items
}

// A file that was changed is cut as if it had never been seen, whatever changed; and
// most of it is not cut at all when most is where it was.
func TestFollow(t *testing.T) {
	const size = 10 << 20
	near := uint64(2 << 20) // the chunk that changed, and the one after it
	for _, c := range []struct {
		name string
		edit func(content []byte) []byte
		cut  uint64 // at most
	}{
		{"one byte in the middle", func(b []byte) []byte { b[size/2]++; return b }, near},
		{"the first byte", func(b []byte) []byte { b[0]++; return b }, near},
		{"the last byte", func(b []byte) []byte { b[size-1]++; return b }, near},
		{"appended", func(b []byte) []byte { return append(b, randomBytes(5, 1<<20)...) }, near + 1<<20},
		{"cut short", func(b []byte) []byte { return b[:size/3] }, near},
		{"two places", func(b []byte) []byte { b[size/4]++; b[size/2]++; return b }, 2 * near},
		{"zeros", func(b []byte) []byte { clear(b[size/3 : size/2]); return b }, near + size/2 - size/3},
		{"inserted", func(b []byte) []byte { return slices.Insert(b, size/2, 'x') }, size/2 + near},
		{"deleted", func(b []byte) []byte { return slices.Delete(b, size/2, size/2+1) }, size/2 + near},
		{"another", func(b []byte) []byte { return randomBytes(6, size) }, size},
		{"nothing left", func(b []byte) []byte { return nil }, 0},
		{"all zeros", func(b []byte) []byte { return make([]byte, size) }, size},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			content := randomBytes(1, size)
			w.write("file", content)
			w.backup()
			content = c.edit(bytes.Clone(content))
			w.write("file", content)
			second := w.backup()
			if second.CutBytes > c.cut || second.BytesRead != uint64(len(content)) {
				t.Errorf("read %d bytes of %d and cut %d, at most %d should be", second.BytesRead, len(content), second.CutBytes, c.cut)
			}
			fresh := w.other("second device")
			fresh.write("file", content)
			if got, want := w.itemsOf(second.Snapshot, "file"), fresh.itemsOf(fresh.backup().Snapshot, "file"); !slices.Equal(got, want) {
				t.Errorf("the file has %d pieces, and %d when it is backed up for the first time", len(got), len(want))
			}
			sameListing(t, listing(t, w.source), listing(t, w.restore(second.Snapshot)))
		})
	}
}

// A file with holes is cut extent by extent, also when it had none before, and one that
// has none any more is cut as if it never had.
func TestFollowHoles(t *testing.T) {
	w := newWorld(t)
	content := randomBytes(1, 16<<20)
	path := filepath.Join(w.source, "file")
	for i, hole := range []bool{false, true, false} {
		must(t, os.RemoveAll(path))
		f, err := os.Create(path)
		must(t, err)
		from, to := int64(6<<20), int64(6<<20)
		if hole {
			to = 9 << 20
		}
		_, err = f.WriteAt(content[:from], 0)
		must(t, err)
		_, err = f.WriteAt(content[to:], to)
		must(t, err)
		must(t, f.Close())
		s := w.backup().Snapshot
		fresh := w.other(fmt.Sprint("device ", i))
		fresh.source = w.source
		if got, want := w.itemsOf(s, "file"), fresh.itemsOf(fresh.backup().Snapshot, "file"); !slices.Equal(got, want) {
			t.Errorf("hole %v: the file has %d pieces, and %d when it is backed up for the first time", hole, len(got), len(want))
		}
		sameListing(t, listing(t, w.source), listing(t, w.restore(s)))
	}
}

// What cannot be read at once is not waited for: the file is cut anew.
func TestFollowNothingNear(t *testing.T) {
	w := newWorld(t)
	content := randomBytes(1, 20<<20) // its list of chunks is an object of its own
	w.write("file", content)
	w.backup()
	content[10<<20]++
	w.write("file", content)
	o := w.options()
	o.Near = nothing{}
	w.update()
	second, err := space.Backup(t.Context(), o)
	must(t, err)
	if second.CutBytes != uint64(len(content)) {
		t.Errorf("%d bytes were cut of %d", second.CutBytes, len(content))
	}
	sameListing(t, listing(t, w.source), listing(t, w.restore(second.Snapshot)))
}

// A file of which no block is near is followed by the lists that were kept of it, as long
// as it is in the newest snapshot.
func TestFollowByLists(t *testing.T) {
	const size = 40 << 20
	w := newWorld(t)
	dir := filepath.Join(t.TempDir(), "lists")
	kept := func() (names []string) {
		entries, err := os.ReadDir(dir)
		must(t, err)
		for _, e := range entries {
			names = append(names, e.Name())
		}
		return names
	}
	backup := func() *space.BackupResult {
		t.Helper()
		o := w.options()
		o.Near, o.Lists = nothing{}, space.NewLists(dir, w.keys)
		w.update()
		result, err := space.Backup(t.Context(), o)
		must(t, err)
		sameListing(t, listing(t, w.source), listing(t, w.restore(result.Snapshot)))
		return result
	}
	content := randomBytes(1, size)
	change := func() {
		content[size/2]++
		w.write("file", content)
	}
	follows := func(what string, all bool) {
		t.Helper()
		change()
		r := backup()
		if r.BytesRead != size || (r.CutBytes == size) == all || all && r.CutBytes > 4<<20 {
			t.Errorf("%s: %d bytes were read, and %d were cut", what, r.BytesRead, r.CutBytes)
		}
	}
	w.write("file", content)
	w.write("small", []byte("in its node"))
	backup()
	first := kept()
	if len(first) == 0 {
		t.Fatal("no list was kept")
	}
	follows("changed", true)
	if slices.Equal(kept(), first) || len(kept()) != len(first) {
		t.Errorf("the lists %q became %q", first, kept())
	}
	backup()
	follows("changed after a backup in which it was as before", true)

	list := filepath.Join(dir, kept()[0])
	must(t, os.WriteFile(list, []byte("damaged"), 0o600))
	change()
	backup()
	follows("changed after a list was damaged", true)

	must(t, os.RemoveAll(dir))
	follows("without lists", false)
	follows("with lists again", true)

	must(t, os.Remove(filepath.Join(w.source, "file")))
	backup()
	if names := kept(); len(names) != 0 {
		t.Errorf("the lists of a file that is gone are kept: %q", names)
	}
}

type nothing struct{}

func (nothing) Block(context.Context, feed.Key, uint64) ([]byte, error) {
	return nil, errors.New("not here")
}
