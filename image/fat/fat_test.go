package fat_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"cobox/image/fat"
)

func format() fat.Format {
	return fat.Format{Size: 32 << 20, Label: "COBOX", ID: 0x0c0b0c5e, Time: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC), Hidden: 8192}
}

func files() []fat.File {
	list := []fat.File{
		{"cmdline.txt", []byte("root=x\n")},
		{"vmlinuz", bytes.Repeat([]byte("kernel"), 100000)},
		{"COBOX.TXT", bytes.Repeat([]byte(" "), 4096)},
		{"empty", nil},
		{"bcm2710-rpi-3-b.dtb", []byte("three")},
		{"bcm2710-rpi-3-b-plus.dtb", []byte("three plus")},
		{"loader/entries/gokrazy.conf", []byte("entry")},
	}
	for i := range 300 {
		list = append(list, fat.File{Name: fmt.Sprintf("overlays/an-overlay-with-a-name-%d.dtbo", i), Data: fmt.Appendf(nil, "overlay %d", i)})
	}
	return list
}

func volume(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	n, err := fat.Write(&b, format(), files())
	if err != nil || n != int64(b.Len()) {
		t.Fatalf("%d bytes of %d, %v", b.Len(), n, err)
	}
	return append(b.Bytes(), make([]byte, format().Size-n)...)
}

func TestReadBack(t *testing.T) {
	b := volume(t)
	v, err := fat.Open(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files() {
		for _, name := range []string{f.Name, strings.ToUpper(f.Name)} {
			got, err := v.Read(name, 1<<20)
			if err != nil || !bytes.Equal(got, f.Data) {
				t.Errorf("%s: %.20q, %v", name, got, err)
			}
		}
	}
	e, err := v.Find("cobox.txt")
	if err != nil || !bytes.Equal(b[e.Start:][:e.Size], bytes.Repeat([]byte(" "), 4096)) {
		t.Errorf("COBOX.TXT lies at %+v, %v", e, err)
	}
	for _, name := range []string{"", "no", "loader", "loader/no", "vmlinuz/x", "/cmdline.txt"} {
		if e, err := v.Find(name); !errors.Is(err, fat.ErrNotFound) {
			t.Errorf("%q: %+v, %v", name, e, err)
		}
	}
	if _, err := v.Read("vmlinuz", 100); err == nil {
		t.Error("more was read than allowed")
	}
	again := volume(t)
	if !bytes.Equal(b, again) {
		t.Error("two volumes of the same files differ")
	}
}

func TestNoVolume(t *testing.T) {
	for _, b := range [][]byte{nil, make([]byte, 511), make([]byte, 1<<20), bytes.Repeat([]byte{0xff}, 1<<20)} {
		if _, err := fat.Open(bytes.NewReader(b)); !errors.Is(err, fat.ErrVolume) {
			t.Errorf("%d bytes: %v", len(b), err)
		}
	}
	// A file in pieces, as another system might leave it.
	b := volume(t)
	v, err := fat.Open(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	b[512+2*4] = 9 // cluster 4 is in the kernel
	if e, err := v.Find("vmlinuz"); !errors.Is(err, fat.ErrFragments) {
		t.Errorf("a file in pieces lies at %+v, %v", e, err)
	}
}

func TestRefused(t *testing.T) {
	for _, f := range []fat.File{
		{Name: "cmdline.txt"}, {Name: "CMDLINE.TXT"}, {Name: ""}, {Name: ".hidden"}, {Name: "a b"}, {Name: "a:b"}, {Name: strings.Repeat("x", 256)},
		{Name: "large", Data: make([]byte, 32<<20)},
	} {
		if _, err := fat.Write(&bytes.Buffer{}, format(), append(files(), f)); err == nil {
			t.Errorf("%.20q of %d bytes was put in", f.Name, len(f.Data))
		}
	}
	for _, size := range []int64{0, 1 << 20, 4 << 30, 32<<20 + 1} {
		f := format()
		f.Size = size
		if _, err := fat.Write(&bytes.Buffer{}, f, nil); err == nil {
			t.Errorf("a volume of %d bytes was made", size)
		}
	}
}

// TestFsck has another program look at a volume.
func TestFsck(t *testing.T) {
	fsck, err := exec.LookPath("fsck.fat")
	if err != nil {
		t.Skip("needs fsck.fat: hack/setup-e2e image installs it")
	}
	path := filepath.Join(t.TempDir(), "volume")
	if err := os.WriteFile(path, volume(t), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(fsck, "-n", "-v", path).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func FuzzOpen(f *testing.F) {
	f.Add(volume(f)[:256<<10])
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := fat.Open(bytes.NewReader(b))
		if err != nil {
			return
		}
		for _, name := range []string{"cmdline.txt", "loader/entries/gokrazy.conf"} {
			if e, err := v.Find(name); err == nil && (e.Start < 0 || e.Size < 0) {
				t.Errorf("%s lies at %+v", name, e)
			}
		}
	})
}
