package main

import (
	"context"
	"flag"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"cobox/appliance/clock"
	"cobox/appliance/health"
	"cobox/appliance/sensors"
	"cobox/appliance/vitals"
	"cobox/metrics"
	"cobox/metrics/lan"
	"cobox/provision"

	"golang.org/x/sync/errgroup"
)

// figureFlags say how the box is looked at.
type figureFlags struct {
	lan, timeServer, proc, sys string
	storeDisk                  bool
	silence                    time.Duration

	cause sensors.Cause // why the machine was started, as init says; no flag
}

func (f *figureFlags) flags(fs *flag.FlagSet) {
	fs.StringVar(&f.lan, "metrics-lan", ":9100", "the `address` at which metrics are served on the local network, while the operators' setting metrics-lan is on")
	fs.StringVar(&f.timeServer, "time-server", "", "the time `server` with which the clock is compared once an hour; none when empty")
	fs.StringVar(&f.proc, "proc", "", "where the kernel tells of the machine, in the place of /proc; for trials")
	fs.StringVar(&f.sys, "sys", "", "where the kernel tells of the devices, in the place of /sys; for trials")
	fs.DurationVar(&f.silence, "silence", vitals.DefaultTolerance, "how long a partner may be silent before somebody should ask, a `time`")
	fs.BoolVar(&f.storeDisk, "store-disk", false, "the store has a disk of its own: without one mounted there, it is gone")
}

// figures are all that the box tells of itself.
type figures struct {
	vitals *vitals.Vitals
	views  provision.Views
	parts  []func(context.Context) error
}

func openFigures(f *figureFlags, cfg provision.Config, agent *provision.Agent, sys *system, log *slog.Logger) *figures {
	look := vitals.Config{
		State: cfg.State, Version: cfg.Version, StoreDisk: f.storeDisk, Tolerance: f.silence, Chain: agent.State, OperatorSeen: agent.OperatorSeen, Log: log,
		Machine: sensors.Machine{Proc: f.proc, Sys: f.sys},
	}
	var out figures
	look.Update = func() (health.Update, string) { return updateHealth(cfg.State, sys) }
	look.Cause = func() sensors.Cause { return f.cause }
	look.Clock = func() health.Clock { return health.Clock{NotBefore: agent.NotBefore()} }
	if f.timeServer != "" {
		compared := clock.New(f.timeServer, log)
		out.parts = append(out.parts, compared.Run)
		look.Clock = func() health.Clock {
			c := health.Clock{NotBefore: agent.NotBefore()}
			if ahead, at := compared.Offset(); !at.IsZero() {
				c.Offset, c.Compared = &ahead, at
			}
			return c
		}
	}
	out.vitals = vitals.New(look)
	exporter := metrics.New(out.vitals.Snapshot)
	door := &lan.Door{Addr: f.lan, Metrics: exporter, Token: agent.MetricsToken, Changed: agent.Changed, Networks: networks, Log: log}
	out.views = provision.Views{Health: out.vitals.Report, Metrics: exporter.WriteText, Targets: door.Targets}
	if sys != nil {
		out.views.Disks = sys.disks
	}
	out.parts = append(out.parts, out.vitals.Run, door.Run)
	return &out
}

// Run looks and shows until ctx is done.
func (f *figures) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	for _, part := range f.parts {
		g.Go(func() error { return part(ctx) })
	}
	return g.Wait()
}

// networks returns this machine's addresses with their networks.
func networks() (list []netip.Prefix) {
	addrs, _ := net.InterfaceAddrs() // nobody is near when there are none
	for _, a := range addrs {
		if p, err := netip.ParsePrefix(a.String()); err == nil {
			list = append(list, p)
		}
	}
	return list
}
