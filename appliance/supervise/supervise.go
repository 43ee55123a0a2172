//go:build linux

// Package supervise runs a box's programs under gokrazy: it is the one place where
// the box depends on it.
//
// gokrazy mounts the file systems in memory, sets up the loopback network, pets the
// hardware watchdog, and starts the programs again when they end. It is asked for a
// restart of the machine by package appliance/gokrazy. What else gokrazy can do, such
// as its own way of updates, is not used.
package supervise

import (
	"fmt"
	"os"
	"os/exec"

	"cobox/appliance/boot"

	"github.com/gokrazy/gokrazy"
)

// Begin mounts what programs need. version is for gokrazy's own log.
func Begin(version string) error {
	if err := gokrazy.Boot(version); err != nil {
		return fmt.Errorf("setting up the machine: %w", err)
	}
	return nil
}

// Start starts the programs, and returns. They run until the machine ends.
func Start(programs []boot.Program) error {
	// gokrazy looks for a shell to start when somebody types at the console. There is
	// none, and nothing that is typed is read.
	nothing, err := os.Open(os.DevNull)
	if err != nil {
		return fmt.Errorf("taking the console's input away: %w", err)
	}
	os.Stdin = nothing
	services := make([]*gokrazy.Service, len(programs))
	for i, p := range programs {
		services[i] = gokrazy.NewService(&exec.Cmd{Path: p.Path, Args: p.Args, Env: p.Env})
	}
	if err := gokrazy.SuperviseServices(services); err != nil {
		return fmt.Errorf("starting the programs: %w", err)
	}
	return nil
}
