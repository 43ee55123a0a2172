package space

import (
	"io/fs"
	"syscall"
	"time"
)

func (s *stat) fillSystem(info fs.FileInfo) {
	sys, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return
	}
	s.uid, s.gid = sys.Uid, sys.Gid
	s.stored = uint64(sys.Blocks) * 512
	s.changeTime = time.Unix(sys.Ctim.Unix())
	s.inode, s.links = sys.Ino, uint64(sys.Nlink) // Nlink has 32 bits on some platforms
	s.device, s.rdev = uint64(sys.Dev), uint64(sys.Rdev)
}
