package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"cobox/seeder/audit"
	"cobox/seeder/cli"
	"cobox/seeder/client"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/pin"
)

// How a new box is waited for.
const (
	moveEvery    = time.Second
	movePatience = 10 * time.Minute // without a block coming
)

func moveCommand() cli.Command {
	return cli.Command{
		Name: "move", Args: "NAME OLDBOX NEWBOX", Short: "have another box take a space over",
		Help: `
Has a new box keep a space, and then the old one delete it. The new box fetches all
from the old one itself; this computer waits, and may be interrupted: run it again. The
old box is let go only when the new one has signed for everything that the old one has,
and has shown blocks drawn at random, as in cobox audit.

	cobox move documents 12D3KooWOld... /ip4/192.0.2.7/tcp/4001/p2p/12D3KooWNew...

While the old box is there, the new one could fetch there what it shows: audit it again
afterwards, as ever. The old box's signed word that it deleted the space is kept.`,
		Run: func(ctx context.Context, c *cli.Call) (err error) {
			if len(c.Args) != 3 || c.Args[1] == c.Args[2] {
				return cli.Misuse("move needs the name of a space, the box that has it, and another one")
			}
			s, sp, err := openSpace(ctx, c.Args[0], false)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.close()) }()
			if s.h.secret == nil {
				return needsMain("to have one box fetch from another")
			}
			m := mover{s: s, sp: sp, call: c, oldName: c.Args[1], newName: c.Args[2]}
			return m.run(ctx)
		},
	}
}

// A mover moves a space from one box to another.
type mover struct {
	s                *session
	sp               *spaceFile
	call             *cli.Call
	oldName, newName string
	keys             []feed.Key
}

func (m *mover) run(ctx context.Context) (err error) {
	if !slices.Contains(m.sp.Boxes, m.oldName) {
		return cli.WithHint(fmt.Errorf("%s is not kept by box %s", m.sp.Name, m.oldName), "cobox status "+m.sp.Name+" lists its boxes as they are to be named")
	}
	if m.keys, err = feedKeys(m.sp); err != nil {
		return err
	}
	next, err := m.s.connect(m.newName)
	if err != nil {
		return err
	}
	defer next.Close()
	if _, err := m.s.pinFeeds(ctx, next, m.sp, m.keys); err != nil {
		return err
	}
	if !slices.Contains(m.sp.Boxes, m.newName) {
		m.sp.Boxes = append(m.sp.Boxes, m.newName)
		if err := m.s.h.writeSpace(m.sp); err != nil {
			return err
		}
	}
	old, err := m.s.connect(m.oldName)
	if err != nil {
		return fmt.Errorf("both boxes are to keep %s now, and the old one does not answer: %w", m.sp.Name, err)
	}
	defer old.Close()
	// Both follow the list with both from now on. The old box comes first: the new one
	// goes to it as soon as it has the list, and is let in only by a box that has it too.
	m.s.shareKeepers(ctx, old)
	m.s.shareKeepers(ctx, next)
	want, err := m.wanted(ctx, old)
	if err != nil {
		return err
	}
	if err := m.wait(ctx, next, want); err != nil {
		return err
	}
	draws, err := m.prove(ctx, next, want)
	if err != nil {
		return err
	}
	done, err := m.s.h.endPins(ctx, old, m.keys)
	if err != nil {
		return err
	}
	m.sp.Boxes = slices.DeleteFunc(m.sp.Boxes, func(name string) bool { return name == m.oldName })
	if err := m.s.h.writeSpace(m.sp); err != nil {
		return err
	}
	m.s.shareKeepers(ctx, next)
	result := struct {
		Space string    `json:"space"`
		New   string    `json:"new"`
		Draws int       `json:"draws"` // blocks that the new box has shown
		Old   endedPins `json:"old"`
	}{m.sp.Name, next.ID(), draws, endedBy(old, done...)}
	return m.call.Print(result, func(w io.Writer) {
		fmt.Fprintf(w, "box %s has signed for all of %s, and shown %d blocks of it\n", next.ID(), m.sp.Name, draws)
		fmt.Fprintf(w, "box %s keeps %s no longer: %s\n", old.ID(), m.sp.Name, wordsOf(done))
	})
}

// wanted returns the newest heads that the old box shows or ever signed for.
func (m *mover) wanted(ctx context.Context, old *client.Box) (map[feed.Key]pin.Head, error) {
	pins, err := old.Pins(ctx)
	if err != nil {
		return nil, err
	}
	signed, err := m.s.h.receiptsOf(m.oldName, m.keys)
	if err != nil {
		return nil, err
	}
	return newestHeads([]boxState{{Pins: ofSpace(pins, m.keys), receipts: signed}}), nil
}

// ofSpace returns the pins of some feeds.
func ofSpace(pins []pin.Status, keys []feed.Key) []pin.Status {
	return slices.DeleteFunc(slices.Clone(pins), func(p pin.Status) bool { return !slices.Contains(keys, p.Feed) })
}

// wait returns when the new box has what is wanted.
func (m *mover) wait(ctx context.Context, next *client.Box, want map[feed.Key]pin.Head) error {
	var total uint64
	for _, h := range want {
		total += h.Bytes
	}
	bar := cli.NewProgress(m.call.Err, "moving", int64(total), m.call.JSON)
	defer bar.Close()
	last, since := uint64(0), time.Now()
	for {
		pins, err := next.Pins(ctx)
		if err != nil {
			return err
		}
		has := boxState{Pins: ofSpace(pins, m.keys)}
		lack := has.lacks(want)
		bar.Set(int64(total-min(total, lack.Bytes)), int64(total))
		if lack.Blocks == 0 && has.complete() {
			return nil
		}
		if held := total - min(total, lack.Bytes); held > last {
			last, since = held, time.Now()
		}
		if time.Since(since) > movePatience {
			return &cli.Error{
				Code: cli.Partly, Err: fmt.Errorf("box %s has taken nothing for %v, and lacks %s", next.ID(), movePatience, lack),
				Hint: "both boxes keep " + m.sp.Name + " now; can they reach each other? run cobox move again when they can",
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(moveEvery):
		}
	}
}

// prove has the new box sign for what is wanted, and show blocks of it.
func (m *mover) prove(ctx context.Context, next *client.Box, want map[feed.Key]pin.Head) (draws int, err error) {
	for key, head := range want {
		r, st, err := next.Receipt(ctx, m.s.h.partner(), key)
		if err != nil {
			return 0, fmt.Errorf("box %s does not sign for a feed: %w", next.ID(), err)
		}
		if err := covers(r, head); err != nil {
			return 0, fmt.Errorf("box %s: %w", next.ID(), err)
		}
		if err := m.s.h.keepReceipt(r, st); err != nil {
			return 0, err
		}
	}
	only := *m.sp
	only.Boxes = []string{m.newName}
	rows, err := m.s.auditSpace(ctx, &only, audit.MaxDraws)
	if err != nil {
		return 0, err
	}
	if e := rows[0].Ending; e != audit.Passed && e != audit.Late {
		return 0, &cli.Error{
			Code: cli.VerifyFailed, Err: fmt.Errorf("box %s says that it has everything, and its audit ended with “%s”: %s", next.ID(), e, rows[0].Why),
			Hint: "the old box keeps " + m.sp.Name + " as before",
		}
	}
	return rows[0].Draws, nil
}

// covers reports whether a receipt is for a head, or for one that came after it.
func covers(r identity.Receipt, head pin.Head) error {
	if later(head.Fork, head.Length, r.Fork, r.Length) {
		return fmt.Errorf("it has signed for %d blocks of feed %s (fork %d), not for %d (fork %d)",
			r.Length, r.Feed.DiscoveryKey().String()[:16], r.Fork, head.Length, head.Fork)
	}
	return nil
}
