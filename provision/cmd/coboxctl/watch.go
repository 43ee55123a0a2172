package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"time"

	"cobox/appliance/health"
	"cobox/metrics/fleet"
	"cobox/seeder/alarm"
	"cobox/seeder/cli"
	"cobox/seeder/durable"
)

// watchDir is what watch remembers, in the operator's home: which troubles were told.
const (
	watchDir = "watch"
	toldFile = "told.json"
)

func watchCommand() cli.Command {
	var (
		teller  alarm.Teller
		silence = cli.Days(15 * time.Minute)
		every   = time.Minute
		soon    bool
		once    bool
	)
	return cli.Command{
		Name: "watch", Args: "[-exec CMD] [-webhook URL] [-silence TIME] [-warnings] [-once]", Short: "be told when a box needs a person",
		Help: `
Looks after all boxes until it is interrupted, and tells when one is silent, when a
check of one has failed, and when that is over: each once, also when it was ended
meanwhile. It prints what it tells.

	coboxctl watch -exec 'mail -s "$COBOX_TEXT" ada@example.org </dev/null'

The command runs in a shell, with COBOX_EVENT ("trouble" or "over"), COBOX_BOX,
COBOX_ID, COBOX_KIND ("silent", or the name of the check) and COBOX_TEXT, and the
same as JSON on its standard input. The webhook gets the JSON by POST; its field
"text" is what chat programs show. What could not be told is tried again each
minute.

With -once it looks once, tells what is new, and ends, for a timer; exit status 3
says that something is wrong, new or not.`,
		Flags: func(fs *flag.FlagSet) {
			fs.StringVar(&teller.Command, "exec", "", "a `command` to run at each event")
			fs.StringVar(&teller.Webhook, "webhook", "", "a `URL` to call at each event")
			fs.Var(&silence, "silence", "for how long a box may not answer, a `time` such as 15m or 1d")
			fs.DurationVar(&every, "every", every, "the `time` from one look to the next")
			fs.BoolVar(&soon, "warnings", false, "also tell of what needs a person soon, and not at once")
			fs.BoolVar(&once, "once", false, "look once")
		},
		Run: func(ctx context.Context, c *cli.Call) (err error) {
			if len(c.Args) > 0 || every <= 0 {
				return cli.Misuse("watch takes no arguments: it is about all boxes; -every is a time such as 1m")
			}
			if err := teller.Check(); err != nil {
				return cli.Misuse("-webhook: %v", err)
			}
			teller.Output = c.Err
			book, unlock, err := openBook()
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, unlock()) }()
			return withFleet(ctx, every/2, func(ctx context.Context, f *fleet.Fleet) error {
				w := &watcher{call: c, fleet: f, book: book, teller: &teller, silence: time.Duration(silence), soon: soon}
				if once {
					return w.once(ctx)
				}
				w.awake = min(w.silence, awakeTime)
				return w.run(ctx, every)
			})
		},
	}
}

// openBook opens the book of what was told, for this process alone.
func openBook() (*alarm.Book, func() error, error) {
	if _, err := openHome(); err != nil {
		return nil, nil, err
	}
	home, err := homeDir()
	if err != nil {
		return nil, nil, err
	}
	dir := filepath.Join(home, watchDir)
	if err := durable.Mkdir(dir, 0o700); err != nil {
		return nil, nil, err
	}
	unlock, err := durable.Lock(dir)
	if err != nil {
		return nil, nil, cli.WithHint(err, "one coboxctl watch is enough for all boxes")
	}
	book, err := alarm.OpenBook(filepath.Join(dir, toldFile))
	if err != nil {
		return nil, nil, errors.Join(err, unlock())
	}
	return book, unlock, nil
}

// A watcher tells of boxes' troubles.
type watcher struct {
	call    *cli.Call
	fleet   *fleet.Fleet
	book    *alarm.Book
	teller  *alarm.Teller
	silence time.Duration
	// awake is how long a box has to be away in this run: a computer that was asleep
	// has heard of no box for long, and needs a moment to find them.
	awake time.Duration
	soon  bool // warnings too
}

func (w *watcher) once(ctx context.Context) error {
	n, err := w.round(ctx, w.fleet.Settled(ctx))
	if err == nil && n > 0 {
		err = &cli.Error{Code: cli.Partly, Err: fmt.Errorf("%d things need a person", n)}
	}
	return err
}

// run looks again and again. That telling fails is said, and no reason to end.
func (w *watcher) run(ctx context.Context, every time.Duration) error {
	sights := w.fleet.Settled(ctx)
	for ctx.Err() == nil {
		if _, err := w.round(ctx, sights); err != nil && ctx.Err() == nil {
			fmt.Fprintf(w.call.Err, "coboxctl: error: %v\n", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(every):
		}
		sights, _ = w.fleet.Sights()
	}
	return nil
}

// round tells what is new, and returns how many troubles there are.
func (w *watcher) round(ctx context.Context, sights []fleet.Sight) (int, error) {
	now := time.Now()
	troubles, blind := w.troubles(sights, now)
	told, err := w.teller.Round(ctx, w.book, now, troubles, func(id string) bool { return blind[id] })
	for _, e := range told {
		if w.call.JSON {
			if err := json.NewEncoder(w.call.Out).Encode(e); err != nil {
				return 0, err
			}
			continue
		}
		fmt.Fprintf(w.call.Out, "%s %s\n", e.At.Local().Format(time.DateTime), e.Words())
	}
	return len(troubles), err
}

// awakeTime is the longest that [watcher.awake] is.
const awakeTime = 5 * time.Minute

// silentKind is the kind of trouble that a box does not answer.
const silentKind = "silent"

// troubles returns what is wrong, and of which boxes nobody knows what else is.
func (w *watcher) troubles(sights []fleet.Sight, now time.Time) (list []alarm.Trouble, blind map[string]bool) {
	blind = make(map[string]bool)
	for _, s := range sights {
		if !s.Up {
			blind[s.Box.ID] = true
			if s.Tried && now.Sub(s.Seen) >= w.silence && now.Sub(s.Since) >= w.awake {
				list = append(list, alarm.Trouble{ID: s.Box.ID, Box: s.Box.Name, Kind: silentKind, Again: "it answers again",
					Text: fmt.Sprintf("it has not answered since %s: has it power, and a network?", seenText(s.Seen))})
			}
			continue
		}
		for _, r := range s.Health.Checks {
			if r.State == health.Failed || w.soon && r.State == health.Warning {
				list = append(list, alarm.Trouble{ID: s.Box.ID, Box: s.Box.Name, Kind: string(r.Check), Text: r.Title.EN + ": " + r.Text.EN, Again: r.Title.EN + " is fine again"})
			}
		}
	}
	return list, blind
}

func seenText(t time.Time) string {
	if t.IsZero() {
		return "it is watched"
	}
	return t.Local().Format("Monday 2 January 15:04")
}
