package boottest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ErrSilent says that a machine's console has shown nothing, not even a kernel.
var ErrSilent = errors.New("the console shows nothing")

const (
	// silence is how long a console may show nothing after power-on. A kernel's first
	// line comes within seconds, within half a minute on a busy computer.
	silence = 2 * time.Minute
	// powerOns is how often a machine that shows nothing is switched on.
	powerOns = 3
)

// PowerOn is Boot, and waits for the first line on the console. QEMU's Raspberry Pi
// sometimes hangs before its kernel has said a word, which no box can be blamed for: such a
// machine is switched off and on again, and report is told so, with what its
// processors were at. A machine that has shown anything is left alone, whatever
// becomes of it. After three silent ones the error wraps [ErrSilent].
func PowerOn(ctx context.Context, s Setup, report func(format string, args ...any)) (*Guest, error) {
	wait := s.Silence
	if wait == 0 {
		wait = silence
	}
	for try := 1; ; try++ {
		g, err := Boot(ctx, s)
		if err != nil {
			return nil, err
		}
		err = g.awaitSign(ctx, wait)
		if err == nil {
			return g, nil
		}
		at := g.Processors()
		g.Kill()
		if !errors.Is(err, ErrSilent) || try == powerOns {
			return nil, fmt.Errorf("switching on %s for the %d. time: %w\n%s", s.Board.Name, try, err, at)
		}
		report("QEMU's %s was switched off and on again, for the %d. time: within %v %v\n%s", s.Board.Name, try, wait, err, at)
		s.Ports = g.ports // whoever has asked for them finds the box there
	}
}

// awaitSign waits until the console has shown a line.
func (g *Guest) awaitSign(ctx context.Context, wait time.Duration) error {
	limited, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	_, err := g.Await(limited, "")
	switch {
	case err == nil, ctx.Err() != nil, limited.Err() == nil: // it has ended by itself
		return err
	case g.Console() == "":
		return ErrSilent
	}
	return nil // half a line is a sign, too
}

// Processors says what the machine's processors are at, for people who know QEMU.
func (g *Guest) Processors() string {
	m, err := openMonitor(g.monitor)
	if err != nil {
		return fmt.Sprintf("(its monitor cannot be asked: %v)", err)
	}
	answer, err := m.do("human-monitor-command", map[string]string{"command-line": "info registers -a"})
	var registers string
	if err == nil {
		err = json.Unmarshal(answer, &registers)
	}
	if err := errors.Join(err, m.close()); err != nil {
		return fmt.Sprintf("(its monitor cannot be asked: %v)", err)
	}
	var kept strings.Builder // of each processor the program counter alone
	for line := range strings.Lines(registers) {
		if line = strings.TrimSpace(line); strings.HasPrefix(line, "CPU#") || strings.HasPrefix(line, "PC=") || strings.HasPrefix(line, "PSTATE=") {
			fmt.Fprintf(&kept, "%.80s\n", line)
		}
	}
	return kept.String()
}
