package main

import (
	"context"
	"flag"
	"fmt"
	"time"

	"cobox/seeder/cli"
)

func watchCommand() cli.Command {
	var every time.Duration
	return cli.Command{
		Name: "watch", Args: "[-every TIME] [NAME]", Short: "back up again and again",
		Help: `
Backs a space up now and then every so often, until it is interrupted. An
unchanged folder costs one small block; nothing of it is read.

	cobox watch -every 30m documents`,
		Flags: func(fs *flag.FlagSet) {
			fs.DurationVar(&every, "every", 15*time.Minute, "the `time` from the end of one backup to the beginning of the next")
		},
		Run: func(ctx context.Context, c *cli.Call) error {
			if len(c.Args) > 1 || every <= 0 {
				return cli.Misuse("watch takes the name of one space, and -every a time such as 30m")
			}
			for {
				began := time.Now()
				r, err := backup(ctx, c, append(c.Args, "")[0], false)
				switch {
				case ctx.Err() != nil:
					return nil
				case r == nil:
					fmt.Fprintf(c.Err, "cobox: error: %v\n", err)
				case c.JSON:
					fmt.Fprintln(c.Out, asJSON(r))
				default:
					fmt.Fprintf(c.Out, "%s ", began.Format(time.DateTime))
					printBackup(c.Out, r)
				}
				select {
				case <-ctx.Done():
					return nil
				case <-time.After(every):
				}
			}
		},
	}
}
