package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"cobox/hack/usage"
)

// A bench is what is measured.
type bench struct {
	bin        string
	mib, small int
	rounds     int
	only, jobs []string
}

// systems are those that are measured, each anew.
func (b *bench) systems() map[string]func() system {
	return map[string]func() system{
		"cobox":     func() system { return &coboxSystem{bin: b.bin} },
		"restic":    func() system { return new(resticSystem) },
		"borg":      func() system { return new(borgSystem) },
		"syncthing": func() system { return new(syncthingSystem) },
	}
}

var order = []string{"cobox", "restic", "borg", "syncthing"}

// A job is a folder, and what is done with it.
type job struct {
	name string
	fill func(dir string) (payload int64, err error)
	// change changes the folder before the second backup; nil leaves it.
	change func(dir string) error
	second string // what the second backup is called
	one    string // a file to be restored alone; empty for none
}

func (b *bench) list() []job {
	return []job{
		{
			name:   fmt.Sprintf("folder: %d MiB of random data in files of 4 MiB", b.mib),
			fill:   func(dir string) (int64, error) { return fill(dir, b.mib/4, 4<<20) },
			second: "unchanged", one: "00000007",
		},
		{
			name:   fmt.Sprintf("large: one file of %d MiB, then one byte of it changed", b.mib),
			fill:   func(dir string) (int64, error) { return fill(dir, 1, b.mib<<20) },
			change: func(dir string) error { return changeByte(filepath.Join(dir, "00000000"), int64(b.mib)<<19) },
			second: "one byte",
		},
		{
			name:   fmt.Sprintf("small: %d files of 4 KiB", b.small),
			fill:   func(dir string) (int64, error) { return fill(dir, b.small, 4<<10) },
			second: "unchanged", one: "0/00000007",
		},
	}
}

// A step is one thing that was measured of a job.
type step struct {
	took         time.Duration
	client, host usage.Process
	disk         uint64 // bytes that the host keeps beside what it had when it was new
	anonymous    uint64 // bytes of the host's memory that no file backs, at most; 0 for unknown
	wire         uint64 // bytes that went over the loopback interface
}

func (b *bench) run(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "cobox-peers-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	for _, j := range b.list() {
		if !slices.ContainsFunc(b.jobs, func(name string) bool { return len(j.name) > len(name) && j.name[:len(name)+1] == name+":" }) {
			continue
		}
		source := filepath.Join(dir, "source")
		payload, err := j.fill(source)
		if err != nil {
			return fmt.Errorf("making the folder: %w", err)
		}
		t := table{job: j, payload: payload, steps: make(map[string]map[string][]step)}
		err = b.turns(ctx, &t, filepath.Join(dir, "work"), source)
		t.print(os.Stdout) // what there is, also of a run that was cut short
		if err != nil {
			return err
		}
		if err := os.RemoveAll(source); err != nil {
			return err
		}
	}
	return nil
}

// turns does a job with all systems, round after round.
func (b *bench) turns(ctx context.Context, t *table, work, source string) error {
	for round := range b.rounds {
		for _, name := range order {
			if len(b.only) > 0 && !slices.Contains(b.only, name) {
				continue
			}
			if err := b.measure(ctx, t, name, work, source); err != nil {
				return fmt.Errorf("%s, %s: %w", t.job.name, name, err)
			}
			fmt.Fprintf(os.Stderr, "%s, round %d of %d: %s done\n", t.job.name, round+1, b.rounds, name)
		}
	}
	return nil
}

// measure does a job with one system, all fresh.
func (b *bench) measure(ctx context.Context, t *table, name, work, source string) (err error) {
	j := t.job
	ctx, cancel := context.WithTimeout(ctx, 30*time.Minute)
	defer cancel()
	if err := os.Mkdir(work, 0o700); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	s := b.systems()[name]()
	defer s.end()
	if err := s.start(ctx, work, source); err != nil {
		return err
	}
	if t.empty, err = usage.Disk(s.stored()); err != nil {
		return err
	}
	if err := t.add(name, "backup", s, func() error { return s.backup(ctx) }); err != nil {
		return err
	}
	if j.change != nil {
		if err := j.change(source); err != nil {
			return err
		}
	}
	if err := t.add(name, j.second, s, func() error { return s.backup(ctx) }); err != nil {
		return err
	}
	if j.one != "" {
		one := filepath.Join(work, "one")
		err := t.add(name, "restore of one file", s, func() error { return s.restoreFile(ctx, j.one, one) })
		if err == nil {
			err = compare(filepath.Join(source, filepath.Dir(j.one)), one, 1)
		}
		if err != nil && !errors.Is(err, notOffered{}) {
			return err
		}
	}
	back := filepath.Join(work, "restored")
	if err := t.add(name, "restore", s, func() error { return s.restore(ctx, back) }); err != nil {
		return err
	}
	return compare(source, back, -1)
}

// add measures one step.
func (t *table) add(name, what string, s system, do func() error) error {
	client, host, err := s.used()
	if err != nil {
		return err
	}
	sent, err := usage.Loopback()
	if err != nil {
		return err
	}
	highest := watchHost(s)
	began := time.Now()
	err = do()
	m := step{took: time.Since(began), anonymous: highest()}
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	if m.wire, err = usage.Loopback(); err != nil {
		return err
	}
	m.wire -= sent
	if m.client, m.host, err = s.used(); err != nil {
		return err
	}
	m.client.CPU -= client.CPU
	m.host.CPU -= host.CPU
	m.host.Written -= host.Written
	if m.disk, err = usage.Disk(s.stored()); err != nil {
		return err
	}
	m.disk -= min(t.empty, m.disk)
	if t.steps[what] == nil {
		t.steps[what] = make(map[string][]step)
		t.order = append(t.order, what)
	}
	t.steps[what][name] = append(t.steps[what][name], m)
	return nil
}

// watchEvery is how often a host's memory is looked at: shorter peaks are missed.
const watchEvery = 20 * time.Millisecond

// watchHost watches a system's host until the highest anonymous memory is asked for.
func watchHost(s system) (highest func() uint64) {
	var most uint64
	var watching sync.WaitGroup
	stop := make(chan struct{})
	watching.Go(func() {
		t := time.NewTicker(watchEvery)
		defer t.Stop()
		for {
			if _, host, err := s.used(); err == nil {
				most = max(most, host.Anonymous)
			}
			select {
			case <-stop:
				return
			case <-t.C:
			}
		}
	})
	return func() uint64 {
		close(stop)
		watching.Wait()
		return most
	}
}
