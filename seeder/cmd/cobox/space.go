package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"

	"cobox/seeder/cli"
	"cobox/seeder/space"
)

// Bounds of what a partner may want of a space.
const (
	maxCopies = 100
	maxDays   = 3650
)

func spaceCommand() cli.Command {
	var copies, days int
	return cli.Command{
		Name: "space", Args: "create NAME FOLDER | set NAME [-copies N] [-days N] | list", Short: "a folder to back up",
		Help: `
Makes a space: a folder whose snapshots are kept under a name. Nothing is read
or sent yet.

	cobox space create documents ~/Documents
	cobox space set documents -copies 2 -days 3
	cobox space list

-copies and -days are what cobox status measures the boxes by: how many are to have
all of it, and how old the newest receipt of each may be; 1 and 3 unless you say.`,
		Flags: func(fs *flag.FlagSet) {
			fs.IntVar(&copies, "copies", 0, fmt.Sprintf("how many boxes are to have all of the space, 1 to %d", maxCopies))
			fs.IntVar(&days, "days", 0, fmt.Sprintf("how many days old a box's newest receipt may be, 1 to %d", maxDays))
		},
		Run: func(_ context.Context, c *cli.Call) error {
			if copies < 0 || copies > maxCopies || days < 0 || days > maxDays {
				return cli.Misuse("-copies is from 1 to %d, -days from 1 to %d", maxCopies, maxDays)
			}
			h, err := openHome()
			if err != nil {
				return err
			}
			switch {
			case len(c.Args) == 3 && c.Args[0] == "create":
				return createSpace(c, h, &spaceFile{Name: c.Args[1], Copies: copies, Days: days}, c.Args[2])
			case len(c.Args) == 2 && c.Args[0] == "set" && copies+days > 0:
				return setSpace(c, h, c.Args[1], copies, days)
			case len(c.Args) == 1 && c.Args[0] == "list":
				return listSpaces(c, h)
			}
			return cli.Misuse("space create NAME FOLDER, space set NAME -copies N -days N, or space list")
		},
	}
}

// setSpace changes what is wanted of a space's boxes; 0 leaves it.
func setSpace(c *cli.Call, h *home, name string, copies, days int) error {
	s, err := h.readSpace(name)
	if err != nil {
		return err
	}
	s.Copies, s.Days = cmp.Or(copies, s.Copies), cmp.Or(days, s.Days)
	if err := h.writeSpace(s); err != nil {
		return err
	}
	return c.Print(s, func(w io.Writer) {
		fmt.Fprintf(w, "%s is to be on %s, none with a receipt older than %s\n", name, cli.Count(cmp.Or(s.Copies, 1), "box"), cli.FormatDays(s.tolerance()))
	})
}

// createSpace makes a space for a folder; s has its name and what is wanted.
func createSpace(c *cli.Call, h *home, s *spaceFile, folder string) error {
	name := s.Name
	if err := checkName(name); err != nil {
		return err
	}
	source, err := filepath.Abs(folder)
	if err != nil {
		return err
	}
	info, err := os.Stat(source)
	if err != nil {
		return fmt.Errorf("making space %s: %w", name, err)
	}
	if !info.IsDir() {
		return fmt.Errorf("making space %s: %s is not a folder", name, source)
	}
	if !h.about.MayWrite() {
		return errReadOnly
	}
	s.ID, s.Source = space.NewID().String(), source
	// A space that came from a box (cobox recover) gets its folder on this computer.
	if old, err := h.readSpace(name); err == nil {
		if old.Source != "" {
			return cli.WithHint(errors.New("there is a space of that name already: "+old.Source), "choose another name")
		}
		old.Source, old.Copies, old.Days = source, cmp.Or(s.Copies, old.Copies), cmp.Or(s.Days, old.Days)
		s = old
	} else if h.secret == nil {
		return needsMain("to make a new space")
	}
	if err := h.writeSpace(s); err != nil {
		return err
	}
	c.Note("next: cobox pin %s BOX, then cobox backup %s", name, name)
	return c.Print(s, func(io.Writer) {})
}

func listSpaces(c *cli.Call, h *home) error {
	all, err := h.spaces()
	if err != nil {
		return err
	}
	return c.Print(all, func(w io.Writer) {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, s := range all {
			source := s.Source
			if source == "" {
				source = "(no folder on this computer)"
			}
			fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", s.Name, source, cli.Count(len(s.Feeds), "feed"), cli.Count(len(s.Boxes), "box"))
		}
		_ = t.Flush()
	})
}
