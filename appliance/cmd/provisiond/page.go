package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"cobox/appliance/health"
	"cobox/appliance/page"
	"cobox/metrics"
	"cobox/provision"
)

const (
	// sampleEvery is how often the figures for the page's plots are taken.
	sampleEvery = time.Minute
	// pageFresh is how old the figures on the page may be, so that whoever loads it
	// over and over does not have the box look at itself all the time.
	pageFresh = 5 * time.Second
	// maxPageAddrs bounds the addresses that the page names.
	maxPageAddrs = 4
)

// A statusPage is the box's page on its own network.
type statusPage struct {
	standing func() provision.Standing
	snapshot func() metrics.Snapshot
	version  string
	started  time.Time
	listener net.Listener
	history  page.History

	mu   sync.Mutex
	last metrics.Snapshot // mu
	at   time.Time        // mu; when it was taken
}

// openPage listens at addr.
func openPage(addr string, agent *provision.Agent, snapshot func() metrics.Snapshot, version string) (*statusPage, error) {
	l, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("opening the status page: %w", err)
	}
	return &statusPage{standing: agent.Standing, snapshot: snapshot, version: version, started: time.Now(), listener: l}, nil
}

// Run serves the page until ctx is done, and takes its figures.
func (p *statusPage) Run(ctx context.Context, log *slog.Logger) error {
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(sampleEvery)
		defer tick.Stop()
		for {
			s := p.look()
			p.history.Add(time.Since(p.started), sampleOf(&s))
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
	defer wg.Wait()
	return page.Serve(ctx, p.listener, page.New(p.facts), provision.Near, log)
}

// look returns how the box is, or was a moment ago.
func (p *statusPage) look() metrics.Snapshot {
	p.mu.Lock()
	defer p.mu.Unlock()
	if time.Since(p.at) > pageFresh {
		p.last, p.at = p.snapshot(), time.Now()
	}
	return p.last
}

// facts returns what the page shows. Of partners it is told nothing.
func (p *statusPage) facts() page.Facts {
	s, o := p.look(), p.standing()
	f := page.Facts{
		Host: o.Host, Tag: o.Tag, Version: p.version, Uptime: s.Machine.Boot.Uptime, Owner: ownerOf(o), Window: o.Window,
		Addrs: p.addrs(&s), Health: s.Health, Day: p.history.Day(),
	}
	if f.Uptime == 0 {
		f.Uptime = time.Since(p.started)
	}
	return f
}

func ownerOf(o provision.Standing) page.Owner {
	switch {
	case o.Retired:
		return page.Retired
	case o.Claimed:
		return page.Paired
	case o.Claimable:
		return page.Unpaired
	case o.NoCode:
		return page.NoCode
	}
	return page.Damaged
}

// addrs returns where else the page is, when it is served at all of the box's
// addresses.
func (p *statusPage) addrs(s *metrics.Snapshot) (list []string) {
	at, ok := p.listener.Addr().(*net.TCPAddr)
	if !ok || !at.IP.IsUnspecified() || s.Machine.Network == nil {
		return nil
	}
	for _, i := range s.Machine.Network.Interfaces {
		for _, a := range i.Addresses {
			if a.Addr().IsLinkLocalUnicast() || a.Addr().IsLoopback() || len(list) == maxPageAddrs {
				continue
			}
			host := net.JoinHostPort(a.Addr().String(), fmt.Sprint(at.Port))
			if at.Port == 80 {
				host = strings.TrimSuffix(host, ":80")
			}
			list = append(list, host)
		}
	}
	return list
}

// sampleOf takes from a snapshot what is plotted.
func sampleOf(s *metrics.Snapshot) (sample page.Sample) {
	if s.Seeder != nil {
		sample.Received, sample.Sent = &s.Seeder.Replication.ReceivedBytes, &s.Seeder.Replication.SentBytes
	}
	for _, v := range s.Machine.Volumes {
		if v.Name == health.DataVolume && v.Present && v.SizeBytes > 0 {
			used := 1 - float64(v.AvailableBytes)/float64(v.SizeBytes)
			sample.Used = &used
		}
	}
	for _, t := range s.Machine.Temperatures {
		if sample.Celsius == nil || t.Celsius > *sample.Celsius {
			sample.Celsius = &t.Celsius
		}
	}
	return sample
}
