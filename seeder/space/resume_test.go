package space_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"cobox/seeder/space"
)

// chunksOf opens all packs of a feed and returns how often each chunk is stored.
func (w *world) chunksOf(log *memoryLog) map[space.ChunkID]int {
	w.t.Helper()
	count := map[space.ChunkID]int{}
	for i, stored := range log.blocks {
		plain, err := w.keys.Cipher(log.key).Open(uint64(i), stored)
		must(w.t, err)
		k, payload, err := space.Unframe(plain)
		must(w.t, err)
		if k != space.KindData && k != space.KindTree {
			continue
		}
		ids, err := space.PackIDs(payload)
		must(w.t, err)
		for _, id := range ids {
			count[id]++
		}
	}
	return count
}

// However often a backup is killed, nothing is stored twice, and it ends.
func TestBackupInterrupted(t *testing.T) {
	for _, lost := range []bool{false, true} {
		t.Run(fmt.Sprintf("index lost=%v", lost), func(t *testing.T) {
			w := newWorld(t)
			for i := range 20 {
				w.write(fmt.Sprintf("d%d/f%d", i%7, i), randomBytes(uint64(i), 700_000+i*1000))
			}
			kills := 0
			for {
				appends := 0
				w.log.fail = func(int) error {
					if appends++; appends > 1 {
						return errKilled
					}
					return nil
				}
				if lost {
					w.index = space.NewMemoryIndex() // the process is gone, and its index was not written
				}
				w.update()
				_, err := space.Backup(t.Context(), w.options())
				if err == nil {
					break
				}
				if kills++; !errors.Is(err, errKilled) || kills > 50 {
					t.Fatalf("after %d kills: %v", kills, err)
				}
			}
			if kills < 2 {
				t.Errorf("killed only %d times", kills)
			}
			for id, n := range w.chunksOf(w.log) {
				if n != 1 {
					t.Errorf("chunk %s is stored %d times", id, n)
				}
			}
			s, err := w.reader().LastSnapshot(t.Context(), w.memory.all(w.log)[0])
			must(t, err)
			sameListing(t, listing(t, w.source), listing(t, w.restore(s)))
		})
	}
}

// What was appended and did not reach the disk is in no index, and is stored anew.
func TestBackupLosesWhatWasNotDurable(t *testing.T) {
	w := newWorld(t)
	for i := range 40 {
		w.write(fmt.Sprintf("d%d/f%d", i%7, i), randomBytes(uint64(i), 700_000+i*1000))
	}
	waits := 0
	w.log.lose = func() error {
		if waits++; waits == 2 {
			return errKilled
		}
		return nil
	}
	if _, err := space.Backup(t.Context(), w.options()); !errors.Is(err, errKilled) {
		t.Fatalf("Backup = %v, want %v", err, errKilled)
	}
	if covered, _ := w.index.Covered(w.log.key); covered != w.log.Length() || covered == 0 {
		t.Fatalf("the index covers %d blocks, and the feed has %d", covered, w.log.Length())
	}
	s := w.backup().Snapshot
	for id, n := range w.chunksOf(w.log) {
		if n != 1 {
			t.Errorf("chunk %s is stored %d times", id, n)
		}
	}
	sameListing(t, listing(t, w.source), listing(t, w.restore(s)))
}

// A cancelled backup keeps what was sealed, and ends.
func TestBackupCancelled(t *testing.T) {
	w := newWorld(t)
	for i := range 10 {
		w.write(fmt.Sprint(i), randomBytes(uint64(i), 1<<20))
	}
	ctx, cancel := cancelCause(t)
	o := w.options()
	o.Opened = func(path string) {
		if path == "7" {
			cancel(errKilled)
		}
	}
	if _, err := space.Backup(ctx, o); !errors.Is(err, errKilled) {
		t.Fatalf("Backup: %v", err)
	}
	sameListing(t, listing(t, w.source), listing(t, w.restore(w.backup().Snapshot)))
	for id, n := range w.chunksOf(w.log) {
		if n != 1 {
			t.Errorf("chunk %s is stored %d times", id, n)
		}
	}
}

// Random edits between backups: every snapshot restores to what the folder was,
// files that did not change are not read, and no chunk is stored twice.
func TestRandomEdits(t *testing.T) {
	w := newWorld(t)
	random := rand.New(rand.NewPCG(1, 2))
	names := func() []string {
		var names []string
		must(t, filepath.WalkDir(w.source, func(path string, d os.DirEntry, err error) error {
			if path != w.source {
				names = append(names, path)
			}
			return err
		}))
		return names
	}
	var snapshots []*space.Snapshot
	var want []map[string]string
	for round := range 12 {
		for range 1 + random.IntN(12) {
			all := names()
			pick := w.source
			if len(all) > 0 {
				pick = all[random.IntN(len(all))]
			}
			info, err := os.Lstat(pick)
			must(t, err)
			dir := pick
			if !info.IsDir() {
				dir = filepath.Dir(pick)
			}
			fresh := filepath.Join(dir, fmt.Sprintf("n%d", random.Uint32()))
			switch random.IntN(9) {
			case 0:
				must(t, os.Mkdir(fresh, 0o755))
			case 1, 2, 3:
				must(t, os.WriteFile(fresh, randomBytes(random.Uint64(), random.IntN(1<<random.IntN(22)+1)), 0o644))
			case 4:
				must(t, os.Symlink(fmt.Sprint(random.Uint32()), fresh))
			case 5:
				if pick != w.source {
					must(t, os.RemoveAll(pick))
				}
			case 6: // insert in the middle
				if info.Mode().IsRegular() {
					b, err := os.ReadFile(pick)
					must(t, err)
					at := random.IntN(len(b) + 1)
					must(t, os.WriteFile(pick, bytes.Join([][]byte{b[:at], []byte("inserted"), b[at:]}, nil), 0o644))
				}
			case 7: // a file becomes a folder
				if info.Mode().IsRegular() {
					must(t, os.Remove(pick))
					must(t, os.MkdirAll(filepath.Join(pick, "was a file"), 0o755))
				}
			case 8:
				if pick != w.source {
					must(t, os.Rename(pick, filepath.Join(w.source, fmt.Sprintf("moved%d", random.Uint32()))))
				}
			}
		}
		if round == 6 {
			w.index = space.NewMemoryIndex() // a lost index costs nothing but time
		}
		snapshots = append(snapshots, w.backup().Snapshot)
		want = append(want, listing(t, w.source))
	}
	for i, s := range snapshots {
		sameListing(t, want[i], listing(t, w.restore(s)))
	}
	for id, n := range w.chunksOf(w.log) {
		if n != 1 {
			t.Errorf("chunk %s is stored %d times", id, n)
		}
	}
	i := len(snapshots)
	for s, err := range w.reader().Snapshots(t.Context(), w.memory.all(w.log)[0]) {
		must(t, err)
		if i--; s.Ref != snapshots[i].Ref {
			t.Errorf("snapshot %d is in block %d, want %d", i, s.Ref.Block, snapshots[i].Ref.Block)
		}
	}
	if i != 0 {
		t.Errorf("%d snapshots were not listed", i)
	}
	if _, err := space.Check(t.Context(), w.reader(), snapshots, space.CheckOptions{Feeds: w.memory.all(w.log), Index: w.index, ReadData: 100}); err != nil {
		t.Error(err)
	}
}

// What one device stored, another of the same space does not store again.
func TestTwoDevices(t *testing.T) {
	a := newWorld(t)
	b := a.other("second device")
	for i := range 5 {
		content := randomBytes(uint64(i), 300_000)
		a.write(fmt.Sprintf("x/%d", i), content)
		b.write(fmt.Sprintf("renamed/%d", i), content)
	}
	b.write("own", randomBytes(99, 200_000))
	a.backup()
	result := b.backup()
	if result.NewBytes > 210_000 {
		t.Errorf("the second device stored %d bytes, of which 200,000 are new", result.NewBytes)
	}
	if n := len(result.Snapshot.Feeds); n != 2 {
		t.Errorf("its snapshot needs %d feeds, want 2", n)
	}
	sameListing(t, listing(t, b.source), listing(t, b.restore(result.Snapshot)))
	length := b.log.Length()
	b.index = space.NewMemoryIndex()
	b.backup()
	if n := b.log.Length() - length; n != 1 || len(b.opened) != 0 {
		t.Errorf("unchanged, with a new index: %d blocks, read %q", n, b.opened)
	}

	// The phrase and the feed keys are enough for a third.
	secret, err := space.ParsePhrase(a.secret.Phrase())
	must(t, err)
	h, err := space.ReadHeader(t.Context(), secret, a.memory, b.log.key)
	must(t, err)
	if h.Space != a.keys.Space || h.Name != "archive" || h.Device.Name != "laptop" {
		t.Errorf("ReadHeader = %+v", h)
	}
	if _, err := space.ReadHeader(t.Context(), space.NewSecret(), a.memory, b.log.key); !errors.Is(err, space.ErrDamaged) {
		t.Errorf("with another phrase: %v", err)
	}
	if _, err := (space.NewReader(secret.Keys(space.NewID()), a.memory)).LastSnapshot(t.Context(), a.memory.all(b.log)[0]); !errors.Is(err, space.ErrDamaged) {
		t.Errorf("in another space: %v", err)
	}

	// Another space's feed is not written to.
	o := a.options()
	o.Keys = a.secret.Keys(space.NewID())
	if _, err := space.Backup(t.Context(), o); err == nil {
		t.Error("a backup went to a feed of another space")
	}
}

// A small change to a file or a folder makes a small addition.
func TestDedup(t *testing.T) {
	w := newWorld(t)
	content := randomBytes(1, 8<<20)
	w.write("big", content)
	w.write("copy", content)
	for i := range 1500 {
		w.write(fmt.Sprintf("folder/%04d", i), []byte(fmt.Sprint(i)))
	}
	first := w.backup()
	if first.NewBytes > 9<<20 {
		t.Errorf("two equal files of 8 MiB made %d new bytes", first.NewBytes)
	}
	w.write("big", bytes.Join([][]byte{content[:5<<20], []byte("inserted"), content[5<<20:]}, nil))
	if second := w.backup(); second.NewBytes > 3<<20 {
		t.Errorf("an insertion made %d new bytes", second.NewBytes)
	}
	w.write("folder/0700a", []byte("new"))
	if third := w.backup(); third.NewBytes > 150<<10 || third.Blocks > 3 {
		t.Errorf("a new file in a folder of 1500 made %d new bytes in %d blocks", third.NewBytes, third.Blocks)
	}
}

// A file that changes while it is read is kept, with a warning, and read again next time.
func TestChangedWhileRead(t *testing.T) {
	w := newWorld(t)
	path := filepath.Join(w.source, "growing")
	w.write("growing", randomBytes(1, 3<<20))
	o := w.options()
	o.Progress = func(space.Progress) {
		f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND, 0)
		must(t, err)
		_, err = f.Write([]byte("more"))
		must(t, errors.Join(err, f.Close()))
	}
	result, err := space.Backup(t.Context(), o)
	must(t, err)
	if result.Changed != 1 || len(w.warned) != 1 || !w.warned[0].Changed {
		t.Errorf("changed %d, warned %v", result.Changed, w.warned)
	}
	w.restore(result.Snapshot)
	w.backup()
	if len(w.opened) != 1 {
		t.Errorf("the next backup read %q", w.opened)
	}
}

// What cannot be read is reported and left out; the rest is kept.
func TestUnreadable(t *testing.T) {
	w := newWorld(t)
	w.write("good", []byte("good"))
	// Deeper than the system lets a path be, for root too.
	root, err := os.OpenRoot(w.source)
	must(t, err)
	for range 20 {
		name := fmt.Sprintf("%0250d", 1)
		must(t, root.Mkdir(name, 0o755))
		next, err := root.OpenRoot(name)
		must(t, errors.Join(err, root.Close()))
		root = next
	}
	must(t, root.Close())
	w.update()
	result, err := space.Backup(t.Context(), w.options())
	partial, ok := errors.AsType[*space.PartialError](err)
	if !ok || partial.Missing == 0 || len(w.warned) == 0 || result.Snapshot.Totals.Unreadable != partial.Missing {
		t.Fatalf("Backup = %+v, %v (%v)", result, err, w.warned)
	}
	if b, err := os.ReadFile(filepath.Join(w.restore(result.Snapshot), "good")); err != nil || string(b) != "good" {
		t.Errorf("the rest: %q, %v", b, err)
	}
}

func TestSkip(t *testing.T) {
	w := newWorld(t)
	for _, name := range []string{"keep/a", "keep/b", "leave/a", "leave/b/c"} {
		w.write(name, []byte(name))
	}
	o := w.options()
	o.Skip = func(path string) bool { return path == "leave" || path == "keep/b" }
	o.Progress = func(space.Progress) {}
	result, err := space.Backup(t.Context(), o)
	must(t, err)
	if result.Snapshot.Totals != (space.Totals{Files: 1, Dirs: 2, Bytes: 6}) {
		t.Errorf("totals %+v", result.Snapshot.Totals)
	}
}

// A feed that something else writes ends the backup: two writers would use one keystream.
func TestSecondWriter(t *testing.T) {
	w := newWorld(t)
	w.write("a", randomBytes(1, 10<<20))
	o := w.options()
	o.Opened = func(string) { _, _ = w.log.Append(t.Context(), w.log.Length(), [][]byte{make([]byte, 520)}) }
	if _, err := space.Backup(t.Context(), o); err == nil {
		t.Error("no error")
	}
}
