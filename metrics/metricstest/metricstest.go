// Package metricstest makes up boxes for tests of what shows and judges metrics.
package metricstest

import (
	"fmt"
	"net/netip"
	"time"

	"cobox/appliance/health"
	"cobox/appliance/sensors"
	"cobox/metrics"
	"cobox/seeder/api"
	"cobox/seeder/pin"
)

func pointer[T any](v T) *T { return &v }

// Box returns a box in good health with so many partners and feeds, as it is at now,
// three days after its start. Its Health is examined.
func Box(now time.Time, partners, feeds int) metrics.Snapshot {
	const up = 72 * time.Hour
	started := now.Add(-up)
	program := func(name string) sensors.Program {
		return sensors.Program{
			Name: name, Started: started.Add(9 * time.Second), CPU: 900 * time.Second, Resident: 60 << 20,
			OpenFiles: 40, Goroutines: 120, HeapBytes: 20 << 20, GoBytes: 50 << 20, GCCycles: 300,
		}
	}
	full := 3 * time.Second
	s := metrics.Snapshot{
		At: now, Version: "1.4.0", Slot: "a",
		Machine: sensors.Reading{
			At:     now,
			Boot:   sensors.Boot{ID: "0c7b1bd5-79f1-4e4a-9f2d-3d5d3f5f1a11", Time: started, Uptime: up, Cause: sensors.PowerOn, Model: "Raspberry Pi 4 Model B Rev 1.5"},
			CPU:    &sensors.CPU{Count: 4, User: 20000, System: 8000, IOWait: 900, Steal: 0, Idle: 1e6},
			Memory: &sensors.Memory{SizeBytes: 4 << 30, AvailableBytes: 3 << 30},
			Pressure: []sensors.Pressure{
				{Resource: "cpu", Some: 90 * time.Second}, {Resource: "io", Some: 60 * time.Second, Full: &full},
				{Resource: "memory", Full: pointer(time.Duration(0))},
			},
			Temperatures: []sensors.Temperature{{Sensor: "cpu-thermal", Celsius: 51.5}},
			Power: &sensors.Power{
				UnderVoltage: alarm(), FrequencyCapped: alarm(), Throttled: alarm(), TemperatureLimit: alarm(),
			},
			Disks: []sensors.Disk{
				{Name: "mmcblk0", Kind: sensors.EMMC, SizeBytes: 32e9, ReadBytes: 5e9, WrittenBytes: 1e9, Busy: time.Hour, Errors: new(uint64), Wear: pointer(0.2), Reserve: sensors.ReserveNormal},
				{Name: "sda", Kind: sensors.SCSIDisk, SizeBytes: 1e12, ReadBytes: 5e11, WrittenBytes: 3e11, Busy: 5 * time.Hour, Errors: new(uint64), Wear: pointer(0.05), Smart: smart(now)},
			},
			Volumes: []sensors.Volume{
				{Name: health.StateVolume, Present: true, Type: "ext4", Disk: "mmcblk0", SizeBytes: 28e9, FreeBytes: 27e9, AvailableBytes: 26e9, Files: 1e6, FilesFree: 9e5, Errors: new(uint64)},
				{Name: health.DataVolume, Present: true, Type: "ext4", Disk: "sda", SizeBytes: 98e10, FreeBytes: 6e11, AvailableBytes: 5e11, Files: 6e7, FilesFree: 5e7, Errors: new(uint64)},
			},
			Network: &sensors.Network{
				DefaultRoute: pointer(true),
				Interfaces: []sensors.Interface{{
					Name: "eth0", Link: pointer(true), BitsPerSecond: 1e9, Addresses: []netip.Prefix{netip.MustParsePrefix("192.168.1.7/24")},
					ReceivedBytes: 4e11, SentBytes: 1e11,
				}},
			},
		},
		Programs:  []sensors.Program{program("provisiond")},
		Clock:     health.Clock{Offset: pointer(3 * time.Millisecond), Compared: now.Add(-time.Hour)},
		Update:    health.Settled,
		Operator:  health.Operator{Paired: true, Seen: now.Add(-time.Minute)},
		Operators: 2,
		Asked:     true,
		Seeder: &api.Figures{
			Program:     api.Program(program("seederd")),
			Store:       api.StoreFigures{Feeds: feeds, Blocks: uint64(feeds) * 1000, Bytes: uint64(feeds) * 1e8, IndexBytes: uint64(feeds) * 1e5},
			Replication: api.ReplicationFigures{Sessions: 3, ReceivedBlocks: 9e5, ReceivedBytes: 9e10, SentBlocks: 1e5, SentBytes: 1e10, Heads: 4000},
			Feeds:       api.FeedFigures{NewestHead: now.Add(-20 * time.Minute)},
			Scrub:       api.ScrubFigures{Since: now.Add(-1000 * time.Hour), Running: true, Progress: 0.4, Finished: now.Add(-10 * 24 * time.Hour), CheckedBytes: 8e11},
			Pins:        map[pin.State]int{pin.Complete: feeds},
			Peers:       map[api.Connection]int{api.DirectPeer: 4, api.LocalPeer: 1},
			NAT:         api.PublicNAT,
			Reach:       api.Direct,
		},
	}
	for i := range partners {
		s.Partners = append(s.Partners, metrics.Partner{
			Number: uint64(i + 1), QuotaBytes: 1e11, MaxFeeds: 2000, Until: now.Add(365 * 24 * time.Hour), Tolerance: 72 * time.Hour,
			Keeping: api.Keeping{
				UsedBytes: 6e10, ReservedBytes: 1e9, Feeds: feeds / partners, Pins: map[pin.State]int{pin.Complete: feeds / partners},
				NewestHead: now.Add(-20 * time.Minute), Seen: now.Add(-5 * time.Minute),
			},
		})
	}
	s.Health = health.Examine(s.Facts())
	return s
}

// Full returns a box that has as many series as one with so many partners can have.
func Full(now time.Time, partners, feeds int) metrics.Snapshot {
	s := Box(now, partners, feeds)
	m := &s.Machine
	m.Temperatures, m.Volumes, m.Network.Interfaces = nil, nil, nil
	for i := range sensors.MaxTemperatures {
		m.Temperatures = append(m.Temperatures, sensors.Temperature{Sensor: fmt.Sprint("zone", i), Celsius: 40})
	}
	m.Disks = repeat(m.Disks[0], sensors.MaxDisks, func(d *sensors.Disk, i int) { d.Name, d.Smart = fmt.Sprint("mmcblk", i), smart(now) })
	volume := sensors.Volume{Present: true, SizeBytes: 1e9, AvailableBytes: 1e9, Files: 1000, FilesFree: 900, Errors: new(uint64)}
	m.Volumes = repeat(volume, sensors.MaxVolumes, func(v *sensors.Volume, i int) { v.Name = fmt.Sprint("volume", i) })
	iface := sensors.Interface{Link: pointer(true), BitsPerSecond: 1e9}
	m.Network.Interfaces = repeat(iface, sensors.MaxInterfaces, func(n *sensors.Interface, i int) { n.Name = fmt.Sprint("eth", i) })
	s.Programs = repeat(s.Programs[0], metrics.MaxPrograms, func(p *sensors.Program, i int) { p.Name = fmt.Sprint("program", i) })
	s.Health = health.Examine(s.Facts())
	return s
}

// smart is what a disk says that has everything to say.
func smart(now time.Time) *sensors.Smart {
	return &sensors.Smart{
		At: now.Add(-4 * time.Minute), Failing: new(bool), Celsius: pointer(36.0), PoweredOn: pointer(9000 * time.Hour), Wear: pointer(0.05), Spare: pointer(1.0),
		MediaErrors: new(uint64), Reallocated: pointer(uint64(2)), Pending: new(uint64), Uncorrectable: new(uint64),
	}
}

func alarm() *sensors.Alarm { return &sensors.Alarm{SinceBoot: new(bool)} }

// repeat returns n copies of v, each changed by name.
func repeat[T any](v T, n int, name func(v *T, i int)) []T {
	list := make([]T, n)
	for i := range list {
		list[i] = v
		name(&list[i], i)
	}
	return list
}
