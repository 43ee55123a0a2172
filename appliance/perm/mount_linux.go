package perm

import (
	"errors"
	"fmt"
	"os"

	"cobox/appliance/ext4"

	"golang.org/x/sys/unix"
)

// Mounted says how /perm could be mounted.
type Mounted struct {
	// Writable says that all is well.
	Writable bool
	// Readable says that it is mounted, perhaps for reading only.
	Readable bool
	// Replayed says that the power went away while it was in use; its journal has
	// put that right.
	Replayed bool
	// Reason says for a person why it is not writable, and what to do. Empty when it is.
	Reason string
}

// flags keep programs and devices that get onto the card from ever counting.
const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME

// options make the file system read-only at the first damage that the kernel finds.
const options = "errors=remount-ro"

// Mount mounts the file system on device at a folder. A file system that was not
// unmounted is mounted as usual: its journal is for that. One in which the kernel
// has found damage is mounted for reading only, and without replaying the journal
// when the kernel refuses otherwise; it is never written to, so that what is there can be copied.
func Mount(device, at string) Mounted {
	f, err := os.Open(device)
	if err != nil {
		return Mounted{Reason: fmt.Sprintf("the card's data partition cannot be opened: %v", err)}
	}
	super, err := ext4.Read(f)
	if err := errors.Join(err, f.Close()); err != nil {
		return Mounted{Reason: fmt.Sprintf("the card's data partition cannot be used, and was left as it is: %v", err)}
	}
	if !super.Damaged {
		err = unix.Mount(device, at, "ext4", flags, options)
		if err == nil {
			return Mounted{Writable: true, Readable: true, Replayed: !super.Clean}
		}
	} else {
		err = errors.New("the kernel has found damage in it")
	}
	// Not even the journal is replayed from here on: the kernel refuses all writes to
	// the device, whoever mounts it.
	protectErr := protect(device)
	m := Mounted{Reason: fmt.Sprintf("the card's file system is damaged (%v): it was left as it is. Put the card into a computer, copy it, and repair it with e2fsck; or use a new card", err)}
	for _, o := range []string{options, "noload"} {
		if unix.Mount(device, at, "ext4", flags|unix.MS_RDONLY, o) == nil {
			m.Readable = true
			break
		}
	}
	if protectErr != nil {
		m.Reason += fmt.Sprintf(" (%v)", protectErr)
	}
	return m
}

// protect makes the kernel refuse all writes to a device.
func protect(device string) error {
	f, err := os.Open(device)
	if err == nil {
		err = errors.Join(unix.IoctlSetPointerInt(int(f.Fd()), unix.BLKROSET, 1), f.Close())
	}
	if err != nil {
		return fmt.Errorf("protecting it from being written to: %w", err)
	}
	return nil
}

// Unmount takes away what is mounted at a folder, however often; a folder with
// nothing on it is no error.
func Unmount(at string) error {
	for {
		err := unix.Unmount(at, 0)
		if errors.Is(err, unix.EINVAL) { // nothing is mounted there
			return nil
		}
		if err != nil {
			return fmt.Errorf("unmounting %s: %w", at, err)
		}
	}
}
