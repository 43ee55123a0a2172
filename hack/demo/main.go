// Command demo shows the whole point of the product with the real programs and
// real files ("demo"), and runs a box on this computer ("run"). It only starts
// programs and looks at what they leave: it has no part in what it shows.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	if len(os.Args) < 2 {
		fmt.Fprintln(os.Stderr, "usage: demo demo|run [-bin DIR] [-state DIR] [-port N] [-tree DIR]")
		os.Exit(2)
	}
	fs := flag.NewFlagSet(os.Args[1], flag.ExitOnError)
	bin := fs.String("bin", "bin", "where the programs are")
	state := fs.String("state", "var", "run: where the box keeps its state")
	port := fs.Int("port", 4001, "run: where the box listens, with Hypercore peers on the next; 0 for free ones")
	tree := fs.String("tree", "", "demo: the folder to back up; the Go library's sources when empty")
	_ = fs.Parse(os.Args[2:]) // ExitOnError

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := filepath.Abs(*bin)
	if err == nil {
		switch os.Args[1] {
		case "demo":
			err = demo(ctx, programs(dir), *tree)
		case "run":
			err = run(ctx, programs(dir), *state, *port)
		default:
			err = fmt.Errorf("there is no %q", os.Args[1])
		}
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: error: %v\n", os.Args[1], err)
		os.Exit(1)
	}
}
