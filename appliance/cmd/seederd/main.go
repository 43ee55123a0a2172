// Command seederd is the box: it keeps partners' feeds without any key that
// opens them, and is the only process of a box on the network.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"time"

	"cobox/appliance/confine"
	"cobox/appliance/sensors"
	"cobox/seeder"
	"cobox/seeder/api"
	"cobox/seeder/boxkey"
	"cobox/seeder/cli"
	"cobox/seeder/durable"
	"cobox/seeder/identity"
	"cobox/seeder/shelf"
)

const usage = `seederd keeps partners' feeds, which it cannot read.

	seederd -state /var/lib/cobox -operator operator:... -listen /ip4/0.0.0.0/tcp/4001
	seederd -state /var/lib/cobox -status

It runs until it is told to end (SIGTERM, or ^C); what it has acknowledged is
then on the disk, and is so after a power cut too. All settings may stand in a
file, one "name value" a line (-config FILE).

flags:
`

func main() {
	if len(os.Args) > 1 && os.Args[1] == confine.Word {
		confined(os.Args[2:]) // returns only when that fails
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// confined takes from this process what the program does not need, and becomes the
// program in args anew: so a box's init starts it.
func confined(args []string) {
	warn := func(err error) { fmt.Fprintf(os.Stderr, "seederd: warning: %v\n", err) }
	fmt.Fprintf(os.Stderr, "seederd: error: %v\n", confine.Exec(args, os.Environ(), warn))
	os.Exit(cli.Failed)
}

func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	s, err := parse(args, errOut)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return cli.Done
	case err != nil:
		fmt.Fprintf(errOut, "seederd: error: %v\nseederd: hint: seederd -help\n", err)
		return cli.Usage
	}
	if s.status {
		err = printStatus(ctx, s, out)
	} else {
		err = serve(ctx, s, errOut)
	}
	if err != nil {
		fmt.Fprintf(errOut, "seederd: error: %v\n", err)
		return cli.Failed
	}
	return cli.Done
}

// serve runs the seeder until ctx is done.
func serve(ctx context.Context, s *settings, errOut io.Writer) error {
	level := slog.LevelInfo
	if s.debug {
		level = slog.LevelDebug
	}
	log := slog.New(slog.NewTextHandler(errOut, &slog.HandlerOptions{Level: level}))
	cfg := s.config
	cfg.Log, cfg.Version = log, version()
	cfg.Program = func() api.Program { return api.Program(sensors.Self("seederd")) }
	if s.trace {
		cfg.Trace = func(line string) { fmt.Fprintf(errOut, "trace: %s\n", line) }
	}
	limitMemory()
	opened := func(box *seeder.Seeder) error {
		time.AfterFunc(giveBackAfter, debug.FreeOSMemory)
		for _, file := range s.grants {
			if err := addGrant(box, file); err != nil {
				return err
			}
		}
		log.Info("box runs", "id", box.ID(), "addrs", box.Addrs(), "version", cfg.Version)
		return nil
	}
	var err error
	if cfg.Authority {
		err = keep(ctx, cfg, s.disk, opened)
	} else {
		err = once(ctx, cfg, opened)
	}
	log.Info("box ended")
	if errors.Is(err, seeder.ErrAnew) {
		return errors.Join(err, anew())
	}
	return err
}

// anew makes this process the same program from its beginning. It returns only when
// that fails.
func anew() error {
	self, err := os.Executable()
	if err == nil {
		err = syscall.Exec(self, os.Args, os.Environ())
	}
	return fmt.Errorf("starting anew: %w", err)
}

// once runs a seeder whose store is in the state folder.
func once(ctx context.Context, cfg seeder.Config, opened func(*seeder.Seeder) error) error {
	box, err := seeder.Open(cfg)
	if err != nil {
		return err
	}
	if err := opened(box); err != nil {
		return errors.Join(err, box.Close())
	}
	return box.Run(ctx)
}

// keep runs a seeder whose store is in the state folder, or on the data disk that the
// authority has mounted at disk.
func keep(ctx context.Context, cfg seeder.Config, disk string, opened func(*seeder.Seeder) error) error {
	if err := durable.Mkdir(cfg.State, 0o700); err != nil {
		return err
	}
	key, err := boxkey.Load(cfg.State)
	if err != nil {
		return err
	}
	return seeder.Keep(ctx, cfg, shelf.Shelf{
		Card: filepath.Join(cfg.State, "store"), Disk: disk, Box: identity.BoxKeyOf(key).PeerID().String(),
	}, opened)
}

func addGrant(box *seeder.Seeder, file string) error {
	text, err := os.ReadFile(file)
	if err == nil {
		_, err = box.AddGrant(text)
	}
	if err != nil {
		return fmt.Errorf("taking in the grant in %s: %w", file, err)
	}
	return nil
}

// giveBackAfter is when the memory goes back to the system that only the start took: the
// runtime does it minutes later, and boards have little.
const giveBackAfter = 30 * time.Second

// limitMemory sets the soft limit that a box with 512 MB needs, unless the
// environment says otherwise (GOMEMLIMIT). GOGC is low for the same reason: most
// of what lives is the index's table in memory, in one piece that costs a
// collection nothing to look through, and blocks make hardly any garbage.
func limitMemory() {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(150 << 20)
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(25)
	}
}

func version() string {
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "devel"
}

// printStatus asks the seeder that runs on the state folder.
func printStatus(ctx context.Context, s *settings, out io.Writer) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://box/v1/status", nil)
	if err != nil {
		return err
	}
	resp, err := api.SocketClient(api.SocketPath(s.config.State)).Do(req)
	if err != nil {
		return fmt.Errorf("asking the seeder on %s: %w (does it run?)", s.config.State, err)
	}
	defer resp.Body.Close()
	var st api.BoxStatus
	if err := api.ReadAnswer(resp, 32<<20, &st); err != nil {
		return fmt.Errorf("asking the seeder on %s: %w", s.config.State, err)
	}
	if s.json {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(st)
	}
	api.PrintStatus(out, &st)
	return nil
}
