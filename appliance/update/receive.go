package update

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"cobox/appliance/release"
	"cobox/appliance/sensors"
)

// The reasons for which a release is not taken. The box is as it was then.
var (
	ErrBusy      = errors.New("another release is just coming in")
	ErrUnderWay  = errors.New("an update is under way: wait until it has ended")
	ErrOld       = errors.New("it is not newer than what runs")
	ErrTooNew    = errors.New("it needs a newer version than the one that runs: update to one between them first")
	ErrOtherKind = errors.New("it is for another kind of box")
	ErrNotThis   = errors.New("what came is not the release")
	ErrUsed      = errors.New("this order was carried out before: order the release again")
)

// A Box takes in releases, one at a time. It is for the program that operators
// give their orders to. Make one with [NewBox].
type Box struct {
	state   string
	slots   Slots
	running release.System
	trial   bool
	log     *slog.Logger
	note    func(state string, r Record) error // write; tests cut the power in it

	mu   sync.Mutex
	busy bool // mu
}

// NewBox returns what takes in releases for the box with a state folder, on which
// running runs. trial says that the machine was started with it on trial.
func NewBox(state string, slots Slots, running release.System, trial bool, log *slog.Logger) *Box {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Box{state: state, slots: slots, running: running, trial: trial, log: log, note: write}
}

// Record returns how the latest update went, or goes.
func (b *Box) Record() (Record, error) { return Read(b.state) }

// Running returns the system that runs.
func (b *Box) Running() release.System { return b.running }

// OnTrial reports whether, by a record, the system that runs has still to show that
// it works. A machine that was started on trial stays so until the next start; what
// ends the trial is the record that it has settled, and only a system that has takes
// in another release.
func (b *Box) OnTrial(r Record) bool { return onTrial(b.trial, b.running.Version, r) }

func onTrial(started bool, running uint64, r Record) bool {
	settled := r.State == Settled && r.Version == running || r.From == running && r.State != None
	return started && !settled
}

// Check tells whether a release can be taken in now, by an order at this place of
// the chain. The error wraps one of the reasons above.
func (b *Box) Check(m release.Manifest, o Order) error {
	r, err := Read(b.state)
	if err != nil {
		return err
	}
	return check(m, b.running, b.trial, r, o)
}

// check is a pure function of the release that comes, of what runs, and of what
// happened before.
func check(m release.Manifest, running release.System, trial bool, r Record, o Order) error {
	switch {
	case onTrial(trial, running.Version, r) || r.State == Armed || r.State == OnTrial:
		return ErrUnderWay
	case m.Product != running.Product || m.Board != running.Board:
		return fmt.Errorf("%w: for %.32q on %.32q, this is %q on %q", ErrOtherKind, m.Product, m.Board, running.Product, running.Board)
	case m.Version <= running.Version:
		return fmt.Errorf("%w: version %d, and %d runs", ErrOld, m.Version, running.Version)
	case m.MinFrom > running.Version:
		return fmt.Errorf("%w: from version %d, and %d runs", ErrTooNew, m.MinFrom, running.Version)
	case o == r.Order && r.State != Receiving && r.State != Stopped:
		return ErrUsed
	}
	return nil
}

// ID returns a release's ID as text, by which it is ordered.
func ID(m release.Manifest) string {
	id := m.ID()
	return hex.EncodeToString(id[:])
}

// An Attempt is a release as it was ordered.
type Attempt struct {
	Manifest release.Manifest // whose signatures were checked, see release.Keys
	Order    Order
	Limit    time.Duration // for the trial; 0 for the default
	Before   Condition     // how the box is now
}

// Receive writes a release's root file system, as it comes from root, into the slot
// that does not run, compares what is on the card then with the release, and arms it:
// the machine starts it once, at the next start, which is the caller's to bring
// about ([Box.Restart]). After an error the box is as it was.
//
// Memory is bounded whatever comes, and no more than the release's size is read.
func (b *Box) Receive(ctx context.Context, a Attempt, root io.Reader) (err error) {
	if err := b.begin(); err != nil {
		return err
	}
	defer b.end()
	was, err := Read(b.state)
	if err != nil {
		return err
	}
	if err := check(a.Manifest, b.running, b.trial, was, a.Order); err != nil {
		return err
	}
	r := Record{
		State: Receiving, Release: ID(a.Manifest), Version: a.Manifest.Version, From: b.running.Version, Order: a.Order,
		Limit: a.Limit, Before: a.Before, Earlier: was.Health(),
	}
	if err := b.note(b.state, r); err != nil {
		return err
	}
	if err := b.fill(ctx, a.Manifest.Root, root); err != nil {
		r.State, r.Why = Stopped, err.Error()
		if errors.Is(err, ErrNotThis) {
			r.State = Refused
		}
		return errors.Join(err, b.note(b.state, r))
	}
	// The note comes first: once the slot is armed its system may be started at any
	// moment, and has to find it.
	r.State = Armed
	if err := b.note(b.state, r); err != nil {
		return err
	}
	if err := b.slots.Arm(ctx); err != nil {
		r.State, r.Why = Stopped, err.Error()
		return errors.Join(err, b.note(b.state, r))
	}
	b.log.Info("a release is armed", "version", a.Manifest.Version, "release", r.Release)
	return nil
}

func (b *Box) begin() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.busy {
		return ErrBusy
	}
	b.busy = true
	return nil
}

func (b *Box) end() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.busy = false
}

// fill writes the other slot and compares it with what it is to be.
func (b *Box) fill(ctx context.Context, want release.File, root io.Reader) error {
	came := sha256.New()
	source := &exactly{r: root, left: want.Size}
	if err := b.slots.Write(ctx, io.TeeReader(source, came)); err != nil {
		return err
	}
	if [sha256.Size]byte(came.Sum(nil)) != want.Sum {
		return fmt.Errorf("%w: its hash is another", ErrNotThis)
	}
	sum, err := b.slots.Sum(ctx, want.Size)
	if err == nil && sum != want.Sum {
		err = errors.New("the card does not hold what was written to it: it is worn out or broken")
	}
	return err
}

// exactly reads left bytes and no more. An end before that is an error, so that
// the writer does not take the part for the whole.
type exactly struct {
	r    io.Reader
	left int64
}

func (e *exactly) Read(p []byte) (int, error) {
	if e.left == 0 {
		return 0, io.EOF
	}
	n, err := e.r.Read(p[:min(int64(len(p)), e.left)])
	e.left -= int64(n)
	if errors.Is(err, io.EOF) && e.left > 0 {
		err = fmt.Errorf("%d bytes are missing: %w", e.left, io.ErrUnexpectedEOF)
	} else if errors.Is(err, io.EOF) {
		err = nil // the end is told by itself, next time
	}
	return n, err
}

// Restart starts the machine again, which starts what is armed.
func (b *Box) Restart(ctx context.Context) error {
	return errors.Join(NoteRestart(b.state, sensors.Updated), b.slots.Restart(ctx))
}

// Interrupted notes at a program's start that a release that was coming in did not
// come whole. What an armed or tried one means is for [Trial] to find out.
func (b *Box) Interrupted() error {
	r, err := Read(b.state)
	if err != nil || r.State != Receiving {
		return err
	}
	return b.note(b.state, Resume(r, Running{Version: b.running.Version}))
}
