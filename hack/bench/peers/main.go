// Command peers has a box and other programs do the same work side by side: keep
// somebody's folder on a host that must not read it, and give it back. Everything runs
// on this computer, each round with fresh hosts, in turns, so that the figures can be
// read as ratios. What was restored is compared byte by byte, outside the time.
//
//	make bench-peers
//
// The others are restic with "rclone serve restic", borg with "borg serve" through a
// pipe, and Syncthing with an encrypted folder. None of their hosts verifies what it
// is given, and those of restic do not sync it to the disk; the box does both.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

// minMiB makes a folder in which there is the file that is restored alone.
const minMiB = 32

func main() {
	b := bench{}
	bin := flag.String("bin", "bin", "the `folder` with the programs")
	flag.IntVar(&b.mib, "mib", 1024, "how many `MiB` the folder and the large file have")
	flag.IntVar(&b.small, "small", 200_000, "how many small `files`")
	flag.IntVar(&b.rounds, "rounds", 5, "`times` to measure; medians are shown")
	only := flag.String("only", "", "only these `systems`, with commas")
	jobs := flag.String("jobs", "folder,large,small", "the `jobs`, with commas")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if b.mib < minMiB || b.small <= perFolder {
		err = fmt.Errorf("-mib is at least %d, and -small above %d: one file of each folder is restored alone", minMiB, perFolder)
	} else if b.bin, err = filepath.Abs(*bin); err == nil {
		if *only != "" {
			b.only = strings.Split(*only, ",")
		}
		b.jobs = strings.Split(*jobs, ",")
		err = b.run(ctx)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "peers: error:", err)
		os.Exit(1)
	}
}
