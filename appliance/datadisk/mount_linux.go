package datadisk

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"cobox/seeder/durable"

	"golang.org/x/sys/unix"
)

// flags keep programs and devices that get onto a disk from ever counting.
const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME

// kind is the file system of a data disk.
const kind = "ext4"

// cover makes the mount point, and puts over it what nobody can write to, root neither.
func cover(at string) error {
	if err := durable.Mkdir(at, 0o755); err != nil {
		return err
	}
	if kinds, err := mountsAt(at); err != nil || len(kinds) > 0 {
		return err
	}
	if err := unix.Mount("tmpfs", at, "tmpfs", flags|unix.MS_RDONLY, "size=4k,nr_inodes=2,mode=755"); err != nil {
		return fmt.Errorf("covering %s: %w", at, err)
	}
	return nil
}

// A mountLine is what the kernel says of a mount.
type mountLine struct{ number, kind string }

// mountsAt returns what is mounted at a folder, the topmost last.
func mountsAt(at string) (list []mountLine, err error) {
	text, err := os.ReadFile("/proc/self/mountinfo") // proc_pid_mountinfo(5)
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		before, after, _ := strings.Cut(line, " - ")
		f, kind := strings.Fields(before), strings.Fields(after)
		if len(f) > 4 && f[4] == at && len(kind) > 0 {
			list = append(list, mountLine{f[2], kind[0]})
		}
	}
	return list, nil
}

// mounted returns the number, such as 8:0, of the disk that is mounted at a folder.
func mounted(at string) (number string, ok bool) {
	list, err := mountsAt(at)
	if err != nil || len(list) == 0 || list[len(list)-1].kind != kind {
		return "", false
	}
	return list[len(list)-1].number, true
}

// mount mounts a disk over what covers the place.
func mount(device, at string) error {
	if err := unix.Mount(device, at, kind, flags, "errors=remount-ro"); err != nil {
		return fmt.Errorf("mounting the data disk: %w", err)
	}
	return nil
}

// unmount takes a disk away, also one that is still in use or gone: those who have
// files of it open keep them, and nobody opens others.
func unmount(at string) error {
	if err := unix.Unmount(at, unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmounting the data disk: %w", err)
	}
	return nil
}

// openAlone opens a disk that nobody else uses.
func openAlone(device string) (*os.File, error) {
	f, err := os.OpenFile(device, os.O_RDWR|unix.O_EXCL, 0)
	if errors.Is(err, unix.EBUSY) {
		return nil, fmt.Errorf("%w: it is in use", err)
	}
	return f, err
}

// forgetPartitions makes the kernel look at the partition table again, which is gone.
func forgetPartitions(f *os.File) {
	_, _ = unix.IoctlRetInt(int(f.Fd()), unix.BLKRRPART) // a disk without partitions has none to forget
}
