package disk

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"cobox/appliance/sensors"

	"github.com/dustin/go-humanize"
)

// A Disk is one that a box could keep its store on, or does.
type Disk struct {
	Name      string `json:"name"` // by the kernel, such as sda; another one after the next start
	Kind      string `json:"kind"` // usb, nvme, sata or other
	Model     string `json:"model,omitempty"`
	Serial    string `json:"serial,omitempty"`
	SizeBytes uint64 `json:"sizeBytes"`
	// Content says what is on the disk itself; Parts, what is in its partitions.
	Content Content `json:"content,omitempty"`
	Parts   []Part  `json:"parts,omitempty"`
	// Mounted says that the disk, or a part of it, is in use just now.
	Mounted bool `json:"mounted,omitempty"`
	// Trouble says why it could not be looked at.
	Trouble string `json:"trouble,omitempty"`
	// Smart is what the disk says of itself, which is not asked here; nil when it says
	// nothing.
	Smart *sensors.Smart `json:"smart,omitempty"`
}

// A Part is a partition.
type Part struct {
	Name      string  `json:"name"`
	SizeBytes uint64  `json:"sizeBytes"`
	Content   Content `json:"content,omitempty"`
}

// Text names a disk by what is printed on it, "SanDisk Ultra, serial 4C530001, 64 GB":
// what an operator reads and types, and signs.
func (d Disk) Text() string {
	model := d.Model
	if model == "" {
		model = "a disk without a name"
	}
	serial := "without a serial number"
	if d.Serial != "" {
		serial = "serial " + d.Serial
	}
	return fmt.Sprintf("%s, %s, %s", model, serial, humanize.Bytes(d.SizeBytes))
}

// Blank reports whether nothing would be lost with what is on the disk, as far as
// that can be told.
func (d Disk) Blank() bool {
	return d.Trouble == "" && !d.Mounted && d.Content == "" && len(d.Parts) == 0
}

// Holds says in a few words what is on the disk and in its partitions.
func (d Disk) Holds() string {
	var list []string
	if d.Content != "" {
		list = append(list, string(d.Content))
	}
	for _, p := range d.Parts {
		content := p.Content
		if content == "" {
			content = "blank"
		}
		list = append(list, fmt.Sprintf("%s: %s", p.Name, content))
	}
	return strings.Join(list, ", ")
}

// A System is where disks are looked for.
type System struct {
	Sys  string // /sys on a box
	Dev  string // /dev on a box
	Proc string // /proc on a box
}

// The bounds of what is listed: a box has a disk or two.
const (
	maxDisks = 16
	maxParts = 16
)

const sector = 512 // what sysfs counts in

// List returns the disks of the machine by name: all that are connected by USB, NVMe
// or SATA, but for the one with the system. card is that one's name.
func (s System) List(card string) ([]Disk, error) {
	block := filepath.Join(s.Sys, "block")
	entries, err := os.ReadDir(block)
	if err != nil {
		return nil, fmt.Errorf("looking for disks: %w", err)
	}
	mounted, err := s.mounted()
	if err != nil {
		return nil, fmt.Errorf("looking for disks: %w", err)
	}
	var disks []Disk
	for _, e := range entries {
		dir, err := filepath.EvalSymlinks(filepath.Join(block, e.Name()))
		kind := kindOf(e.Name(), dir)
		if err != nil || e.Name() == card || kind == "" || len(disks) == maxDisks {
			continue
		}
		if d := s.disk(e.Name(), kind, dir, mounted); d.SizeBytes > 0 { // 0: a reader without a card
			disks = append(disks, d)
		}
	}
	return disks, nil
}

// Connected reports whether there is still a disk with a device number, such as 8:0.
func (s System) Connected(deviceNumber string) bool {
	block := filepath.Join(s.Sys, "block")
	entries, err := os.ReadDir(block)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if number(filepath.Join(block, e.Name())) == deviceNumber {
			return true
		}
	}
	return false
}

// kindOf tells how a disk is connected; "" for what is none, such as a disk in memory.
func kindOf(name, dir string) string {
	switch {
	case strings.HasPrefix(name, "nvme"):
		return "nvme"
	case strings.HasPrefix(name, "sd") && strings.Contains(dir, "/usb"):
		return "usb"
	case strings.HasPrefix(name, "sd"):
		return "sata"
	case strings.HasPrefix(name, "vd"), strings.HasPrefix(name, "mmcblk") && !strings.Contains(name, "boot") && !strings.HasSuffix(name, "rpmb"):
		return "other"
	}
	return ""
}

func (s System) disk(name, kind, dir string, mounted map[string]bool) Disk {
	d := Disk{
		Name: name, Kind: kind, SizeBytes: size(dir), Mounted: mounted[number(dir)],
		Model:  printable(strings.Join([]string{text(dir, "device/vendor"), firstOf(text(dir, "device/model"), text(dir, "device/name"))}, " ")),
		Serial: printable(serial(dir)),
	}
	var errs []error
	look := func(name string) Content {
		c, err := s.look(name)
		errs = append(errs, err)
		return c
	}
	d.Content = look(name)
	parts, _ := filepath.Glob(filepath.Join(dir, "*", "partition")) // the pattern is well formed
	slices.Sort(parts)
	for _, p := range parts[:min(len(parts), maxParts)] {
		dir := filepath.Dir(p)
		part := Part{Name: filepath.Base(dir), SizeBytes: size(dir)}
		part.Content = look(part.Name)
		d.Parts = append(d.Parts, part)
		d.Mounted = d.Mounted || mounted[number(dir)]
	}
	if err := errors.Join(errs...); err != nil {
		d.Trouble = err.Error()
	}
	return d
}

func (s System) look(name string) (c Content, err error) {
	f, err := os.Open(filepath.Join(s.Dev, name))
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return Look(f)
}

// serial finds the serial number: a disk has it at itself, or on page 0x80 of what it
// tells of itself (SPC, "Unit Serial Number"), or it is that of the USB device.
func serial(dir string) string {
	if v := text(dir, "device/serial"); v != "" {
		return v
	}
	page, err := os.ReadFile(filepath.Join(dir, "device/vpd_pg80"))
	if err == nil && len(page) > 4 && printable(string(page[4:])) != "" {
		return string(page[4:])
	}
	if !strings.Contains(dir, "/usb") {
		return ""
	}
	for up := filepath.Dir(dir); strings.Contains(up, "/usb"); up = filepath.Dir(up) {
		if text(up, "idVendor") != "" {
			return text(up, "serial")
		}
	}
	return ""
}

// maxText bounds a line of sysfs that becomes part of a sentence, in bytes.
const maxText = 100

func text(dir, name string) string {
	b, err := os.ReadFile(filepath.Join(dir, name))
	if err != nil {
		return ""
	}
	return printable(string(b[:min(len(b), maxText)]))
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

func size(dir string) uint64 {
	n, err := strconv.ParseUint(text(dir, "size"), 10, 54)
	if err != nil {
		return 0
	}
	return n * sector
}

// number is a device's number, "8:0".
func number(dir string) string { return text(dir, "dev") }

// mounted returns the numbers of the devices that are mounted.
func (s System) mounted() (map[string]bool, error) {
	b, err := os.ReadFile(filepath.Join(s.Proc, "self/mountinfo"))
	if err != nil {
		return nil, err
	}
	numbers := make(map[string]bool)
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 2 {
			numbers[f[2]] = true
		}
	}
	return numbers, nil
}
