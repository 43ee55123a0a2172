package space

import (
	"io/fs"
	"time"
)

// A stat is what a file system says of a file, in one form for all platforms.
// Where a platform does not know something, it is zero.
type stat struct {
	typ          Type
	mode         uint32
	uid, gid     uint32
	size         uint64
	stored       uint64 // bytes on disk; less than size for a sparse file
	modTime      time.Time
	changeTime   time.Time
	inode, links uint64
	device, rdev uint64
}

// sameFile reports whether the file has not changed between two stats, as far as one can tell.
func (s *stat) sameFile(o *stat) bool {
	return s.typ == o.typ && s.size == o.size && s.inode == o.inode && s.device == o.device &&
		s.modTime.Equal(o.modTime) && s.changeTime.Equal(o.changeTime)
}

func typeOf(m fs.FileMode) Type {
	switch {
	case m.IsRegular():
		return TypeFile
	case m.IsDir():
		return TypeDir
	case m&fs.ModeSymlink != 0:
		return TypeSymlink
	case m&fs.ModeNamedPipe != 0:
		return TypeFifo
	case m&fs.ModeSocket != 0:
		return TypeSocket
	case m&fs.ModeCharDevice != 0:
		return TypeCharDevice
	case m&fs.ModeDevice != 0:
		return TypeBlockDevice
	}
	return 0
}

func newStat(info fs.FileInfo) stat {
	s := stat{
		typ:     typeOf(info.Mode()),
		mode:    unixMode(info.Mode()),
		modTime: info.ModTime(),
	}
	if s.typ == TypeFile {
		s.size = uint64(info.Size())
	}
	s.stored = s.size
	s.fillSystem(info)
	return s
}

// node returns a node with what the stat says.
func (s *stat) node(name string) Node {
	n := Node{Name: name, Type: s.typ, Mode: s.mode, UID: s.uid, GID: s.gid, ModTime: s.modTime}
	switch s.typ {
	case TypeFile:
		n.Size, n.ChangeTime, n.Inode, n.Linked = s.size, s.changeTime, s.inode, s.links > 1
	case TypeCharDevice, TypeBlockDevice:
		n.Rdev = s.rdev
	}
	return n
}
