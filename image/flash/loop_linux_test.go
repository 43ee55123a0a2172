package flash

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"cobox/appliance/release"
	"cobox/image/build"
	"cobox/image/fat"
	"cobox/image/squashfs"

	"golang.org/x/sys/unix"
)

var loop = flag.Bool("loop", false, "flash a loop device, as root")

// TestLoop flashes a real block device, on which the image's partitions are
// found then. While one of them is mounted, nothing is written to it.
func TestLoop(t *testing.T) {
	if !*loop {
		t.Skip("flashes a loop device, as root: go test ./image/flash -loop")
	}
	dir := t.TempDir()
	image, medium := filepath.Join(dir, "image"), filepath.Join(dir, "medium")
	root, err := squashfs.Make([]squashfs.Entry{{Path: "name", Mode: 0o644, Data: []byte("a box")}}, time.Unix(1, 0))
	if err == nil {
		_, err = build.Boards[0].Write(image, build.Contents{
			Boot: []fat.File{{Name: build.SystemFile, Data: release.System{Product: release.Product}.Append(nil)}}, Root: root,
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	const size = build.Size + 8<<20
	d := attach(t, medium, size)

	if err := d.Check(build.Size); !errors.Is(err, ErrRefused) || d.Size != size || len(d.Mounted) > 0 {
		t.Fatalf("%+v is no card: %v", d, err)
	}
	d.Removable = true // as a card would be
	if err := d.Check(build.Size); err != nil {
		t.Fatal(err)
	}
	target, err := d.Open()
	if err != nil {
		t.Fatal(err)
	}
	if again, err := d.Open(); !errors.Is(err, unix.EBUSY) {
		t.Errorf("while it is written to it can be opened again: %v, %v", again, err)
	}
	in, err := os.Open(image)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = in.Close() }()
	err = Write(t.Context(), target, target.Size, in, build.Size, nil)
	if err := errors.Join(err, target.Reread(), target.Close()); err != nil {
		t.Fatal(err)
	}
	run(t, "cmp", "-n", strconv.Itoa(build.Size), image, medium)
	// For kernels that cannot read such tables, and those of tests often cannot.
	run(t, "partx", "--update", d.Path)
	t.Cleanup(func() { run(t, "partx", "--delete", d.Path) })
	at := filepath.Join(dir, "root")
	if err := os.Mkdir(at, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount(d.Path+"p2", at, "squashfs", unix.MS_RDONLY, ""); err != nil {
		t.Fatalf("mounting the root file system from the device: %v", err)
	}
	mounted := true
	t.Cleanup(func() {
		if mounted {
			_ = unix.Unmount(at, 0)
		}
	})
	if text, err := os.ReadFile(filepath.Join(at, "name")); string(text) != "a box" {
		t.Errorf("on the device is %q, %v", text, err)
	}

	d = look(t, d.Name)
	d.Removable = true
	if err := d.Check(build.Size); !slices.Equal(d.Mounted, []string{at}) || !errors.Is(err, ErrRefused) {
		t.Errorf("with a partition at %s the device is %+v, %v", at, d, err)
	}
	if target, err := d.Open(); !errors.Is(err, unix.EBUSY) {
		t.Errorf("with a mounted partition it is opened: %v, %v", target, err)
	}
	if err := unix.Unmount(at, 0); err != nil {
		t.Fatal(err)
	}
	mounted = false
	target, err = d.Open()
	if err != nil {
		t.Fatal(err)
	}
	if err := target.Close(); err != nil {
		t.Error(err)
	}
}

// TestOwnDisks: this computer's own disks are refused, whatever else they are.
func TestOwnDisks(t *testing.T) {
	all, err := Devices()
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		if err := d.Check(0); len(d.Mounted) > 0 && !errors.Is(err, ErrRefused) {
			t.Errorf("%+v is mounted, and not refused", d)
		}
	}
}

// attach makes a medium of size bytes, on which an old partition table's copy is left.
func attach(t *testing.T, file string, size int64) Device {
	t.Helper()
	f, err := os.Create(file)
	if err == nil {
		_, err = f.WriteAt(bytes.Repeat([]byte("old"), 1000), size-3000)
		err = errors.Join(err, f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
	path := strings.TrimSpace(run(t, "losetup", "--find", "--show", "--partscan", file))
	t.Cleanup(func() { run(t, "losetup", "--detach", path) })
	return look(t, filepath.Base(path))
}

// look returns a device, even one that is not listed.
func look(t *testing.T, name string) Device {
	t.Helper()
	inUse, err := mounts("/")
	if err != nil {
		t.Fatal(err)
	}
	d, err := readDevice("/", name, inUse)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func run(t *testing.T, name string, args ...string) string {
	t.Helper()
	out, err := exec.Command(name, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}
