package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"cobox/appliance/disk"
	"cobox/provision/chain"
	"cobox/provision/control"
	"cobox/provision/operator"
	"cobox/seeder/cli"
)

// gone has a box give up its data disk, and waits until it has.
func (f *adoptFlags) gone(ctx context.Context, c *cli.Call, at where) error {
	box, err := oneBox(c)
	if err != nil {
		return err
	}
	if f.force {
		return cli.Misuse("-force is for: coboxctl disk adopt")
	}
	if f.yes && f.serial == "" {
		return cli.Misuse("-yes takes -serial: the disk has to be named")
	}
	return at.withBox(ctx, c, box, func(l *operator.Link, _ *control.State) error {
		all, err := l.Disks(ctx)
		if err != nil {
			return err
		}
		lost := all.Data
		if err := f.lost(lost); err != nil {
			return err
		}
		what := fmt.Sprintf("%s is given up: ALL THAT %s KEEPS ON IT IS LOST, unless other boxes have it, too", lost.Disk, l.Box.Host())
		if err := sureOf(c, f.yes, what, printed(lost.Disk)); err != nil {
			return err
		}
		order := diskOrder{order: chain.GiveUpDisk{Disk: lost.Disk, ID: lost.ID}, refused: "give up " + lost.Disk}
		order.done = func(now disk.Standing) bool { return now.ID != lost.ID }
		return order.run(ctx, c, l, func(w io.Writer, _ disk.Standing) {
			fmt.Fprintf(w, "%s has given up %s, and begins anew with an empty store\n", l.Box.Host(), lost.Disk)
			fmt.Fprintln(w, "give it another disk with coboxctl disk adopt; partners pin again what it is to keep (cobox pin),")
			fmt.Fprintln(w, "which comes back from their other boxes; what no other box has is to be backed up anew, into a new space")
		})
	})
}

// lost says whether a data disk can be given up.
func (f *adoptFlags) lost(d disk.Standing) error {
	switch d.State {
	case disk.None:
		return errors.New("the box has no data disk")
	case disk.Here, disk.Making:
		return cli.WithHint(fmt.Errorf("the data disk, %s, is there", d.Disk), "to move to another one: coboxctl disk adopt; to begin anew without it, disconnect it first")
	}
	if f.serial != "" && !strings.Contains(d.Disk, ", serial "+f.serial+", ") {
		return fmt.Errorf("the data disk is %s, not one with the serial number %q", d.Disk, f.serial)
	}
	return nil
}

// printed is what is printed on a disk, of its text: model and serial number.
func printed(text string) string {
	if i := strings.LastIndex(text, ", "); i >= 0 {
		text = text[:i]
	}
	return strings.Replace(strings.Replace(text, ", serial ", " ", 1), ", without a serial number", "", 1)
}
