package main

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"time"

	"cobox/provision/chain"
	"cobox/provision/control"
	"cobox/provision/operator"
	"cobox/seeder/cli"
)

// What only owners do, and the box's name.

func renameCommand() cli.Command {
	var at where
	return cli.Command{
		Name: "rename", Args: "[BOX] NAME", Short: "give a box another name",
		Help: `
Names a box: on its network it is then called NAME.local, and coboxctl knows it by
this name. Letters a to z, digits and dashes; its label keeps the tag.

	coboxctl rename cobox-7k3m2q attic`,
		Flags: at.flags,
		Run: func(ctx context.Context, c *cli.Call) error {
			box, name, err := boxAnd(c, "NAME")
			if err != nil {
				return err
			}
			if err := chain.CheckName(name); err != nil {
				return cli.Misuse("%v", err)
			}
			plan := func(*operator.Link, *control.State) (chain.Order, error) { return chain.Rename{Name: name}, nil }
			return at.order(ctx, c, box, plan, "the box is called "+name)
		},
	}
}

func transferCommand() cli.Command {
	var at where
	var png, svg string
	var yes bool
	valid := cli.Days(14 * 24 * time.Hour)
	return cli.Command{
		Name: "transfer", Args: "[BOX]", Short: "give a box to another owner, by a code",
		Help: `
Makes a code: whoever uses it ("coboxctl pair") owns the box alone from then on.
All operators lose their rights, you too; partners keep theirs, and are told that
the box has changed hands.

	coboxctl transfer attic` + about,
		Flags: func(fs *flag.FlagSet) {
			at.flags(fs)
			fs.Var(&valid, "valid", "until when the code can be used, a `time` such as 14d")
			fs.StringVar(&png, "png", "", "draw the QR into this `file`")
			fs.StringVar(&svg, "svg", "", "draw the QR into this `file`")
			fs.BoolVar(&yes, "yes", false, "do not ask")
		},
		Run: func(ctx context.Context, c *cli.Call) error {
			box, err := oneBox(c)
			if err != nil {
				return err
			}
			return at.withBox(ctx, c, box, func(l *operator.Link, _ *control.State) error {
				if err := sureOf(c, yes, "whoever uses this code owns the box alone; you and all other operators lose your rights", l.Box.Host()); err != nil {
					return err
				}
				return makeInvite(ctx, c, l, chain.Invite{Role: chain.Owner, Transfer: true}, "", time.Duration(valid), png, svg)
			})
		},
	}
}

func setCommand() cli.Command {
	var at where
	return cli.Command{
		Name: "set", Args: "[BOX] SETTING on|off", Short: "turn something on a box on or off",
		Help: `
Turns one of the box's switches on or off; all are off at first:

	hypercore     stock Hypercore peers may replicate pins that are open to them
	metrics-lan   metrics for Prometheus on the local network, with a token

	coboxctl set hypercore on` + about,
		Flags: at.flags,
		Run: func(ctx context.Context, c *cli.Call) error {
			box, args := "", c.Args
			if len(args) == 3 {
				box, args = args[0], args[1:]
			}
			if len(args) != 2 || args[1] != "on" && args[1] != "off" {
				return cli.Misuse("set needs a setting and on or off; there are %s", strings.Join(chain.Settings(), ", "))
			}
			plan := func(*operator.Link, *control.State) (chain.Order, error) {
				return chain.Set{Name: args[0], Value: args[1]}, nil
			}
			return at.order(ctx, c, box, plan, args[0]+" is "+args[1])
		},
	}
}

func retireCommand() cli.Command {
	var at where
	var yes bool
	return cli.Command{
		Name: "retire", Args: "[BOX]", Short: "take a box out of service for good",
		Help: `
Takes a box out of service: nothing is taken in any more and no order counts.
Partners can fetch what is theirs during their notice, then it is deleted. Only a
reset card makes the box work again.

	coboxctl retire attic` + about,
		Flags: func(fs *flag.FlagSet) {
			at.flags(fs)
			fs.BoolVar(&yes, "yes", false, "do not ask")
		},
		Run: func(ctx context.Context, c *cli.Call) error {
			box, err := oneBox(c)
			if err != nil {
				return err
			}
			return at.withBox(ctx, c, box, func(l *operator.Link, st *control.State) error {
				what := fmt.Sprintf("box %s takes no order any more, and what it keeps for %d partners is deleted after their notice", l.Box.Host(), len(st.Chain.Partners))
				if err := sureOf(c, yes, what, l.Box.Host()); err != nil {
					return err
				}
				if err := l.Order(ctx, func(*control.State) (chain.Order, error) { return chain.Retire{}, nil }); err != nil {
					return err
				}
				return printDone(c, l.Box, "retired")
			})
		},
	}
}
