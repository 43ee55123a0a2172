package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"cobox/provision/chain"
	"cobox/provision/control"
	"cobox/provision/operator"
	"cobox/seeder/api"
	"cobox/seeder/cli"
	"cobox/seeder/pin"
)

func pinsCommand() cli.Command {
	var at where
	return cli.Command{
		Name: "pins", Args: "[BOX]", Short: "the feeds that a box keeps",
		Help: `
Lists the pins of a box: the feed's discovery key, the partner, whether it is
complete, its size, and why it is not, if it is not. What is in a feed only the
partner can see.

	coboxctl pins` + about,
		Flags: at.flags,
		Run: func(ctx context.Context, c *cli.Call) error {
			box, err := oneBox(c)
			if err != nil {
				return err
			}
			return at.withBox(ctx, c, box, func(l *operator.Link, st *control.State) error {
				seeder, err := l.Status(ctx)
				if err != nil {
					return err
				}
				pins := seeder.Pins
				if pins == nil {
					pins = []pin.Status{}
				}
				return c.Print(pins, func(w io.Writer) { writePins(w, &st.Chain, pins) })
			})
		},
	}
}

func writePins(w io.Writer, st *chain.State, pins []pin.Status) {
	if len(pins) == 0 {
		fmt.Fprintln(w, "no feeds are pinned")
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "FEED\tPARTNER\tSTATE\tBLOCKS\tSIZE\tWHY")
	for _, p := range pins {
		partner := "?"
		if known, ok := st.Partner(p.Partner); ok {
			partner = shortName(known.Number)
		}
		fmt.Fprintf(t, "%.16s\t%s\t%s\t%d of %d\t%s\t%s\n", p.Feed.DiscoveryKey(), partner, p.State, p.Blocks, p.Head.Length, cli.FormatBytes(p.HeldBytes), p.Why)
	}
	_ = t.Flush() // errors of w show at the caller's next write
}

// writePinStates says how many pins are in which state.
func writePinStates(w io.Writer, seeder *api.BoxStatus) {
	count := make(map[pin.State]int)
	for _, p := range seeder.Pins {
		count[p.State]++
	}
	var parts []string
	for state, n := range count {
		parts = append(parts, fmt.Sprintf("%d %s", n, state))
	}
	slices.Sort(parts)
	fmt.Fprintf(w, "pins: %s\n", strings.Join(parts, ", "))
}

func unpinCommand() cli.Command {
	var at where
	var yes bool
	return cli.Command{
		Name: "unpin", Args: "[BOX] FEED", Short: "keep a feed no longer",
		Help: `
Orders the box to keep a feed no longer: its blocks are deleted, unless another
partner has it pinned too. FEED is the feed's discovery key as "coboxctl pins"
shows it, or its beginning. The partner may pin it again; to end that, revoke the
partner.

	coboxctl unpin 5fa9` + about,
		Flags: func(fs *flag.FlagSet) {
			at.flags(fs)
			fs.BoolVar(&yes, "yes", false, "do not ask")
		},
		Run: func(ctx context.Context, c *cli.Call) error {
			box, prefix, err := boxAnd(c, "FEED")
			if err != nil {
				return err
			}
			return at.withBox(ctx, c, box, func(l *operator.Link, st *control.State) error {
				seeder, err := l.Status(ctx)
				if err != nil {
					return err
				}
				pins := slices.DeleteFunc(seeder.Pins, func(p pin.Status) bool { return !strings.HasPrefix(p.Feed.DiscoveryKey().String(), prefix) })
				if len(pins) == 0 {
					return cli.WithHint(fmt.Errorf("no pinned feed begins with %q", prefix), "coboxctl pins lists them")
				}
				for _, p := range pins[1:] {
					if p.Feed != pins[0].Feed {
						return cli.WithHint(fmt.Errorf("several feeds begin with %q", prefix), "give more of it")
					}
				}
				dk := pins[0].Feed.DiscoveryKey().String()
				if err := sureOf(c, yes, fmt.Sprintf("the box deletes its %d blocks of feed %s", pins[0].Blocks, dk), dk[:8]); err != nil {
					return err
				}
				for _, p := range pins { // one a partner
					err := l.Order(ctx, func(*control.State) (chain.Order, error) {
						return chain.Unpin{Feed: chain.FeedKey(p.Feed), Partner: p.Partner}, nil
					})
					if err != nil {
						return err
					}
				}
				return printDone(c, l.Box, "unpinned "+dk)
			})
		},
	}
}
