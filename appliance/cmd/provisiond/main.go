// Command provisiond is the authority of a box: it knows who owns it and who may
// do what, and tells seederd, which carries its words to and fro.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"cobox/appliance/board"
	"cobox/appliance/boot"
	"cobox/appliance/gokrazy"
	"cobox/appliance/sensors"
	"cobox/appliance/update"
	"cobox/provision"
	"cobox/provision/chain"
	"cobox/seeder/boxkey"
	"cobox/seeder/cli"
	"cobox/seeder/durable"

	"golang.org/x/sync/errgroup"
)

const usage = `provisiond is the authority of a box: pairing, operators, partners, orders.

	provisiond -state /var/lib/cobox -page :80

It runs beside seederd (seederd -authority) on the same state folder until it is
told to end (SIGTERM, or ^C).

flags:
`

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, errOut io.Writer) int {
	fs := flag.NewFlagSet("provisiond", flag.ContinueOnError)
	fs.SetOutput(errOut)
	fs.Usage = func() {
		fmt.Fprint(errOut, usage)
		fs.PrintDefaults()
	}
	state := fs.String("state", "", "the state `folder`")
	initDir := fs.String("init", "", "the `folder` in which the box's init says how the start went; none on other computers")
	wait := fs.Duration("recovery-wait", chain.RecoveryWait, "how long the box has to be up before a recovery takes place; less is for trials")
	pageAt := fs.String("page", "", "where to show the status page, such as :80; empty for nowhere")
	var look figureFlags
	look.flags(fs)
	err := fs.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return cli.Done
	case err == nil && (*state == "" || fs.NArg() > 0):
		err = fmt.Errorf("-state is needed, and no arguments (%q)", fs.Args())
	case err == nil && *wait <= 0:
		err = fmt.Errorf("-recovery-wait %v: want a time", *wait)
	}
	if err != nil {
		fmt.Fprintf(errOut, "provisiond: error: %v\nprovisiond: hint: provisiond -help\n", err)
		return cli.Usage
	}
	cfg := provision.Config{State: *state, RecoveryWait: *wait}
	if *initDir != "" {
		err = startOf(&cfg, &look, *initDir)
		look.own = func(path string) error { return os.Chown(path, boot.SeederUser, boot.SeederGroup) }
	}
	if err == nil {
		err = serve(ctx, cfg, *pageAt, &look, errOut)
	}
	if err == nil && ctx.Err() == nil {
		err = errors.New("it has ended without being told to") // what ends well is not started again on a box
	}
	if err != nil {
		fmt.Fprintf(errOut, "provisiond: error: %v\n", err)
		return cli.Failed
	}
	return cli.Done
}

// serve runs the authority until ctx is done, with a status page at an address,
// unless that is empty.
func serve(ctx context.Context, cfg provision.Config, pageAt string, look *figureFlags, errOut io.Writer) (err error) {
	log := slog.New(slog.NewTextHandler(errOut, nil))
	if err := durable.Mkdir(cfg.State, 0o700); err != nil {
		return err
	}
	cfg.Log = log
	if cfg.Key, err = boxkey.Load(cfg.State); err != nil {
		return err
	}
	if cfg.Version == "" {
		cfg.Version, cfg.Built = build()
	}
	sys, err := openSystem(cfg.State, log)
	if err != nil {
		log.Error("the system cannot be updated", "error", err)
	}
	if sys != nil {
		cfg.Updates = sys.Updates
	}
	agent, err := provision.Open(cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, agent.Close()) }()
	log.Info("authority runs", "version", cfg.Version)
	figures := openFigures(look, cfg, agent, sys, log)
	server := provision.NewServer(agent, figures.views)
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return agent.Run(ctx) })
	g.Go(func() error { return server.Run(ctx) })
	g.Go(func() error { return figures.Run(ctx) })
	if pageAt != "" {
		status, err := openPage(pageAt, agent, figures.vitals.Snapshot, cfg.Version)
		if err != nil {
			log.Error("there is no status page; the box works without", "error", err)
		} else {
			log.Info("status page", "addr", status.listener.Addr().String())
			g.Go(func() error { return status.Run(ctx, log) })
		}
	}
	return g.Wait()
}

// startOf makes the authority follow what a box's init says in dir of the start.
func startOf(cfg *provision.Config, look *figureFlags, dir string) error {
	r, err := boot.ReadReport(dir)
	if err != nil {
		return err
	}
	cfg.Version, cfg.Built = r.Version, r.Built
	look.cause = r.Cause
	cfg.Troubles, cfg.Board, cfg.Passive = r.Troubles, r.Board, r.Passive()
	if !r.Writable {
		cfg.ReadOnly = errors.New("the box's card cannot be written to")
	}
	if r.Cloned && r.Writable {
		cfg.AcceptBoard = func() error { return acceptBoard(cfg.State, r.Board) }
	}
	cfg.TimeKnown = func() bool { return boot.TimeKnown(dir) }
	cfg.Uptime = boot.Uptime
	return nil
}

// answerFirst is how long the answer to the operator's order has before the
// machine is started anew.
const answerFirst = time.Second

// acceptBoard notes that the box may go on on a board, and starts it anew.
func acceptBoard(state, id string) error {
	if err := board.Decide(state, id); err != nil {
		return err
	}
	if err := update.NoteRestart(state, sensors.Requested); err != nil {
		return err
	}
	time.Sleep(answerFirst)
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return gokrazy.Reboot(ctx, gokrazy.NewClient(gokrazy.Socket))
}

// build returns the version of this program, and the time of the commit that it
// was built from: no time before that can be now.
func build() (version string, built time.Time) {
	version = "devel"
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return version, built
	}
	if info.Main.Version != "" {
		version = info.Main.Version
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.time" {
			built, _ = time.Parse(time.RFC3339, s.Value) // none when it is in another form
		}
	}
	return version, built
}
