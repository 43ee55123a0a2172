package fat

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf16"
)

var (
	// ErrVolume says that bytes are no boot volume as this package writes them.
	ErrVolume = errors.New("this is no boot volume of a card that mkimage made")
	// ErrNotFound says that a volume has no file with a name.
	ErrNotFound = errors.New("there is no such file on the boot volume")
	// ErrFragments says that a file does not lie in one piece: something else than
	// this package has written it, and it cannot be overwritten in place.
	ErrFragments = errors.New("the file does not lie in one piece on the boot volume")
)

// A Volume is a boot volume that is read. Its methods may be called at the same
// time when those of the reader may.
type Volume struct {
	r        io.ReaderAt
	table    int64 // where the table begins, in bytes
	root     int64
	data     int64
	clusters int
}

// An Extent is where a file lies in the volume, in bytes.
type Extent struct{ Start, Size int64 }

// Open reads what a volume's boot sector says. Errors wrap [ErrVolume] unless it
// cannot be read.
func Open(r io.ReaderAt) (*Volume, error) {
	b := make([]byte, sector)
	if _, err := r.ReadAt(b, 0); errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w (it is too short)", ErrVolume)
	} else if err != nil {
		return nil, fmt.Errorf("reading the boot volume: %w", err)
	}
	sectors := int64(le.Uint16(b[19:]))
	if sectors == 0 {
		sectors = int64(le.Uint32(b[32:]))
	}
	fatSectors := int64(le.Uint16(b[22:]))
	v := &Volume{r: r, table: reserved * sector}
	v.root = v.table + fatSectors*sector
	v.data = v.root + rootSectors*sector
	v.clusters = int(sectors*sector-v.data) / clusterBytes
	switch {
	case b[510] != 0x55 || b[511] != 0xaa || le.Uint16(b[11:]) != sector:
		return nil, fmt.Errorf("%w (it has no FAT file system)", ErrVolume)
	case b[13] != perCluster || le.Uint16(b[14:]) != reserved || b[16] != 1 || le.Uint16(b[17:]) != rootEntries:
		return nil, fmt.Errorf("%w (its FAT file system has another form)", ErrVolume)
	case v.clusters < minClusters || v.clusters > maxClusters || fatSectors*sector < int64(v.clusters+firstCluster)*2:
		return nil, fmt.Errorf("%w (its FAT file system is not FAT16)", ErrVolume)
	}
	return v, nil
}

// Find returns where the file with this name lies, whatever the case of its letters.
// Errors wrap [ErrVolume], [ErrNotFound] or [ErrFragments] unless the volume cannot
// be read.
func (v *Volume) Find(name string) (Extent, error) {
	e, err := v.find(name)
	if err == nil {
		return e, nil
	}
	return Extent{}, fmt.Errorf("%s: %w", name, err)
}

func (v *Volume) find(name string) (Extent, error) {
	parts := strings.Split(name, "/")
	at, size := v.root, int64(rootSectors*sector)
	for i, part := range parts {
		e, err := v.lookUp(at, size, part)
		if err != nil {
			return Extent{}, err
		}
		folder := i < len(parts)-1
		if folder != (e.attr&attrFolder != 0) {
			return Extent{}, ErrNotFound
		}
		if folder {
			e.size, err = v.chainSize(e.first)
			if err != nil {
				return Extent{}, err
			}
		}
		if at, err = v.place(e); err != nil {
			return Extent{}, err
		}
		size = e.size
	}
	return Extent{at, size}, nil
}

// Read returns the content of a file of at most most bytes.
func (v *Volume) Read(name string, most int64) ([]byte, error) {
	e, err := v.Find(name)
	if err != nil {
		return nil, err
	}
	if e.Size > most {
		return nil, fmt.Errorf("%s: it has %d bytes, more than %d", name, e.Size, most)
	}
	b := make([]byte, e.Size)
	if _, err := v.r.ReadAt(b, e.Start); err != nil {
		return nil, fmt.Errorf("reading %s from the boot volume: %w", name, err)
	}
	return b, nil
}

type entry struct {
	attr  byte
	first int
	size  int64
}

// lookUp looks for a name in the entries of a folder.
func (v *Volume) lookUp(at, size int64, name string) (entry, error) {
	b := make([]byte, size)
	if _, err := v.r.ReadAt(b, at); err != nil {
		return entry{}, fmt.Errorf("reading the boot volume: %w", err)
	}
	var long []uint16
	for ; len(b) >= entrySize && b[0] != 0; b = b[entrySize:] {
		switch {
		case b[0] == 0xe5: // deleted
			long = nil
		case b[11] == attrLong:
			long = append(longPart(b), long...)
		case b[11]&attrVolume != 0:
			long = nil
		default:
			if strings.EqualFold(shortText(b), name) || len(long) > 0 && strings.EqualFold(longText(long), name) {
				return entry{b[11], int(le.Uint16(b[26:])), int64(le.Uint32(b[28:]))}, nil
			}
			long = nil
		}
	}
	return entry{}, ErrNotFound
}

func longPart(b []byte) (units []uint16) {
	for _, r := range [][2]int{{1, 11}, {14, 26}, {28, 32}} {
		for i := r[0]; i < r[1]; i += 2 {
			units = append(units, le.Uint16(b[i:]))
		}
	}
	return units
}

func longText(units []uint16) string {
	for i, u := range units {
		if u == 0 {
			units = units[:i]
			break
		}
	}
	return string(utf16.Decode(units))
}

func shortText(b []byte) string {
	base, ext := strings.TrimRight(string(b[:8]), " "), strings.TrimRight(string(b[8:11]), " ")
	if ext == "" {
		return base
	}
	return base + "." + ext
}

// place returns where a file begins, once its clusters are known to lie one after
// another and to be as many as its size needs.
func (v *Volume) place(e entry) (int64, error) {
	if e.size == 0 {
		return v.data, nil
	}
	n := int((e.size + clusterBytes - 1) / clusterBytes)
	if e.first < firstCluster || n > v.clusters || e.first+n > v.clusters+firstCluster {
		return 0, fmt.Errorf("%w (a file lies outside of it)", ErrVolume)
	}
	chain := make([]byte, 2*n)
	if _, err := v.r.ReadAt(chain, v.table+2*int64(e.first)); err != nil {
		return 0, fmt.Errorf("reading the boot volume: %w", err)
	}
	for i := range n {
		next := int(le.Uint16(chain[2*i:]))
		if last := i == n-1; last != (next >= 0xfff8) || !last && next != e.first+i+1 {
			return 0, ErrFragments
		}
	}
	return v.data + int64(e.first-firstCluster)*clusterBytes, nil
}

// chainSize returns how many bytes the clusters of a folder have, which its entry
// does not say.
func (v *Volume) chainSize(first int) (int64, error) {
	if first < firstCluster || first >= v.clusters+firstCluster {
		return 0, fmt.Errorf("%w (a folder lies outside of it)", ErrVolume)
	}
	b := make([]byte, 2*(v.clusters+firstCluster-first))
	if _, err := v.r.ReadAt(b, v.table+2*int64(first)); err != nil {
		return 0, fmt.Errorf("reading the boot volume: %w", err)
	}
	for i := 0; i < len(b); i += 2 {
		if le.Uint16(b[i:]) >= 0xfff8 {
			return int64(i/2+1) * clusterBytes, nil
		}
	}
	return 0, ErrFragments
}
