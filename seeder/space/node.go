package space

import (
	"fmt"
	"io/fs"
	"strings"
	"time"

	"cobox/seeder/compact"
)

// A Type says what a node of a snapshot is.
type Type byte

// The types of nodes. Sockets and devices are noted, and left out by a restore.
const (
	TypeFile Type = iota + 1
	TypeDir
	TypeSymlink
	TypeFifo
	TypeSocket
	TypeCharDevice
	TypeBlockDevice
)

var typeNames = [...]string{TypeFile: "file", TypeDir: "dir", TypeSymlink: "symlink", TypeFifo: "fifo",
	TypeSocket: "socket", TypeCharDevice: "chardev", TypeBlockDevice: "blockdev"}

// String returns the type's name: "file", "dir", "symlink", "fifo", "socket", "chardev" or "blockdev".
func (t Type) String() string {
	if t >= TypeFile && int(t) < len(typeNames) {
		return typeNames[t]
	}
	return fmt.Sprintf("type %d", byte(t))
}

const (
	maxName   = 4096     // file systems stop at 255, or 1020 bytes for some; PATH_MAX bounds all
	maxTarget = 64 << 10 // of a symbolic link; PATH_MAX is 4096 on Linux
	modeBits  = 0o7777
)

// A Node is an entry of a folder in a snapshot: the metadata, and where the content is.
// Extended attributes and ACLs are not kept.
type Node struct {
	Name     string // any bytes but '/' and NUL; empty for the root of a snapshot
	Type     Type
	Mode     uint32 // the 12 permission bits of Unix, setuid, setgid and sticky included
	UID, GID uint32
	ModTime  time.Time

	// Of files.
	Size    uint64
	Content []Item // adds up to Size
	// ChangeTime, Inode and Device tell the next backup whether it must read the
	// file. Device counts the file systems of a snapshot in the order of the walk.
	ChangeTime time.Time
	Inode      uint64
	Device     uint32
	Linked     bool // has several names: all with this Inode and Device are one file

	Tree   Ref    // of folders: their tree object; the zero Ref for an empty folder
	Target string // of symbolic links
	Rdev   uint64 // of devices
}

// Perm returns the mode as Go has it, type bits included.
func (n *Node) Perm() fs.FileMode {
	m := fs.FileMode(n.Mode & 0o777)
	for _, bit := range []struct {
		unix uint32
		mode fs.FileMode
	}{{0o4000, fs.ModeSetuid}, {0o2000, fs.ModeSetgid}, {0o1000, fs.ModeSticky}} {
		if n.Mode&bit.unix != 0 {
			m |= bit.mode
		}
	}
	switch n.Type {
	case TypeDir:
		m |= fs.ModeDir
	case TypeSymlink:
		m |= fs.ModeSymlink
	case TypeFifo:
		m |= fs.ModeNamedPipe
	case TypeSocket:
		m |= fs.ModeSocket
	case TypeCharDevice:
		m |= fs.ModeDevice | fs.ModeCharDevice
	case TypeBlockDevice:
		m |= fs.ModeDevice
	}
	return m
}

// unixMode returns the 12 permission bits of a mode.
func unixMode(m fs.FileMode) uint32 {
	mode := uint32(m.Perm())
	if m&fs.ModeSetuid != 0 {
		mode |= 0o4000
	}
	if m&fs.ModeSetgid != 0 {
		mode |= 0o2000
	}
	if m&fs.ModeSticky != 0 {
		mode |= 0o1000
	}
	return mode
}

// validName reports whether a name can stand in a folder without meaning something else.
func validName(name string) bool {
	return name != "" && name != "." && name != ".." && len(name) <= maxName && !strings.ContainsAny(name, "/\x00")
}

// appendNode appends a node; its references go through the table.
func (t *feedTable) appendNode(b []byte, n *Node) []byte {
	b = compact.AppendString(b, n.Name)
	b = append(b, byte(n.Type))
	b = compact.AppendUint(b, uint64(n.Mode))
	b = compact.AppendUint(b, uint64(n.UID))
	b = compact.AppendUint(b, uint64(n.GID))
	b = appendTime(b, n.ModTime)
	switch n.Type {
	case TypeFile:
		b = compact.AppendUint(b, n.Size)
		b = appendTime(b, n.ChangeTime)
		b = appendUint64(b, n.Inode)
		b = compact.AppendUint(b, uint64(n.Device))
		b = compact.AppendBool(b, n.Linked)
		b = t.appendItems(b, n.Content)
	case TypeDir:
		full := n.Tree != Ref{}
		b = compact.AppendBool(b, full)
		if full {
			b = t.appendRef(b, n.Tree)
		}
	case TypeSymlink:
		b = compact.AppendString(b, n.Target)
	case TypeCharDevice, TypeBlockDevice:
		b = appendUint64(b, n.Rdev)
	}
	return b
}

// decodeNode reads a node. Only the root of a snapshot has no name.
func (t *feedTable) decodeNode(d *compact.Decoder, root bool) (n Node) {
	n.Name = d.String()
	if typ := d.Bytes(1); typ != nil {
		n.Type = Type(typ[0])
	}
	n.Mode = decodeUint32(d)
	n.UID = decodeUint32(d)
	n.GID = decodeUint32(d)
	n.ModTime = decodeTime(d)
	switch n.Type {
	case TypeFile:
		n.Size = d.Uint()
		n.ChangeTime = decodeTime(d)
		n.Inode = d.Uint64()
		n.Device = decodeUint32(d)
		n.Linked = d.Bool()
		n.Content = t.decodeItems(d, maxInlineItems, n.Size)
	case TypeDir:
		if d.Bool() {
			n.Tree = t.decodeRef(d)
		}
	case TypeSymlink:
		n.Target = d.String()
		if d.Err() == nil && (n.Target == "" || len(n.Target) > maxTarget || strings.Contains(n.Target, "\x00")) {
			d.Fail(damaged("symbolic link %q to an impossible target", n.Name))
		}
	case TypeCharDevice, TypeBlockDevice:
		n.Rdev = d.Uint64()
	case TypeFifo, TypeSocket:
	default:
		d.Fail(damaged("entry %q of unknown type %d", n.Name, n.Type))
	}
	switch {
	case d.Err() != nil:
	case root && (n.Name != "" || n.Type != TypeDir):
		d.Fail(damaged("root that is not a folder"))
	case !root && !validName(n.Name):
		d.Fail(damaged("entry with the impossible name %q", n.Name))
	case n.Mode&^modeBits != 0:
		d.Fail(damaged("entry %q with mode %#o", n.Name, n.Mode))
	}
	return n
}

func appendUint64(b []byte, n uint64) []byte {
	return append(b, byte(n), byte(n>>8), byte(n>>16), byte(n>>24), byte(n>>32), byte(n>>40), byte(n>>48), byte(n>>56))
}

func decodeUint32(d *compact.Decoder) uint32 {
	n := d.Uint()
	if n > 1<<32-1 {
		d.Fail(compact.ErrRange)
	}
	return uint32(n)
}

// appendTime appends seconds since 1970 (8 bytes, signed) and nanoseconds.
func appendTime(b []byte, t time.Time) []byte {
	return compact.AppendUint(appendUint64(b, uint64(t.Unix())), uint64(t.Nanosecond()))
}

func decodeTime(d *compact.Decoder) time.Time {
	seconds, nanos := int64(d.Uint64()), d.Uint()
	if nanos >= 1e9 {
		d.Fail(damaged("time with %d nanoseconds", nanos))
		return time.Time{}
	}
	return time.Unix(seconds, int64(nanos))
}
