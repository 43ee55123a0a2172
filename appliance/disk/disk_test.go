package disk_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"cobox/appliance/disk"

	"github.com/google/go-cmp/cmp"
)

// tree is a machine with a card, a USB disk with a partition, a blank NVMe disk, an
// empty reader, and things that are no disks.
func tree(t *testing.T) disk.System {
	t.Helper()
	root := t.TempDir()
	write := func(path, content string) {
		t.Helper()
		path = filepath.Join(root, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	device := func(name, dir string) {
		t.Helper()
		if err := os.MkdirAll(filepath.Join(root, "sys/block"), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(filepath.Join(root, "sys", dir), filepath.Join(root, "sys/block", name)); err != nil {
			t.Fatal(err)
		}
	}
	usb := "devices/platform/usb1/1-1/1-1:1.0/host0/target0:0:0/0:0:0:0/block/sda"
	for path, content := range map[string]string{
		"sys/devices/platform/usb1/1-1/idVendor": "0781\n", "sys/devices/platform/usb1/1-1/serial": "4C530001\n",
		"sys/" + usb + "/device/vendor": "SanDisk \n", "sys/" + usb + "/device/model": "Ultra\x07           \n",
		"sys/" + usb + "/size": "125829120\n", "sys/" + usb + "/dev": "8:0\n",
		"sys/" + usb + "/sda1/partition": "1\n", "sys/" + usb + "/sda1/size": "125827072\n", "sys/" + usb + "/sda1/dev": "8:1\n",
		"sys/devices/pci/nvme0/nvme0n1/device/model": "KINGSTON\n", "sys/devices/pci/nvme0/nvme0n1/device/serial": "50026B7\n",
		"sys/devices/pci/nvme0/nvme0n1/size": "1000\n", "sys/devices/pci/nvme0/nvme0n1/dev": "259:0\n",
		"sys/devices/mmc/mmcblk0/size": "1000\n", "sys/devices/virtual/loop0/size": "1000\n", "sys/devices/usb2/sdb/size": "0\n",
		"proc/self/mountinfo": "22 1 179:2 / / ro - squashfs /dev/root ro\n25 22 8:1 / /store rw - ext4 /dev/sda1 rw\n",
		"dev/nvme0n1":         string(make([]byte, 4096)),
	} {
		write(path, content)
	}
	gpt := make([]byte, 4096)
	copy(gpt[510:], "\x55\xaaEFI PART")
	write("dev/sda", string(gpt))
	write("dev/sda1", string(extended("photos")))
	device("sda", usb)
	device("sdb", "devices/usb2/sdb")
	device("nvme0n1", "devices/pci/nvme0/nvme0n1")
	device("mmcblk0", "devices/mmc/mmcblk0")
	device("loop0", "devices/virtual/loop0")
	return disk.System{Sys: filepath.Join(root, "sys"), Dev: filepath.Join(root, "dev"), Proc: filepath.Join(root, "proc")}
}

// extended is the beginning of an ext4 file system.
func extended(label string) []byte {
	b := make([]byte, 4096)
	binary.LittleEndian.PutUint16(b[1024+0x38:], 0xef53)
	binary.LittleEndian.PutUint32(b[1024+0x60:], 0x40)
	copy(b[1024+0x78:], label)
	return b
}

func TestList(t *testing.T) {
	got, err := tree(t).List("mmcblk0")
	want := []disk.Disk{
		{Name: "nvme0n1", Kind: "nvme", Model: "KINGSTON", Serial: "50026B7", SizeBytes: 512000},
		{
			Name: "sda", Kind: "usb", Model: "SanDisk Ultra", Serial: "4C530001", SizeBytes: 64424509440, Mounted: true,
			Content: "a partition table (GPT)", Parts: []disk.Part{{Name: "sda1", SizeBytes: 64423460864, Content: "ext4 (photos)"}},
		},
	}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Errorf("List: %v\n%s", err, diff)
	}
	if text := got[1].Text(); text != "SanDisk Ultra, serial 4C530001, 64 GB" {
		t.Errorf("Text = %q", text)
	}
	if !got[0].Blank() || got[1].Blank() {
		t.Errorf("Blank = %v, %v", got[0].Blank(), got[1].Blank())
	}
}

// A disk that cannot be read is never taken for a blank one.
func TestUnreadable(t *testing.T) {
	s := tree(t)
	if err := os.Remove(filepath.Join(s.Dev, "nvme0n1")); err != nil {
		t.Fatal(err)
	}
	got, err := s.List("mmcblk0")
	if err != nil || got[0].Trouble == "" || got[0].Blank() {
		t.Errorf("List = %+v, %v", got[0], err)
	}
}

func TestLook(t *testing.T) {
	at := func(n int, mark string) []byte {
		b := make([]byte, 128<<10)
		copy(b[n:], mark)
		return b
	}
	for _, tc := range []struct {
		bytes []byte
		want  disk.Content
	}{
		{nil, ""}, {make([]byte, 5<<20), ""}, {bytes.Repeat([]byte{0xff}, 1<<20), ""},
		{at(100<<10, "x"), "something unknown"}, {bytes.Repeat([]byte{0xfe}, 4096), "something unknown"}, {at(0, "LUKS\xba\xbe"), "encrypted (LUKS)"}, {at(3, "NTFS    "), "NTFS"},
		{at(0x10040, "_BHRfS_M"), "Btrfs"}, {at(510, "\x55\xaa"), "a partition table (MBR)"}, {extended("a\x00b"), "ext4 (a)"}, {extended("\xff"), "ext4"},
	} {
		if got, err := disk.Look(bytes.NewReader(tc.bytes)); err != nil || got != tc.want {
			t.Errorf("Look = %q, %v, want %q", got, err, tc.want)
		}
	}
}

// What the tools make that people use is known, where they are installed.
func TestLookAtRealOnes(t *testing.T) {
	for _, tc := range []struct {
		tool string
		args []string
		want disk.Content
	}{
		{"mkfs.ext4", []string{"-q", "-F", "-L", "backup"}, "ext4 (backup)"},
		{"mkfs.ext2", []string{"-q", "-F"}, "ext2"},
		{"mkfs.ext3", []string{"-q", "-F"}, "ext3"},
		{"mkfs.vfat", nil, "FAT"},
		{"mkswap", []string{"-q"}, "swap"},
	} {
		tool, err := exec.LookPath(tc.tool)
		if err != nil {
			t.Logf("%s is not there", tc.tool)
			continue
		}
		path := filepath.Join(t.TempDir(), "disk")
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Truncate(32 << 20); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(tool, append(tc.args, path)...).CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", tc.tool, err, out)
		}
		if got, err := disk.Look(f); err != nil || got != tc.want {
			t.Errorf("after %s: %q, %v, want %q", tc.tool, got, err, tc.want)
		}
		_ = f.Close()
	}
}

func FuzzLook(f *testing.F) {
	f.Add(extended("photos"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := disk.Look(bytes.NewReader(b))
		if err != nil || c == "" && len(b) > 0 && bytes.Count(b, b[:1]) < min(len(b), 1<<20) {
			t.Errorf("Look = %q, %v", c, err)
		}
		for _, r := range c {
			if r < ' ' || r > '~' {
				t.Errorf("Look = %q", c)
			}
		}
	})
}
