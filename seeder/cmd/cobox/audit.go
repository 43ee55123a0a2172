package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"sync"
	"text/tabwriter"
	"time"

	"cobox/seeder/audit"
	"cobox/seeder/cli"
	"cobox/seeder/client"
	"cobox/seeder/evidence"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
)

// An audited box is a row of what "cobox audit" prints.
type auditedBox struct {
	Box      string        `json:"box"`
	Ending   audit.Ending  `json:"ending"`
	Draws    int           `json:"draws"` // blocks that were shown to be there
	Failed   int           `json:"failed"`
	Bytes    uint64        `json:"bytes"` // of the answer
	Took     time.Duration `json:"took"`  // nanoseconds
	Why      string        `json:"why,omitempty"`
	Evidence string        `json:"evidence,omitempty"` // a file
	Verdict  audit.Verdict `json:"verdict"`
}

func auditCommand() cli.Command {
	draws := audit.PlanDaily
	return cli.Command{
		Name: "audit", Args: "[-draws N] [NAME]", Short: "have the boxes prove that they still have a space",
		Help: `
Draws blocks of a space at random and asks all its boxes for them at the same
time. What they give is checked against the keys of the feeds, without any key
that opens the contents. Once a day, by a timer, is a good plan: a box that lost
one block in a hundred is found out within ten days with 99 %. What a box fails
to show is kept as evidence (cobox evidence).

	cobox audit documents

Exit status 3 says that a box could not be asked, 4 that one does not have what
it said it keeps.`,
		Flags: func(fs *flag.FlagSet) {
			fs.IntVar(&draws, "draws", audit.PlanDaily, fmt.Sprintf("how many blocks to ask for, 1 to %d", audit.MaxDraws))
		},
		Run: func(ctx context.Context, c *cli.Call) (err error) {
			if len(c.Args) > 1 || draws < 1 || draws > audit.MaxDraws {
				return cli.Misuse("audit takes the name of one space, and -draws from 1 to %d", audit.MaxDraws)
			}
			s, sp, err := openSpace(ctx, append(c.Args, "")[0], false)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.close()) }()
			if len(sp.Boxes) == 0 {
				return cli.WithHint(fmt.Errorf("no box keeps %s yet", sp.Name), "cobox pin "+sp.Name+" BOX")
			}
			rows, err := s.auditSpace(ctx, sp, draws)
			if err != nil {
				return err
			}
			if err := c.Print(rows, func(w io.Writer) { printAudits(w, rows) }); err != nil {
				return err
			}
			return auditResult(rows)
		},
	}
}

// auditResult turns what was found into an exit status.
func auditResult(rows []auditedBox) error {
	bad, unasked := 0, 0
	for _, r := range rows {
		switch r.Ending {
		case audit.Passed, audit.Late:
		case audit.Offline, audit.DiskGone:
			unasked++
		default:
			bad++
		}
	}
	switch {
	case bad > 0:
		return &cli.Error{Code: cli.VerifyFailed, Err: fmt.Errorf("%d of %d boxes do not have what they said they keep", bad, len(rows)),
			Hint: "make another copy now: cobox pin, cobox backup"}
	case unasked > 0:
		return &cli.Error{Code: cli.Partly, Err: fmt.Errorf("%d of %d boxes could not be asked", unasked, len(rows))}
	}
	return nil
}

func printAudits(w io.Writer, rows []auditedBox) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, r := range rows {
		fmt.Fprintf(t, "%s\t%s\t%s\t%d blocks\t%s in %v\n", r.Verdict.Light, shortBox(r.Box), r.Ending, r.Draws, cli.FormatBytes(r.Bytes), r.Took.Round(time.Millisecond))
	}
	_ = t.Flush()
	for _, r := range rows {
		fmt.Fprintf(w, "box %s: %s; a loss of 1 %% would have been seen with %.1f %%\n", shortBox(r.Box), r.Verdict.Why, 100*r.Verdict.Caught)
		if r.Why != "" {
			fmt.Fprintf(w, "  %s\n", r.Why)
		}
		if r.Verdict.Try != "" {
			fmt.Fprintf(w, "  try: %s\n", r.Verdict.Try)
		}
		if r.Evidence != "" {
			fmt.Fprintf(w, "  evidence: %s\n", r.Evidence)
		}
	}
}

// shortBox returns the end of a box's name that tells it from others.
func shortBox(name string) string {
	if i := len(name) - 8; i > 0 {
		return "…" + name[i:]
	}
	return name
}

// An auditing is one box being audited.
type auditing struct {
	s    *session
	sp   *spaceFile
	name string // as the partner wrote it

	box      *client.Box
	rtt      time.Duration
	receipts map[feed.Key]receiptOf
	record   *auditRecord
	report   *audit.Report // what it answered
	refused  error         // why it cannot be asked, or an answer that speaks against it
}

// A receiptOf is a receipt with its signed text.
type receiptOf struct {
	identity.Receipt
	st identity.Statement
}

// auditSpace asks all boxes of a space about the same blocks at the same time.
func (s *session) auditSpace(ctx context.Context, sp *spaceFile, draws int) ([]auditedBox, error) {
	ctx, cancel := context.WithTimeout(ctx, audit.MaxTime)
	defer cancel()
	keys, err := feedKeys(sp)
	if err != nil {
		return nil, err
	}
	list := make([]*auditing, len(sp.Boxes))
	rows := make([]auditedBox, len(sp.Boxes))
	errs := make([]error, len(sp.Boxes))
	var wg sync.WaitGroup
	for i, name := range sp.Boxes {
		list[i] = &auditing{s: s, sp: sp, name: name}
		wg.Go(func() { errs[i] = list[i].prepare(ctx, keys) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	heads, err := s.h.readHeads(keys)
	if err != nil {
		return nil, err
	}
	drawn := append(ends(keys, list, heads), audit.Pick(audit.Unforeseeable(), extents(keys, list), draws)...)
	for i, a := range list {
		wg.Go(func() { rows[i], errs[i] = a.run(ctx, drawn) })
	}
	wg.Wait()
	return rows, errors.Join(append(errs, s.compare(list, heads))...)
}

// compare looks whether all boxes have one history of each feed, and the one that
// was seen before.
func (s *session) compare(list []*auditing, heads map[feed.Key]audit.Head) error {
	var reports []*audit.Report
	for _, a := range list {
		if a.report != nil {
			reports = append(reports, a.report)
		}
	}
	forks, newest := audit.Compare(heads, reports)
	s.forks = append(s.forks, forks...)
	for key, h := range newest {
		if err := s.h.keepHead(key, h); err != nil {
			return err
		}
	}
	return nil
}

// ends returns the draws that show whether boxes that have a feed up to different
// lengths, and the head that was seen before, have the same history.
func ends(keys []feed.Key, list []*auditing, heads map[feed.Key]audit.Head) (draws []audit.Draw) {
	for _, key := range keys {
		lengths := []uint64{heads[key].Length}
		for _, a := range list {
			lengths = append(lengths, a.receipts[key].Length)
		}
		draws = append(draws, audit.Ends(key, lengths)...)
	}
	return draws
}

// extents returns how far each feed is kept by the box that has most of it.
func extents(keys []feed.Key, list []*auditing) []audit.Extent {
	var feeds []audit.Extent
	for _, key := range keys {
		var length uint64
		for _, a := range list {
			length = max(length, a.receipts[key].Length)
		}
		feeds = append(feeds, audit.Extent{Feed: key, Length: length})
	}
	return feeds
}

// prepare connects to the box and learns what it says it keeps. The error is one
// of this computer's.
func (a *auditing) prepare(ctx context.Context, keys []feed.Key) (err error) {
	if a.receipts, err = a.s.h.receiptsOf(a.name, keys); err != nil {
		return err
	}
	if a.record, err = a.s.h.readAudits(a.sp.Name, a.name); err != nil {
		return err
	}
	if a.box, a.refused = a.s.connect(a.name); a.refused != nil {
		return nil
	}
	began := time.Now()
	if _, a.refused = a.box.Pins(ctx); a.refused != nil {
		return nil
	}
	a.rtt = time.Since(began)
	for _, key := range keys {
		r, st, err := a.box.Receipt(ctx, a.s.h.partner(), key)
		if err != nil {
			continue // the one from before counts: if the box lost something, its draws show it
		}
		was, ok := a.receipts[key]
		if ok && (r.Fork < was.Fork || r.Fork == was.Fork && r.Length < was.Length) {
			continue // an older state; the head in its answer shows that
		}
		a.receipts[key] = receiptOf{r, st}
		if err := a.s.h.keepReceipt(r, st); err != nil {
			return err
		}
	}
	return nil
}

// run asks the box for what was drawn of its feeds, and for what failed before.
func (a *auditing) run(ctx context.Context, drawn []audit.Draw) (row auditedBox, err error) {
	row.Box = a.name
	o := audit.Outcome{Time: time.Now()}
	known := audit.Known{Heads: make(map[feed.Key]feed.Head)}
	for key, r := range a.receipts {
		known.Heads[key] = audit.HeadOf(r.Receipt)
	}
	draws, settled := a.record.Choose(drawn, func(d audit.Draw) bool { return d.Block < a.receipts[d.Feed].Length })
	if a.refused == nil { // else the receipts may be old
		o.Settled, o.Whole = settled, audit.Covers(draws, a.owed())
	}
	switch {
	case a.refused != nil:
		o.Ending, o.Why = client.EndingOf(a.refused), a.refused.Error()
	case len(a.receipts) == 0:
		o.Ending, o.Why = audit.Offline, "it has given no receipt yet: nothing can be drawn"
	case len(draws) == 0:
		o.Ending = audit.Passed
	default:
		a.ask(ctx, draws, known, &o)
		if o.Ending != audit.Passed && o.Ending != audit.Late && o.Ending != audit.Offline {
			if row.Evidence, err = a.keepEvidence(ctx, &o, known); err != nil {
				return row, err
			}
		}
	}
	a.record.Add(o)
	row.Ending, row.Draws, row.Failed, row.Bytes, row.Took, row.Why = o.Ending, o.Draws, len(o.Failed), o.Bytes, o.Took, o.Why
	row.Verdict = audit.Judge(a.record.Outcomes, o.Time, a.sp.tolerance())
	return row, a.s.h.writeAudits(a.sp.Name, a.name, a.record)
}

// owed is what the box has promised to keep.
func (a *auditing) owed() (feeds []audit.Extent) {
	for key, r := range a.receipts {
		feeds = append(feeds, audit.Extent{Feed: key, Length: r.Length})
	}
	return feeds
}

// ask audits the box and notes how that ended.
func (a *auditing) ask(ctx context.Context, draws []audit.Draw, known audit.Known, o *audit.Outcome) {
	report, took, err := a.box.Audit(ctx, audit.NewChallenge(draws), known, nil)
	if err != nil {
		o.Ending, o.Why = client.EndingOf(err), err.Error()
		return
	}
	a.report = report
	a.record.Note(o, report, took, a.record.Link(a.rtt))
}

// keepEvidence asks again for the blocks that failed, and keeps what the box
// answers, signed, in a file. When the box has them now, there is nothing to keep.
func (a *auditing) keepEvidence(ctx context.Context, o *audit.Outcome, known audit.Known) (string, error) {
	if len(o.Failed) == 0 {
		return "", nil
	}
	c := audit.NewChallenge(o.Failed)
	var answer bytes.Buffer
	report, _, err := a.box.Audit(ctx, c, known, &answer)
	if err != nil || len(report.Failed()) == 0 {
		return "", nil
	}
	e := &audit.Evidence{Box: a.box.Key(), Challenge: c.Append(nil), Answer: answer.Bytes()}
	for _, r := range a.receipts {
		e.Receipts = append(e.Receipts, r.st)
	}
	return a.s.h.keepEvidence(&evidence.File{Audit: e}, o.Time.UTC().Format("2006-01-02T150405Z")+"-"+a.box.ID())
}
