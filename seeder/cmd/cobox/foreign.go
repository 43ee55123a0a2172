package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"text/tabwriter"

	"cobox/seeder/api"
	"cobox/seeder/cli"
	"cobox/seeder/client"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/pin"
)

// A foreign is a feed that is none of our spaces', as flags name it.
type foreign struct {
	feed, drive, label string
	open               bool
}

// keyFlags are the flags that name the feed, flags those and what to do with it.
func (f *foreign) keyFlags(fs *flag.FlagSet) {
	fs.StringVar(&f.feed, "feed", "", "the `key` of a Hypercore, in hex or z-base-32")
	fs.StringVar(&f.drive, "drive", "", "the `key` of a Hyperdrive, whose files are kept too")
}

func (f *foreign) flags(fs *flag.FlagSet) {
	f.keyFlags(fs)
	fs.StringVar(&f.label, "label", "", "a `text` to know it by, which the box's operator can read")
	fs.BoolVar(&f.open, "open", false, "let stock Hypercore peers that know the key replicate it with the box")
}

func (f *foreign) given() bool { return f.feed != "" || f.drive != "" }

// key returns the feed's key, or that of the drive's database.
func (f *foreign) key(c *cli.Call) (feed.Key, error) {
	if f.feed != "" && f.drive != "" || len(c.Args) != 1 {
		return feed.Key{}, cli.Misuse("give -feed KEY or -drive KEY, and one box")
	}
	key, err := feed.ParseKey(f.feed + f.drive)
	if err != nil {
		return key, cli.Misuse("%v", err)
	}
	return key, nil
}

// with does something with the box that is the command's only argument.
func with(ctx context.Context, c *cli.Call, do func(*client.Box) error) (err error) {
	h, err := openHome()
	if err != nil {
		return err
	}
	s, err := openSession(ctx, h, false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	b, err := s.connect(c.Args[0])
	if err != nil {
		return err
	}
	defer b.Close()
	err = do(b)
	if e, ok := errors.AsType[*api.Error](err); ok {
		return cli.WithHint(fmt.Errorf("box %s: %w", b.ID(), err), e.Hint)
	}
	return err
}

func (f *foreign) pin(ctx context.Context, c *cli.Call) error {
	key, err := f.key(c)
	if err != nil {
		return err
	}
	return with(ctx, c, func(b *client.Box) error {
		st, err := b.Pin(ctx, key, api.PinRequest{Open: f.open, Drive: f.drive != "", Label: f.label})
		if err != nil {
			return err
		}
		return c.Print(st, func(w io.Writer) {
			fmt.Fprintf(w, "box %s keeps %s from now on: %s\n", b.ID(), key, st.Why)
		})
	})
}

func (f *foreign) unpin(ctx context.Context, c *cli.Call) error {
	key, err := f.key(c)
	if err != nil {
		return err
	}
	return with(ctx, c, func(b *client.Box) error {
		h, err := openHome()
		if err != nil {
			return err
		}
		done, err := h.endPin(ctx, b, key)
		if err != nil {
			return err
		}
		return c.Print(endedBy(b, done), func(w io.Writer) {
			fmt.Fprintf(w, "box %s keeps %s no longer: %s\n", b.ID(), key, wordsOf([]identity.Deletion{done}))
		})
	})
}

func pinsCommand() cli.Command {
	return cli.Command{
		Name: "pins", Args: "BOX", Short: "everything that a box keeps for you",
		Help: `
Lists all feeds that a box keeps for this partner, those of spaces and others.

	cobox pins 12D3KooW...`,
		Run: func(ctx context.Context, c *cli.Call) error {
			if len(c.Args) != 1 {
				return cli.Misuse("pins needs a box")
			}
			return with(ctx, c, func(b *client.Box) error {
				list, err := b.Pins(ctx)
				if err != nil {
					return err
				}
				return c.Print(api.Pins{Pins: list}, func(w io.Writer) { printPins(w, list) })
			})
		},
	}
}

func printPins(w io.Writer, list []pin.Status) {
	if len(list) == 0 {
		fmt.Fprintln(w, "it keeps nothing for you yet: cobox pin")
		return
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, p := range list {
		fmt.Fprintf(t, "%s\t%s\t%d of %d blocks\t%s\t%s\n", p.Feed, p.State, p.Blocks, p.Head.Length, cli.FormatBytes(p.HeldBytes), p.Label)
	}
	_ = t.Flush()
}
