package flash

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// memory is a card; what is written to bad is lost.
type memory struct {
	data   []byte
	bad    int64 // an offset, or 0
	writes []int64
	forgot bool
}

func (m *memory) ReadAt(p []byte, at int64) (int, error) { return copy(p, m.data[at:]), nil }
func (m *memory) WriteAt(p []byte, at int64) (int, error) {
	m.writes = append(m.writes, at)
	copy(m.data[at:], p)
	if m.bad > at && m.bad < at+int64(len(p)) {
		m.data[m.bad] ^= 1
	}
	return len(p), nil
}
func (m *memory) Sync() error   { return nil }
func (m *memory) Forget() error { m.forgot = true; return nil }

func TestWrite(t *testing.T) {
	image := bytes.Repeat([]byte("an image of a card "), 1<<19) // 9.5 MiB
	size := int64(len(image))
	m := &memory{data: bytes.Repeat([]byte{0xee}, int(size)+3<<20)}
	var last int64
	err := Write(t.Context(), m, int64(len(m.data)), bytes.NewReader(image), size, func(done int64) {
		if done <= last {
			t.Errorf("progress went from %d to %d", last, done)
		}
		last = done
	})
	if err != nil || !bytes.Equal(m.data[:size], image) || last != 2*size || !m.forgot {
		t.Errorf("%v; progress %d of %d; memory forgotten: %v", err, last, 2*size, m.forgot)
	}
	if end := m.data[len(m.data)-tail:]; !bytes.Equal(end, make([]byte, tail)) {
		t.Error("an old partition table is left at the end")
	}
	if m.data[size] != 0xee {
		t.Error("more was overwritten than needs to be")
	}
	if m.writes[0] != 0 || m.writes[len(m.writes)-1] != 0 {
		t.Errorf("the partition table is not written last: %v", m.writes)
	}

	bad := &memory{data: make([]byte, size+3<<20), bad: 5 << 20}
	if err := Write(t.Context(), bad, int64(len(bad.data)), bytes.NewReader(image), size, nil); !errors.Is(err, ErrDiffers) {
		t.Errorf("a bad card: %v", err)
	}
	if err := Write(t.Context(), m, size-1, bytes.NewReader(image), size, nil); err == nil {
		t.Error("a card that is too small was written")
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	m = &memory{data: make([]byte, size)}
	if err := Write(ctx, m, size, bytes.NewReader(image), size, nil); !errors.Is(err, context.Canceled) || !bytes.Equal(m.data[:512], make([]byte, 512)) {
		t.Errorf("stopped in the middle: %v; there is a first sector", err)
	}
}

func TestCheck(t *testing.T) {
	good := Device{Name: "sdb", Path: "/dev/sdb", Size: 8 << 30, Removable: true}
	if err := good.Check(1 << 30); err != nil {
		t.Error(err)
	}
	for what, change := range map[string]func(*Device){
		"in use":        func(d *Device) { d.Mounted = []string{"/"} },
		"built upon":    func(d *Device) { d.Held = true },
		"this computer": func(d *Device) { d.Removable = false },
		"no card":       func(d *Device) { d.Size = 0 },
		"protected":     func(d *Device) { d.ReadOnly = true },
		"needs":         func(d *Device) { d.Size = 1 << 20 },
	} {
		d := good
		change(&d)
		if err := d.Check(1 << 30); !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestDevices reads what the kernel says of a computer with an NVMe disk that it runs
// from, an encrypted disk in a USB case, a card in a slot, a stick, and swap.
func TestDevices(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads the files of Linux")
	}
	root := t.TempDir()
	put := func(path, text string) {
		t.Helper()
		path = filepath.Join(root, path)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text+"\n"), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	disk := func(name, place, removable, dev string, parts ...string) {
		t.Helper()
		dir := filepath.Join("sys/devices", place, name)
		put(dir+"/size", "16777216")
		put(dir+"/ro", "0")
		put(dir+"/removable", removable)
		put(dir+"/dev", dev)
		put(dir+"/device/model", "Model of "+name)
		for i, p := range parts {
			put(filepath.Join(dir, p, "partition"), "1")
			put(filepath.Join(dir, p, "dev"), dev+string(rune('1'+i)))
		}
		if err := errors.Join(os.MkdirAll(filepath.Join(root, "sys/block"), 0o755), os.Symlink(filepath.Join(root, dir), filepath.Join(root, "sys/block", name))); err != nil {
			t.Fatal(err)
		}
	}
	disk("nvme0n1", "pci/nvme/nvme0", "0", "259:", "nvme0n1p1", "nvme0n1p2")
	disk("sda", "pci/ata1/host0", "0", "8:", "sda1")
	disk("sdb", "pci/usb1/1-1", "0", "8:1", "sdb1")
	disk("sdc", "pci/usb1/1-2", "1", "8:3", "sdc1")
	disk("mmcblk0", "pci/mmc_host/mmc0", "0", "179:", "mmcblk0p1")
	disk("mmcblk1", "pci/mmc_host/mmc1", "0", "179:9", "mmcblk1p1")
	disk("loop0", "virtual", "0", "7:0")
	disk("mmcblk0boot0", "pci/mmc_host/mmc0", "0", "179:8")
	put("sys/devices/pci/mmc_host/mmc0/mmcblk0/device/type", "SD")
	put("sys/devices/pci/mmc_host/mmc1/mmcblk1/device/type", "MMC")
	put("sys/devices/pci/usb1/1-1/sdb/sdb1/holders/dm-0", "")
	put("proc/self/mountinfo", "22 1 0:21 / /proc rw - proc proc rw\n23 1 259:2 / / rw - ext4 /dev/nvme0n1p2 rw\n24 1 0:40 / /data rw - btrfs /dev/sda1 rw")
	put("proc/swaps", "Filename Type Size Used Priority\n/dev/nvme0n1p1 partition 1 0 -2")
	list, err := devices(root)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, d := range list {
		text := d.Name + " " + d.Bus + " " + strings.Join(d.Mounted, ",")
		if d.Check(1<<30) == nil {
			text += " ok"
		}
		got = append(got, text)
	}
	want := []string{"mmcblk0 mmc  ok", "mmcblk1 mmc ", "nvme0n1 nvme /,swap", "sda ata /data", "sdb usb ", "sdc usb  ok"}
	if !slices.Equal(got, want) {
		t.Errorf("devices %q, want %q", got, want)
	}
}
