package main

import (
	"context"
	"flag"
	"io"

	"cobox/seeder/api"
	"cobox/seeder/cli"
)

func statusCommand() cli.Command {
	var socket string
	return cli.Command{
		Name: "status", Args: "-socket FILE", Short: "how a box stands",
		Help: `
Prints how the box on this computer stands: its store, its partners with their
quotas, and its pins.

	coboxctl status -socket var/box/run/seederd.sock`,
		Flags: func(fs *flag.FlagSet) {
			fs.StringVar(&socket, "socket", "", "the socket of a box on this computer, a `file`")
		},
		Run: func(ctx context.Context, c *cli.Call) error {
			if len(c.Args) > 0 || socket == "" {
				return cli.Misuse("status needs -socket and no arguments")
			}
			st, err := boxStatus(ctx, socket)
			if err != nil {
				return err
			}
			return c.Print(st, func(w io.Writer) { api.PrintStatus(w, &st) })
		},
	}
}
