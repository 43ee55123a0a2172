package update

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"cobox/appliance/sensors"
)

// The times of a trial.
const (
	// DefaultLimit is how long a release may take to show that it works: as long as a
	// slow board takes to open a large store, and an operator's program to find the
	// box again.
	DefaultLimit = 10 * time.Minute
	MinLimit     = 30 * time.Second
	MaxLimit     = 2 * time.Hour
	// Steady is how long all has to be well without a break. A program that crashes
	// again and again is well in between.
	Steady = 20 * time.Second

	lookEvery = time.Second
	// endTime is how long a restart may take to begin: programs have 20 s to end.
	endTime = time.Minute
)

// A Finding is what one look at a box has found.
type Finding struct {
	// Problem says what is not well that was before the update; "" when all is.
	Problem string
	// Hopeless says that waiting is of no use.
	Hopeless bool
}

// A Trial is a system's start, for the program that the kernel starts first: it
// goes on whatever becomes of the others.
type Trial struct {
	State   string // the state folder, on the card itself
	Slots   Slots
	Running Running
	// Look finds out how the box is, compared with how it was before.
	Look func(ctx context.Context, before Condition) Finding
	// Uptime is the time since power-on.
	Uptime func() time.Duration
	// Kill starts the machine again at once. It is called when it does not end in
	// an orderly way.
	Kill func()
	// Steady is how long all has to be well without a break; 0 means [Steady].
	Steady time.Duration
	Log    *slog.Logger // nil for none

	note func(state string, r Record) error // write; tests cut the power in it
}

// Run looks after an update that is under way. Where the system is on trial it
// returns when that has ended well, or when the machine begins to restart; an error
// says why it did not end well. Otherwise it returns at once.
func (t *Trial) Run(ctx context.Context) error {
	t.setDefaults()
	was, err := Read(t.State)
	r := Resume(was, t.Running)
	if r != was && err == nil {
		err = t.note(t.State, r)
	}
	if r.State != OnTrial {
		if r.State != was.State {
			t.Log.Info("the update under way has ended", "state", r.State, "version", r.Version, "why", r.Why)
		}
		return err
	}
	t.Log.Info("this system is on trial", "version", r.Version, "limit", limitOf(r))
	if err == nil {
		// Only what could be noted is tried: after Commit the note is what tells the
		// next start that the trial is over.
		err = t.prove(ctx, r)
	}
	if err == nil {
		err = t.Slots.Commit(ctx)
	}
	if err != nil {
		return t.goBack(ctx, r, err)
	}
	r.State, r.Why = Settled, ""
	t.Log.Info("this system works, and is started from now on", "version", r.Version)
	return t.note(t.State, r) // without it the next start finds out, see Resume
}

func (t *Trial) setDefaults() {
	if t.Log == nil {
		t.Log = slog.New(slog.DiscardHandler)
	}
	if t.note == nil {
		t.note = write
	}
	if t.Steady == 0 {
		t.Steady = Steady
	}
}

func limitOf(r Record) time.Duration {
	if r.Limit == 0 {
		return DefaultLimit
	}
	return min(max(r.Limit, MinLimit), MaxLimit)
}

// prove returns nil once all has been well for long enough.
func (t *Trial) prove(ctx context.Context, r Record) error {
	ticker := time.NewTicker(lookEvery)
	defer ticker.Stop()
	wellSince := time.Duration(-1)
	last := Finding{Problem: "nobody has looked yet"}
	for {
		up := t.Uptime()
		if up >= limitOf(r) {
			return fmt.Errorf("version %d did not show within %v that it works: %s", r.Version, limitOf(r), last.Problem)
		}
		looking, cancel := context.WithTimeout(ctx, limitOf(r)-up)
		f := t.Look(looking, r.Before)
		cancel()
		if f.Problem != last.Problem && f.Problem != "" {
			t.Log.Info("not well yet", "problem", f.Problem)
		}
		switch up = t.Uptime(); {
		case f.Hopeless:
			return fmt.Errorf("version %d does not work: %s", r.Version, f.Problem)
		case f.Problem != "":
			wellSince = -1
			last = f
		case wellSince < 0:
			wellSince = up
			last.Problem = fmt.Sprintf("all was well only for the last moments, not for %v", t.Steady)
		case up-wellSince >= t.Steady:
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// goBack notes why and starts the machine again, which starts the system before.
func (t *Trial) goBack(ctx context.Context, r Record, why error) error {
	t.Log.Error("going back to the system before", "version", r.Version, "why", why)
	r.State, r.Why = RolledBack, why.Error()
	noted := errors.Join(t.note(t.State, r), NoteRestart(t.State, sensors.Updated))
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	err := t.Slots.Restart(ctx)
	if err != nil {
		t.Kill()
	} else {
		// The machine has begun to end, and this program ends with it.
		time.AfterFunc(endTime, t.Kill)
	}
	return errors.Join(why, noted, err)
}
