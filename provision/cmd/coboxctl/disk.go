package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"strings"

	"cobox/appliance/disk"
	"cobox/appliance/sensors"
	"cobox/provision/control"
	"cobox/provision/operator"
	"cobox/seeder/cli"

	"github.com/dustin/go-humanize"
)

func diskCommand() cli.Command {
	var at where
	var f adoptFlags
	return cli.Command{
		Name: "disk", Args: "[adopt | gone] [-serial SERIAL] [-force] [-yes] [BOX]", Short: "the disks of a box; give it one for what it keeps",
		Help: `
Lists the disks that are connected to a box beside its card, with what is printed on
them, what they hold, and what they say of their own health (SMART; many USB cases
keep that to themselves).

	coboxctl disk attic

With "adopt" it makes one of them the box's data disk: the box formats it, moves what
it keeps onto it, verifies every block, and keeps everything there from then on. You
are asked for the disk's model and serial number, as printed on it, since all that is
on it is lost. A disk that carries data is refused, unless -force is given.

	coboxctl disk adopt attic

While what is kept moves, the box serves no partner. Without a terminal the disk is
named by its serial number:

	coboxctl disk adopt -serial 4C530001 -yes attic

Unplugged, the disk is gone, and nothing is lost: the box says so, and goes on when
it is back. To move to another disk, connect both, and adopt the other one: what is kept
moves there, every block is verified, and the old disk is made blank.

A disk that is gone for good, with all that is on it, is given up with "gone". You are
asked for what is printed on it. The box begins anew with an empty store; then adopt
another disk. Partners pin again what is to be kept there (cobox pin), and it comes back
from their other boxes. What no other box has is to be backed up anew, into a new space:

	coboxctl disk gone attic` + about,
		Flags: func(fs *flag.FlagSet) {
			at.flags(fs)
			f.flags(fs)
		},
		Run: func(ctx context.Context, c *cli.Call) error {
			if len(c.Args) > 0 && c.Args[0] == "adopt" {
				c.Args = c.Args[1:]
				return f.run(ctx, c, at)
			}
			if len(c.Args) > 0 && c.Args[0] == "gone" {
				c.Args = c.Args[1:]
				return f.gone(ctx, c, at)
			}
			if f != (adoptFlags{}) {
				return cli.Misuse("-serial, -force and -yes are for: coboxctl disk adopt, and gone")
			}
			box, err := oneBox(c)
			if err != nil {
				return err
			}
			return at.withBox(ctx, c, box, func(l *operator.Link, _ *control.State) error {
				disks, err := l.Disks(ctx)
				if err != nil {
					return err
				}
				return c.Print(disks, func(w io.Writer) { writeDisks(w, disks) })
			})
		},
	}
}

func writeDisks(w io.Writer, all control.Disks) {
	if len(all.Disks) == 0 {
		fmt.Fprintln(w, "no disk is connected")
	}
	for _, d := range all.Disks {
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
		if text := smartText(d.Smart); text != "" {
			fmt.Fprintf(w, "\tsays of itself: %s\n", text)
		}
	}
	if t := dataDiskText(all.Data); t != "" {
		fmt.Fprintln(w, t)
	}
}

// smartText says what a disk says of itself; "" for nothing.
func smartText(s *sensors.Smart) string {
	if s == nil {
		return ""
	}
	var list []string
	add := func(format string, args ...any) { list = append(list, fmt.Sprintf(format, args...)) }
	switch {
	case s.Failing == nil:
	case *s.Failing:
		add("IT FAILS (%s): replace it", s.Why)
	default:
		add("it is well")
	}
	if n, ok := s.Lost(); ok && n > 0 {
		add("it cannot read %d places", n)
	}
	if s.Reallocated != nil && *s.Reallocated > 0 {
		add("%d bad sectors were replaced", *s.Reallocated)
	}
	if s.Celsius != nil {
		add("%.0f °C", *s.Celsius)
	}
	if s.PoweredOn != nil {
		add("switched on for %d days in its life", int(s.PoweredOn.Hours()/24))
	}
	if s.Wear != nil {
		add("%.0f %% worn", *s.Wear*100)
	}
	if s.Spare != nil {
		add("%.0f %% of its spare blocks left", *s.Spare*100)
	}
	return strings.Join(list, ", ")
}

// dataDiskText says how a box's data disk is; "" for a box without one.
func dataDiskText(st disk.Standing) string {
	text := ""
	switch st.State {
	case disk.None:
		if st.WhyNot != "" {
			return "the last order to adopt a disk was not carried out: " + st.WhyNot
		}
		return ""
	case disk.Here:
		text = "is there"
	case disk.Making:
		text = "is being made"
	default:
		text = string(st.State)
	}
	text = fmt.Sprintf("the data disk, %s: %s", st.Disk, text)
	if st.Why != "" {
		text += ": " + st.Why
	}
	if st.Next != nil {
		text += "\n" + dataDiskText(*st.Next)
	}
	return text
}

func contentText(c disk.Content) string {
	if c == "" {
		return "blank"
	}
	return string(c)
}
