package shelf_test

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cobox/seeder/shelf"

	"github.com/google/go-cmp/cmp"
)

const (
	boxID  = "12D3KooWBox"
	diskID = "6f1c1c1e-0000-8000-8000-000000000001"
)

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// content is what the store of these tests holds.
func content() map[string]string {
	return map[string]string{
		"index/000001.sst": "index", "feeds/ab/0": strings.Repeat("block", 300_000), "feeds/ab/1": "", "feeds/cd/0": "x",
	}
}

func newShelf(t *testing.T) shelf.Shelf {
	t.Helper()
	s := shelf.Shelf{Card: filepath.Join(t.TempDir(), "store"), Disk: filepath.Join(t.TempDir(), "disk"), Box: boxID}
	must(t, os.Mkdir(s.Disk, 0o755))
	for name, text := range content() {
		path := filepath.Join(s.Card, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o700))
		must(t, os.WriteFile(path, []byte(text), 0o600))
	}
	must(t, os.WriteFile(filepath.Join(s.Card, "spare"), make([]byte, 1000), 0o600))
	return s
}

// files returns what the files below a folder hold.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	must(t, filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		rel, _ := filepath.Rel(dir, path)
		if rel != "spare" {
			all[rel] = string(text)
		}
		return err
	}))
	return all
}

func job(verify func(string) error) shelf.Job {
	return shelf.Job{
		Skip: []string{"spare"}, Progress: func(_, _ uint64) {},
		Verify: func(_ context.Context, dir string) error { return verify(dir) },
	}
}

// whole finds the store and expects all of it there.
func whole(t *testing.T, s shelf.Shelf) shelf.Place {
	t.Helper()
	p, err := s.Find()
	must(t, err)
	if p.Dir == "" {
		t.Fatalf("Find = %+v", p)
	}
	got := files(t, p.Dir)
	delete(got, "on-data-disk.json")
	if diff := cmp.Diff(content(), got); diff != "" {
		t.Fatalf("the store in %s is another one:\n%s", p.Dir, diff)
	}
	return p
}

var errCut = errors.New("the power is gone")

// However a move ends, there is one whole store, and the next attempt goes on.
func TestMoveCutOff(t *testing.T) {
	for _, at := range []string{"copy", "verify", "rename", "note", "tidy", "never"} {
		s := newShelf(t)
		must(t, shelf.WriteMark(s.Disk, shelf.NewMark(boxID, diskID), nil))
		p := whole(t, s)
		if p.Dir != s.Card || p.To != diskID {
			t.Fatalf("Find of a marked disk = %+v", p)
		}
		cut := s.WithStep(func(step string) error {
			if step == at {
				return errCut
			}
			return nil
		})
		err := cut.Move(t.Context(), p, job(func(dir string) error {
			if diff := cmp.Diff(content(), files(t, dir)); diff != "" {
				t.Errorf("the copy is another one:\n%s", diff)
			}
			if at == "verify" {
				return errCut
			}
			return nil
		}))
		if (at == "never") != (err == nil) || err != nil && !errors.Is(err, errCut) {
			t.Fatalf("Move, cut off at %s = %v", at, err)
		}
		p = whole(t, s)
		if moved := at == "tidy" || at == "never"; moved != (p.Dir != s.Card) {
			t.Errorf("cut off at %s, the store is in %s", at, p.Dir)
		}
		if p.To != "" {
			must(t, s.Move(t.Context(), p, job(func(string) error { return nil })))
			p = whole(t, s)
		}
		if p.Disk != diskID || p.To != "" {
			t.Errorf("after all: %+v", p)
		}
		must(t, s.Tidy())
		if got := files(t, s.Card); len(got) != 1 || got["on-data-disk.json"] == "" {
			t.Errorf("on the card there are still %d files", len(got))
		}
	}
}

// A store that was moved is nowhere else than on its own disk, whatever is there.
func TestFindGone(t *testing.T) {
	s := newShelf(t)
	mark := shelf.NewMark(boxID, diskID)
	must(t, shelf.WriteMark(s.Disk, mark, nil))
	p := whole(t, s)
	must(t, s.Move(t.Context(), p, job(func(string) error { return nil })))
	here := whole(t, s)

	away := s.Disk + "-away"
	must(t, os.Rename(s.Disk, away))
	must(t, os.Mkdir(s.Disk, 0o755))
	for name, put := range map[string]func(){
		"nothing":            func() {},
		"a disk without":     func() { must(t, os.MkdirAll(filepath.Join(s.Disk, "cobox/store"), 0o700)) },
		"another box's disk": func() { must(t, shelf.WriteMark(s.Disk, shelf.NewMark("12D3KooWOther", diskID), nil)) },
		"another disk":       func() { must(t, shelf.WriteMark(s.Disk, shelf.NewMark(boxID, "another"), nil)) },
		"a newer mark":       func() { must(t, os.WriteFile(filepath.Join(s.Disk, "cobox-disk.json"), []byte(`{"format":2}`), 0o600)) },
		"an empty disk with the mark": func() {
			must(t, os.RemoveAll(filepath.Join(s.Disk, "cobox")))
			must(t, shelf.WriteMark(s.Disk, mark, nil))
		},
	} {
		put()
		got, err := s.Find()
		if err != nil || got.Dir != "" || got.Why == "" || got.To != "" || s.There(here) {
			t.Errorf("with %s: Find = %+v, %v", name, got, err)
		}
		must(t, os.RemoveAll(s.Disk))
		must(t, os.Mkdir(s.Disk, 0o755))
	}
	if got, err := (shelf.Shelf{Card: s.Card, Box: boxID}).Find(); err != nil || got.Dir != "" || got.Why == "" {
		t.Errorf("a program that has no data disk finds %+v, %v", got, err)
	}
	must(t, os.Remove(s.Disk))
	must(t, os.Rename(away, s.Disk))
	if !s.There(here) {
		t.Error("the disk is back, and the store is not there")
	}
	whole(t, s)
}

// The disk of another box is none to move to.
func TestFindForeign(t *testing.T) {
	s := newShelf(t)
	must(t, shelf.WriteMark(s.Disk, shelf.NewMark("12D3KooWOther", diskID), nil))
	if p := whole(t, s); p.To != "" || p.Dir != s.Card {
		t.Errorf("Find = %+v", p)
	}
	err := s.Move(t.Context(), shelf.Place{Dir: s.Card, To: diskID}, job(func(string) error { return nil }))
	if err == nil {
		t.Error("the store was moved to another box's disk")
	}
	whole(t, s)
}

// A note that cannot be read is no reason to begin a store anew.
func TestNoteDamaged(t *testing.T) {
	s := newShelf(t)
	must(t, os.WriteFile(filepath.Join(s.Card, "on-data-disk.json"), []byte("{"), 0o600))
	if p, err := s.Find(); err == nil {
		t.Errorf("Find = %+v", p)
	}
	if err := s.Tidy(); err == nil {
		t.Error("Tidy removed a store by a note that it cannot read")
	}
}

const nextID = "6f1c1c1e-0000-8000-8000-000000000002"

// onFirst is a shelf whose store has moved to a data disk, with another one beside it.
func onFirst(t *testing.T) (s shelf.Shelf, next string) {
	t.Helper()
	s = newShelf(t)
	must(t, shelf.WriteMark(s.Disk, shelf.NewMark(boxID, diskID), nil))
	must(t, s.Move(t.Context(), whole(t, s), job(func(string) error { return nil })))
	next = shelf.NextTo(s.Disk)
	must(t, os.Mkdir(next, 0o755))
	must(t, shelf.WriteMark(next, shelf.NewMark(boxID, nextID), nil))
	return s, next
}

// A move from one data disk to another ends with one whole store, wherever it is cut off;
// the old disk keeps its own until it is made blank by others.
func TestMoveBetweenDisks(t *testing.T) {
	for _, at := range []string{"copy", "verify", "rename", "note", "tidy", "never"} {
		s, next := onFirst(t)
		p := whole(t, s)
		if p.Disk != diskID || p.To != nextID {
			t.Fatalf("Find with two disks = %+v", p)
		}
		cut := s.WithStep(func(step string) error {
			if step == at {
				return errCut
			}
			return nil
		})
		err := cut.Move(t.Context(), p, job(func(dir string) error {
			if at == "verify" {
				return errCut
			}
			if diff := cmp.Diff(content(), files(t, dir)); diff != "" {
				t.Errorf("the copy is another one:\n%s", diff)
			}
			return nil
		}))
		if (at == "never") != (err == nil) || err != nil && !errors.Is(err, errCut) {
			t.Fatalf("Move, cut off at %s = %v", at, err)
		}
		if at != "tidy" && at != "never" {
			if p = whole(t, s); p.Disk != diskID {
				t.Fatalf("cut off at %s, the store is at %+v", at, p)
			}
			must(t, s.Move(t.Context(), p, job(func(string) error { return nil })))
		}
		if on, err := s.MovedTo(); err != nil || on != nextID {
			t.Fatalf("MovedTo = %s, %v", on, err)
		}
		// Until the new disk is in the old one's place, nobody opens a store.
		if p, err := s.Find(); err != nil || p.Dir != "" || p.To != "" || p.Disk != nextID || p.Why == "" {
			t.Fatalf("Find before the disks change places = %+v, %v", p, err)
		}
		must(t, os.Rename(s.Disk, s.Disk+"-old"))
		must(t, os.Rename(next, s.Disk))
		if p := whole(t, s); p.Disk != nextID || p.To != "" {
			t.Errorf("after all: %+v", p)
		}
		if got := files(t, s.Card); len(got) != 1 {
			t.Errorf("on the card there are %d files", len(got))
		}
	}
}

// Another box's disk beside the data disk is none to move to, nor is a copy of it.
func TestFindNextForeign(t *testing.T) {
	s, next := onFirst(t)
	for _, m := range []shelf.Mark{shelf.NewMark("12D3KooWOther", nextID), shelf.NewMark(boxID, diskID)} {
		must(t, shelf.WriteMark(next, m, nil))
		if p := whole(t, s); p.To != "" {
			t.Errorf("with the mark %+v: Find = %+v", m, p)
		}
	}
}

// A disk that is given up is forgotten, and no other: the store begins anew on the card.
func TestGiveUp(t *testing.T) {
	s, _ := onFirst(t)
	must(t, s.GiveUp(nextID))
	whole(t, s)
	must(t, os.Rename(s.Disk, s.Disk+"-gone"))
	must(t, s.GiveUp(diskID))
	must(t, s.GiveUp(diskID))
	if p, err := s.Find(); err != nil || p.Dir != s.Card || p.Disk != "" {
		t.Errorf("Find = %+v, %v", p, err)
	}
	if got := files(t, s.Card); len(got) != 0 {
		t.Errorf("on the card there is %v", got)
	}
	must(t, os.WriteFile(filepath.Join(s.Card, "on-data-disk.json"), []byte("{"), 0o600))
	if err := s.GiveUp(diskID); err == nil {
		t.Error("a disk was given up by a note that cannot be read")
	}
}
