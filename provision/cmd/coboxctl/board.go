package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"

	"cobox/provision/chain"
	"cobox/provision/control"
	"cobox/provision/operator"
	"cobox/seeder/cli"
)

func boardCommand() cli.Command {
	var at where
	var accept bool
	return cli.Command{
		Name: "board", Args: "[-accept] [BOX]", Short: "which board a box runs on; let it go on on another",
		Help: `
Prints which board a box runs on. A box whose card was put into another board than
it was set up on keeps out of sight and serves no partner, since the card may be a
copy, and two boxes with one key would each have half of the truth. When the first
board is out of use, -accept lets the box go on on this one: it then starts anew.

	coboxctl board -accept -addr /ip4/192.0.2.7/tcp/4001/p2p/12D3Koo... attic` + about,
		Flags: func(fs *flag.FlagSet) {
			at.flags(fs)
			fs.BoolVar(&accept, "accept", false, "let the box go on on the board that it runs on")
		},
		Run: func(ctx context.Context, c *cli.Call) error {
			box, err := oneBox(c)
			if err != nil {
				return err
			}
			if accept {
				plan := func(_ *operator.Link, st *control.State) (chain.Order, error) {
					if st.Board == "" {
						return nil, errors.New("the box does not say which board it runs on")
					}
					return chain.AcceptBoard{Board: st.Board}, nil
				}
				return at.order(ctx, c, box, plan, "it goes on on the board that it runs on")
			}
			return at.withBox(ctx, c, box, func(_ *operator.Link, st *control.State) error {
				result := struct {
					Board   string `json:"board"`
					Passive bool   `json:"passive"`
				}{st.Board, st.Passive}
				return c.Print(result, func(w io.Writer) {
					fmt.Fprintf(w, "board %s\n", result.Board)
					if result.Passive {
						fmt.Fprintln(w, "it serves no partner; coboxctl status says why")
					}
				})
			})
		},
	}
}
