package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"cobox/seeder/cli"
	"cobox/seeder/pin"
)

// A boxState is how one box stands with a space.
type boxState struct {
	Box   string       `json:"box"`
	Error string       `json:"error,omitempty"`
	Route string       `json:"route,omitempty"` // how it is reached
	Used  uint64       `json:"usedBytes"`
	Quota uint64       `json:"quotaBytes"`
	Pins  []pin.Status `json:"pins,omitempty"`
}

func statusCommand() cli.Command {
	return cli.Command{
		Name: "status", Args: "[NAME]", Short: "how the boxes of a space stand",
		Help: `
Asks the boxes of a space what they keep of it, and says how each is reached:
directly, through a hole punched with the help of a relay, or by the relay. Exit status 3 says that a box
cannot be reached or does not have everything.

	cobox status documents`,
		Run: func(ctx context.Context, c *cli.Call) (err error) {
			if len(c.Args) > 1 {
				return cli.Misuse("status takes the name of one space")
			}
			s, sp, err := openSpace(ctx, append(c.Args, "")[0], false)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.close()) }()
			result := struct {
				Space string     `json:"space"`
				Boxes []boxState `json:"boxes"`
			}{Space: sp.Name}
			whole := 0
			for _, name := range sp.Boxes {
				st := s.boxState(ctx, sp, name)
				result.Boxes = append(result.Boxes, st)
				if st.complete() {
					whole++
				}
			}
			err = c.Print(result, func(w io.Writer) { printBoxes(w, sp.Name, result.Boxes) })
			if err == nil && whole < len(sp.Boxes) {
				err = &cli.Error{Code: cli.Partly, Err: fmt.Errorf("%d of %d boxes have all of it", whole, len(sp.Boxes))}
			}
			return err
		},
	}
}

func (b *boxState) complete() bool {
	for _, p := range b.Pins {
		if p.State != pin.Complete && p.Head.Length > 0 {
			return false
		}
	}
	return b.Error == ""
}

// boxState asks one box.
func (s *session) boxState(ctx context.Context, sp *spaceFile, name string) boxState {
	st := boxState{Box: name}
	b, err := s.connect(name)
	if err != nil {
		st.Error = err.Error()
		return st
	}
	defer b.Close()
	route, err := b.Route(ctx)
	if err != nil {
		st.Error = err.Error()
		return st
	}
	st.Route = route.String()
	st.Used, st.Quota = b.Welcome.Usage.UsedBytes, b.Welcome.Usage.QuotaBytes
	pins, err := b.Pins(ctx)
	if err != nil {
		st.Error = err.Error()
		return st
	}
	keys, err := feedKeys(sp)
	if err != nil {
		st.Error = err.Error()
		return st
	}
	for _, key := range keys {
		for _, p := range pins {
			if p.Feed == key {
				st.Pins = append(st.Pins, p)
			}
		}
	}
	return st
}

func printBoxes(w io.Writer, name string, boxes []boxState) {
	if len(boxes) == 0 {
		fmt.Fprintf(w, "no box keeps %s yet: cobox pin %s BOX\n", name, name)
	}
	for _, b := range boxes {
		fmt.Fprintf(w, "box %s\n", b.Box)
		if b.Error != "" {
			fmt.Fprintf(w, "  %s\n", b.Error)
			continue
		}
		fmt.Fprintf(w, "  reached: %s\n", b.Route)
		fmt.Fprintf(w, "  %s of %s used\n", cli.FormatBytes(b.Used), cli.FormatBytes(b.Quota))
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, p := range b.Pins {
			fmt.Fprintf(t, "  %s\t%s since %s\t%s\n", p.Feed.DiscoveryKey().String()[:16], p.State, p.Since.Local().Format(time.DateTime), p.Why)
		}
		_ = t.Flush()
	}
}
