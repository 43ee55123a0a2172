package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"io"

	"cobox/provision"
	"cobox/provision/label"
	"cobox/seeder/cli"
	"cobox/seeder/durable"
)

func personaliseCommand() cli.Command {
	var (
		state, png, svg string
		anywhere, again bool
	)
	return cli.Command{
		Name: "personalise", Args: "-state DIR [-png FILE] [-svg FILE]", Short: "give a box its pairing code, and draw the label",
		Help: `
Makes a pairing code and a tag for the box with this state folder. The box keeps
the public half alone; the code is shown here, once, to be printed or written
down: who has it owns the box.

	mkimage personalise -state /perm/cobox -png label.png`,
		Flags: func(fs *flag.FlagSet) {
			fs.StringVar(&state, "state", "", "the box's state `folder`")
			fs.StringVar(&png, "png", "", "draw the label's QR into this `file`")
			fs.StringVar(&svg, "svg", "", "draw the label's QR into this `file`")
			fs.BoolVar(&anywhere, "anywhere", false, "let the box be claimed from anywhere, and not only from its own network")
			fs.BoolVar(&again, "again", false, "replace the code of a box that has one and that nobody has claimed")
		},
		Run: func(_ context.Context, c *cli.Call) error {
			if state == "" || len(c.Args) > 0 {
				return cli.Misuse("personalise needs -state")
			}
			_, err := provision.ReadCard(state)
			if !again && !errors.Is(err, provision.ErrNoCard) {
				return cli.WithHint(fmt.Errorf("%s has a pairing code already", state), "-again replaces it; the label that was printed is then of no use")
			}
			l, err := newLabel()
			if err != nil {
				return err
			}
			pic, err := label.Draw(l.Text())
			if err != nil {
				return err
			}
			// The pictures first: a code that nobody can read any more is worse than
			// a picture of one that never counted.
			if err := draw(png, func(w io.Writer) error { return pic.PNG(w, pixelsPerModule) }); err != nil {
				return err
			}
			if err := draw(svg, pic.SVG); err != nil {
				return err
			}
			card := provision.Card{Claim: l.Code.Claim().Public(), Tag: l.Tag, Anywhere: anywhere}
			if err := provision.WriteCard(state, card); err != nil {
				return err
			}
			result := struct {
				Tag  string `json:"tag"`
				Code string `json:"code"`
			}{l.Tag.String(), l.Code.Text()}
			return c.Print(result, func(w io.Writer) { printLabel(w, l, pic) })
		},
	}
}

// pixelsPerModule gives modules of 0.6 mm at 300 dpi.
const pixelsPerModule = 7

func newLabel() (l label.Label, err error) {
	if l.Code, err = label.New(rand.Reader); err != nil {
		return l, err
	}
	l.Tag, err = label.NewTag(rand.Reader)
	return l, err
}

// draw writes a picture that only its owner can read; nothing without a name.
func draw(path string, write func(io.Writer) error) error {
	if path == "" {
		return nil
	}
	r, w := io.Pipe()
	go func() { _ = w.CloseWithError(write(w)) }()
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	return durable.WriteFile(path, text, 0o600)
}

func printLabel(w io.Writer, l label.Label, pic *label.Picture) {
	fmt.Fprintf(w, "\n  box   %s (%s.local)\n  code  %s\n\n", l.Tag, l.Tag.HostName(), l.Code.Text())
	_ = pic.Terminal(w, true) // errors of w show at the caller's next write
	fmt.Fprintf(w, "\nscan only with coboxctl pair; the code is of no use once the box is claimed\n")
}
