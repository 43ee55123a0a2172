package main

import (
	"context"
	"fmt"
	"io"

	"cobox/appliance/disk"
	"cobox/provision/control"
	"cobox/provision/operator"
	"cobox/seeder/cli"

	"github.com/dustin/go-humanize"
)

func diskCommand() cli.Command {
	var at where
	return cli.Command{
		Name: "disk", Args: "[BOX]", Short: "the disks that are connected to a box",
		Help: `
Lists the disks that are connected to a box beside its card, with what is printed on
them and what they hold.

	coboxctl disk attic` + about,
		Flags: at.flags,
		Run: func(ctx context.Context, c *cli.Call) error {
			box, err := oneBox(c)
			if err != nil {
				return err
			}
			return at.withBox(ctx, c, box, func(l *operator.Link, _ *control.State) error {
				disks, err := l.Disks(ctx)
				if err != nil {
					return err
				}
				return c.Print(control.Disks{Disks: disks}, func(w io.Writer) { writeDisks(w, disks) })
			})
		},
	}
}

func writeDisks(w io.Writer, disks []disk.Disk) {
	if len(disks) == 0 {
		fmt.Fprintln(w, "no disk is connected")
	}
	for _, d := range disks {
		fmt.Fprintf(w, "%s: %s\n", d.Name, d.Text())
		switch {
		case d.Trouble != "":
			fmt.Fprintf(w, "\tcannot be looked at: %s\n", d.Trouble)
		case d.Blank():
			fmt.Fprintln(w, "\tis blank")
		default:
			fmt.Fprintf(w, "\tholds %s\n", contentText(d.Content))
		}
		for _, p := range d.Parts {
			fmt.Fprintf(w, "\t%s: %s, %s\n", p.Name, humanize.Bytes(p.SizeBytes), contentText(p.Content))
		}
		if d.Mounted {
			fmt.Fprintln(w, "\tis in use")
		}
	}
}

func contentText(c disk.Content) string {
	if c == "" {
		return "blank"
	}
	return string(c)
}
