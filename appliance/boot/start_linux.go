package boot

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"cobox/appliance/board"
	"cobox/appliance/entropy"
	"cobox/appliance/release"
	"cobox/appliance/slots"
	"cobox/appliance/update"
	"cobox/seeder/api"
	"cobox/seeder/durable"
)

// A Start is a start in progress: [Begin], then gokrazy, then [Start.Prepare].
type Start struct {
	Report  Report
	console io.Writer
	cmdline Cmdline
	clock   *clockWatch // nil when it cannot be watched
}

// Begin does what comes before gokrazy: the kernel's file systems, the system in the
// other slot when that is to be started, and /perm. Marks go to console.
func Begin(console io.Writer) *Start {
	s := &Start{console: console}
	if err := mountKernel(); err != nil {
		s.note(err)
	}
	s.note(slots.Switch())
	var err error
	if s.cmdline, err = kernelCmdline(); err != nil {
		s.note(err)
	}
	s.Report.Version, s.Report.Built, err = software(release.SystemFile)
	s.note(err)
	openPerm(&s.Report)
	switch {
	case s.Report.Made:
		s.mark("/perm made")
	case s.Report.Writable:
		s.mark("/perm mounted")
	default:
		s.mark("/perm cannot be written to")
	}
	return s
}

// boxMark is what the console shows before the box ID.
const boxMark = "box "

// mark says on the console how far the start is, with the time since power-on.
func (s *Start) mark(what string) {
	fmt.Fprintf(s.console, "cobox: %.2fs %s\n", Uptime().Seconds(), what)
}

// note says on the console, and to operators, what went wrong.
func (s *Start) note(err error) {
	if err != nil {
		s.mark("trouble: " + err.Error())
		s.Report.trouble(err)
	}
}

// Prepare does what comes before the programs, and returns them. The report is
// written then.
func (s *Start) Prepare() []Program {
	s.note(Harden("/proc/sys"))
	s.note(tighten())
	s.note(durable.Mkdir(RunDir, 0o755)) // before anything in it: all programs go through
	s.note(durable.Mkdir(DiskDir, 0o755))
	total, err := TotalMemory("/proc/meminfo")
	s.note(err)
	p := plan{state: StateDir, memory: Limits(total), times: s.cmdline.TimeServers()}
	if s.Report.Writable {
		s.note(s.prepareState())
	} else {
		p.state = filepath.Join(RunDir, "state")
		s.note(copyOwnership(StateDir, p.state))
		s.note(prepareState(p.state, os.Chown))
	}
	s.note(raiseClock(Floor(p.state, s.Report.Built)))
	s.clock, err = watchClock()
	s.note(err)
	s.note(setHostName(hostName(p.state)))
	p.passive, p.nobody = s.Report.Passive(), !hasKey(p.state)
	if err := s.Report.Write(RunDir); err != nil {
		s.note(err)
	}
	s.mark(boxMark + boxID(p.state))
	s.mark("ready for programs")
	return p.programs()
}

// prepareState makes the state folder of a box whose /perm is well.
func (s *Start) prepareState() error {
	if err := prepareState(StateDir, os.Chown); err != nil {
		return err
	}
	// gokrazy's time program would begin with the time of the last shutdown, which
	// would look as if a time server had answered. It cannot keep one where a
	// folder has the name.
	if err := durable.Mkdir(Perm+"/home/ntp/ntp-time-at-last-shutdown", 0o700); err != nil {
		s.note(err)
	}
	var err error
	s.Report.Cause, err = update.TakeRestart(StateDir)
	s.note(err)
	if err := s.mixSeed(); err != nil {
		s.note(err)
	}
	if err := withBootVolume(s.takeFromCard); err != nil {
		s.note(err)
	}
	if err := s.makeKey(nil); err != nil {
		return err
	}
	if err := keyFile.allow(filepath.Join(StateDir, keyFile.name), os.Chown); err != nil {
		return err
	}
	id := board.Read("/")
	cloned, err := checkBoard(StateDir, id)
	if err != nil {
		return err
	}
	s.Report.Board, s.Report.Cloned = id.String(), cloned
	if cloned {
		s.note(errCloned)
	}
	return nil
}

// takeFromCard takes in what people have put on the boot volume. The personalisation
// is blanked once its seed is in the box key.
func (s *Start) takeFromCard(volume string) error {
	seed, err := takePersonal(volume, StateDir)
	if err != nil {
		s.note(err)
	}
	if err := s.makeKey(seed); err != nil {
		return err
	}
	if seed != nil {
		s.mark("personalised")
		if err := blankPersonal(volume); err != nil {
			s.note(err)
		}
	}
	taken, err := takeReset(volume, StateDir)
	if taken {
		s.mark("a reset card was found")
	}
	return err
}

// makeKey makes the box key, if there is none.
func (s *Start) makeKey(seed []byte) error {
	made, err := entropy.MakeKey(StateDir, sources(seed))
	if made {
		s.mark("box key made")
	}
	return err
}

var errCloned = errors.New("this card was set up on another board: it keeps out of sight and serves no partner, since there may be two boxes with one key; if the other board is out of use, let it go on here (coboxctl board -accept), and if this is a copy, flash the card anew")

// seedFile is what the kernel's pool is given at the next start.
const seedFile = "own/random-seed"

// mixSeed puts the saved seed into the kernel's pool, without credit.
func (s *Start) mixSeed() (err error) {
	pool, err := os.OpenFile("/dev/urandom", os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("mixing the saved seed in: %w", err)
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	return entropy.Renew(filepath.Join(StateDir, seedFile), pool, rand.Reader)
}

// sources are what a box key is made from.
func sources(flashSeed []byte) entropy.Sources {
	s := entropy.Sources{Kernel: rand.Reader, FlashSeed: flashSeed}
	if f, err := os.Open("/dev/hwrng"); err == nil {
		s.Hardware = f // stays open: it is read once in a box's life
	}
	s.Circumstances = fmt.Appendf(nil, "%s %v %d", board.Read("/"), Uptime(), time.Now().UnixNano())
	return s
}

// Watch tells the programs, and the console, what happens after they were started:
// that a time server has answered, and when the programs answer. It does not return.
func (s *Start) Watch(programs []Program) {
	state := StateDir
	if !s.Report.Writable {
		state = filepath.Join(RunDir, "state")
	}
	if hasKey(state) {
		go s.awaitPrograms(state)
	} else {
		go func() {
			l, err := net.Listen("tcp", ":80")
			if err == nil {
				s.mark("the page says what is wrong")
				err = s.Report.serveLastResort(l)
			}
			s.mark("trouble: " + err.Error())
		}()
	}
	if s.clock == nil {
		select {}
	}
	if err := errors.Join(s.clock.wait(), noteTimeKnown(RunDir)); err != nil {
		s.mark("trouble: " + err.Error())
	} else {
		s.mark("a time server has answered")
	}
	select {}
}

// awaitPrograms says when the daemons have come up for the first time.
func (s *Start) awaitPrograms(state string) {
	for _, p := range []struct{ name, socket string }{
		{"provisiond", api.AuthorityPath(state)}, {"seederd", api.SocketPath(state)},
	} {
		for {
			c, err := net.Dial("unix", p.socket)
			if err == nil {
				_ = c.Close()
				break
			}
			time.Sleep(50 * time.Millisecond)
		}
		if rights, err := rightsOf("/proc", p.name); err == nil {
			s.mark(p.name + ": " + rights)
		}
		s.mark(p.name + " answers")
	}
}

// Logs reports whether the programs' logs are to go to the console.
func (s *Start) Logs() bool { return s.cmdline.LogsToConsole() }
