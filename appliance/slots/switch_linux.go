package slots

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"cobox/appliance/perm"

	"golang.org/x/sys/unix"
)

const (
	// newRoot is a folder of every root file system.
	newRoot = "/mnt"
	// initPath is a system's first program.
	initPath = "/gokrazy/init"
	// watchdog is the hardware's.
	watchdog = "/dev/watchdog"
)

// Switch starts the system in the other slot in the place of this one, when the card
// says so, and then does not return. It is for a system's first program, before
// anything else is mounted than what the kernel shows of itself: what this system
// has mounted stays so out of everybody's reach.
//
// An error says why it could not be; then this system is to go on.
func Switch() error {
	start, err := started()
	if err != nil || !start.Try {
		return err
	}
	card, err := perm.Started()
	if err != nil {
		return err
	}
	c := &Card{card: card, named: start.Slot, runs: card.Root}
	if c.Trial() { // it is the other one that runs already, with the same parameters
		return nil
	}
	if err := c.replace(); err != nil {
		return fmt.Errorf("starting the system in the other slot: %w", err)
	}
	return nil
}

func (c *Card) replace() error {
	// First, so that whatever happens now the next start is this system's.
	if err := c.put(Start{Slot: c.runs}); err != nil {
		return err
	}
	device, ok := c.card.Partition(Other(c.runs))
	if !ok {
		return fmt.Errorf("the card has no partition %d", Other(c.runs))
	}
	if err := unix.Mount(device, newRoot, "squashfs", unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("mounting its root file system: %w", err)
	}
	if _, err := os.Stat(filepath.Join(newRoot, initPath)); err != nil {
		return errors.Join(err, unix.Unmount(newRoot, 0))
	}
	startWatchdog()
	if err := enter(); err != nil {
		// Half of this system is out of reach now. A start finds all of it.
		fmt.Fprintf(os.Stderr, "cobox: starting the system in the other slot: %v\n", err)
		return errors.Join(err, unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART))
	}
	return nil
}

// enter makes the new root file system the root, and runs its first program in the
// place of this one.
func enter() error {
	if err := unix.Chdir(newRoot); err != nil {
		return err
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("moving its root file system: %w", err)
	}
	if err := unix.Chroot("."); err != nil {
		return err
	}
	if err := unix.Chdir("/"); err != nil {
		return err
	}
	return unix.Exec(initPath, []string{initPath}, os.Environ())
}

// startWatchdog sets the hardware's watchdog going, where there is one. Closed without
// a word it does not stop: when the system that comes does not get as far as to pet it,
// the machine starts again.
func startWatchdog() {
	f, err := os.OpenFile(watchdog, os.O_WRONLY, 0)
	if err != nil {
		return // a board without
	}
	_, _ = f.WriteString("\n")
	_ = f.Close()
}
