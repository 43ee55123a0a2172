package sensors

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/prometheus/procfs"
)

// A Machine says where a machine is read. The zero Machine is this one, without
// volumes. Its methods may be called from several goroutines.
type Machine struct {
	// Proc and Sys are where proc and sysfs are mounted; /proc and /sys when empty.
	Proc, Sys string
	// Volumes are the file systems that the box needs; those after [MaxVolumes] are
	// passed over.
	Volumes []VolumeAt
	// Addresses returns the addresses of an interface; by the kernel's answer when nil.
	Addresses func(name string) ([]netip.Prefix, error)
	// Now is the clock; time.Now when nil.
	Now func() time.Time
}

// A VolumeAt is a file system that the box needs, by the name under which people and
// metrics know it: "state", "data".
type VolumeAt struct {
	Name string
	Path string // a folder on it
	// Mounted says that Path itself must be a mount point. Without it a missing disk
	// would look like a full card: its folder is there, on the file system below.
	Mounted bool
	// Type is the type of file system that must be there, such as ext4; empty for any.
	Type string
}

// Read reads the machine. When some of it exists and cannot be read or understood,
// Read says so in its error, and returns all the rest.
func (m *Machine) Read() (Reading, error) {
	now := time.Now
	if m.Now != nil {
		now = m.Now
	}
	r := reader{proc: m.Proc, sys: m.Sys, addresses: m.Addresses}
	if r.proc == "" {
		r.proc = procfs.DefaultMountPoint
	}
	if r.sys == "" {
		r.sys = "/sys"
	}
	if r.addresses == nil {
		r.addresses = addressesOf
	}
	at := now()
	reading := Reading{At: at, Boot: r.boot(at), Temperatures: r.temperatures(), Power: r.power()}
	reading.Disks = r.disks()
	if fs, err := procfs.NewFS(r.proc); err == nil {
		reading.CPU = r.cpu(fs)
		reading.Memory = r.memory(fs)
		reading.Pressure = r.pressure(fs)
		reading.Volumes = r.volumes(fs, m.Volumes)
		reading.Network = r.network(fs)
	} else {
		reading.Volumes = r.volumes(procfs.FS{}, m.Volumes)
	}
	if err := errors.Join(r.errs...); err != nil {
		return reading, fmt.Errorf("reading the machine: %w", err)
	}
	return reading, nil
}

// addressesOf asks the kernel.
func addressesOf(name string) ([]netip.Prefix, error) {
	i, err := net.InterfaceByName(name)
	if err != nil {
		return nil, fmt.Errorf("looking up network interface %s: %w", name, err)
	}
	addrs, err := i.Addrs()
	if err != nil {
		return nil, fmt.Errorf("listing addresses of network interface %s: %w", name, err)
	}
	var list []netip.Prefix
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			list = append(list, p)
		}
	}
	return list, nil
}
