package main

import (
	"context"
	"flag"
	"fmt"
	"sync"
	"time"

	"cobox/seeder/alarm"
	"cobox/seeder/cli"
)

func watchCommand() cli.Command {
	var (
		every  time.Duration
		stale  = cli.Days(3 * 24 * time.Hour)
		teller alarm.Teller
	)
	return cli.Command{
		Name: "watch", Args: "[-every TIME] [-stale TIME [-exec CMD] [-webhook URL]] [NAME]", Short: "back up again and again, and tell when a box is silent or behind",
		Help: `
Backs a space up now and then every so often, until it is interrupted. An
unchanged folder costs one small block; nothing of it is read.

	cobox watch -every 30m documents

It tells when a box has not signed for everything for longer than -stale, whether
the box is silent, has no room, or this computer cannot back up; and when it has
everything again: each once, also when watch was ended meanwhile. It says so itself,
and to whom you want:

	cobox watch -stale 3d -exec 'notify-send "$COBOX_TEXT"' documents

The command runs in a shell, with COBOX_EVENT ("trouble" or "over"), COBOX_BOX,
COBOX_KIND and COBOX_TEXT, and the same as JSON on its standard input. The webhook
gets the JSON by POST; its field "text" is what chat programs show.`,
		Flags: func(fs *flag.FlagSet) {
			fs.DurationVar(&every, "every", 15*time.Minute, "the `time` from the end of one backup to the beginning of the next")
			fs.Var(&stale, "stale", "for how long a box may not have everything, a `time` such as 3d; 0 for ever")
			fs.StringVar(&teller.Command, "exec", "", "a `command` to run at each event")
			fs.StringVar(&teller.Webhook, "webhook", "", "a `URL` to call at each event")
		},
		Run: func(ctx context.Context, c *cli.Call) error {
			if len(c.Args) > 1 || every <= 0 {
				return cli.Misuse("watch takes the name of one space, and -every a time such as 30m")
			}
			if stale == 0 && (teller.Command != "" || teller.Webhook != "") {
				return cli.Misuse("with -stale 0 there is nothing to tell with -exec or -webhook")
			}
			if err := teller.Check(); err != nil {
				return cli.Misuse("-webhook: %v", err)
			}
			name := append(c.Args, "")[0]
			teller.Output = c.Err
			var wg sync.WaitGroup
			defer wg.Wait()
			if stale > 0 {
				v := &vigil{call: c, name: name, stale: time.Duration(stale), teller: &teller}
				wg.Go(func() { v.run(ctx) })
			}
			backupAgain(ctx, c, name, every)
			return nil
		},
	}
}

// backupAgain backs a space up until ctx is done.
func backupAgain(ctx context.Context, c *cli.Call, name string, every time.Duration) {
	for {
		began := time.Now()
		r, err := backup(ctx, c, name, false)
		switch {
		case ctx.Err() != nil:
			return
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
			return
		case <-time.After(every):
		}
	}
}
