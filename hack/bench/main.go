// Command bench measures a real box: a seederd process takes in 1 GiB of random
// data in blocks of 64 KiB over libp2p on this computer, and gives it back. In
// the same run a bare libp2p stream carries the same bytes between the same two
// kinds of processes, so that the figures can be read as ratios: the machine's
// own speed cancels out.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

func main() {
	bin := flag.String("bin", "bin", "the `folder` with the programs")
	size := flag.Int("mib", 1024, "how many `MiB` to move")
	block := flag.Int("block", 64<<10, "the size of a block in `bytes`")
	rounds := flag.Int("rounds", 3, "`times` to measure; the median is shown")
	feeds := flag.Int("feeds", 0, "instead: measure a box that keeps so many `feeds` and has nothing to do")
	alone := flag.Bool("store", false, "instead: measure the store by itself, reopened after kill -9 and read cold")
	filler := flag.String("fill", "", "append to the store in a `folder` until killed (for internal use)")
	sink := flag.Bool("sink", false, "be the other end of the bare stream (for internal use)")
	links := flag.Bool("links", false, "instead: what a backup and a restore get of long lines, beside iperf3; as root")
	only := flag.String("line", "", "with -links: the `name` of the one line to measure")
	control := flag.String("control", "", "with -links: the congestion `control` of TCP; that of this computer when empty")
	near := flag.String("near", "", "be the near end of a line to a `namespace` (for internal use)")
	transport := flag.String("transport", "tcp", "by what the near end goes (for internal use)")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	j := job{bin: *bin, blocks: *size << 20 / *block, block: *block, rounds: *rounds}
	switch {
	case *sink:
		err = runSink(ctx)
	case *filler != "":
		err = fill(ctx, *filler, *block)
	case *alone:
		err = storeAlone(ctx, j)
	case *links:
		err = overLines(ctx, linkJob{j, *control, *only})
	case *near != "":
		err = nearEnd(ctx, j, *near, *transport)
	case *feeds > 0:
		err = manyFeeds(ctx, j, *feeds)
	default:
		err = run(ctx, j)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench: error:", err)
		os.Exit(1)
	}
}
