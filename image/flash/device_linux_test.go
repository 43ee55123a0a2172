package flash

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestDevices reads what the kernel says of a computer with an NVMe disk that it runs
// from, an encrypted disk in a USB case, a card in a slot, a stick, and swap.
func TestDevices(t *testing.T) {
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
