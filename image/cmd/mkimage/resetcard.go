package main

import (
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"io"

	"cobox/provision"
	"cobox/provision/chain"
	"cobox/provision/label"
	"cobox/seeder/cli"
)

func resetCardCommand() cli.Command {
	var (
		mode, out, tag, png, svg string
		anywhere                 bool
	)
	return cli.Command{
		Name: "reset-card", Args: "-mode reowner|wipe -o FILE [-png FILE] [-svg FILE]", Short: "get a box back whose owner is lost, with a new label",
		Help: `
Makes a reset card: a file that takes a box from its operators, once, and gives it
the new code that is shown here. Put it on the box's card as own/reset in the
state folder, and switch the box on. Partners' and operators' tools tell that the
box has changed hands.

-mode reowner keeps the partners and what the box keeps for them; -mode wipe
deletes all of it.

	mkimage reset-card -mode reowner -tag 7K3F9Q -o reset -png label.png`,
		Flags: func(fs *flag.FlagSet) {
			fs.StringVar(&mode, "mode", "", "`reowner|wipe`: what goes besides the operators")
			fs.StringVar(&out, "o", "", "write the reset card into this `file`")
			fs.StringVar(&tag, "tag", "", "the `tag` on the box's old label, so that it keeps its name (default: a new one)")
			fs.StringVar(&png, "png", "", "draw the label's QR into this `file`")
			fs.StringVar(&svg, "svg", "", "draw the label's QR into this `file`")
			fs.BoolVar(&anywhere, "anywhere", false, "let the box be claimed from anywhere, and not only from its own network")
		},
		Run: func(_ context.Context, c *cli.Call) error {
			reset := provision.ResetCard{Mode: chain.ResetMode(mode)}
			if out == "" || len(c.Args) > 0 || reset.Mode != chain.Reowner && reset.Mode != chain.Wipe {
				return cli.Misuse("reset-card needs -mode reowner or -mode wipe, and -o")
			}
			l, err := newLabel()
			if err != nil {
				return err
			}
			if tag != "" {
				if l.Tag, err = label.ParseTag(tag); err != nil {
					return err
				}
			}
			if _, err := io.ReadFull(rand.Reader, reset.ID[:]); err != nil {
				return err
			}
			reset.Card = provision.Card{Claim: l.Code.Claim().Public(), Tag: l.Tag, Anywhere: anywhere}
			pic, err := label.Draw(l.Text())
			if err != nil {
				return err
			}
			// The pictures first, as for a new box.
			if err := draw(png, func(w io.Writer) error { return pic.PNG(w, pixelsPerModule) }); err != nil {
				return err
			}
			if err := draw(svg, pic.SVG); err != nil {
				return err
			}
			if err := provision.WriteResetCard(out, reset); err != nil {
				return err
			}
			result := struct {
				Reset string `json:"reset"` // the card's ID, as the box's log names it
				Tag   string `json:"tag"`
				Code  string `json:"code"`
			}{reset.ID.String(), l.Tag.String(), l.Code.Text()}
			return c.Print(result, func(w io.Writer) {
				printLabel(w, l, pic)
				fmt.Fprintf(w, "the reset card is %s; the label that the box had is of no use once it is applied\n", out)
			})
		},
	}
}
