package ext4_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"cobox/appliance/ext4"
)

func sparse(t *testing.T, size int64) *os.File {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "disk"))
	if err == nil {
		err = f.Truncate(size)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// A file system, also one with few inodes, is what it was asked to be, and e2fsck, where there is one, finds it sound.
func TestFormat(t *testing.T) {
	for _, perInode := range []int64{0, 1 << 20} {
		const size = 1 << 30
		f := sparse(t, size)
		id := [16]byte{1, 2, 3, 15: 16}
		told, last := 0, int64(0)
		progress := func(done, total int64) {
			if told++; done <= last || done > total || total != size {
				t.Errorf("it is told that %d of %d are done, after %d", done, total, last)
			}
			last = done
		}
		if err := ext4.Format(f, 0, size, ext4.Options{Label: "cobox-data", UUID: id, PerInode: perInode, Progress: progress}); err != nil {
			t.Fatal(err)
		}
		if told == 0 || told > 100 || last < size*3/4 {
			t.Errorf("progress was told %d times, at last %d of %d", told, last, int64(size))
		}
		got, err := ext4.Read(f)
		if want := (ext4.SuperBlock{UUID: id, Label: "cobox-data", Clean: true}); err != nil || got != want {
			t.Errorf("Read = %+v, %v, want %+v", got, err, want)
		}
		tool, err := exec.LookPath("e2fsck")
		if err != nil {
			t.Log("e2fsck is not there")
			continue
		}
		if out, err := exec.Command(tool, "-fn", f.Name()).CombinedOutput(); err != nil {
			t.Errorf("e2fsck -fn with %d bytes an inode: %v\n%s", perInode, err, out)
		}
	}
}

func TestReadOther(t *testing.T) {
	if _, err := ext4.Read(sparse(t, 1<<20)); !errors.Is(err, ext4.ErrForeign) {
		t.Errorf("Read of a blank disk = %v, want ErrForeign", err)
	}
	if _, err := ext4.Read(sparse(t, 1024)); err == nil || errors.Is(err, ext4.ErrForeign) {
		t.Errorf("Read of what is too short = %v", err)
	}
	if err := ext4.Format(sparse(t, 64<<20), 0, 64<<20, ext4.Options{Label: "a label that is too long"}); err == nil {
		t.Error("Format took a label that does not fit")
	}
}
