package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"text/tabwriter"

	"cobox/seeder/cli"
	"cobox/seeder/space"
)

func spaceCommand() cli.Command {
	return cli.Command{
		Name: "space", Args: "create NAME FOLDER | list", Short: "a folder to back up",
		Help: `
Makes a space: a folder whose snapshots are kept under a name. Nothing is read
or sent yet.

	cobox space create documents ~/Documents
	cobox space list`,
		Run: func(_ context.Context, c *cli.Call) error {
			h, err := openHome()
			if err != nil {
				return err
			}
			switch {
			case len(c.Args) == 3 && c.Args[0] == "create":
				return createSpace(c, h, c.Args[1], c.Args[2])
			case len(c.Args) == 1 && c.Args[0] == "list":
				return listSpaces(c, h)
			}
			return cli.Misuse("space create NAME FOLDER, or space list")
		},
	}
}

func createSpace(c *cli.Call, h *home, name, folder string) error {
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
	s := &spaceFile{ID: space.NewID().String(), Name: name, Source: source}
	// A space that came from a box (cobox recover) gets its folder on this computer.
	if old, err := h.readSpace(name); err == nil {
		if old.Source != "" {
			return cli.WithHint(errors.New("there is a space of that name already: "+old.Source), "choose another name")
		}
		s = old
		s.Source = source
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
			fmt.Fprintf(t, "%s\t%s\t%d feeds\t%d boxes\n", s.Name, source, len(s.Feeds), len(s.Boxes))
		}
		_ = t.Flush()
	})
}
