package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"cobox/provision/control"
	"cobox/provision/operator"
	"cobox/seeder/api"
	"cobox/seeder/audit"
	"cobox/seeder/cli"
	"cobox/seeder/client"
	"cobox/seeder/feed"
	"cobox/seeder/pin"
)

// An auditResult is what "coboxctl audit -json" prints.
type auditResult struct {
	Box     string        `json:"box"`
	Ending  audit.Ending  `json:"ending"`
	Feeds   int           `json:"feeds"`   // that were drawn from
	Waiting int           `json:"waiting"` // pinned, and not whole yet: nothing is owed of them
	Gone    int           `json:"gone"`    // kept at an earlier audit, and not pinned any more
	Draws   int           `json:"draws"`   // blocks that were shown to be there
	Failed  []failedBlock `json:"failed"`
	Bytes   uint64        `json:"bytes"` // of the answer
	Took    time.Duration `json:"took"`  // nanoseconds
	Why     string        `json:"why,omitempty"`
	Forked  []string      `json:"forked,omitempty"` // discovery keys of feeds of which two histories are signed
	Verdict audit.Verdict `json:"verdict"`
}

// A failedBlock is a block that the box did not show.
type failedBlock struct {
	Feed  string `json:"feed"` // discovery key
	Block uint64 `json:"block"`
}

func auditCommand() cli.Command {
	var at where
	draws := audit.PlanDaily
	return cli.Command{
		Name: "audit", Args: "[-draws N] [BOX [FEED...]]", Short: "have a box prove that it still has what it keeps",
		Help: `
Draws blocks at random of what a box says it has whole, and of what it had at earlier
audits, and asks it for them. What it gives is checked against the keys of the feeds:
no key that opens the contents is needed, and what comes is as encrypted as on the
box. Once a day, by a timer, is a good plan: a box that lost one block in a hundred is
found out within ten days with 99 %. With discovery keys, or their beginnings, as
"coboxctl pins" shows them, it draws from these feeds alone.

	coboxctl audit attic
	coboxctl audit -draws 64 attic 5fa9

It takes the role operator. Exit status 3 says that the box could not be asked, 4 that
it does not have what it kept.` + about,
		Flags: func(fs *flag.FlagSet) {
			at.flags(fs)
			fs.IntVar(&draws, "draws", audit.PlanDaily, fmt.Sprintf("how many blocks to ask for, 1 to %d", audit.MaxDraws))
		},
		Run: func(ctx context.Context, c *cli.Call) error {
			if draws < 1 || draws > audit.MaxDraws {
				return cli.Misuse("-draws is from 1 to %d", audit.MaxDraws)
			}
			name, prefixes := "", []string(nil)
			if len(c.Args) > 0 {
				name, prefixes = c.Args[0], c.Args[1:]
			}
			h, err := openHome()
			if err != nil {
				return err
			}
			a := &auditing{home: h, draws: draws, prefixes: prefixes}
			ctx, cancel := context.WithTimeout(ctx, audit.MaxTime)
			defer cancel()
			err = at.withBox(ctx, c, name, func(l *operator.Link, _ *control.State) error { return a.run(ctx, l) })
			if err != nil {
				return a.away(c, name, at.addr, err)
			}
			return a.conclude(c)
		},
	}
}

// An auditing is one audit of a box.
type auditing struct {
	home     *operator.Home
	draws    int
	prefixes []string // of discovery keys; none for all feeds

	asked   bool // the box was reached, and its pins are known
	outcome audit.Outcome
	result  auditResult
}

// run draws, asks, checks, and remembers.
func (a *auditing) run(ctx context.Context, l *operator.Link) error {
	began := time.Now()
	st, err := l.Status(ctx)
	if err != nil {
		return err
	}
	rtt := time.Since(began)
	known, err := a.home.Audits(l.Box.ID)
	if err != nil {
		return err
	}
	a.result = auditResult{Box: l.Box.ID.PeerID().String(), Gone: known.Gone(st.Pins), Failed: []failedBlock{}}
	owed, waiting := known.Owes(st.Pins)
	a.result.Waiting = waiting
	drawn, err := a.pick(owed)
	if err != nil {
		return err
	}
	heads, err := known.Heads(owed)
	if err != nil {
		return err
	}
	a.asked = true
	a.outcome = audit.Outcome{Time: began}
	draws, settled := known.Choose(drawn, owes(owed))
	a.outcome.Settled, a.outcome.Whole = settled, audit.Covers(draws, owed)
	var newest map[feed.Key]audit.Head
	if len(draws) == 0 {
		a.outcome.Ending = audit.Passed
	} else if newest, err = a.ask(ctx, l, known, draws, heads, rtt); err != nil {
		return err
	}
	if len(a.outcome.Failed) > 0 {
		if st, err = a.again(ctx, l, known); err != nil {
			return err
		}
	}
	o := &a.outcome
	known.Add(*o)
	known.Learn(st.Pins, newest)
	a.fill(known)
	return a.home.KeepAudits(l.Box.ID, known)
}

// pick draws from the feeds that were asked for.
func (a *auditing) pick(owed []audit.Extent) ([]audit.Draw, error) {
	feeds := owed
	if len(a.prefixes) > 0 {
		feeds = slices.DeleteFunc(slices.Clone(owed), func(e audit.Extent) bool {
			return !slices.ContainsFunc(a.prefixes, func(p string) bool { return strings.HasPrefix(e.Feed.DiscoveryKey().String(), p) })
		})
		if len(feeds) == 0 {
			return nil, cli.WithHint(fmt.Errorf("no feed that the box has whole begins with %s", strings.Join(a.prefixes, " or ")), "coboxctl pins lists them")
		}
	}
	a.result.Feeds = len(feeds)
	return audit.Pick(audit.Unforeseeable(), feeds, a.draws), nil
}

// owes returns whether a block is among those that the box owes.
func owes(feeds []audit.Extent) func(audit.Draw) bool {
	length := make(map[feed.Key]uint64)
	for _, e := range feeds {
		length[e.Feed] = e.Length
	}
	return func(d audit.Draw) bool { return d.Block < length[d.Feed] }
}

// ask asks the box, and notes how that ended. The error is one of this computer's.
func (a *auditing) ask(ctx context.Context, l *operator.Link, known *operator.Audits, draws []audit.Draw, heads map[feed.Key]audit.Head, rtt time.Duration) (map[feed.Key]audit.Head, error) {
	had := audit.Known{Heads: make(map[feed.Key]feed.Head)}
	for key, h := range heads {
		had.Heads[key] = h.Head
	}
	report, took, err := l.Audit(ctx, audit.NewChallenge(draws), had)
	switch e, refused := errors.AsType[*api.Error](err); {
	case refused && e.Code != api.DiskGone && e.Code != api.Internal:
		return nil, err // not an operator, or busy: nothing about what the box keeps
	case err != nil:
		a.outcome.Ending, a.outcome.Why = client.EndingOf(err), err.Error()
		return nil, nil
	}
	known.Note(&a.outcome, report, took, known.Link(rtt))
	forks, newest := audit.Compare(heads, []*audit.Report{report})
	for _, e := range forks {
		a.result.Forked = append(a.result.Forked, e.Key.DiscoveryKey().String())
	}
	return newest, nil
}

// again looks whether the box still owed what it failed to show: the partner may
// have truncated or unpinned a feed while it was asked.
func (a *auditing) again(ctx context.Context, l *operator.Link, known *operator.Audits) (st api.BoxStatus, err error) {
	if st, err = l.Status(ctx); err != nil {
		return st, err
	}
	o := &a.outcome
	owed, _ := known.Owes(st.Pins)
	still := owes(owed)
	o.Failed = slices.DeleteFunc(o.Failed, func(d audit.Draw) bool { return !still(d) })
	if len(o.Failed) == 0 {
		o.Ending, o.Why = audit.Passed, ""
	}
	return st, nil
}

// fill completes the result.
func (a *auditing) fill(known *operator.Audits) {
	o, r := &a.outcome, &a.result
	r.Ending, r.Draws, r.Bytes, r.Took, r.Why = o.Ending, o.Draws, o.Bytes, o.Took, o.Why
	for _, d := range o.Failed {
		r.Failed = append(r.Failed, failedBlock{d.Feed.DiscoveryKey().String(), d.Block})
	}
	r.Verdict = audit.Judge(known.Outcomes, o.Time, audit.Tolerance)
	r.Verdict.Try = whatToDo(r.Verdict)
}

// whatToDo says to an operator what a partner is told otherwise.
func whatToDo(v audit.Verdict) string {
	switch {
	case v.Light == audit.Green:
		return ""
	case v.Ending == audit.Offline:
		return "look whether it is switched on and connected: coboxctl status"
	case v.Ending == audit.DiskGone:
		return "look at its data disk and the cable: coboxctl disk"
	case v.Ending == audit.Older:
		return "was its card or disk put back to an older copy? The partners' next backups bring it up to date"
	case v.Ending == audit.Incomplete, v.Ending == audit.Broken:
		return "it fetches what it lacks from the partners and their other boxes: audit it again tomorrow, and replace its disk if that goes on (coboxctl status says how the disk is)"
	case v.Ending == audit.Nonsense:
		return "is its program up to date? coboxctl update"
	case v.Ending == audit.Late:
		return "a restore would be slow too: look at its disk and its line"
	}
	return "coboxctl audit, once a day, by a timer"
}

// away notes that the box could not be asked, when that is what went wrong.
func (a *auditing) away(c *cli.Call, name, addr string, err error) error {
	if _, refused := errors.AsType[*api.Error](err); a.asked || refused || errors.Is(err, context.Canceled) {
		return err
	}
	e, ok := errors.AsType[*cli.Error](err)
	if ok && e.Code != cli.Failed {
		return err // a wrong name, or a box that was rolled back
	}
	if name == "" {
		name = addr
	}
	b, findErr := a.home.Find(name)
	if findErr != nil {
		return err
	}
	known, readErr := a.home.Audits(b.ID)
	if readErr != nil {
		return errors.Join(err, readErr)
	}
	a.result = auditResult{Box: b.ID.PeerID().String(), Failed: []failedBlock{}}
	a.outcome = audit.Outcome{Time: time.Now(), Ending: audit.Offline, Why: err.Error()}
	known.Add(a.outcome)
	a.fill(known)
	if err := a.home.KeepAudits(b.ID, known); err != nil {
		return err
	}
	return a.conclude(c)
}

// conclude prints the result, and turns it into an exit status.
func (a *auditing) conclude(c *cli.Call) error {
	r := &a.result
	if err := c.Print(r, func(w io.Writer) { printAudit(w, r) }); err != nil {
		return err
	}
	switch {
	case r.Ending == audit.Offline, r.Ending == audit.DiskGone:
		return &cli.Error{Code: cli.Partly, Err: fmt.Errorf("the box could not be asked: %s", r.Why), Hint: r.Verdict.Try}
	case r.Ending != audit.Passed && r.Ending != audit.Late:
		return &cli.Error{Code: cli.VerifyFailed, Err: errors.New("the box does not have what it kept"), Hint: r.Verdict.Try}
	case len(r.Forked) > 0:
		return &cli.Error{Code: cli.VerifyFailed, Err: fmt.Errorf("two histories of feed %.16s are signed by its writer", r.Forked[0]),
			Hint: "tell the partner; it is no fault of the box"}
	}
	return nil
}

func printAudit(w io.Writer, r *auditResult) {
	fmt.Fprintf(w, "%s  %s  %s of %s  %s in %v\n", r.Verdict.Light, r.Ending, cli.Count(r.Draws, "block"), cli.Count(r.Feeds, "feed"), cli.FormatBytes(r.Bytes), r.Took.Round(time.Millisecond))
	fmt.Fprintf(w, "%s; a loss of 1 %% would have been seen with %.1f %%\n", r.Verdict.Why, 100*r.Verdict.Caught)
	for _, f := range r.Failed {
		fmt.Fprintf(w, "  block %d of feed %.16s was not shown\n", f.Block, f.Feed)
	}
	if r.Waiting > 0 {
		fmt.Fprintf(w, "%d feeds are not whole yet, and nothing was drawn of them\n", r.Waiting)
	}
	if r.Gone > 0 {
		fmt.Fprintf(w, "%d feeds that it kept are not pinned any more: their partners ended that, or an order did (coboxctl log), or it has lost them\n", r.Gone)
	}
	if r.Verdict.Try != "" {
		fmt.Fprintf(w, "try: %s\n", r.Verdict.Try)
	}
}

// feedOf returns the one pinned feed whose discovery key begins like that.
func feedOf(pins []pin.Status, prefix string) (feed.Key, error) {
	var keys []feed.Key
	for _, p := range pins {
		if strings.HasPrefix(p.Feed.DiscoveryKey().String(), prefix) && !slices.Contains(keys, p.Feed) {
			keys = append(keys, p.Feed)
		}
	}
	switch len(keys) {
	case 1:
		return keys[0], nil
	case 0:
		return feed.Key{}, cli.WithHint(fmt.Errorf("no pinned feed begins with %q", prefix), "coboxctl pins lists them")
	}
	return feed.Key{}, cli.WithHint(fmt.Errorf("several feeds begin with %q", prefix), "give more of it")
}
