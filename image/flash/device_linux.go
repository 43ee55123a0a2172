package flash

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// Devices returns the cards and disks of this computer, whatever they are used for.
func Devices() ([]Device, error) { return devices("/") }

// devices reads them from the kernel's files below root.
func devices(root string) ([]Device, error) {
	folder := filepath.Join(root, "sys/block")
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("looking for disks: %w", err)
	}
	inUse, err := mounts(root)
	if err != nil {
		return nil, fmt.Errorf("looking for mounted disks: %w", err)
	}
	var list []Device
	for _, e := range entries {
		if virtual(e.Name()) {
			continue
		}
		d, err := readDevice(root, e.Name(), inUse)
		if errors.Is(err, fs.ErrNotExist) {
			continue // unplugged meanwhile
		}
		if err != nil {
			return nil, fmt.Errorf("looking at disk %s: %w", e.Name(), err)
		}
		list = append(list, d)
	}
	return list, nil
}

// virtual reports whether a block device is made of others, or of memory. mmcblk0boot0
// is the board's own.
func virtual(name string) bool {
	for _, prefix := range []string{"loop", "ram", "zram", "dm-", "md", "sr", "nbd", "fd", "mtdblock"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return strings.HasPrefix(name, "mmcblk") && strings.ContainsAny(name[len("mmcblk"):], "br")
}

// mounts returns where devices are mounted, by their numbers.
func mounts(root string) (map[string][]string, error) {
	at := make(map[string][]string)
	text, err := os.ReadFile(filepath.Join(root, "proc/self/mountinfo"))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 4 {
			at[f[2]] = append(at[f[2]], f[4])
		}
	}
	// Some file systems, such as Btrfs, have device numbers of their own: what is
	// mounted is told by the name of the device, too.
	for line := range strings.Lines(string(text)) {
		_, after, ok := strings.Cut(line, " - ")
		if f := strings.Fields(after); ok && len(f) > 1 && strings.HasPrefix(f[1], "/dev/") {
			at[filepath.Base(f[1])] = append(at[filepath.Base(f[1])], strings.Fields(line)[4])
		}
	}
	text, err = os.ReadFile(filepath.Join(root, "proc/swaps"))
	if errors.Is(err, fs.ErrNotExist) {
		return at, nil
	}
	for line := range strings.Lines(string(text)) {
		if f := strings.Fields(line); len(f) > 0 && strings.HasPrefix(f[0], "/dev/") {
			at[filepath.Base(f[0])] = append(at[filepath.Base(f[0])], "swap")
		}
	}
	return at, err
}

func readDevice(root, name string, inUse map[string][]string) (Device, error) {
	dir := filepath.Join(root, "sys/block", name)
	d := Device{Name: name, Path: "/dev/" + strings.ReplaceAll(name, "!", "/")}
	sectors, err := number(dir, "size")
	if err != nil {
		return d, err
	}
	d.Size = sectors * 512
	readOnly, err := number(dir, "ro")
	if err != nil {
		return d, err
	}
	d.ReadOnly = readOnly != 0
	removable, err := number(dir, "removable")
	if err != nil {
		return d, err
	}
	d.Bus = bus(dir)
	d.Model = strings.TrimSpace(word(dir, "device/vendor") + " " + word(dir, "device/model"))
	if d.Model == "" {
		d.Model = word(dir, "device/name") // of a card
	}
	// A card in a slot of the computer counts as not removable to the kernel; one that
	// is soldered in says so.
	d.Removable = removable != 0 || d.Bus == "usb" || d.Bus == "mmc" && word(dir, "device/type") == "SD"
	parts, err := filepath.Glob(filepath.Join(dir, name+"*", "partition"))
	if err != nil {
		return d, err
	}
	all := []string{dir}
	for _, p := range parts {
		all = append(all, filepath.Dir(p))
	}
	for _, p := range all {
		d.Mounted = append(d.Mounted, inUse[word(p, "dev")]...)
		d.Mounted = append(d.Mounted, inUse[filepath.Base(p)]...)
		holders, err := os.ReadDir(filepath.Join(p, "holders"))
		d.Held = d.Held || err == nil && len(holders) > 0
	}
	slices.Sort(d.Mounted)
	d.Mounted = slices.Compact(d.Mounted)
	return d, nil
}

// bus returns what a device hangs on, as its place in the tree of devices tells.
func bus(dir string) string {
	path, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return ""
	}
	for _, b := range []struct{ part, name string }{{"/usb", "usb"}, {"/mmc_host/", "mmc"}, {"/nvme/", "nvme"}, {"/ata", "ata"}, {"/virtio", "virtio"}} {
		if strings.Contains(path, b.part) {
			return b.name
		}
	}
	return ""
}

func word(dir, name string) string {
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

func number(dir, name string) (int64, error) {
	text, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
}
