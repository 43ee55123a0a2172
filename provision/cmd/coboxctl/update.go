package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"

	"cobox/appliance/release"
	"cobox/provision/chain"
	"cobox/provision/control"
	"cobox/provision/operator"
	"cobox/seeder/api"
	"cobox/seeder/cli"
)

// updateFlags are how boxes are updated.
type updateFlags struct {
	at     where
	fleet  bool
	canary string
	soak   cli.Days
	limit  time.Duration
	status bool
}

func updateCommand() cli.Command {
	f := updateFlags{soak: cli.Days(24 * time.Hour)}
	return cli.Command{
		Name: "update", Args: "[-limit TIME] [BOX] FILE | -fleet [-canary BOX] [-soak TIME] FILE [BOX ...] | -status [BOX]", Short: "give boxes a newer system",
		Help: `
Sends a box a release, and waits until it is known how that went. The box checks who
has made the release, writes it beside the system that runs, starts it on trial, and
keeps it only when it works: its store opens and can be read back, it is on the
network as before, and you reach it again. Otherwise it goes back by itself to the
system before. Keep this command running: it is what reaches the box.

	coboxctl update attic cobox-1.3.0-rpi.release

With -fleet one box comes first, the canary. When it has been well for the time of
-soak the others follow, one after the other; at the first one that does not come back
well the rest stay as they are.

	coboxctl update -fleet -canary attic -soak 2d cobox-1.3.0-rpi.release

With -status it only says what a box runs, and how its latest update went. No box
updates itself without being told.` + about,
		Flags: func(fs *flag.FlagSet) {
			f.at.flags(fs)
			fs.BoolVar(&f.fleet, "fleet", false, "update several boxes, one of them first: those named after FILE, or all of this release's board")
			fs.StringVar(&f.canary, "canary", "", "with -fleet: the `box` that comes first (default: the first)")
			fs.Var(&f.soak, "soak", "with -fleet: how long the first box has to be well before the others follow, a `time` such as 2d or 6h")
			fs.DurationVar(&f.limit, "limit", 0, "how long the new system may take to show that it works, a `time` of 30s to 2h (default: 10m)")
			fs.BoolVar(&f.status, "status", false, "only say what the box runs")
		},
		Run: func(ctx context.Context, c *cli.Call) error {
			switch {
			case f.limit != 0 && (f.limit < 30*time.Second || f.limit > chain.MaxUpdateLimit):
				return cli.Misuse("-limit %v: 30s to 2h", f.limit)
			case f.status:
				return f.showSystem(ctx, c)
			case f.fleet:
				return f.updateFleet(ctx, c)
			}
			box, file, err := boxAnd(c, "the file of a release")
			if err != nil {
				return err
			}
			rel, err := openRelease(file)
			if err != nil {
				return err
			}
			return f.at.withSession(ctx, box, func(s *operator.Session, b *operator.Box) error {
				result, err := f.update(ctx, c, s, b, rel)
				if err != nil {
					return err
				}
				return c.Print(result, func(w io.Writer) { fmt.Fprintln(w, result) })
			})
		},
	}
}

// withSession goes on the network for one box, to connect to it several times.
func (w *where) withSession(ctx context.Context, name string, do func(*operator.Session, *operator.Box) error) error {
	h, err := openHome()
	if err != nil {
		return err
	}
	if name == "" && w.addr != "" {
		name = w.addr
	}
	b, err := h.Find(name)
	if err != nil {
		return cli.WithHint(err, "coboxctl boxes lists those you have paired with; another is named by its ID, with -addr")
	}
	s, err := h.Dial(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	return explain(do(s, b), b)
}

// A releaseFile is a release on this computer. Who has signed it is for the box to
// check, which has the keys.
type releaseFile struct {
	path     string
	size     int64
	signed   []byte
	manifest release.Manifest
}

func openRelease(path string) (*releaseFile, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	signed, err := release.Read(bufio.NewReader(f))
	if err != nil {
		return nil, cli.WithHint(fmt.Errorf("reading %s: %w", path, err), "a release ends in .release; an image for a card is none")
	}
	m, err := release.Unverified(signed)
	if err != nil {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if whole := release.Size(signed, m); info.Size() != whole {
		return nil, &cli.Error{
			Code: cli.VerifyFailed, Err: fmt.Errorf("%s has %d bytes, and this release has %d", path, info.Size(), whole), Hint: "get it again from where it came",
		}
	}
	return &releaseFile{path, info.Size(), signed, m}, nil
}

// An updated box is how an update went.
type updated struct {
	Box     string `json:"box"` // the box ID
	Host    string `json:"host"`
	From    uint64 `json:"from"`
	Version uint64 `json:"version"`
	Name    string `json:"name"`  // of the version
	State   string `json:"state"` // "settled", or "rolled-back"
	Why     string `json:"why,omitempty"`
	Seconds int    `json:"seconds"` // from the box's having the release until the end
}

func (u *updated) String() string {
	if u.State == control.Settled {
		return fmt.Sprintf("%s runs version %s (%d) now, instead of %d", u.Host, u.Name, u.Version, u.From)
	}
	return fmt.Sprintf("%s runs version %d as before: %s", u.Host, u.From, u.Why)
}

// update updates one box and waits for how it went. A box that went back to its
// system before is an error.
func (f *updateFlags) update(ctx context.Context, c *cli.Call, s *operator.Session, b *operator.Box, rel *releaseFile) (*updated, error) {
	m := rel.manifest
	result := &updated{Box: b.ID.PeerID().String(), Host: b.Host(), Version: m.Version, Name: m.Name}
	var seq uint64
	err := f.connected(ctx, s, b, func(l *operator.Link) error {
		sys, err := l.System(ctx)
		if err != nil {
			return err
		}
		result.From = sys.Version
		if err := l.Offer(ctx, rel.signed); err != nil {
			return refusedByBox(err)
		}
		order := chain.Update{Release: m.ID(), LimitSeconds: int64(f.limit / time.Second)}
		if err := l.Order(ctx, func(*control.State) (chain.Order, error) { return order, nil }); err != nil {
			return err
		}
		seq = l.Box.Head.Seq
		return nil
	})
	if err != nil {
		return nil, explainSearch(err)
	}
	if err := f.send(ctx, c, s, b, rel); err != nil {
		return nil, err
	}
	c.Note("%s has the release, and starts again with it; waiting for it to come back", result.Host)
	began := time.Now()
	sys, err := f.await(ctx, c, s, b, m.Version, seq)
	if err != nil {
		return nil, err
	}
	result.Seconds = int(time.Since(began).Seconds())
	result.State, result.Why = sys.Update.State, sys.Update.Why
	if result.State != control.Settled {
		return nil, cli.WithHint(errors.New(result.String()), "the release may be at fault: tell who made it; coboxctl status "+result.Host+" tells how the box is")
	}
	return result, nil
}

// connected connects to the box for as long as do runs.
func (f *updateFlags) connected(ctx context.Context, s *operator.Session, b *operator.Box, do func(*operator.Link) error) error {
	l, err := s.Connect(ctx, b, f.at.addr)
	if err != nil {
		return err
	}
	defer l.Close()
	return do(l)
}

// refusedByBox gives what the box refuses the exit code that it deserves.
func refusedByBox(err error) error {
	if e, ok := errors.AsType[*api.Error](err); ok && e.Code == api.Unauthorised {
		return &cli.Error{Code: cli.VerifyFailed, Err: err, Hint: "get the release from who makes your boxes' releases; it was changed on the way, or somebody else made it"}
	}
	return err
}

// sendTries is how often a release is sent, when the connection is lost meanwhile.
const sendTries = 3

func (f *updateFlags) send(ctx context.Context, c *cli.Call, s *operator.Session, b *operator.Box, rel *releaseFile) (err error) {
	for try := 1; try <= sendTries; try++ {
		err = f.connected(ctx, s, b, func(l *operator.Link) error { return sendOnce(ctx, c, l, rel) })
		if err == nil {
			return nil
		}
		if _, answered := errors.AsType[*api.Error](err); answered || ctx.Err() != nil {
			return refusedByBox(err)
		}
		c.Note("sending the release to %s: %v", b.Host(), err)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Duration(try) * 3 * time.Second): // the box has to notice too
		}
	}
	return cli.WithHint(fmt.Errorf("sending the release: %w", err), "a relay with limits cannot carry a release: try again where the box is reached directly")
}

func sendOnce(ctx context.Context, c *cli.Call, l *operator.Link, rel *releaseFile) error {
	file, err := os.Open(rel.path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	bar := cli.NewProgress(c.Err, "sending", rel.size, c.JSON)
	defer bar.Close()
	return l.Release(ctx, &counted{r: file, bar: bar, total: rel.size}, rel.size)
}

// counted shows how much was read.
type counted struct {
	r           io.Reader
	bar         *cli.Progress
	done, total int64
}

func (r *counted) Read(p []byte) (int, error) {
	n, err := r.r.Read(p)
	r.done += int64(n)
	r.bar.Set(r.done, r.total)
	return n, err
}

const (
	// lookEvery is how often a box is looked for that starts again.
	lookEvery = 3 * time.Second
	// slack is how much longer than its limit a box may stay away: two starts, one
	// of the new system and one of the old.
	slack = 5 * time.Minute
	// defaultLimit is the box's own, when the order names none.
	defaultLimit = 10 * time.Minute
)

// await waits until the box says how the update by the order seq went.
func (f *updateFlags) await(ctx context.Context, c *cli.Call, s *operator.Session, b *operator.Box, version, seq uint64) (*control.System, error) {
	limit := f.limit
	if limit == 0 {
		limit = defaultLimit
	}
	waiting, cancel := context.WithTimeout(ctx, limit+slack)
	defer cancel()
	last := errors.New("it was not looked for yet")
	said := ""
	for {
		var sys control.System
		err := f.connected(waiting, s, b, func(l *operator.Link) (err error) {
			asking, cancel := context.WithTimeout(waiting, 20*time.Second)
			defer cancel()
			sys, err = l.System(asking)
			return err
		})
		switch u := sys.Update; {
		case err != nil:
			last = err
		case u.Version != version || u.Seq != seq:
			return nil, fmt.Errorf("%s says nothing of this update; its latest is that to version %d (%s)", b.Host(), u.Version, u.State)
		case u.State == control.Settled || u.State == control.RolledBack:
			return &sys, nil
		case u.State == control.OnTrial && said != u.State:
			said = u.State
			c.Note("%s runs version %d on trial", b.Host(), version)
			last = errors.New("it is on trial still")
		}
		select {
		case <-waiting.Done():
			if ctx.Err() != nil {
				return nil, cli.WithHint(ctx.Err(), "the box goes on without this command, but nobody reaches it now: coboxctl update -status "+b.Host()+" soon")
			}
			return nil, cli.WithHint(fmt.Errorf("%s has not come back within %v: %w", b.Host(), limit+slack, last),
				"if it does not answer in a while, switch it off and on: it starts the system before")
		case <-time.After(lookEvery):
		}
	}
}

// showSystem says what a box runs.
func (f *updateFlags) showSystem(ctx context.Context, c *cli.Call) error {
	box, err := oneBox(c)
	if err != nil {
		return err
	}
	return f.at.withBox(ctx, c, box, func(l *operator.Link, _ *control.State) error {
		sys, err := l.System(ctx)
		if err != nil {
			return err
		}
		return c.Print(sys, func(w io.Writer) {
			fmt.Fprintf(w, "%s runs version %s (%d) of %s for %s\n", l.Box.Host(), sys.Name, sys.Version, sys.Product, sys.Board)
			if sys.Trial {
				fmt.Fprintln(w, "it is on trial: it has to show that it works")
			}
			if u := sys.Update; u.State != "" {
				fmt.Fprintf(w, "latest update: version %d, %s, %s\n", u.Version, u.State, cli.FormatAgo(u.At))
				if u.Why != "" {
					fmt.Fprintf(w, "\t%s\n", u.Why)
				}
			}
		})
	})
}
