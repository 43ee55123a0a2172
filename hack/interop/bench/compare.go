package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"cobox/hack/usage"
)

// A load is a feed to move.
type load struct{ blocks, block int }

func (l load) bytes() float64 { return float64(l.blocks) * float64(l.block) }

// A row is a kind of host with a kind of peers, and what was measured of them.
type row struct {
	name    string
	start   func(context.Context, job, string) (host, error)
	peers   peers
	results []result
}

// A host keeps a feed.
type host interface {
	address() string // HOST:PORT
	pin(ctx context.Context, key string) error
	pid() int
	storage() string // the folder with what it keeps
	end() error
}

// peers bring a feed to a host and fetch it from there. Each connects, and
// returns once everything is there.
type peers interface {
	write(ctx context.Context) error // makes the feed, unless it is made
	key() string
	push(ctx context.Context, address string) (took time.Duration, err error)
	fetch(ctx context.Context, address string) (took time.Duration, err error)
}

// A result is one run: the feed into a fresh host, and out again.
type result struct {
	in, out leg
	peak    uint64 // resident bytes of the host, the most
	disk    uint64 // bytes that the host's folder takes
}

// A leg is one direction.
type leg struct {
	took time.Duration
	cpu  time.Duration // of the host
}

// compare moves one load through all rows in turns and prints the table.
func (j job) compare(ctx context.Context, dir string, l load) (err error) {
	js, own := newScripts(j, dir, l), newOwn(dir, l)
	defer func() { err = firstError(err, own.close()) }()
	rows := []*row{
		{name: "JS blind store, JS peers", start: startStore, peers: js},
		{name: "box, JS peers", start: startBox, peers: js},
		{name: "box, our own peers", start: startBox, peers: own},
	}
	rows = slices.DeleteFunc(rows, func(r *row) bool { return !strings.Contains(r.name, j.only) })
	for _, r := range rows {
		if err := r.peers.write(ctx); err != nil {
			return err
		}
	}
	for i := range j.runs {
		for _, r := range rows {
			if err := level(dir, l); err != nil {
				return err
			}
			res, err := r.measure(ctx, j, dir)
			if err != nil {
				return fmt.Errorf("%s: %w", r.name, err)
			}
			fmt.Fprintf(os.Stderr, "run %d, %s: in %.1f s, out %.1f s\n", i+1, r.name, res.in.took.Seconds(), res.out.took.Seconds())
			r.results = append(r.results, res)
		}
	}
	return show(os.Stdout, l, rows)
}

// measure does one run through a fresh host.
func (r *row) measure(ctx context.Context, j job, dir string) (res result, err error) {
	folder, err := os.MkdirTemp(dir, "host-")
	if err != nil {
		return res, err
	}
	defer func() { err = firstError(err, os.RemoveAll(folder)) }()
	h, err := r.start(ctx, j, folder)
	if err != nil {
		return res, err
	}
	defer func() { err = firstError(err, h.end()) }()
	if err := h.pin(ctx, r.peers.key()); err != nil {
		return res, err
	}
	if res.in, err = legOf(ctx, h, r.peers.push); err != nil {
		return res, fmt.Errorf("in: %w", err)
	}
	if res.out, err = legOf(ctx, h, r.peers.fetch); err != nil {
		return res, fmt.Errorf("out: %w", err)
	}
	used, err := usage.Of(h.pid())
	if err != nil {
		return res, err
	}
	res.peak = used.Peak
	res.disk, err = usage.Disk(h.storage())
	return res, err
}

func legOf(ctx context.Context, h host, move func(context.Context, string) (time.Duration, error)) (l leg, err error) {
	before, err := usage.Of(h.pid())
	if err != nil {
		return l, err
	}
	if l.took, err = move(ctx, h.address()); err != nil {
		return l, err
	}
	after, err := usage.Of(h.pid())
	l.cpu = after.CPU - before.CPU
	return l, err
}
