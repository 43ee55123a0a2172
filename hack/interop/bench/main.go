// Command bench puts a box and a blind store in JavaScript side by side: the same
// data, the same stock JavaScript writer and reader, the same secret stream over
// TCP on this computer, and a third row with our own writer and reader. Each run
// has fresh hosts, and the hosts take turns, so that the figures can be read as
// ratios. The writer's feed is made once, before anything is measured.
//
//	make bench-interop
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"cobox/hack/interop"
	"cobox/seeder/cli"
)

// smallBlock is the block size of the second table: what a Hyperbee or the
// database of a Hyperdrive is made of.
const smallBlock = 100

func main() {
	j := job{size: 1 << 30, small: 10 << 20}
	bin := flag.String("bin", "bin", "the `folder` with the programs")
	flag.Var(&j.size, "size", "how much to move in blocks of 64 KiB, a `size`")
	flag.Var(&j.small, "small", "how much to move in blocks of 100 bytes, a `size`")
	flag.IntVar(&j.runs, "runs", 3, "`times` to measure; medians are shown")
	flag.StringVar(&j.only, "only", "", "measure only the rows with this `text` in their name")
	flag.StringVar(&j.peers, "peers", "hack/interop", "the `folder` with the JavaScript peers")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	abs, err := filepath.Abs(*bin)
	if err == nil {
		j.progs = interop.Programs(abs)
		err = j.run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: error:", err)
		os.Exit(1)
	}
}

// A job is what is measured.
type job struct {
	progs       interop.Programs
	peers       string
	size, small cli.Bytes
	runs        int
	only        string
}

func (j job) run(ctx context.Context) (err error) {
	dir, err := os.MkdirTemp("", "cobox-bench-")
	if err != nil {
		return err
	}
	defer func() { err = firstError(err, os.RemoveAll(dir)) }()
	for _, load := range []load{
		{blocks: int(j.size) / (64 << 10), block: 64 << 10},
		{blocks: int(j.small) / smallBlock, block: smallBlock},
	} {
		if load.blocks == 0 {
			continue
		}
		if err := j.compare(ctx, dir, load); err != nil {
			return fmt.Errorf("%d blocks of %d bytes: %w", load.blocks, load.block, err)
		}
	}
	return nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
