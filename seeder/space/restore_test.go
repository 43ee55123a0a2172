package space_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"cobox/seeder/feed"
	"cobox/seeder/space"
)

// failing is a source of blocks that fails after some.
type failing struct {
	space.Blocks
	left int
	err  error
}

func (f *failing) Block(ctx context.Context, key feed.Key, index uint64) ([]byte, error) {
	if f.left--; f.left < 0 {
		return nil, f.err
	}
	return f.Blocks.Block(ctx, key, index)
}

// oneAtATime makes a source safe that is not.
type oneAtATime struct {
	space.Blocks
	turn chan struct{}
}

func (o *oneAtATime) Block(ctx context.Context, key feed.Key, index uint64) ([]byte, error) {
	o.turn <- struct{}{}
	defer func() { <-o.turn }()
	return o.Blocks.Block(ctx, key, index)
}

// A restore that was interrupted leaves no half file under a name, and can be run again.
func TestRestoreInterrupted(t *testing.T) {
	w := newWorld(t)
	makeOdd(t, w)
	s := w.backup().Snapshot
	want := listing(t, w.source)
	dest := filepath.Join(t.TempDir(), "restored")
	// What a restore leaves that was killed, not just stopped.
	left := filepath.Join(dest, fmt.Sprintf(".cobox-restore-%x", s.Root.Tree.ID[:8]))
	must(t, os.MkdirAll(filepath.Join(left, "0"), 0o700))
	failed := 0
	for n := 0; ; n++ {
		blocks := &oneAtATime{&failing{w.memory, n, errKilled}, make(chan struct{}, 1)}
		_, err := space.Restore(t.Context(), space.NewReader(w.keys, blocks), s, dest, space.RestoreOptions{})
		for name, text := range listing(t, dest) {
			// Folders are not complete before the end, and pipes and links come last.
			if strings.HasPrefix(text, "-") && text != want[name] && !strings.Contains(want[name], " is ") {
				t.Fatalf("after %d blocks %q is %q, want %q", n, name, text, want[name])
			}
		}
		if err == nil {
			break
		}
		if failed++; !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
	}
	if failed < 5 {
		t.Errorf("only %d interruptions", failed)
	}
	got := listing(t, dest)
	got["."] = want["."] // it was there when the last run began, and so is left as it is
	sameListing(t, want, got)
}

// hinted is a source that notes what it is told to fetch.
type hinted struct {
	space.Blocks
	hints []uint64
}

func (h *hinted) Prefetch(_ context.Context, _ feed.Key, indexes []uint64) {
	h.hints = append(h.hints, indexes...)
}

// Each block is asked for once, and the source is told before, in ascending order.
func TestRestoreReadsOnce(t *testing.T) {
	w := newWorld(t)
	for i := range 30 {
		w.write(string(rune('a'+i)), randomBytes(uint64(i), 700_000))
	}
	s := w.backup().Snapshot
	clear(w.memory.reads)
	source := &hinted{Blocks: w.memory}
	_, err := space.Restore(t.Context(), space.NewReader(w.keys, source), s, filepath.Join(t.TempDir(), "restored"), space.RestoreOptions{})
	must(t, err)
	if !slices.IsSorted(source.hints) || len(slices.Compact(slices.Clone(source.hints))) != len(source.hints) || len(source.hints) < 20 {
		t.Errorf("hints %v", source.hints)
	}
	for i, n := range w.memory.reads {
		if n > 1 {
			t.Errorf("block %d was read %d times", i, n)
		}
	}
	if len(w.memory.reads) < 20 {
		t.Errorf("only %d blocks", len(w.memory.reads))
	}
}

// inside is a listing without the folder itself.
func inside(t *testing.T, root string) map[string]string {
	list := listing(t, root)
	delete(list, ".")
	return list
}

func TestRestoreExisting(t *testing.T) {
	w := newWorld(t)
	w.write("a/same", []byte("same"))
	w.write("a/different", []byte("right"))
	w.write("a/zlast", randomBytes(1, 100_000))
	must(t, os.Symlink("same", filepath.Join(w.source, "link")))
	s := w.backup().Snapshot
	dest := w.restore(s)
	put := func(name, content string) {
		t.Helper()
		_ = os.Remove(filepath.Join(dest, name))
		must(t, os.WriteFile(filepath.Join(dest, name), []byte(content), 0o600))
	}

	// All is there: all is kept.
	result := w.restoreTo(s, dest, space.RestoreOptions{})
	if result.Kept != 3 || result.Bytes != 0 {
		t.Errorf("restored again: %+v", result)
	}
	sameListing(t, inside(t, w.source), inside(t, dest))

	for _, name := range []string{"a/different", "link"} {
		put(name, "wrong")
		put("a/beside", "mine")
		_, err := space.Restore(t.Context(), w.reader(), s, dest, space.RestoreOptions{})
		if !errors.Is(err, fs.ErrExist) {
			t.Fatalf("with another %s: %v", name, err)
		}
		if b, err := os.ReadFile(filepath.Join(dest, name)); err != nil || string(b) != "wrong" {
			t.Errorf("%s was touched: %q, %v", name, b, err)
		}
		result := w.restoreTo(s, dest, space.RestoreOptions{Overwrite: true})
		if result.Files != 3 {
			t.Errorf("overwriting: %+v", result)
		}
		if b, err := os.ReadFile(filepath.Join(dest, "a/beside")); err != nil || string(b) != "mine" {
			t.Errorf("what is not in the snapshot was touched: %q, %v", b, err)
		}
		must(t, os.Remove(filepath.Join(dest, "a/beside")))
		w.restoreTo(s, dest, space.RestoreOptions{}) // sets the folder's time again
		sameListing(t, inside(t, w.source), inside(t, dest))
	}

	// A folder is never removed, not even when overwriting.
	must(t, os.Remove(filepath.Join(dest, "link")))
	must(t, os.Mkdir(filepath.Join(dest, "link"), 0o755))
	if _, err := space.Restore(t.Context(), w.reader(), s, dest, space.RestoreOptions{Overwrite: true}); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a folder in the way of a link: %v", err)
	}
}

func TestInclude(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"a/b/c.txt", "a/b/d.go", "a/e.txt", "f.txt", "g/h/i/j.txt", "g/h/k"} {
		w.write(name, []byte(name))
	}
	s := w.backup().Snapshot
	for _, v := range []struct {
		include []string
		want    string
	}{
		{[]string{"*.txt"}, "a/b/c.txt a/e.txt f.txt g/h/i/j.txt"},
		{[]string{"/f.txt"}, "f.txt"},
		{[]string{"/*.txt"}, "f.txt"},
		{[]string{"a/b"}, "a/b/c.txt a/b/d.go"},
		{[]string{"b"}, "a/b/c.txt a/b/d.go"},
		{[]string{"a/*"}, "a/b/c.txt a/b/d.go a/e.txt"},
		{[]string{"a/**/*.go", "k"}, "a/b/d.go g/h/k"},
		{[]string{"g/**/j.txt"}, "g/h/i/j.txt"},
		{[]string{"**"}, "a/b/c.txt a/b/d.go a/e.txt f.txt g/h/i/j.txt g/h/k"},
	} {
		dest := filepath.Join(t.TempDir(), "restored")
		w.restoreTo(s, dest, space.RestoreOptions{Include: v.include})
		var got []string
		for name, text := range listing(t, dest) {
			if strings.HasPrefix(text, "-") {
				got = append(got, name)
			}
		}
		slices.Sort(got)
		if strings.Join(got, " ") != v.want {
			t.Errorf("include %q restored %q, want %q", v.include, got, v.want)
		}
	}
	for _, bad := range []string{"[", "", "a//b", "nothing.like.this"} {
		if _, err := space.Restore(t.Context(), w.reader(), s, filepath.Join(t.TempDir(), "x"), space.RestoreOptions{Include: []string{bad}}); err == nil {
			t.Errorf("include %q: no error", bad)
		}
	}
}

// Setuid bits come back only with the owner.
func TestSetuid(t *testing.T) {
	w := newWorld(t)
	w.write("program", []byte("x"))
	must(t, os.Chmod(filepath.Join(w.source, "program"), 0o755|os.ModeSetuid))
	s := w.backup().Snapshot
	info, err := os.Stat(filepath.Join(w.restore(s), "program"))
	must(t, err)
	if info.Mode() != 0o755 {
		t.Errorf("mode %v without the owner", info.Mode())
	}
	dest := filepath.Join(t.TempDir(), "restored")
	_, err = space.Restore(t.Context(), w.reader(), s, dest, space.RestoreOptions{Owner: true})
	if syscall.Getuid() != 0 {
		if err == nil {
			t.Error("owners were restored without the rights of root")
		}
		return
	}
	must(t, err)
	info, err = os.Stat(filepath.Join(dest, "program"))
	must(t, err)
	if info.Mode() != 0o755|os.ModeSetuid {
		t.Errorf("mode %v with the owner", info.Mode())
	}
}

// Damage costs the files that need what is damaged, and no other.
func TestRestoreDamaged(t *testing.T) {
	w := newWorld(t)
	for i := range 4 {
		w.write(string(rune('a'+i)), randomBytes(uint64(i), 1<<20-1))
	}
	w.write("z/one", []byte("1"))
	w.write("z/two", randomBytes(9, 1<<20-1))
	result := w.backup()
	want := listing(t, w.source)
	for i := 1; i < len(w.log.blocks); i++ {
		if uint64(i) == result.Snapshot.Ref.Block {
			continue
		}
		good := w.log.blocks[i]
		w.log.blocks[i] = slices.Clone(good)
		w.log.blocks[i][len(good)/3] ^= 1
		var warned []string
		dest := filepath.Join(t.TempDir(), "restored")
		_, err := space.Restore(t.Context(), w.reader(), result.Snapshot, dest, space.RestoreOptions{
			Warn: func(e *space.PathError) {
				if !errors.Is(e, space.ErrDamaged) {
					t.Errorf("block %d: %v", i, e)
				}
				warned = append(warned, e.Path)
			}})
		if _, ok := errors.AsType[*space.PartialError](err); !ok {
			t.Fatalf("block %d damaged: %v", i, err)
		}
		got := listing(t, dest)
		missing := maps.Clone(want)
		for name, text := range got {
			if strings.HasPrefix(text, "-") && text != want[name] {
				t.Errorf("block %d damaged: %q is %q", i, name, text)
			}
			delete(missing, name)
		}
		if len(missing) == 0 || len(warned) == 0 {
			t.Errorf("block %d damaged: nothing is missing", i)
		}
		check, err := space.Check(t.Context(), w.reader(), []*space.Snapshot{result.Snapshot}, space.CheckOptions{
			Feeds: w.memory.all(w.log), Index: w.index, ReadData: 100})
		if !errors.Is(err, space.ErrDamaged) || int(check.DamageCount) != len(warned) {
			t.Errorf("block %d damaged: Check found %+v (%v), Restore %q", i, check, err, warned)
		}
		w.log.blocks[i] = good
	}
}

// lacking is a source that some blocks are not to be had from.
type lacking struct {
	space.Blocks
	absent uint64 // 0 for none
}

func (l lacking) Block(ctx context.Context, key feed.Key, index uint64) ([]byte, error) {
	if l.absent != 0 && index == l.absent {
		return nil, fmt.Errorf("nobody has it: %w", space.ErrAbsent)
	}
	return l.Blocks.Block(ctx, key, index)
}

// A block that is absent costs what needs it, all names of a file that has several
// too; once it is there, another run writes just that.
func TestRestoreAbsent(t *testing.T) {
	w := newWorld(t)
	for i := range 4 {
		w.write(string(rune('a'+i)), randomBytes(uint64(i), 1<<20-1))
	}
	for _, name := range []string{"a", "d"} {
		must(t, os.Link(filepath.Join(w.source, name), filepath.Join(w.source, "also-"+name)))
	}
	w.write("z/large", randomBytes(9, 4<<20)) // its content is a list
	result := w.backup()
	for i := uint64(1); i < uint64(len(w.log.blocks)); i++ {
		if i == result.Snapshot.Ref.Block {
			continue
		}
		reader := space.NewReader(w.keys, lacking{w.memory, i})
		dest := filepath.Join(t.TempDir(), "restored")
		var warned []string
		o := space.RestoreOptions{Warn: func(e *space.PathError) {
			if !errors.Is(e, space.ErrAbsent) || errors.Is(e, space.ErrDamaged) {
				t.Errorf("block %d: %v", i, e)
			}
			warned = append(warned, e.Path)
		}}
		_, err := space.Restore(t.Context(), reader, result.Snapshot, dest, o)
		partial, ok := errors.AsType[*space.PartialError](err)
		if !ok || partial.Missing == 0 || int(partial.Missing) != len(warned) {
			t.Fatalf("block %d absent: %v, told of %q", i, err, warned)
		}
		check, err := space.Check(t.Context(), reader, []*space.Snapshot{result.Snapshot}, space.CheckOptions{
			Feeds: w.memory.all(w.log), Index: w.index, ReadData: 100})
		if e, ok := errors.AsType[*space.DamageError](err); !ok || e.Absent != e.Count || int(check.DamageCount) != len(warned) {
			t.Errorf("block %d absent: Check found %+v (%v), Restore %q", i, check, err, warned)
		}
		again := w.restoreTo(result.Snapshot, dest, space.RestoreOptions{})
		sameListing(t, inside(t, w.source), inside(t, dest))
		if again.Bytes == 0 && len(warned) > 0 {
			t.Errorf("block %d absent: the next run wrote nothing", i)
		}
		// Files that are there are compared, which may need a block too.
		_, err = space.Restore(t.Context(), reader, result.Snapshot, dest, space.RestoreOptions{Warn: func(e *space.PathError) {}})
		if _, ok := errors.AsType[*space.PartialError](err); err != nil && !ok {
			t.Errorf("block %d absent, and all files there: %v", i, err)
		}
	}
}

// What takes the name of a file while it is written stays, and the file is missed: so does
// another file of the snapshot whose name is the same to the file system.
func TestRestoreNameTaken(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"a", "dir/b", "dir/c"} {
		w.write(name, []byte("content of "+name))
	}
	must(t, os.Link(filepath.Join(w.source, "dir/b"), filepath.Join(w.source, "dir/link"))) // is missed, too
	must(t, os.Symlink("a", filepath.Join(w.source, "zlink")))
	s := w.backup().Snapshot
	want := listing(t, w.source)
	for _, overwrite := range []bool{false, true} {
		dest := filepath.Join(t.TempDir(), "restored")
		var warned []string
		_, err := space.Restore(t.Context(), w.reader(), s, dest, space.RestoreOptions{
			Overwrite: overwrite,
			Warn: func(e *space.PathError) {
				if !errors.Is(e, fs.ErrExist) {
					t.Error(e)
				}
				warned = append(warned, e.Path)
			},
			Progress: func(p space.Progress) {
				if p.Bytes > 0 && p.Files == 0 {
					must(t, os.WriteFile(filepath.Join(dest, "dir/b"), []byte("mine"), 0o600))
				}
			},
		})
		if e, ok := errors.AsType[*space.PartialError](err); !ok || e.Missing != 2 || !slices.Equal(warned, []string{"dir/b", "dir/link"}) {
			t.Errorf("overwrite %v: %v, and was told of %q", overwrite, err, warned)
		}
		if text, err := os.ReadFile(filepath.Join(dest, "dir/b")); err != nil || string(text) != "mine" {
			t.Errorf("overwrite %v: dir/b is %q, %v", overwrite, text, err)
		}
		got := listing(t, dest)
		got["dir/b"], got["dir/link"] = want["dir/b"], want["dir/link"]
		sameListing(t, want, got)
		if left, err := filepath.Glob(filepath.Join(dest, ".cobox-*")); err != nil || len(left) > 0 {
			t.Errorf("left behind: %q, %v", left, err)
		}
	}
}

// More files than a restore writes at once: those of a batch get their names while the next
// one is written.
func TestRestoreBatches(t *testing.T) {
	defer space.SetBatch(150, 100)()
	const files = 500
	w := newWorld(t)
	for i := range files {
		w.write(fmt.Sprintf("%02d/%03d", i/30, i), fmt.Append(nil, "content of ", i))
	}
	w.write("large", randomBytes(1, 30_000_000)) // 500 pieces or so, in several batches
	must(t, os.Link(filepath.Join(w.source, "00/000"), filepath.Join(w.source, "link")))
	s := w.backup().Snapshot
	want := listing(t, w.source)
	dest := filepath.Join(t.TempDir(), "restored")
	begun := false
	_, err := space.Restore(t.Context(), w.reader(), s, dest, space.RestoreOptions{Progress: func(p space.Progress) {
		if p.Files > 0 && !begun { // the first batch gets its names
			begun = true
			must(t, os.Mkdir(filepath.Join(dest, "16"), 0o700))
			must(t, os.WriteFile(filepath.Join(dest, "16/499"), []byte("mine"), 0o600))
		}
	}})
	if !errors.Is(err, fs.ErrExist) { // the folder is not fresh: the file is seen at once
		t.Errorf("with a file in the way: %v", err)
	}
	must(t, os.Remove(filepath.Join(dest, "16/499")))
	kept := uint64(len(listing(t, dest)))
	result := w.restoreTo(s, dest, space.RestoreOptions{})
	if result.Files != files+2 || result.Kept == 0 || result.Kept > kept {
		t.Errorf("the second run: %+v; %d names were there", result, kept)
	}
	got := listing(t, dest)
	got["."] = want["."] // it was there before
	sameListing(t, want, got)
}

// No step of a restore in batches leaves half a file under a name.
func TestRestoreBatchesInterrupted(t *testing.T) {
	defer space.SetBatch(20, 7)()
	TestRestoreInterrupted(t)
}
