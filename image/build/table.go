package build

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"unicode/utf16"
)

// The partitions of an image. /perm, number 4, is made by the box itself.
const (
	bootPartition = 1
	rootPartition = 2 // and 3: an update goes to the one that does not run
)

const (
	sector    = 512
	bootStart = 4 << 20 // bytes from the start; all partitions begin at whole megabytes
	bootSize  = 124 << 20
	rootSize  = 128 << 20
	rootStart = bootStart + bootSize

	// SlotSize is how large a root file system can be.
	SlotSize = rootSize

	tableEntries = 128
	entryBytes   = 128
	entrySectors = tableEntries * entryBytes / sector
	// Size is how large an image is, and the least that a card has.
	Size = rootStart + 2*rootSize + 1<<20 // with room for the second table
)

var le = binary.LittleEndian

// A guid is in the order in which it is printed.
type guid [16]byte

func (g guid) String() string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", g[:4], g[4:6], g[6:8], g[8:10], g[10:])
}

// disk returns g as it lies in a table, where the first three parts are turned round.
func (g guid) disk() []byte {
	b := bytes.Clone(g[:])
	for _, part := range [][]byte{b[:4], b[4:6], b[6:8]} {
		for i, j := 0, len(part)-1; i < j; i, j = i+1, j-1 {
			part[i], part[j] = part[j], part[i]
		}
	}
	return b
}

// Types of partitions.
var (
	efiSystem = guid{0xc1, 0x2a, 0x73, 0x28, 0xf8, 0x1f, 0x11, 0xd2, 0xba, 0x4b, 0x00, 0xa0, 0xc9, 0x3e, 0xc9, 0x3b}
	linuxData = guid{0x0f, 0xc6, 0x3d, 0xaf, 0x84, 0x83, 0x47, 0x72, 0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4}
)

// guid returns the identity of a partition, or of the disk for 0. It is the same in
// all images for a board, so that an image is the same wherever it is made.
func (b *Board) guid(partition int) guid {
	sum := sha256.Sum256(fmt.Appendf(nil, "cobox image %s %d", b.Name, partition))
	g := guid(sum[:16])
	g[6], g[8] = g[6]&0x0f|0x80, g[8]&0x3f|0x80 // version 8 of RFC 9562: made by rules of one's own
	return g
}

// table returns the two ends of an image: what lies before the first partition up to
// the end of the table, and the second table, which ends the image.
func (b *Board) table(boot []byte) (start, end []byte) {
	entries := make([]byte, tableEntries*entryBytes)
	for i, p := range []struct {
		name        string
		kind        guid
		begin, size int64
	}{
		{"boot", efiSystem, bootStart, bootSize},
		{"root-a", linuxData, rootStart, rootSize},
		{"root-b", linuxData, rootStart + rootSize, rootSize},
	} {
		e := entries[i*entryBytes:]
		copy(e, p.kind.disk())
		copy(e[16:], b.guid(bootPartition+i).disk())
		le.PutUint64(e[32:], uint64(p.begin/sector))
		le.PutUint64(e[40:], uint64((p.begin+p.size)/sector-1))
		for j, c := range utf16.Encode([]rune(p.name)) {
			le.PutUint16(e[56+2*j:], c)
		}
	}
	const last = Size/sector - 1
	start = append(b.firstSector(boot), b.header(1, last, 2, entries)...)
	start = append(start, entries...)
	end = append(bytes.Clone(entries), b.header(last, 1, last-entrySectors, entries)...)
	return start, end
}

func (b *Board) header(self, other, entriesAt uint64, entries []byte) []byte {
	h := make([]byte, sector)
	copy(h, "EFI PART\x00\x00\x01\x00")
	le.PutUint32(h[12:], 92)
	le.PutUint64(h[24:], self)
	le.PutUint64(h[32:], other)
	// Behind the table there is room for a second copy of its entries, which the box
	// needs when it adds /perm.
	le.PutUint64(h[40:], 2+2*entrySectors)
	le.PutUint64(h[48:], Size/sector-2-entrySectors)
	copy(h[56:], b.guid(0).disk())
	le.PutUint64(h[72:], entriesAt)
	le.PutUint32(h[80:], tableEntries)
	le.PutUint32(h[84:], entryBytes)
	le.PutUint32(h[88:], crc32.ChecksumIEEE(entries))
	le.PutUint32(h[16:], crc32.ChecksumIEEE(h[:92]))
	return h
}

// firstSector is a partition table of the old kind, too: the first stage of the
// Raspberry Pi 3 knows no other, and finds the boot volume by it; others find that
// the disk is in use. boot is code for the BIOS of PCs; none for none.
func (b *Board) firstSector(boot []byte) []byte {
	s := make([]byte, sector)
	copy(s[:440], boot)
	id := b.guid(0)
	copy(s[440:], id[:4])
	put := func(n int, active, kind byte, begin, size uint32) {
		e := s[446+16*n:]
		e[0], e[4] = active, kind
		copy(e[1:], "\xfe\xff\xff") // no cylinders, heads and sectors
		copy(e[5:], "\xfe\xff\xff")
		le.PutUint32(e[8:], begin)
		le.PutUint32(e[12:], size)
	}
	put(0, 0x80, 0x0c, bootStart/sector, bootSize/sector)
	put(1, 0, 0xee, 1, bootStart/sector-1)
	s[510], s[511] = 0x55, 0xaa
	return s
}
