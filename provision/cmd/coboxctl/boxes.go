package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"text/tabwriter"

	"cobox/provision/chain"
	"cobox/provision/operator"
	"cobox/seeder/cli"
)

func boxesCommand() cli.Command {
	var forget string
	return cli.Command{
		Name: "boxes", Args: "[-forget BOX]", Short: "the boxes that you have paired with",
		Help: `
Lists the boxes that this computer remembers: the name, the tag on the label,
your role there, when it answered last, and its ID. It asks no box.

	coboxctl boxes

With -forget a box is removed from the list, and the newest order that was seen
of it with it. The box itself is not changed.`,
		Flags: func(fs *flag.FlagSet) {
			fs.StringVar(&forget, "forget", "", "remove this `box` from the list")
		},
		Run: func(_ context.Context, c *cli.Call) error {
			if len(c.Args) > 0 {
				return cli.Misuse("boxes takes no arguments")
			}
			h, err := openHome()
			if err != nil {
				return err
			}
			if forget != "" {
				b, err := h.Find(forget)
				if err != nil {
					return err
				}
				if err := h.Forget(b); err != nil {
					return err
				}
			}
			all, err := h.Boxes()
			if err != nil {
				return err
			}
			if all == nil {
				all = []*operator.Box{}
			}
			return c.Print(all, func(w io.Writer) {
				if len(all) == 0 {
					fmt.Fprintln(w, "no boxes yet: coboxctl pair")
					return
				}
				t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
				fmt.Fprintln(t, "NAME\tTAG\tROLE\tSEEN\tID")
				for _, b := range all {
					fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", b.Host(), b.Tag, b.Role, cli.FormatAgo(b.Seen), b.ID.PeerID())
				}
				_ = t.Flush() // errors of w show at the caller's next write
			})
		},
	}
}

// roleText says a role as part of a sentence.
func roleText(r chain.Role) string {
	switch r {
	case "":
		return "nothing yet"
	case chain.Owner:
		return "the owner"
	}
	return "an " + string(r)
}
