package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"text/tabwriter"
	"time"

	"cobox/seeder/audit"
	"cobox/seeder/cli"
	"cobox/seeder/client"
	"cobox/seeder/feed"
	"cobox/seeder/pin"
)

// A boxState is how one box stands with a space.
type boxState struct {
	Box     string        `json:"box"`
	Error   string        `json:"error,omitempty"`
	Route   string        `json:"route,omitempty"` // how it is reached
	Used    uint64        `json:"usedBytes"`
	Quota   uint64        `json:"quotaBytes"`
	Receipt time.Time     `json:"receipt,omitzero"` // when it last signed for something new
	Newest  time.Time     `json:"newest,omitzero"`  // when what it signed for came, as far as it tells
	Behind  behind        `json:"behind"`
	Audits  audit.Verdict `json:"audits"`
	Proven  time.Time     `json:"provenRestore,omitzero"` // the last drill that it passed
	Pins    []pin.Status  `json:"pins,omitempty"`

	receipts map[feed.Key]receiptOf
}

// behind is what a box lacks of the newest state that any box of the space signed
// or showed.
type behind struct {
	Blocks uint64 `json:"blocks"`
	Bytes  uint64 `json:"bytes"`
}

// A spaceState is how the boxes of a space stand.
type spaceState struct {
	Space    string         `json:"space"`
	Standing audit.Standing `json:"standing"`
	Boxes    []boxState     `json:"boxes"`
}

func statusCommand() cli.Command {
	return cli.Command{
		Name: "status", Args: "[NAME]", Short: "how the boxes of a space stand, in one colour and in detail",
		Help: `
Asks the boxes of a space what they keep of it. The first line is green when there
are as many copies as you want (cobox space set), none older than you allow; yellow
when there are, and something is to be looked at; red when there are not.

	cobox status documents

It says for each box how old the newest receipt is, what the box lacks, what audits
and drills showed, and how it is reached: directly, through a hole punched with the
help of a relay, or by the relay. Exit status 3 says yellow, 4 red.`,
		Run: func(ctx context.Context, c *cli.Call) (err error) {
			if len(c.Args) > 1 {
				return cli.Misuse("status takes the name of one space")
			}
			s, sp, err := openSpace(ctx, append(c.Args, "")[0], false)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.close()) }()
			st, err := s.spaceState(ctx, sp)
			if err != nil {
				return err
			}
			if err := c.Print(st, func(w io.Writer) { printSpace(w, st, time.Now()) }); err != nil {
				return err
			}
			switch st.Standing.Light {
			case audit.Yellow:
				return &cli.Error{Code: cli.Partly, Err: fmt.Errorf("%s is yellow: %s", sp.Name, st.Standing.Why), Hint: st.Standing.Try}
			case audit.Red:
				return &cli.Error{Code: cli.VerifyFailed, Err: fmt.Errorf("%s is red: %s", sp.Name, st.Standing.Why), Hint: st.Standing.Try}
			}
			return nil
		},
	}
}

func (b *boxState) complete() bool {
	for _, p := range b.Pins {
		if p.State != pin.Complete && p.Head.Length > 0 {
			return false
		}
	}
	return b.Error == ""
}

// spaceState asks all boxes of a space, and judges.
func (s *session) spaceState(ctx context.Context, sp *spaceFile) (*spaceState, error) {
	st := &spaceState{Space: sp.Name, Boxes: make([]boxState, len(sp.Boxes))}
	copies := make([]audit.Copy, len(sp.Boxes))
	var wg sync.WaitGroup
	for i, name := range sp.Boxes {
		wg.Go(func() { st.Boxes[i] = s.boxState(ctx, sp, name) })
	}
	wg.Wait()
	newest := newestHeads(st.Boxes)
	for i := range st.Boxes {
		b := &st.Boxes[i]
		record, err := s.h.readAudits(sp.Name, b.Box)
		if err != nil {
			return nil, err
		}
		b.Audits = audit.Judge(record.Outcomes, time.Now(), sp.tolerance())
		if record.Drill != nil {
			b.Proven = record.Drill.Time
		}
		b.Behind = b.lacks(newest)
		copies[i] = audit.Copy{Box: shortBox(b.Box), Signed: b.signedFor(), Behind: b.Behind.Blocks, Trouble: b.Error, Audits: b.Audits}
		for _, p := range b.Pins {
			if copies[i].Trouble == "" && p.State != pin.Complete && p.State != pin.Queued && p.State != pin.Replicating {
				copies[i].Trouble = p.Why
			}
		}
	}
	st.Standing = audit.Stand(audit.Wish{Copies: cmp.Or(sp.Copies, 1), Age: sp.tolerance()}, copies, time.Now())
	return st, nil
}

// later reports whether a state of a feed replaces another one.
func later(fork, length, otherFork, otherLength uint64) bool {
	return fork > otherFork || fork == otherFork && length > otherLength
}

// newestHeads returns the newest state of each feed that any box signed or showed.
func newestHeads(boxes []boxState) map[feed.Key]pin.Head {
	newest := make(map[feed.Key]pin.Head)
	for i := range boxes {
		for key, r := range boxes[i].receipts {
			if n := newest[key]; later(r.Fork, r.Length, n.Fork, n.Length) {
				newest[key] = pin.Head{Fork: r.Fork, Length: r.Length, Bytes: r.Bytes}
			}
		}
		for _, p := range boxes[i].Pins {
			if n := newest[p.Feed]; later(p.Head.Fork, p.Head.Length, n.Fork, n.Length) {
				newest[p.Feed] = p.Head
			}
		}
	}
	return newest
}

// lacks returns what the box has not of the newest states: by what it says now, or,
// when it does not answer, by what it last signed.
func (b *boxState) lacks(newest map[feed.Key]pin.Head) (lack behind) {
	for key, head := range newest {
		var blocks, bytes uint64
		if r := b.receipts[key]; r.Fork == head.Fork {
			blocks, bytes = r.Length, r.Bytes
		}
		for _, p := range b.Pins {
			if p.Feed == key && p.Head.Fork == head.Fork {
				blocks, bytes = p.Blocks, p.HeldBytes
			}
		}
		lack.Blocks += head.Length - min(head.Length, blocks)
		lack.Bytes += head.Bytes - min(head.Bytes, bytes)
	}
	return lack
}

// boxState asks one box.
func (s *session) boxState(ctx context.Context, sp *spaceFile, name string) (st boxState) {
	st = boxState{Box: name}
	fail := func(err error) boxState {
		st.Error = err.Error()
		return st
	}
	keys, err := feedKeys(sp)
	if err != nil {
		return fail(err)
	}
	if st.receipts, err = s.h.receiptsOf(name, keys); err != nil {
		return fail(err)
	}
	st.signed()
	b, err := s.connect(name)
	if err != nil {
		return fail(err)
	}
	defer b.Close()
	route, err := b.Route(ctx)
	if err != nil {
		return fail(err)
	}
	st.Route = route.String()
	st.Used, st.Quota = b.Welcome.Usage.UsedBytes, b.Welcome.Usage.QuotaBytes
	pins, err := b.Pins(ctx)
	if err != nil {
		return fail(err)
	}
	for _, key := range keys {
		for _, p := range pins {
			if p.Feed != key {
				continue
			}
			st.Pins = append(st.Pins, p)
			if p.State == pin.Complete && p.Newest.After(st.Newest) {
				st.Newest = p.Newest
			}
			if err := s.askReceipt(ctx, b, &st, p); err != nil {
				return fail(err)
			}
		}
	}
	st.signed()
	return st
}

// askReceipt asks a box for its receipt for a feed, and keeps it when it is newer. A
// box that shows an older state than it signed before is an error.
func (s *session) askReceipt(ctx context.Context, b *client.Box, st *boxState, p pin.Status) error {
	was, ok := st.receipts[p.Feed]
	if ok && later(was.Fork, was.Length, p.Head.Fork, p.Head.Length) {
		return fmt.Errorf("it shows %d blocks of feed %s, and signed for %d before: its state is older than it was",
			p.Head.Length, p.Feed.DiscoveryKey().String()[:16], was.Length)
	}
	if p.State != pin.Complete || p.Head.Length == 0 || ok && !later(p.Head.Fork, p.Head.Length, was.Fork, was.Length) {
		return nil
	}
	r, text, err := b.Receipt(ctx, s.h.partner(), p.Feed)
	if err != nil || ok && later(was.Fork, was.Length, r.Fork, r.Length) {
		return err // without one what it signed before counts
	}
	st.receipts[p.Feed] = receiptOf{r, text}
	return s.h.keepReceipt(r, text)
}

// signedFor returns when the box signed for its newest state. A receipt may have been
// asked for long after that state came: then the state's age is what counts, or a timer
// for backups that no longer runs would not show.
func (b *boxState) signedFor() time.Time {
	if !b.Newest.IsZero() && b.Newest.Before(b.Receipt) {
		return b.Newest
	}
	return b.Receipt
}

// signed notes when the box last signed for something new.
func (b *boxState) signed() {
	for _, r := range b.receipts {
		if r.Synced.After(b.Receipt) {
			b.Receipt = r.Synced
		}
	}
}

func printSpace(w io.Writer, st *spaceState, now time.Time) {
	fmt.Fprintf(w, "%s: %s, %s\n", st.Space, st.Standing.Light, st.Standing.Why)
	if st.Standing.Try != "" {
		fmt.Fprintf(w, "  try: %s\n", st.Standing.Try)
	}
	for _, b := range st.Boxes {
		fmt.Fprintf(w, "box %s\n", b.Box)
		if b.Receipt.IsZero() {
			fmt.Fprintln(w, "  no receipt yet")
		} else {
			fmt.Fprintf(w, "  newest receipt: %s; behind: %s\n", cli.FormatAgo(b.signedFor()), b.Behind)
		}
		fmt.Fprintf(w, "  audits: %s; restore proven: %s\n", auditText(b.Audits), cli.FormatAgo(b.Proven))
		if b.Error != "" {
			fmt.Fprintf(w, "  %s\n", b.Error)
			continue
		}
		fmt.Fprintf(w, "  reached: %s\n", b.Route)
		fmt.Fprintf(w, "  %s of %s used\n", cli.FormatBytes(b.Used), cli.FormatBytes(b.Quota))
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, p := range b.Pins {
			fmt.Fprintf(t, "  %s\t%s since %s\t%s\n", p.Feed.DiscoveryKey().String()[:16], p.State, p.Since.Local().Format(time.DateTime), p.Why)
		}
		_ = t.Flush()
	}
}

func (b behind) String() string {
	if b.Blocks == 0 {
		return "nothing"
	}
	return fmt.Sprintf("%d blocks, %s", b.Blocks, cli.FormatBytes(b.Bytes))
}

func auditText(v audit.Verdict) string {
	if v.Ending == "" {
		return "none yet (cobox audit)"
	}
	return fmt.Sprintf("%s, %s", v.Light, v.Why)
}
