package boot

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"cobox/appliance/perm"

	"golang.org/x/sys/unix"
)

// mountKernel mounts what the kernel shows of itself. gokrazy does so too, and
// does not mind what is mounted already; /perm is looked at before gokrazy is
// begun with, which would mount it in its own way.
func mountKernel() error {
	var errs []error
	for _, m := range []struct{ kind, at string }{{"devtmpfs", "/dev"}, {"proc", "/proc"}, {"sysfs", "/sys"}} {
		if err := unix.Mount(m.kind, m.at, m.kind, unix.MS_NOSUID, ""); err != nil && !errors.Is(err, unix.EBUSY) {
			errs = append(errs, fmt.Errorf("mounting %s: %w", m.at, err))
		}
	}
	return errors.Join(errs...)
}

// tighten takes away what the file systems in memory are not for.
func tighten() error {
	var errs []error
	for _, at := range []string{"/tmp", "/run", "/dev/shm"} {
		if err := unix.Mount("", at, "", unix.MS_REMOUNT|unix.MS_BIND|unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
			errs = append(errs, fmt.Errorf("mounting %s without programs: %w", at, err))
		}
	}
	return errors.Join(errs...)
}

// openPerm makes /perm where the card has none, and mounts it. What it says goes
// into the report.
func openPerm(r *Report) {
	card, err := perm.Started()
	if err == nil {
		r.Made, err = card.Make()
	}
	if err != nil {
		r.trouble(err)
		return
	}
	device, ok := card.Partition(perm.Number)
	if !ok {
		r.trouble(errors.New("the card's data partition has just been made and the kernel does not know it: switch the box off and on again"))
		return
	}
	m := perm.Mount(device, Perm)
	r.Writable, r.Replayed = m.Writable, m.Replayed
	if m.Reason != "" {
		r.Troubles = append(r.Troubles, m.Reason)
	}
}

// bootVolume is where the card's first partition is mounted while it is looked at.
const bootVolume = "/run/boot"

// withBootVolume mounts the card's boot volume, which people can write to with any
// computer, for as long as look runs.
func withBootVolume(look func(dir string) error) (err error) {
	card, err := perm.Started()
	if err != nil {
		return err
	}
	device, ok := card.Partition(1)
	if !ok {
		return errors.New("the card has no boot volume")
	}
	if err := os.MkdirAll(bootVolume, 0o700); err != nil {
		return err
	}
	const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC | unix.MS_NOATIME | unix.MS_SYNCHRONOUS
	if err := unix.Mount(device, bootVolume, "vfat", flags, "iocharset=cp437,umask=077"); err != nil {
		return fmt.Errorf("mounting the boot volume: %w", err)
	}
	defer func() { err = errors.Join(err, unix.Unmount(bootVolume, 0)) }()
	return look(bootVolume)
}

// setHostName names the machine, for the router's list of its network.
func setHostName(name string) error {
	if err := unix.Sethostname([]byte(name)); err != nil {
		return fmt.Errorf("naming the machine: %w", err)
	}
	return nil
}

func kernelCmdline() (Cmdline, error) {
	text, err := os.ReadFile(filepath.Join("/proc", "cmdline"))
	return Cmdline(strings.TrimSpace(string(text))), err
}
