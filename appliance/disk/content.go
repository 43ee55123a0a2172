package disk

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
)

// A Content says in a few words what is on a disk or in a partition, such as "ext4
// (backup)". Empty says that there is nothing that anybody would miss.
type Content string

// looked is how much of the beginning of a disk is looked at, in bytes: as far as the
// farthest mark of those that are known, and enough to tell that a disk is blank.
const looked = 1 << 20

// A mark is how a file system, or another use of a disk, is known.
type mark struct {
	name  string
	at    int
	bytes string
}

// marks are in the order in which they are looked for.
var marks = []mark{
	{"encrypted (LUKS)", 0, "LUKS\xba\xbe"},
	{"NTFS", 3, "NTFS    "},
	{"exFAT", 3, "EXFAT   "},
	{"Btrfs", 0x10040, "_BHRfS_M"},
	{"XFS", 0, "XFSB"},
	{"F2FS", 1024, "\x10\x20\xf5\xf2"},
	{"bcachefs", 0x1018, "\xc6\x85\x73\xf6\x66\xce\x90\xa9"},
	{"squashfs", 0, "hsqs"},
	{"LVM", 512 + 24, "LVM2 001"},
	{"a part of a RAID", 0x1000, "\xfc\x4e\x2b\xa9"},
	{"CD image", 0x8001, "CD001"},
	{"HFS+", 1024, "H+\x00\x04"},
	{"HFS+", 1024, "HX\x00\x05"},
	{"APFS", 32, "NXSB"},
	{"swap", 4086, "SWAPSPACE2"},
	{"FAT", 54, "FAT1"},
	{"FAT", 82, "FAT32   "},
	{"a partition table (GPT)", 512, "EFI PART"},
	{"a partition table (MBR)", 510, "\x55\xaa"}, // last: boot sectors of file systems end so too
}

// Look tells what is on a disk or in a partition by its beginning. The errors are r's.
func Look(r io.ReaderAt) (Content, error) {
	b := make([]byte, looked)
	n, err := r.ReadAt(b, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("looking at what is on it: %w", err)
	}
	b = b[:n]
	if c, ok := ext(b); ok {
		return c, nil
	}
	for _, m := range marks {
		if len(b) >= m.at+len(m.bytes) && string(b[m.at:m.at+len(m.bytes)]) == m.bytes {
			return Content(m.name), nil
		}
	}
	if bytes.Count(b, []byte{0}) == len(b) || bytes.Count(b, []byte{0xff}) == len(b) {
		return "", nil
	}
	return "something unknown", nil
}

// The places in the super block of ext2, ext3 and ext4, from the kernel's
// documentation ("The Super Block").
const (
	extSuper  = 1024
	extMagic  = 0x38
	extCompat = 0x5c
	extIncomp = 0x60
	extLabel  = 0x78
	extEnd    = 0x88
)

// ext tells ext2, ext3 and ext4 apart, and reads the label.
func ext(b []byte) (Content, bool) {
	if len(b) < extSuper+extEnd {
		return "", false
	}
	s := b[extSuper:]
	le := binary.LittleEndian
	if le.Uint16(s[extMagic:]) != 0xef53 {
		return "", false
	}
	name := "ext2"
	switch {
	case le.Uint32(s[extIncomp:])&0x2c0 != 0: // extents, 64 bits, flexible groups
		name = "ext4"
	case le.Uint32(s[extCompat:])&0x4 != 0: // a journal
		name = "ext3"
	}
	label, _, _ := strings.Cut(string(s[extLabel:extLabel+16]), "\x00")
	if label = printable(label); label != "" {
		name += " (" + label + ")"
	}
	return Content(name), true
}

// printable drops what has no place in a line that people read: labels, models and
// serial numbers are whatever somebody wrote there.
func printable(s string) string {
	return strings.Join(strings.Fields(strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return ' '
		}
		return r
	}, s)), " ")
}
