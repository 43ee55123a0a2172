package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"cobox/seeder/cli"
	"cobox/seeder/space"
)

func checkCommand() cli.Command {
	var readData string
	var wait time.Duration
	return cli.Command{
		Name: "check", Args: "[-read-data N%] [NAME]", Short: "check that everything can be restored",
		Help: `
Reads the trees of all snapshots of a space from its boxes and checks that every
piece they need is there. With -read-data a part of the contents, chosen at
random, is read and verified too. Exit status 4 says that something is damaged, 3
that some blocks are on no box now: boxes that are out of reach may have them.

	cobox check documents
	cobox check -read-data 5% documents`,
		Flags: func(fs *flag.FlagSet) {
			fs.StringVar(&readData, "read-data", "0%", "how much of the contents to read, in `percent`")
			patienceFlag(fs, &wait)
		},
		Run: func(ctx context.Context, c *cli.Call) (err error) {
			percent, perr := strconv.ParseFloat(strings.TrimSuffix(readData, "%"), 64)
			if len(c.Args) > 1 || perr != nil || percent < 0 || percent > 100 {
				return cli.Misuse("check takes the name of one space, and -read-data from 0%% to 100%%")
			}
			s, sp, err := openSpace(ctx, append(c.Args, "")[0], true)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.close()) }()
			l, err := openLibrary(ctx, s, sp, wait)
			if err != nil {
				return err
			}
			show := cli.NewProgress(c.Err, "checking", 0, c.JSON)
			r, err := space.Check(ctx, l.reader, l.snapshots, space.CheckOptions{
				Feeds: l.feeds, ReadData: percent,
				Progress: func(p space.Progress) { show.Set(int64(p.Bytes), int64(p.TotalBytes)) },
			})
			show.Close()
			damaged, isDamaged := errors.AsType[*space.DamageError](err)
			if err != nil && !isDamaged {
				return err
			}
			type damage struct {
				Path  string `json:"path"`
				Error string `json:"error"`
			}
			result := struct {
				Snapshots  uint64   `json:"snapshots"`
				Files      uint64   `json:"files"`
				Blocks     uint64   `json:"blocks"`
				BlocksRead uint64   `json:"blocksRead"`
				Damaged    uint64   `json:"damaged"`
				Damages    []damage `json:"damages,omitempty"`
			}{r.Snapshots, r.Files, r.Blocks, r.BlocksRead, r.DamageCount, nil}
			for _, d := range r.Damages {
				result.Damages = append(result.Damages, damage{d.Path, d.Err.Error()})
			}
			err = c.Print(result, func(w io.Writer) {
				fmt.Fprintf(w, "%s, %s, %s of contents, of which %d were read: ", cli.Count(r.Snapshots, "snapshot"), cli.Count(r.Files, "file"), cli.Count(r.Blocks, "block"), r.BlocksRead)
				if !isDamaged {
					fmt.Fprintln(w, "no damage")
					return
				}
				fmt.Fprintf(w, "%d damaged\n", r.DamageCount)
				for _, d := range result.Damages {
					fmt.Fprintf(w, "  %q: %s\n", d.Path, d.Error)
				}
			})
			if err == nil && isDamaged && damaged.Absent == damaged.Count {
				return &cli.Error{Code: cli.Partly, Err: errors.Join(damaged, l.unread), Hint: laterHint}
			}
			if err == nil && !isDamaged && l.unread != nil {
				return &cli.Error{Code: cli.Partly, Err: l.unread, Hint: laterHint}
			}
			if err == nil && isDamaged {
				err = &cli.Error{Code: cli.VerifyFailed, Err: damaged, Hint: "files that are still on this computer are stored anew by the next backup after they changed; keep a copy"}
			}
			return err
		},
	}
}
