package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strings"

	"cobox/appliance/disk"
	"cobox/provision/chain"
	"cobox/provision/control"
	"cobox/provision/operator"
	"cobox/seeder/cli"
)

// adoptFlags are those of "disk adopt".
type adoptFlags struct {
	serial     string
	force, yes bool
}

func (f *adoptFlags) flags(fs *flag.FlagSet) {
	fs.StringVar(&f.serial, "serial", "", "adopt, gone: the disk with this serial `number`")
	fs.BoolVar(&f.force, "force", false, "adopt: also a disk that carries data, which is lost")
	fs.BoolVar(&f.yes, "yes", false, "adopt, gone: do not ask; the disk is named by -serial")
}

// run has a box adopt a disk, and waits until the disk is made.
func (f *adoptFlags) run(ctx context.Context, c *cli.Call, at where) error {
	box, err := oneBox(c)
	if err != nil {
		return err
	}
	if f.yes && f.serial == "" {
		return cli.Misuse("-yes takes -serial: the disk has to be named")
	}
	return at.withBox(ctx, c, box, func(l *operator.Link, _ *control.State) error {
		all, err := l.Disks(ctx)
		if err != nil {
			return err
		}
		d, err := f.choose(c, all)
		if err != nil {
			return err
		}
		if err := f.sure(c, l.Box, d); err != nil {
			return err
		}
		order := diskOrder{order: chain.AdoptDisk{Disk: d.Text(), Erase: f.force}, refused: "adopt " + d.Text()}
		order.done = made(c, d.Text())
		return order.run(ctx, c, l, func(w io.Writer, made disk.Standing) {
			fmt.Fprintf(w, "%s keeps what it keeps on %s from now on\n", l.Box.Host(), d.Text())
			fmt.Fprintln(w, "what it had is moved there and verified now; coboxctl status says how far that is")
			if made.Next != nil {
				fmt.Fprintf(w, "leave %s connected until that is done: then it is made blank, and free\n", made.Disk)
			}
		})
	})
}

// choose returns the disk that is meant.
func (f *adoptFlags) choose(c *cli.Call, all control.Disks) (disk.Disk, error) {
	switch all.Data.State {
	case disk.None, disk.Here:
	case disk.Making:
		return disk.Disk{}, fmt.Errorf("the box is making its data disk, %s: wait until that is done", all.Data.Disk)
	default:
		return disk.Disk{}, cli.WithHint(fmt.Errorf("the box's data disk, %s, is %s, so that nothing can be moved from it: %s", all.Data.Disk, all.Data.State, all.Data.Why),
			"when it is gone for good, with all that is on it: coboxctl disk gone")
	}
	if len(all.Disks) == 0 {
		return disk.Disk{}, cli.WithHint(errors.New("no disk is connected to the box"), "connect one by USB, or an NVMe disk, and try again: it need not be switched off for USB")
	}
	serial := f.serial
	if serial == "" && len(all.Disks) > 1 {
		writeDisks(c.Err, all)
		var err error
		if serial, err = c.Ask("the serial number of the disk"); err != nil {
			return disk.Disk{}, cli.WithHint(err, "-serial names the disk")
		}
	}
	var found []disk.Disk
	for _, d := range all.Disks {
		if serial == "" || strings.EqualFold(d.Serial, serial) {
			found = append(found, d)
		}
	}
	switch {
	case len(found) == 0:
		return disk.Disk{}, cli.WithHint(fmt.Errorf("no disk with the serial number %q is connected to the box", serial), "coboxctl disk lists those that are")
	case len(found) > 1:
		return disk.Disk{}, cli.WithHint(errors.New("several disks have this serial number"), "connect only the one that is meant")
	}
	d := found[0]
	switch {
	case d.Mounted:
		return disk.Disk{}, fmt.Errorf("%s is in use", d.Text())
	case d.Trouble != "":
		return disk.Disk{}, fmt.Errorf("%s cannot be looked at: %s", d.Text(), d.Trouble)
	case !d.Blank() && !f.force:
		return disk.Disk{}, cli.WithHint(fmt.Errorf("%s carries data: %s", d.Text(), d.Holds()), "if all of it may go: -force")
	}
	return d, nil
}

// sure has a person type what is printed on the disk.
func (f *adoptFlags) sure(c *cli.Call, b *operator.Box, d disk.Disk) error {
	holds := "it is blank"
	if !d.Blank() {
		holds = "it holds " + d.Holds() + ", ALL OF WHICH IS LOST"
	}
	what := fmt.Sprintf("%s, connected to %s (%s), is formatted: %s", d.Text(), b.Host(), d.Kind, holds)
	return sureOf(c, f.yes, what, strings.TrimSpace(d.Model+" "+d.Serial))
}

// made returns whether a disk is made, by how the box's data disk stands, and says how
// far that is.
func made(c *cli.Call, text string) func(disk.Standing) bool {
	said := ""
	working := func(why string) {
		if why != said {
			c.Note("%s", why)
			said = why
		}
	}
	return func(now disk.Standing) bool {
		switch {
		case now.Next != nil && now.Next.Disk == text && now.Next.State == disk.Making:
			working(now.Next.Why)
		case now.Disk == text && now.State == disk.Making:
			working(now.Why)
		default:
			return now.Next != nil && now.Next.Disk == text || now.Disk == text && now.State != disk.None
		}
		return false
	}
}
