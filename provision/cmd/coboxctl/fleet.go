package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"time"

	"cobox/metrics/fleet"
	"cobox/provision/operator"
	"cobox/seeder/cli"

	"golang.org/x/sync/errgroup"
	"golang.org/x/term"
)

// defaultGateway is where the gateway is asked, on this computer alone.
const defaultGateway = "127.0.0.1:9280"

func fleetCommand() cli.Command {
	var (
		listen string
		hosts  cli.Strings
		watch  bool
	)
	return cli.Command{
		Name: "fleet", Args: "[-listen ADDR] [-host NAME]... | -watch", Short: "all boxes, for Prometheus or as a table",
		Help: `
Stays connected to all boxes that you have paired with, wherever they are, and
shows them to a Prometheus beside it, until it is interrupted:

	coboxctl fleet

	scrape_configs:
	  - job_name: cobox
	    http_sd_configs:
	      - url: http://127.0.0.1:9280/sd

A box that is away is shown as away (cobox_fleet_up 0), with when it last answered.
Boxes that you pair with later are shown by themselves. Whoever reaches ADDR sees
how all boxes are: keep it on this computer, or behind something that asks who is
there. -host is for a name other than localhost under which Prometheus comes, such
as that of a container's host.

With -watch it prints a table instead, the worst box first, with what to do; on a
terminal it follows the boxes until it is interrupted, elsewhere it prints them
once. Exit status 3 says then that a box needs a person.

	coboxctl fleet -watch`,
		Flags: func(fs *flag.FlagSet) {
			fs.StringVar(&listen, "listen", defaultGateway, "where Prometheus asks, an `address`")
			fs.Var(&hosts, "host", "a `name` under which Prometheus comes; may be given several times")
			fs.BoolVar(&watch, "watch", false, "print a table")
		},
		Run: func(ctx context.Context, c *cli.Call) error {
			if len(c.Args) > 0 {
				return cli.Misuse("fleet takes no arguments: it is about all boxes")
			}
			if c.JSON && !watch {
				return cli.Misuse("-json is for -watch: the gateway prints nothing")
			}
			return withFleet(ctx, 0, func(ctx context.Context, f *fleet.Fleet) error {
				if watch {
					return watchFleet(ctx, c, f)
				}
				return serveFleet(ctx, c, f, listen, hosts)
			})
		},
	}
}

// withFleet watches all boxes while do runs.
func withFleet(ctx context.Context, every time.Duration, do func(context.Context, *fleet.Fleet) error) error {
	h, err := openHome()
	if err != nil {
		return err
	}
	boxes, err := h.Boxes()
	if err != nil {
		return err
	}
	s, err := h.DialMany(ctx, max(2*len(boxes), 64)) // there may be more by and by
	if err != nil {
		return err
	}
	defer s.Close()
	f := fleet.New(fleet.Config{Boxes: func() ([]fleet.Box, error) { return watched(h) }, Connect: connectFleet(h, s), Every: every})
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return f.Run(ctx) })
	g.Go(func() error {
		if err := do(ctx, f); err != nil {
			return err
		}
		return errEnough // ends the fleet
	})
	if err := g.Wait(); !errors.Is(err, errEnough) {
		return err
	}
	return nil
}

var errEnough = errors.New("all is done")

// watched returns the boxes that this computer remembers.
func watched(h *operator.Home) ([]fleet.Box, error) {
	boxes, err := h.Boxes()
	if err != nil {
		return nil, err
	}
	list := make([]fleet.Box, len(boxes))
	for i, b := range boxes {
		list[i] = fleet.Box{ID: b.ID.PeerID().String(), Name: b.Host(), Tag: b.Tag, Seen: b.Seen}
	}
	return list, nil
}

// connectFleet returns how a box is reached.
func connectFleet(h *operator.Home, s *operator.Session) func(context.Context, fleet.Box) (fleet.Link, error) {
	return func(ctx context.Context, box fleet.Box) (fleet.Link, error) {
		b, err := h.Find(box.ID)
		if err != nil {
			return nil, err
		}
		link, err := s.Connect(ctx, b, "")
		if err != nil {
			return nil, err
		}
		l := fleetLink{link}
		if err := l.Refresh(ctx); err != nil {
			link.Close()
			return nil, err
		}
		return l, nil
	}
}

// A fleetLink is a link as a fleet uses it.
type fleetLink struct{ *operator.Link }

// Refresh remembers when the box answered, its name and its addresses, and notices
// one that has forgotten orders.
func (l fleetLink) Refresh(ctx context.Context) error {
	if _, err := l.State(ctx); err != nil {
		return err
	}
	_, err := l.Status(ctx)
	return err
}

// serveFleet answers Prometheus until ctx is done.
func serveFleet(ctx context.Context, c *cli.Call, f *fleet.Fleet, addr string, hosts []string) error {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return cli.WithHint(fmt.Errorf("opening the gateway: %w", err), "another program may have the port: choose one with -listen, such as 127.0.0.1:9281")
	}
	if at, err := netip.ParseAddrPort(l.Addr().String()); err == nil && !at.Addr().IsLoopback() {
		c.Note("whoever reaches %s can read how all your boxes are", at)
	}
	c.Note("Prometheus finds the boxes at http://%s/sd; this runs until you interrupt it (^C).", l.Addr())
	server := fleet.NewServer(fleet.NewGateway(f, hosts...))
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("answering Prometheus: %w", err)
	}
	return nil
}

// redrawEvery is how often a table on a terminal is drawn when nothing changes, for
// its times.
const redrawEvery = 5 * time.Second

// redrawPause is how long a drawn table stays, while many boxes change at once.
const redrawPause = 200 * time.Millisecond

// watchFleet prints the table.
func watchFleet(ctx context.Context, c *cli.Call, f *fleet.Fleet) error {
	out, ok := c.Out.(*os.File)
	if c.JSON || !ok || !term.IsTerminal(int(out.Fd())) {
		sights := f.Settled(ctx)
		if err := c.Print(sights, func(w io.Writer) { fleet.WriteTable(w, sights, time.Now()) }); err != nil {
			return err
		}
		return needing(sights)
	}
	for {
		sights, changed := f.Sights()
		// From the top left corner, and nothing below it.
		fmt.Fprint(out, "\x1b[H\x1b[2J")
		fleet.WriteTable(out, sights, time.Now())
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(redrawPause):
		}
		select {
		case <-ctx.Done():
			return nil
		case <-changed:
		case <-time.After(redrawEvery):
		}
	}
}

// needing returns an error when a box needs a person.
func needing(sights []fleet.Sight) error {
	n := 0
	for _, s := range sights {
		if s.Mood() != fleet.Fine {
			n++
		}
	}
	if n == 0 {
		return nil
	}
	return &cli.Error{Code: cli.Partly, Err: fmt.Errorf("%d of %d boxes need a person", n, len(sights))}
}
