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
	"cobox/seeder/cli"
)

func invitesCommand() cli.Command {
	var at where
	var cancel string
	return cli.Command{
		Name: "invites", Args: "[-cancel ID] [BOX]", Short: "the invites that nobody has used yet",
		Help: `
Lists the open invites of a box, or cancels one, by the first digits of its ID.

	coboxctl invites -cancel 3f9a` + about,
		Flags: func(fs *flag.FlagSet) {
			at.flags(fs)
			fs.StringVar(&cancel, "cancel", "", "cancel the invite with this `ID`")
		},
		Run: func(ctx context.Context, c *cli.Call) error {
			box, err := oneBox(c)
			if err != nil {
				return err
			}
			return at.withBox(ctx, c, box, func(l *operator.Link, st *control.State) error {
				if cancel != "" {
					err := l.Order(ctx, func(st *control.State) (chain.Order, error) {
						id, err := findInvite(&st.Chain, cancel)
						return chain.CancelInvite{ID: id}, err
					})
					if err != nil {
						return err
					}
					if st, err = l.State(ctx); err != nil {
						return err
					}
				}
				return printInvites(c, l, st)
			})
		},
	}
}

// findInvite returns the open invite whose ID begins like that.
func findInvite(st *chain.State, prefix string) (chain.ID, error) {
	var found []chain.ID
	for _, inv := range st.Invites {
		if strings.HasPrefix(inv.ID.String(), strings.ToLower(prefix)) {
			found = append(found, inv.ID)
		}
	}
	if len(found) != 1 {
		return chain.ID{}, cli.WithHint(fmt.Errorf("%d open invites have an ID that begins with %q", len(found), prefix), "coboxctl invites lists them")
	}
	return found[0], nil
}

// A listedInvite is an open invite as it is listed.
type listedInvite struct {
	chain.OpenInvite
	Name string `json:"name,omitempty"`
}

func printInvites(c *cli.Call, l *operator.Link, st *control.State) error {
	list := make([]listedInvite, 0, len(st.Chain.Invites))
	for _, inv := range st.Chain.Invites {
		list = append(list, listedInvite{inv, l.Name(inv.SealedName)})
	}
	slices.SortStableFunc(list, func(a, b listedInvite) int { return a.NotAfter.Compare(b.NotAfter) })
	return c.Print(list, func(w io.Writer) {
		if len(list) == 0 {
			fmt.Fprintln(w, "no open invites")
			return
		}
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "ID\tFOR\tNAME\tROOM\tENDS")
		for _, inv := range list {
			room := ""
			if inv.Role == chain.Partner {
				room = cli.FormatBytes(inv.Terms.QuotaBytes)
			}
			what := string(inv.Role)
			if inv.Transfer {
				what = "new owner"
			}
			fmt.Fprintf(t, "%.8s\t%s\t%s\t%s\t%s\n", inv.ID, what, nameText(inv.Name, inv.SealedName), room, inv.NotAfter.Local().Format("2006-01-02 15:04"))
		}
		_ = t.Flush()
	})
}

// nameText says a name that may be sealed to others.
func nameText(name string, sealed chain.Sealed) string {
	if name == "" && sealed != "" {
		return "(sealed to others)"
	}
	return name
}
