package perm_test

import (
	"crypto/sha256"
	"io"
	"os"
	"os/exec"
	"testing"

	"cobox/appliance/perm"
)

// A card that was used before: its old bytes must not come through.
func dirty(t *testing.T, f *os.File) {
	t.Helper()
	junk := make([]byte, 1<<20)
	for i := range junk {
		junk[i] = byte(i*i>>3) | 1
	}
	for at := int64(16 << 20); at < cardSize; at += 1 << 20 {
		if _, err := f.WriteAt(junk, at); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCreate(t *testing.T) {
	f := image(t, cardSize)
	dirty(t, f)
	system := sum(t, f, 4<<20, 12<<20)
	at, err := perm.Create(f, cardSize)
	if err != nil {
		t.Fatal(err)
	}
	if got, there := readTable(t, f).Partition(perm.Number); !there || got != at {
		t.Errorf("partition 4 is %+v, %v, want %+v", got, there, at)
	}
	if sum(t, f, 4<<20, 12<<20) != system {
		t.Error("the system's partitions were written to")
	}
	verify(t, f.Name())
	check(t, f, at)
	if _, err := perm.Create(f, cardSize); err == nil {
		t.Error("a second /perm was made over the first")
	}
	check(t, f, at)
}

func sum(t *testing.T, f *os.File, at, n int64) [32]byte {
	t.Helper()
	h := sha256.New()
	if _, err := io.Copy(h, io.NewSectionReader(f, at, n)); err != nil {
		t.Fatal(err)
	}
	return [32]byte(h.Sum(nil))
}

// check asks e2fsck, where there is one, whether the file system is sound.
func check(t *testing.T, f *os.File, at perm.Extent) {
	t.Helper()
	tool, err := exec.LookPath("e2fsck")
	if err != nil {
		return
	}
	part, err := os.CreateTemp(t.TempDir(), "perm")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(part, io.NewSectionReader(f, at.Start, at.Size)); err != nil {
		t.Fatal(err)
	}
	if err := part.Close(); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(tool, "-fn", part.Name()).CombinedOutput(); err != nil {
		t.Errorf("e2fsck -fn: %v\n%s", err, out)
	}
}
