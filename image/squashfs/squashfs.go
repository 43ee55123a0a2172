// Package squashfs writes root file systems: squashfs 4.0, with blocks compressed by
// zlib, which is what all the kernels in images read.
//
// The form is that of the kernel's Documentation/filesystems/squashfs.rst and
// fs/squashfs/squashfs_fs.h. Of it this package writes what a root file system
// needs: folders, files and links that belong to root, no fragments, no extended
// attributes, and tables of entries that are not compressed. The same tree and
// time give the same bytes.
package squashfs

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"io/fs"
	"math"
	"path"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"
)

// An Entry is a file, a link or a folder of a root file system. Folders above one
// need no entry of their own.
type Entry struct {
	Path string      // such as etc/hosts
	Mode fs.FileMode // permission bits, and [fs.ModeDir] or [fs.ModeSymlink]
	Data []byte      // a file's
	Link string      // where a link leads
}

const (
	blockSize = 128 << 10 // of files
	blockLog  = 17
	metaSize  = 8 << 10 // of a block of the tables
	superSize = 96
	padding   = 4096 // the whole is a multiple of it, as block devices are

	magic       = 0x73717368
	zlibMethod  = 1
	none        = math.MaxUint32
	noTable     = math.MaxUint64
	rawBlock    = 1 << 24 // in a block's size: it is not compressed
	rawMeta     = 1 << 15
	maxEntries  = 256 // that follow one header of a folder's list
	folderMode  = 0o755
	maxNameSize = 256

	// What the file system does without: compressed tables, fragments, attributes.
	flags = 1<<0 | 1<<3 | 1<<4 | 1<<8 | 1<<9 | 1<<11

	typeFolder = 1
	typeFile   = 2
	typeLink   = 3
)

// Make returns the file system with these entries. All have this time.
func Make(entries []Entry, at time.Time) ([]byte, error) {
	t, err := newTree(entries)
	if err != nil {
		return nil, fmt.Errorf("making the root file system: %w", err)
	}
	w := &writer{time: uint32(at.Unix())}
	w.out.Write(make([]byte, superSize))
	if err := w.putData(t); err != nil {
		return nil, fmt.Errorf("making the root file system: %w", err)
	}
	number := uint32(0)
	t.number(&number)
	if err := w.putInode(t, number+1); err != nil { // the root has no parent: none has this number
		return nil, fmt.Errorf("making the root file system: %w", err)
	}
	return w.finish(t, number)
}

// A node is an entry in its place.
type node struct {
	Entry
	name     string
	children []*node // sorted by name, as their list has to be
	inode    uint32  // number, from 1
	block    uint32  // where the inode lies: the start of its block of the table,
	offset   uint16  // and its place in it
	start    uint64  // where a file's data begins
	sizes    []uint32
}

func newTree(entries []Entry) (*node, error) {
	root := &node{Entry: Entry{Mode: fs.ModeDir | folderMode}}
	for _, e := range entries {
		if !fs.ValidPath(e.Path) || e.Path == "." {
			return nil, fmt.Errorf("%q is no path", e.Path)
		}
		if t := e.Mode.Type(); t != 0 && t != fs.ModeDir && t != fs.ModeSymlink {
			return nil, fmt.Errorf("%s: a root file system has no %v", e.Path, t)
		}
		if err := root.add(e); err != nil {
			return nil, err
		}
	}
	return root, nil
}

func (n *node) add(e Entry) error {
	parts := strings.Split(e.Path, "/")
	for i, part := range parts {
		last := i == len(parts)-1
		at, there := slices.BinarySearchFunc(n.children, part, func(c *node, name string) int { return strings.Compare(c.name, name) })
		switch {
		case len(part) > maxNameSize:
			return fmt.Errorf("%s: the name is too long", e.Path)
		case there && last && (!e.Mode.IsDir() || !n.children[at].Mode.IsDir()):
			return fmt.Errorf("%s is there twice", e.Path)
		case there && !n.children[at].Mode.IsDir():
			return fmt.Errorf("%s lies in a file", e.Path)
		case there && last:
			n.children[at].Mode = e.Mode
		case !there && last:
			n.children = slices.Insert(n.children, at, &node{Entry: e, name: part})
		case !there:
			dir := Entry{Path: path.Join(parts[:i+1]...), Mode: fs.ModeDir | folderMode}
			n.children = slices.Insert(n.children, at, &node{Entry: dir, name: part})
		}
		n = n.children[at]
	}
	return nil
}

func (n *node) number(last *uint32) {
	for _, c := range n.children {
		c.number(last)
	}
	*last++
	n.inode = *last
}

// files returns all files, in order.
func (n *node) files() (list []*node) {
	if n.Mode.IsRegular() {
		list = append(list, n)
	}
	for _, c := range n.children {
		list = append(list, c.files()...)
	}
	return list
}

type writer struct {
	time    uint32
	out     bytes.Buffer // super block, data; then all
	inodes  bytes.Buffer // tables without the headers of their blocks
	folders bytes.Buffer
}

var le = binary.LittleEndian

// putData writes all files' blocks, which are compressed side by side.
func (w *writer) putData(root *node) error {
	type block struct {
		of   *node
		raw  []byte
		done []byte
	}
	var blocks []*block
	for _, f := range root.files() {
		for b := range slices.Chunk(f.Data, blockSize) {
			blocks = append(blocks, &block{of: f, raw: b})
		}
	}
	var g errgroup.Group
	g.SetLimit(runtime.GOMAXPROCS(0))
	for _, b := range blocks {
		g.Go(func() (err error) {
			b.done, err = compress(b.raw)
			return err
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	for _, b := range blocks {
		if len(b.of.sizes) == 0 {
			b.of.start = uint64(w.out.Len())
		}
		size := uint32(len(b.done))
		if b.done == nil {
			b.done, size = b.raw, uint32(len(b.raw))|rawBlock
		}
		b.of.sizes = append(b.of.sizes, size)
		w.out.Write(b.done)
	}
	if w.out.Len() > math.MaxUint32 {
		return fmt.Errorf("%d bytes of data are too many", w.out.Len())
	}
	return nil
}

// compress returns nil for what does not get smaller.
func compress(raw []byte) ([]byte, error) {
	var b bytes.Buffer
	z, err := zlib.NewWriterLevel(&b, zlib.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := z.Write(raw); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	if b.Len() >= len(raw) {
		return nil, nil
	}
	return b.Bytes(), nil
}

// putInode writes the inode of n, after those of what is in it.
func (w *writer) putInode(n *node, parent uint32) error {
	for _, c := range n.children {
		if err := w.putInode(c, n.inode); err != nil {
			return err
		}
	}
	var list []byte
	var listBlock uint32
	var listOffset uint16
	if n.Mode.IsDir() {
		list = n.list()
		if len(list)+3 > math.MaxUint16 {
			return fmt.Errorf("%s: %d bytes of entries are too many for one folder", n.Path, len(list))
		}
		listBlock, listOffset = place(&w.folders)
		w.folders.Write(list)
	}
	n.block, n.offset = place(&w.inodes)
	put := func(values ...any) {
		for _, v := range values {
			_ = binary.Write(&w.inodes, le, v) // fixed sizes, into memory
		}
	}
	head := func(kind uint16) { put(kind, uint16(n.Mode.Perm()), uint16(0), uint16(0), w.time, n.inode) }
	switch n.Mode.Type() {
	case fs.ModeDir:
		links := uint32(2)
		for _, c := range n.children {
			if c.Mode.IsDir() {
				links++
			}
		}
		head(typeFolder)
		// The size counts "." and "..", which are not in the list.
		put(listBlock, links, uint16(len(list)+3), listOffset, parent)
	case fs.ModeSymlink:
		head(typeLink)
		put(uint32(1), uint32(len(n.Link)), []byte(n.Link))
	default:
		head(typeFile)
		put(uint32(n.start), uint32(none), uint32(0), uint32(len(n.Data)), n.sizes)
	}
	return nil
}

// place returns where in a table the next bytes will lie.
func place(table *bytes.Buffer) (block uint32, offset uint16) {
	return uint32(table.Len()/metaSize) * (metaSize + 2), uint16(table.Len() % metaSize)
}

// list returns the entries of a folder. A header goes before those whose inodes lie
// in one block, and says what they have in common.
func (n *node) list() (b []byte) {
	for rest := n.children; len(rest) > 0; {
		first := rest[0]
		count := slices.IndexFunc(rest, func(c *node) bool {
			d := int64(c.inode) - int64(first.inode)
			return c.block != first.block || d > math.MaxInt16
		})
		if count < 0 {
			count = len(rest)
		}
		count = min(count, maxEntries)
		b = le.AppendUint32(b, uint32(count-1))
		b = le.AppendUint32(b, first.block)
		b = le.AppendUint32(b, first.inode)
		for _, c := range rest[:count] {
			kind := uint16(typeFile)
			switch c.Mode.Type() {
			case fs.ModeDir:
				kind = typeFolder
			case fs.ModeSymlink:
				kind = typeLink
			}
			b = le.AppendUint16(b, c.offset)
			b = le.AppendUint16(b, uint16(c.inode-first.inode))
			b = le.AppendUint16(b, kind)
			b = le.AppendUint16(b, uint16(len(c.name)-1))
			b = append(b, c.name...)
		}
		rest = rest[count:]
	}
	return b
}

// putTable writes a table in blocks, and returns where it begins.
func (w *writer) putTable(table []byte) uint64 {
	start := uint64(w.out.Len())
	for b := range slices.Chunk(table, metaSize) {
		_ = binary.Write(&w.out, le, uint16(len(b))|rawMeta)
		w.out.Write(b)
	}
	return start
}

func (w *writer) finish(root *node, inodes uint32) ([]byte, error) {
	inodeTable := w.putTable(w.inodes.Bytes())
	folderTable := w.putTable(w.folders.Bytes())
	ids := w.putTable(make([]byte, 4)) // one owner: root
	idTable := uint64(w.out.Len())
	_ = binary.Write(&w.out, le, ids)
	used := uint64(w.out.Len())
	w.out.Write(make([]byte, (padding-w.out.Len()%padding)%padding))

	super := bytes.NewBuffer(nil)
	for _, v := range []any{
		uint32(magic), inodes, w.time, uint32(blockSize), uint32(0), uint16(zlibMethod), uint16(blockLog), uint16(flags), uint16(1),
		uint16(4), uint16(0), uint64(root.block)<<16 | uint64(root.offset), used,
		idTable, uint64(noTable), inodeTable, folderTable, uint64(noTable), uint64(noTable),
	} {
		if err := binary.Write(super, le, v); err != nil {
			return nil, err
		}
	}
	b := w.out.Bytes()
	copy(b, super.Bytes())
	return b, nil
}
