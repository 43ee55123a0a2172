package sensors

import (
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// sector is what /sys/block counts in, whatever the disk's own sectors are.
const sector = 512

// disks reads the physical block devices.
func (r *reader) disks() []Disk {
	var list []Disk
	block := filepath.Join(r.sys, "block")
	for _, name := range r.names(block) {
		dir := filepath.Join(block, name)
		// Loop devices, memory disks and the like have no device behind them. Boot
		// partitions of an eMMC are disks to the kernel, not to anybody else.
		if len(list) == MaxDisks || !exists(filepath.Join(dir, "device")) || isBootPartition(name) {
			continue
		}
		d := Disk{Name: clip(name), Kind: r.diskKind(name, dir)}
		sectors, _ := r.uint(filepath.Join(dir, "size"))
		if sectors == 0 { // a card reader without a card
			continue
		}
		d.SizeBytes = bytesOf(sectors)
		r.diskStat(&d, filepath.Join(dir, "stat"))
		if n, ok := r.uint(filepath.Join(dir, "device/ioerr_cnt")); ok {
			d.Errors = &n
		}
		d.Wear = r.wear(filepath.Join(dir, "device/life_time"))
		d.Reserve = r.reserve(filepath.Join(dir, "device/pre_eol_info"))
		list = append(list, d)
	}
	return list
}

func isBootPartition(name string) bool {
	return strings.HasPrefix(name, "mmcblk") && (strings.Contains(name, "boot") || strings.HasSuffix(name, "rpmb"))
}

func (r *reader) diskKind(name, dir string) DiskKind {
	switch {
	case strings.HasPrefix(name, "mmcblk"):
		if kind, _ := r.text(filepath.Join(dir, "device/type")); kind == "MMC" {
			return EMMC
		}
		return SDCard
	case strings.HasPrefix(name, "nvme"):
		return NVMe
	case strings.HasPrefix(name, "vd"), strings.HasPrefix(name, "xvd"):
		return Virtual
	case strings.HasPrefix(name, "sd"):
		if strings.Contains(target(dir), "/usb") {
			return USBDisk
		}
		return SCSIDisk
	}
	return OtherDisk
}

// diskStat fills in what the file stat counts: see Documentation/block/stat.rst.
func (r *reader) diskStat(d *Disk, path string) {
	s, ok := r.text(path)
	if !ok {
		return
	}
	fields := strings.Fields(s)
	var n [10]uint64
	if len(fields) < len(n) {
		r.fail(fmt.Errorf("%s has %d figures, not %d", path, len(fields), len(n)))
		return
	}
	for i := range n {
		v, err := strconv.ParseUint(fields[i], 10, 64)
		if err != nil {
			r.fail(fmt.Errorf("%s holds %q, which is no number", path, clip(fields[i])))
			return
		}
		n[i] = v
	}
	d.ReadBytes, d.WrittenBytes = bytesOf(n[2]), bytesOf(n[6])
	d.Busy = time.Duration(min(n[9], math.MaxInt64/1_000_000)) * time.Millisecond
}

// bytesOf does not run over, whatever the kernel says.
func bytesOf(sectors uint64) uint64 { return min(sectors, math.MaxUint64/sector) * sector }

// wear reads an eMMC's two estimates (of its fast and of its large part), each in
// tenths of its life and rounded up; 0 says nothing, 11 that its life is over.
func (r *reader) wear(path string) *float64 {
	s, ok := r.text(path)
	if !ok {
		return nil
	}
	var worst uint64
	for _, field := range strings.Fields(s) {
		n, err := strconv.ParseUint(field, 0, 8)
		if err != nil || n > 11 {
			r.fail(fmt.Errorf("%s holds %q, which is no estimate of life", path, clip(s)))
			return nil
		}
		worst = max(worst, n)
	}
	if worst == 0 {
		return nil
	}
	ratio := float64(worst) / 10
	return &ratio
}

func (r *reader) reserve(path string) Reserve {
	n, ok := r.uint(path)
	if !ok {
		return ""
	}
	switch n {
	case 1:
		return ReserveNormal
	case 2:
		return ReserveWarning
	case 3:
		return ReserveUrgent
	}
	return ""
}
