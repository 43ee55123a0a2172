package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"cobox/provision/chain"
	"cobox/provision/control"
	"cobox/provision/operator"
	"cobox/seeder/cli"
	"cobox/seeder/identity"
)

func operatorsCommand() cli.Command {
	var at where
	var remove string
	return cli.Command{
		Name: "operators", Args: "[-remove OPERATOR] [BOX]", Short: "the owners, operators and observers of a box",
		Help: `
Lists who may do what on a box, or takes all rights from one of them. New ones
come by "coboxctl invite". The last owner cannot be removed.

	coboxctl operators -remove anna` + about,
		Flags: func(fs *flag.FlagSet) {
			at.flags(fs)
			fs.StringVar(&remove, "remove", "", "take all rights from this `operator`: the name, or the key")
		},
		Run: func(ctx context.Context, c *cli.Call) error {
			box, err := oneBox(c)
			if err != nil {
				return err
			}
			return at.withBox(ctx, c, box, func(l *operator.Link, st *control.State) error {
				if remove != "" {
					err := l.Order(ctx, func(st *control.State) (chain.Order, error) {
						key, err := findOperator(l, &st.Chain, remove)
						return chain.RemoveOperator{Operator: key}, err
					})
					if err != nil {
						return err
					}
					if st, err = l.State(ctx); err != nil {
						return err
					}
				}
				if err := reseal(ctx, c, l, st); err != nil {
					return err
				}
				return printOperators(c, l, st)
			})
		},
	}
}

// findOperator returns the operator that a person means: by the name or the key.
func findOperator(l *operator.Link, st *chain.State, who string) (identity.OperatorKey, error) {
	var found []identity.OperatorKey
	for _, m := range st.Members {
		if who == m.Key.String() {
			return m.Key, nil
		}
		if name := l.Name(m.SealedName); name != "" && strings.EqualFold(name, who) {
			found = append(found, m.Key)
		}
	}
	if len(found) != 1 {
		return identity.OperatorKey{}, cli.WithHint(fmt.Errorf("%d operators of %s are called %q", len(found), l.Box.Host(), who), "coboxctl operators lists them; the key says exactly who")
	}
	return found[0], nil
}

// A listedOperator is an operator as it is listed.
type listedOperator struct {
	Key  identity.OperatorKey `json:"key"`
	Role chain.Role           `json:"role"`
	Name string               `json:"name,omitempty"`
	You  bool                 `json:"you,omitempty"`
}

func printOperators(c *cli.Call, l *operator.Link, st *control.State) error {
	h, err := openHome()
	if err != nil {
		return err
	}
	list := make([]listedOperator, 0, len(st.Chain.Members))
	for _, m := range st.Chain.Members {
		list = append(list, listedOperator{m.Key, m.Role, l.Name(m.SealedName), m.Key == h.Operator()})
	}
	return c.Print(list, func(w io.Writer) {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "NAME\tROLE\tKEY\t")
		for i, o := range list {
			you := ""
			if o.You {
				you = "(you)"
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", nameText(o.Name, st.Chain.Members[i].SealedName), o.Role, o.Key, you)
		}
		_ = t.Flush() // errors of w show at the caller's next write
	})
}
