package fat

import (
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"time"
	"unicode/utf16"
)

// A File is put into a volume.
type File struct {
	Name string // with slashes between folders, such as overlays/disable-bt.dtbo
	Data []byte
}

// A Format says how a volume is made.
type Format struct {
	Size  int64  // bytes of the volume
	Label string // at most 11 characters, in upper case
	ID    uint32
	Time  time.Time // of all files
	// Hidden is how many sectors of the disk lie before the volume.
	Hidden uint32
}

// Write writes a volume with these files, in this order, without what it has free
// at its end: the rest of the room is zero. It returns how many bytes that are.
func Write(w io.Writer, f Format, files []File) (written int64, err error) {
	v, err := newWriter(f)
	if err != nil {
		return 0, fmt.Errorf("making the boot volume: %w", err)
	}
	root := newFolder("")
	for _, file := range files {
		if err := root.add(file); err != nil {
			return 0, fmt.Errorf("making the boot volume: %s: %w", file.Name, err)
		}
	}
	// Files come first and in order, folders after them: a file's place does not
	// depend on what is added later.
	for _, file := range root.all() {
		if file.first, err = v.allocate(file.Data); err != nil {
			return 0, fmt.Errorf("making the boot volume: %s: %w", file.name, err)
		}
	}
	if err := v.addFolders(root); err != nil {
		return 0, fmt.Errorf("making the boot volume: %w", err)
	}
	entries := root.entries(v.stamp())
	label := v.volumeEntry()
	if len(label)+len(entries) > rootEntries*entrySize {
		return 0, fmt.Errorf("making the boot volume: %d bytes of entries do not fit its root folder", len(entries))
	}
	return v.write(w, append(label, entries...))
}

type writer struct {
	Format
	clusters  int // that there are
	fatSector int // sectors of the table
	table     []uint16
	data      []byte
}

func newWriter(f Format) (*writer, error) {
	sectors := f.Size / sector
	clusters := int(sectors-reserved-rootSectors) / perCluster
	fatSectors := ((clusters+firstCluster)*2 + sector - 1) / sector
	clusters = int(sectors-reserved-rootSectors-int64(fatSectors)) / perCluster
	switch {
	case f.Size%sector != 0 || clusters < minClusters || clusters > maxClusters:
		return nil, fmt.Errorf("%d bytes are no size for FAT16", f.Size)
	case len(f.Label) > 11 || strings.ToUpper(f.Label) != f.Label:
		return nil, fmt.Errorf("%q is no label of a volume", f.Label)
	}
	return &writer{Format: f, clusters: clusters, fatSector: fatSectors, table: []uint16{0xff00 | media, endOfChain}}, nil
}

// allocate puts data into the next clusters, and returns the first of them; 0 for
// no data.
func (v *writer) allocate(data []byte) (first int, err error) {
	if len(data) == 0 {
		return 0, nil
	}
	first = len(v.table)
	n := (len(data) + clusterBytes - 1) / clusterBytes
	if first+n-firstCluster > v.clusters {
		return 0, fmt.Errorf("%d bytes do not fit any more", len(data))
	}
	for i := range n - 1 {
		v.table = append(v.table, uint16(first+i+1))
	}
	v.table = append(v.table, endOfChain)
	v.data = append(v.data, data...)
	v.data = append(v.data, make([]byte, n*clusterBytes-len(data))...)
	return first, nil
}

// addFolders gives all folders below f their clusters. A folder has to know its
// own and its parent's before it is written.
func (v *writer) addFolders(f *folder) error {
	for _, sub := range f.folders {
		size := 2*entrySize + len(sub.entries(v.stamp()))
		sub.first = len(v.table)
		if _, err := v.allocate(make([]byte, size)); err != nil {
			return fmt.Errorf("folder %s: %w", sub.name, err)
		}
		if err := v.addFolders(sub); err != nil {
			return err
		}
		b := shortEntry(".          ", attrFolder, sub.first, 0, v.stamp())
		b = append(b, shortEntry("..         ", attrFolder, f.first, 0, v.stamp())...)
		b = append(b, sub.entries(v.stamp())...)
		copy(v.data[(sub.first-firstCluster)*clusterBytes:], b)
	}
	return nil
}

func (v *writer) write(w io.Writer, root []byte) (written int64, err error) {
	b := v.bootSector()
	table := make([]byte, v.fatSector*sector)
	for i, next := range v.table {
		le.PutUint16(table[2*i:], next)
	}
	b = append(b, table...)
	b = append(b, root...)
	b = append(b, make([]byte, rootSectors*sector-len(root))...)
	for _, part := range [][]byte{b, v.data} {
		n, err := w.Write(part)
		written += int64(n)
		if err != nil {
			return written, fmt.Errorf("writing the boot volume: %w", err)
		}
	}
	return written, nil
}

func (v *writer) bootSector() []byte {
	b := make([]byte, sector)
	copy(b, "\xeb\x3c\x90COBOX   ")
	le.PutUint16(b[11:], sector)
	b[13] = perCluster
	le.PutUint16(b[14:], reserved)
	b[16] = 1 // one table
	le.PutUint16(b[17:], rootEntries)
	b[21] = media
	le.PutUint16(b[22:], uint16(v.fatSector))
	le.PutUint16(b[24:], 32) // sectors a track, heads: of no meaning, and usual
	le.PutUint16(b[26:], 64)
	le.PutUint32(b[28:], v.Hidden)
	if sectors := v.Size / sector; sectors < 1<<16 {
		le.PutUint16(b[19:], uint16(sectors))
	} else {
		le.PutUint32(b[32:], uint32(sectors))
	}
	b[36] = 0x80
	b[38] = 0x29 // the next three fields are there
	le.PutUint32(b[39:], v.ID)
	copy(b[43:], fmt.Sprintf("%-11s", v.Label))
	copy(b[54:], "FAT16   ")
	b[510], b[511] = 0x55, 0xaa
	return b
}

func (v *writer) volumeEntry() []byte {
	return shortEntry(fmt.Sprintf("%-11s", v.Label), attrVolume, 0, 0, v.stamp())
}

// stamp is the volume's time as it stands in entries: the time of day in the low
// half, in steps of two seconds, and the day in the high half.
func (v *writer) stamp() uint32 {
	t := v.Time.UTC()
	if t.Year() < 1980 {
		t = time.Date(1980, 1, 1, 0, 0, 0, 0, time.UTC)
	}
	clock := t.Hour()<<11 | t.Minute()<<5 | t.Second()/2
	day := (t.Year()-1980)<<9 | int(t.Month())<<5 | t.Day()
	return uint32(day)<<16 | uint32(clock)
}

func shortEntry(name string, attr byte, first, size int, stamp uint32) []byte {
	b := make([]byte, entrySize)
	copy(b, name)
	b[11] = attr
	le.PutUint32(b[14:], stamp) // made
	le.PutUint16(b[18:], uint16(stamp>>16))
	le.PutUint32(b[22:], stamp) // changed
	le.PutUint16(b[26:], uint16(first))
	le.PutUint32(b[28:], uint32(size))
	return b
}

type folder struct {
	name    string
	short   string
	first   int
	files   []*file
	folders []*folder
	taken   map[string]bool // short names
}

type file struct {
	File
	name  string
	short string
	first int
}

func newFolder(name string) *folder { return &folder{name: name, taken: make(map[string]bool)} }

func (f *folder) add(x File) error {
	dir, name := path.Split(x.Name)
	for _, part := range strings.FieldsFunc(dir, func(r rune) bool { return r == '/' }) {
		i := slices.IndexFunc(f.folders, func(sub *folder) bool { return sub.name == part })
		if i < 0 {
			short, err := f.shortName(part)
			if err != nil {
				return err
			}
			i = len(f.folders)
			f.folders = append(f.folders, newFolder(part))
			f.folders[i].short = short
		}
		f = f.folders[i]
	}
	for _, other := range f.files {
		if strings.EqualFold(other.name, name) {
			return fmt.Errorf("the name is there already")
		}
	}
	short, err := f.shortName(name)
	if err != nil {
		return err
	}
	f.files = append(f.files, &file{File: x, name: name, short: short})
	return nil
}

// all returns the files of f and of the folders below, in order.
func (f *folder) all() []*file {
	files := slices.Clone(f.files)
	for _, sub := range f.folders {
		files = append(files, sub.all()...)
	}
	return files
}

func (f *folder) entries(stamp uint32) (b []byte) {
	for _, x := range f.files {
		b = append(b, longEntries(x.name, x.short)...)
		b = append(b, shortEntry(x.short, attrFile, x.first, len(x.Data), stamp)...)
	}
	for _, sub := range f.folders {
		b = append(b, longEntries(sub.name, sub.short)...)
		b = append(b, shortEntry(sub.short, attrFolder, sub.first, 0, stamp)...)
	}
	return b
}

const maxName = 255

// shortName returns the name of eight and three characters that a file gets, one
// that is not taken.
func (f *folder) shortName(name string) (string, error) {
	if name == "" || name[0] == '.' || len(name) > maxName || strings.ContainsFunc(name, notAllowed) {
		return "", fmt.Errorf("%q is no name for a file on a boot volume", name)
	}
	base, ext := splitName(name)
	short := fmt.Sprintf("%-8.8s%-3.3s", base, ext)
	for n := 1; f.taken[short] || n == 1 && !isShort(name); n++ {
		tail := fmt.Sprintf("~%d", n)
		short = fmt.Sprintf("%-8s%-3.3s", base[:min(len(base), 8-len(tail))]+tail, ext)
	}
	f.taken[short] = true
	return short, nil
}

func notAllowed(r rune) bool {
	return r <= ' ' || r >= 0x7f || strings.ContainsRune(`"*/:<>?\|`, r)
}

// splitName returns both parts of a short name, with what such names cannot have
// left out.
func splitName(name string) (base, ext string) {
	name = strings.ToUpper(name)
	if i := strings.LastIndexByte(name, '.'); i > 0 {
		name, ext = name[:i], name[i+1:]
	}
	simple := func(r rune) rune {
		switch {
		case r == '.':
			return -1
		case strings.ContainsRune("+,;=[]", r):
			return '_'
		}
		return r
	}
	return strings.Map(simple, name), strings.Map(simple, ext)
}

// isShort reports whether a name, but for its case, is a short one by itself.
func isShort(name string) bool {
	base, ext := splitName(name)
	again := base
	if ext != "" {
		again += "." + ext
	}
	return again == strings.ToUpper(name) && len(base) <= 8 && len(ext) <= 3
}

// longEntries returns the entries that come before a short one and have the name as
// it is; none when the short name says it all.
func longEntries(name, short string) (b []byte) {
	if isShort(name) && strings.ToUpper(name) == name {
		return nil
	}
	const each = 13
	units := utf16.Encode([]rune(name))
	if len(units)%each != 0 {
		units = append(units, 0)
	}
	for len(units)%each != 0 {
		units = append(units, 0xffff)
	}
	n := len(units) / each
	for i := n; i >= 1; i-- {
		e := make([]byte, entrySize)
		e[0] = byte(i)
		if i == n {
			e[0] |= 0x40
		}
		e[11], e[13] = attrLong, checksum(short)
		part := units[(i-1)*each:]
		for j := range each {
			at := 1 + 2*j
			switch {
			case j >= 11:
				at = 28 + 2*(j-11)
			case j >= 5:
				at = 14 + 2*(j-5)
			}
			le.PutUint16(e[at:], part[j])
		}
		b = append(b, e...)
	}
	return b
}

// checksum ties a long name to its short one.
func checksum(short string) (sum byte) {
	for i := range len(short) {
		sum = sum>>1 | sum<<7
		sum += short[i]
	}
	return sum
}
