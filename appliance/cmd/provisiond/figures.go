package main

import (
	"cmp"
	"context"
	"flag"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"cobox/appliance/clock"
	"cobox/appliance/datadisk"
	"cobox/appliance/disk"
	"cobox/appliance/health"
	"cobox/appliance/sensors"
	"cobox/appliance/smart"
	"cobox/appliance/vitals"
	"cobox/metrics"
	"cobox/metrics/lan"
	"cobox/provision"
	"cobox/seeder/identity"

	"golang.org/x/sync/errgroup"
)

// figureFlags say how the box is looked at.
type figureFlags struct {
	lan, timeServer, proc, sys string
	dev, diskAt                string
	storeDisk                  bool
	silence                    time.Duration
	own                        func(path string) error // gives a folder to seederd; nil leaves it

	cause sensors.Cause // why the machine was started, as init says; no flag
}

func (f *figureFlags) flags(fs *flag.FlagSet) {
	fs.StringVar(&f.lan, "metrics-lan", ":9100", "the `address` at which metrics are served on the local network, while the operators' setting metrics-lan is on")
	fs.StringVar(&f.timeServer, "time-server", "", "the time `server` with which the clock is compared once an hour; none when empty")
	fs.StringVar(&f.proc, "proc", "", "where the kernel tells of the machine, in the place of /proc; for trials")
	fs.StringVar(&f.sys, "sys", "", "where the kernel tells of the devices, in the place of /sys; for trials")
	fs.StringVar(&f.dev, "dev", "", "where the devices are, in the place of /dev; for trials")
	fs.StringVar(&f.diskAt, "disk", "", "the `folder` at which the box's data disk is mounted, which takes root; empty for a box that takes none")
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
	keeper, err := f.openDataDisk(cfg, agent, sys, log)
	if err != nil {
		log.Error("there is no data disk", "error", err)
		out.views.Troubles = func() []string { return []string{err.Error()} }
	}
	if keeper != nil {
		look.DataDisk = keeper.At
		out.views.DataDisk = keeper.Standing
		out.views.Troubles = keeper.Troubles
		out.parts = append(out.parts, keeper.Run)
	}
	disks := smart.New(smart.Config{Dev: f.dev, Log: log})
	look.Smart = disks.Look
	out.parts = append(out.parts, disks.Run)
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
	out.views.Health, out.views.Metrics, out.views.Targets = out.vitals.Report, exporter.WriteText, door.Targets
	if sys != nil || keeper != nil {
		out.views.Disks = func() ([]disk.Disk, error) {
			list, err := f.system().List(sys.disk())
			for i := range list {
				list[i].Smart = disks.Of(list[i].Name)
			}
			return list, err
		}
	}
	out.parts = append(out.parts, out.vitals.Run, door.Run)
	return &out
}

// system is where disks are looked for.
func (f *figureFlags) system() disk.System {
	return disk.System{Sys: cmp.Or(f.sys, "/sys"), Dev: cmp.Or(f.dev, "/dev"), Proc: cmp.Or(f.proc, "/proc")}
}

// openDataDisk returns what looks after the data disk, nil on a box that takes none.
func (f *figureFlags) openDataDisk(cfg provision.Config, agent *provision.Agent, sys *system, log *slog.Logger) (*datadisk.Keeper, error) {
	if f.diskAt == "" || cfg.Passive {
		return nil, nil
	}
	return datadisk.New(datadisk.Config{
		State: cfg.State, Box: identity.BoxKeyOf(cfg.Key).PeerID().String(), At: f.diskAt,
		System: f.system(), Card: sys.disk(), Own: f.own, Log: log,
		Order: func() datadisk.Order {
			st := agent.State()
			if st.Disk.Seq == 0 {
				return datadisk.Order{}
			}
			return datadisk.Order{Epoch: st.Epoch, Seq: st.Disk.Seq, Disk: st.Disk.Disk, Erase: st.Disk.Erase}
		},
		GiveUp: func() datadisk.GiveUp {
			st := agent.State()
			if st.GivenUp.Seq == 0 {
				return datadisk.GiveUp{}
			}
			return datadisk.GiveUp{Epoch: st.Epoch, Seq: st.GivenUp.Seq, ID: st.GivenUp.ID}
		},
	})
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
