package boot

import (
	"fmt"
	"path/filepath"
	"strings"

	"cobox/appliance/confine"
)

// A Program runs for as long as the box does: it is started again when it ends.
type Program struct {
	Path string
	Args []string // with the name that it is called by
	Env  []string
}

// Name returns the program's name, such as "seederd".
func (p Program) Name() string { return filepath.Base(p.Path) }

// The programs of a box.
const (
	dhcpPath       = "/gokrazy/dhcp"
	ntpPath        = "/gokrazy/ntp"
	provisiondPath = "/user/provisiond"
	seederdPath    = "/user/seederd"
)

// A plan is what decides how the programs run.
type plan struct {
	state   string // the state folder
	nobody  bool   // there is no box key: nobody can be answered in the box's name
	passive bool   // the box keeps out of sight and serves no partner
	memory  Memory
	times   []string // time servers; none for the usual ones
}

// programs returns what runs on a box, in the order in which it is started.
func (p plan) programs() []Program {
	authority := []string{provisiondPath, "-state", p.state, "-init", RunDir, "-page", ":80", "-disk", DataDisk}
	seeder := []string{"-state", p.state, "-authority", "-hypercore", "0.0.0.0:4002", "-disk", DataDisk}
	if p.passive {
		seeder = append(seeder, "-dht", "off", "-mdns", "off", "-scrub-rate", "0")
	}
	list := []Program{
		{dhcpPath, []string{dhcpPath}, nil},
		{ntpPath, append([]string{ntpPath}, p.times...), nil},
	}
	if p.nobody {
		return list
	}
	return append(list,
		Program{provisiondPath, authority, limited(p.memory.Authority)},
		Program{seederdPath, seederPolicy(p.state).Args(seederdPath, confine.Word, seederdPath, seeder...), limited(p.memory.Seeder)},
	)
}

func limited(bytes uint64) []string { return []string{fmt.Sprintf("GOMEMLIMIT=%d", bytes)} }

// seederPolicy is what the program may do that talks to strangers: its own part of
// the state folder, and what Go and libp2p read of the system.
func seederPolicy(state string) confine.Policy {
	in := func(names ...string) (paths []string) {
		for _, n := range names {
			paths = append(paths, filepath.Join(state, n))
		}
		return paths
	}
	return confine.Policy{
		User: SeederUser, Group: SeederGroup,
		Write:     append(in("store", "revoked", "run", "lock"), DiskDir, "/dev/null"),
		Read:      append(in(keyFile.name), "/proc", "/sys", "/etc", "/tmp/resolv.conf", "/dev/urandom", "/dev/random"),
		Sockets:   in("run"),
		Files:     16 << 10,
		Processes: 1 << 10,
		Sacrifice: 500,
	}
}

// String returns the command, for the console.
func (p Program) String() string { return strings.Join(p.Args, " ") }
