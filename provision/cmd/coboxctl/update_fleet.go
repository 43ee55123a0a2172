package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"cobox/appliance/health"
	"cobox/provision/control"
	"cobox/provision/operator"
	"cobox/seeder/cli"
)

// A fleetResult is how the update of several boxes went.
type fleetResult struct {
	Updated []*updated    `json:"updated"`
	Failed  []fleetFailed `json:"failed"`
	Left    []string      `json:"left"` // boxes that were not touched
}

type fleetFailed struct {
	Host string `json:"host"`
	Why  string `json:"why"`
}

func (r *fleetResult) write(w io.Writer) {
	for _, u := range r.Updated {
		fmt.Fprintln(w, u)
	}
	for _, f := range r.Failed {
		fmt.Fprintf(w, "%s: %s\n", f.Host, f.Why)
	}
	for _, host := range r.Left {
		fmt.Fprintf(w, "%s was left as it is\n", host)
	}
}

// updateFleet updates one box, sees how it does, and then the others.
func (f *updateFlags) updateFleet(ctx context.Context, c *cli.Call) error {
	if len(c.Args) == 0 {
		return cli.Misuse("update -fleet needs the file of a release, and then the boxes, if not all")
	}
	if f.at.addr != "" {
		return cli.Misuse("-addr is where one box is, and -fleet updates several")
	}
	rel, err := openRelease(c.Args[0])
	if err != nil {
		return err
	}
	h, err := openHome()
	if err != nil {
		return err
	}
	s, err := h.Dial(ctx)
	if err != nil {
		return err
	}
	defer s.Close()
	boxes, err := f.fleetOf(ctx, c, h, s, rel, c.Args[1:])
	if err != nil {
		return err
	}
	var r fleetResult
	for i, b := range boxes {
		u, err := f.update(ctx, c, s, b, rel)
		if err == nil && i == 0 && len(boxes) > 1 {
			err = f.watch(ctx, c, s, b, rel)
		}
		if u != nil {
			r.Updated = append(r.Updated, u)
		}
		if err != nil {
			r.Failed = append(r.Failed, fleetFailed{b.Host(), err.Error()})
			for _, left := range boxes[i+1:] {
				r.Left = append(r.Left, left.Host())
			}
			break
		}
		if u != nil {
			c.Note("%v", u)
		}
	}
	if err := c.Print(&r, r.write); err != nil {
		return err
	}
	switch {
	case len(r.Failed) == 0:
		return nil
	case len(r.Updated) == 0:
		return fmt.Errorf("the first box, %s, was not updated, and the others were left as they are", r.Failed[0].Host)
	}
	return &cli.Error{Code: cli.Partly, Err: fmt.Errorf("%d of %d boxes were updated", len(r.Updated), len(boxes))}
}

// fleetOf returns the boxes to update, the canary first: those that were named, or
// all that answer and are of the release's board and not at its version yet.
func (f *updateFlags) fleetOf(ctx context.Context, c *cli.Call, h *operator.Home, s *operator.Session, rel *releaseFile, names []string) (boxes []*operator.Box, err error) {
	if len(names) == 0 {
		all, err := h.Boxes()
		if err != nil {
			return nil, err
		}
		for _, b := range all {
			if f.concerns(ctx, c, s, b, rel) {
				boxes = append(boxes, b)
			}
		}
	}
	for _, name := range names {
		b, err := h.Find(name)
		if err != nil {
			return nil, err
		}
		boxes = append(boxes, b)
	}
	if len(boxes) == 0 {
		return nil, errors.New("there is no box that needs this release")
	}
	if f.canary == "" {
		return boxes, nil
	}
	first, err := h.Find(f.canary)
	if err != nil {
		return nil, err
	}
	rest := slices.DeleteFunc(boxes, func(b *operator.Box) bool { return b.ID == first.ID })
	return append([]*operator.Box{first}, rest...), nil
}

// concerns reports whether a release is for a box. One that does not answer, or is no
// appliance, is left out, and that is said.
func (f *updateFlags) concerns(ctx context.Context, c *cli.Call, s *operator.Session, b *operator.Box, rel *releaseFile) bool {
	var sys control.System
	err := f.connected(ctx, s, b, func(l *operator.Link) (err error) {
		sys, err = l.System(ctx)
		return err
	})
	if err != nil {
		c.Note("%s is left out: %v", b.Host(), err)
		return false
	}
	return sys.Product == rel.manifest.Product && sys.Board == rel.manifest.Board && sys.Version < rel.manifest.Version
}

// watchEvery is how often the canary is looked at.
const watchEvery = time.Minute

// watch looks at the first box until it has been well for the time of -soak. One that
// is away for less than awayTime is not unwell: networks are like that.
func (f *updateFlags) watch(ctx context.Context, c *cli.Call, s *operator.Session, b *operator.Box, rel *releaseFile) error {
	soak := time.Duration(f.soak)
	c.Note("the others follow when %s has been well for %v", b.Host(), soak)
	until, seen := time.Now().Add(soak), time.Now()
	for time.Now().Before(until) {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(min(watchEvery, time.Until(until))):
		}
		trouble, err := f.trouble(ctx, s, b, rel)
		switch {
		case err == nil && trouble != "":
			return fmt.Errorf("%s was updated and is not well: %s", b.Host(), trouble)
		case err == nil:
			seen = time.Now()
		case time.Since(seen) > awayTime:
			return fmt.Errorf("%s was updated and has not answered for %v: %w", b.Host(), awayTime, err)
		}
	}
	trouble, err := f.trouble(ctx, s, b, rel)
	if err == nil && trouble != "" {
		err = errors.New(trouble)
	}
	if err != nil {
		return fmt.Errorf("%s was updated and is not well: %w", b.Host(), err)
	}
	return nil
}

const awayTime = 10 * time.Minute

// trouble returns what is wrong with an updated box; "" when nothing is.
func (f *updateFlags) trouble(ctx context.Context, s *operator.Session, b *operator.Box, rel *releaseFile) (trouble string, err error) {
	err = f.connected(ctx, s, b, func(l *operator.Link) error {
		sys, err := l.System(ctx)
		if err != nil {
			return err
		}
		if sys.Version != rel.manifest.Version {
			trouble = fmt.Sprintf("it runs version %d", sys.Version)
			return nil
		}
		report, err := l.Health(ctx)
		if err != nil {
			return err
		}
		for _, r := range report.Checks {
			if r.State == health.Failed {
				trouble = r.Text.EN
				break
			}
		}
		return nil
	})
	return trouble, err
}
