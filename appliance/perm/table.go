package perm

import (
	"bytes"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
)

// The parts of a GUID partition table that matter here (UEFI specification,
// section 5.3). Sectors have 512 bytes: cards and USB disks have no other.
const (
	sector       = 512
	headerLBA    = 1
	headerSize   = 92
	entrySize    = 128
	maxEntries   = 128 // as written by every tool; more is refused, to bound what is read
	firstEntries = 2   // where the table's entries lie, after the header
)

// Number is the number of /perm in the partition table. The numbers before it
// are the boot volume and the two roots.
const Number = 4

// ErrTable says that a disk has no partition table that can be relied upon. No
// partition is ever added to it.
var ErrTable = errors.New("the disk has no sound GUID partition table: flash it anew, or look at it with a partitioning tool")

// linuxData is the type of partitions for Linux file systems, as it lies in the table.
var linuxData = [16]byte{0xaf, 0x3d, 0xc6, 0x0f, 0x83, 0x84, 0x72, 0x47, 0x8e, 0x79, 0x3d, 0x69, 0xd8, 0x47, 0x7d, 0xe4}

// A Disk is a card, or a file with the image of one.
type Disk interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
}

// A Table is the partition table of a disk.
type Table struct {
	header  [sector]byte
	entries []byte
	sectors uint64 // of the disk
}

// An Extent is where a partition lies, in bytes.
type Extent struct{ Start, Size int64 }

// ReadTable reads the primary partition table of a disk with size bytes. Errors
// wrap [ErrTable] unless the disk cannot be read.
func ReadTable(d io.ReaderAt, size int64) (*Table, error) {
	t := &Table{sectors: uint64(size) / sector}
	if _, err := d.ReadAt(t.header[:], headerLBA*sector); err != nil {
		return nil, fmt.Errorf("reading the partition table: %w", err)
	}
	if err := t.checkHeader(); err != nil {
		return nil, fmt.Errorf("%w (%w)", ErrTable, err)
	}
	t.entries = make([]byte, t.count()*entrySize)
	if _, err := d.ReadAt(t.entries, int64(t.word64(72))*sector); err != nil {
		return nil, fmt.Errorf("reading the partition table: %w", err)
	}
	if crc32.ChecksumIEEE(t.entries) != t.word32(88) {
		return nil, fmt.Errorf("%w (the entries' checksum is wrong)", ErrTable)
	}
	return t, t.checkEntries()
}

func (t *Table) word32(at int) uint32 { return binary.LittleEndian.Uint32(t.header[at:]) }
func (t *Table) word64(at int) uint64 { return binary.LittleEndian.Uint64(t.header[at:]) }
func (t *Table) count() int           { return int(t.word32(80)) }

// entrySectors is how many sectors the entries take.
func (t *Table) entrySectors() uint64 { return uint64(len(t.entries)+sector-1) / sector }

func (t *Table) checkHeader() error {
	switch {
	case !bytes.Equal(t.header[:8], []byte("EFI PART")):
		return errors.New("no signature")
	case t.word32(12) != headerSize:
		return fmt.Errorf("a header of %d bytes", t.word32(12))
	case headerSum(t.header) != t.word32(16):
		return errors.New("the header's checksum is wrong")
	case t.word64(24) != headerLBA:
		return errors.New("the header is of another place")
	case t.word32(84) != entrySize || t.word32(80) < Number || t.word32(80) > maxEntries:
		return fmt.Errorf("%d entries of %d bytes", t.word32(80), t.word32(84))
	case t.word64(72) < firstEntries || t.word64(72) >= t.sectors:
		return errors.New("the entries lie outside of the disk")
	}
	return nil
}

// checkEntries refuses partitions outside of the disk or over one another: where
// the table is wrong about one, it cannot be relied upon for what is free.
func (t *Table) checkEntries() error {
	var used []Extent
	for n := 1; n <= t.count(); n++ {
		e, ok := t.Partition(n)
		if !ok {
			continue
		}
		if e.Size <= 0 || uint64(e.Start+e.Size) > t.sectors*sector {
			return fmt.Errorf("%w (partition %d lies outside of the disk)", ErrTable, n)
		}
		for _, u := range used {
			if e.Start < u.Start+u.Size && u.Start < e.Start+e.Size {
				return fmt.Errorf("%w (partition %d lies over another)", ErrTable, n)
			}
		}
		used = append(used, e)
	}
	return nil
}

func headerSum(h [sector]byte) uint32 {
	clear(h[16:20]) // of the copy: the sum is made with its own field empty
	return crc32.ChecksumIEEE(h[:headerSize])
}

// Partition returns where partition n lies, counted from 1, and whether there is one.
func (t *Table) Partition(n int) (Extent, bool) {
	if n < 1 || n > t.count() {
		return Extent{}, false
	}
	e := t.entries[(n-1)*entrySize:][:entrySize]
	if bytes.Equal(e[:16], make([]byte, 16)) {
		return Extent{}, false
	}
	first, last := binary.LittleEndian.Uint64(e[32:]), binary.LittleEndian.Uint64(e[40:])
	if first > last || last >= 1<<53 { // a size of bytes that does not overflow
		return Extent{}, true // refused by checkEntries
	}
	return Extent{int64(first) * sector, int64(last-first+1) * sector}, true
}

// alignment is where /perm begins and ends: whole erase blocks of most cards.
const alignment = 4 << 20

// minFree is the least /perm that is of any use.
const minFree = 64 << 20

// Free returns the room behind the last partition, aligned. It returns an error
// when there is too little for /perm.
func (t *Table) Free() (Extent, error) {
	begin := int64(t.entrySectors()+firstEntries) * sector
	for n := 1; n <= t.count(); n++ {
		if e, ok := t.Partition(n); ok {
			begin = max(begin, e.Start+e.Size)
		}
	}
	begin = (begin + alignment - 1) / alignment * alignment
	end := int64(t.sectors-1-t.entrySectors()) * sector / alignment * alignment
	if end-begin < minFree {
		return Extent{}, fmt.Errorf("the disk has %d MB, of which %d MB are free behind the system: use a larger one", t.sectors*sector>>20, max(0, end-begin)>>20)
	}
	return Extent{begin, end - begin}, nil
}

// Add puts /perm into the partition table of the disk that it was read from. After
// a power cut at any moment the disk has a sound table, with the new
// partition or without: a sector is written whole or not at all, and the header,
// with the checksum of the entries and the place where they lie, is one sector.
// So the new entries are written beside the old ones before the header points to them, and
// over the old ones after.
func (t *Table) Add(d Disk, at Extent) error {
	entry := t.entries[(Number-1)*entrySize:][:entrySize]
	if _, ok := t.Partition(Number); ok {
		return fmt.Errorf("the partition table has partition %d already", Number)
	}
	guid := make([]byte, 16)
	if _, err := rand.Read(guid); err != nil {
		return err
	}
	guid[7], guid[8] = guid[7]&0x0f|0x40, guid[8]&0x3f|0x80 // version 4, RFC 9562 in the table's byte order
	copy(entry, linuxData[:])
	copy(entry[16:], guid)
	binary.LittleEndian.PutUint64(entry[32:], uint64(at.Start)/sector)
	binary.LittleEndian.PutUint64(entry[40:], uint64(at.Start+at.Size)/sector-1)
	for i, c := range "perm" {
		binary.LittleEndian.PutUint16(entry[56+2*i:], uint16(c))
	}
	if err := t.checkEntries(); err != nil {
		return err
	}
	return t.write(d)
}

// Repair ends what [Table.Add] began and a power cut ended: it moves the entries
// back to where all tools look for them. It does nothing to a table that is in order.
func (t *Table) Repair(d Disk) error {
	if t.word64(72) == firstEntries {
		return nil
	}
	return t.write(d)
}

func (t *Table) write(d Disk) error {
	n := t.entrySectors()
	beside := firstEntries + n
	first := t.sectors
	for i := 1; i <= t.count(); i++ {
		if e, ok := t.Partition(i); ok {
			first = min(first, uint64(e.Start)/sector)
		}
	}
	if first < beside+n {
		return fmt.Errorf("%w (there is no room for a second copy before the first partition)", ErrTable)
	}
	steps := []func() error{
		func() error { return t.putEntries(d, t.sectors-1-n) },
		func() error { return t.putHeader(d, t.sectors-1, headerLBA, t.sectors-1-n) },
		func() error { return t.putEntries(d, beside) },
		func() error { return t.putHeader(d, headerLBA, t.sectors-1, beside) },
		func() error { return t.putEntries(d, firstEntries) },
		func() error { return t.putHeader(d, headerLBA, t.sectors-1, firstEntries) },
	}
	for _, step := range steps {
		if err := errors.Join(step(), d.Sync()); err != nil {
			return fmt.Errorf("writing the partition table: %w", err)
		}
	}
	return nil
}

func (t *Table) putEntries(d Disk, lba uint64) error {
	_, err := d.WriteAt(t.entries, int64(lba)*sector)
	return err
}

// putHeader writes the header at a place, with the place of the other one and of
// its entries. The disk may have grown since the table was made: an
// image is smaller than the card that it is flashed on.
func (t *Table) putHeader(d Disk, lba, other, entries uint64) error {
	le := binary.LittleEndian
	h := t.header
	le.PutUint64(h[24:], lba)
	le.PutUint64(h[32:], other)
	// Nothing may be laid over the second copy of the entries.
	le.PutUint64(h[40:], firstEntries+2*t.entrySectors())
	le.PutUint64(h[48:], t.sectors-2-t.entrySectors())
	le.PutUint64(h[72:], entries)
	le.PutUint32(h[88:], crc32.ChecksumIEEE(t.entries))
	le.PutUint32(h[16:], headerSum(h))
	if lba == headerLBA {
		t.header = h
	}
	_, err := d.WriteAt(h[:], int64(lba)*sector)
	return err
}
