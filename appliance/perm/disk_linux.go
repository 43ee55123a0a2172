package perm

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Card is the disk that the machine was started from.
type Card struct {
	Name string // such as mmcblk0
	Root int    // the number of the partition with the root file system
	sys  string // its folder under /sys
}

// Started returns the card that the root file system lies on.
func Started() (Card, error) {
	var st unix.Stat_t
	if err := unix.Stat("/", &st); err != nil {
		return Card{}, fmt.Errorf("looking for the card: %w", err)
	}
	return cardOf("/sys", st.Dev)
}

func cardOf(sys string, dev uint64) (Card, error) {
	link := filepath.Join(sys, "dev/block", fmt.Sprintf("%d:%d", unix.Major(dev), unix.Minor(dev)))
	part, err := filepath.EvalSymlinks(link)
	if err != nil {
		return Card{}, fmt.Errorf("looking for the card that the system was started from: %w", err)
	}
	text, err := os.ReadFile(filepath.Join(part, "partition"))
	if err != nil {
		return Card{}, fmt.Errorf("looking for the card that the system was started from: %s is no partition", filepath.Base(part))
	}
	number, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return Card{}, fmt.Errorf("looking for the card that the system was started from: partition number: %w", err)
	}
	disk := filepath.Dir(part)
	return Card{Name: filepath.Base(disk), Root: number, sys: disk}, nil
}

// Device returns the device of the whole card.
func (c Card) Device() string { return "/dev/" + c.Name }

// Partition returns the device of partition n, and whether the kernel knows it.
func (c Card) Partition(n int) (string, bool) {
	names, err := filepath.Glob(filepath.Join(c.sys, "*", "partition"))
	if err != nil {
		return "", false
	}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err == nil && strings.TrimSpace(string(text)) == strconv.Itoa(n) {
			return "/dev/" + filepath.Base(filepath.Dir(name)), true
		}
	}
	return "", false
}

// Make makes /perm where the card has none and tells the kernel. It returns
// whether it made one. See [Create].
func (c Card) Make() (made bool, err error) {
	f, err := os.OpenFile(c.Device(), os.O_RDWR, 0)
	if err != nil {
		return false, fmt.Errorf("opening the card: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return false, fmt.Errorf("asking for the card's size: %w", err)
	}
	t, err := ReadTable(f, size)
	if err != nil {
		return false, err
	}
	at, there := t.Partition(Number)
	if there {
		if err := t.Repair(f); err != nil {
			return false, err
		}
	} else if at, err = Create(f, size); err != nil {
		return false, err
	}
	if _, known := c.Partition(Number); known {
		return !there, nil
	}
	return !there, addPartition(f, at)
}

// addPartition tells the kernel of a partition. It reads the table by itself only while
// nothing on the disk is mounted.
func addPartition(f *os.File, at Extent) error {
	part := unix.BlkpgPartition{Start: at.Start, Length: at.Size, Pno: Number}
	arg := unix.BlkpgIoctlArg{Op: unix.BLKPG_ADD_PARTITION, Datalen: int32(unsafe.Sizeof(part)), Data: (*byte)(unsafe.Pointer(&part))}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), unix.BLKPG, uintptr(unsafe.Pointer(&arg)))
	if errno != 0 && !errors.Is(errno, fs.ErrExist) && errno != unix.EBUSY {
		return fmt.Errorf("telling the kernel of /perm: %w (it will know after the next start)", errno)
	}
	return nil
}
