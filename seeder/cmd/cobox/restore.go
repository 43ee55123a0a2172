package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"cobox/seeder/cli"
	"cobox/seeder/space"
)

func snapshotsCommand() cli.Command {
	return cli.Command{
		Name: "snapshots", Args: "[NAME]", Short: "list the snapshots of a space",
		Help: `
Lists the snapshots of a space, of all devices, oldest first:

	cobox snapshots documents`,
		Run: func(ctx context.Context, c *cli.Call) (err error) {
			if len(c.Args) > 1 {
				return cli.Misuse("snapshots takes the name of one space")
			}
			s, sp, err := openSpace(ctx, append(c.Args, "")[0], true)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.close()) }()
			l, err := openLibrary(ctx, s, sp, blockPatience)
			if err != nil {
				return err
			}
			if l.unread != nil {
				return l.unread // the numbers are counted from the oldest
			}
			type row struct {
				Number int       `json:"number"`
				Time   time.Time `json:"time"`
				Device string    `json:"device"`
				Source string    `json:"source"`
				Files  uint64    `json:"files"`
				Bytes  uint64    `json:"bytes"`
			}
			rows := []row{}
			for i, snap := range l.snapshots {
				rows = append(rows, row{i + 1, snap.Time, snap.Device.Name, snap.Source, snap.Totals.Files, snap.Totals.Bytes})
			}
			return c.Print(rows, func(w io.Writer) {
				t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
				for _, r := range rows {
					fmt.Fprintf(t, "%d\t%s\t%s\t%q\t%s\t%s\n", r.Number, r.Time.Local().Format(time.DateTime), r.Device, r.Source, cli.Count(r.Files, "file"), cli.FormatBytes(r.Bytes))
				}
				_ = t.Flush()
			})
		},
	}
}

// A restoreResult is what "cobox restore -json" prints.
type restoreResult struct {
	Space    string    `json:"space"`
	Time     time.Time `json:"time"` // of the snapshot
	Files    uint64    `json:"files"`
	Folders  uint64    `json:"folders"`
	Bytes    uint64    `json:"bytes"`
	Kept     uint64    `json:"kept"` // files that were there already
	Skipped  uint64    `json:"skipped"`
	Missing  uint64    `json:"missing"`
	Nowhere  []string  `json:"nowhere,omitempty"` // paths of those missing that need a block which no box has now
	Warnings []string  `json:"warnings,omitempty"`
}

func restoreCommand() cli.Command {
	var (
		name      string
		number    int
		include   cli.Strings
		overwrite bool
		owner     bool
		wait      time.Duration
	)
	return cli.Command{
		Name: "restore", Args: "[-space NAME] [-snapshot N] [-include GLOB] DIR", Short: "get a snapshot back",
		Help: `
Writes a snapshot into a folder, the newest unless -snapshot says another. All
contents are verified; a file appears under its name when it is complete. An
interrupted restore goes on when it is run again.

What needs a block that no box has now is left out and named (exit status 3): a
box that is off may have it, and one that lost it may get it from another box. A
restore that is run again later writes only what was left out. A box that is out of
reach is waited for as long as -patience says, and not once more for each block.
Exit status 4 says that something did come back, and is damaged.

	cobox restore -space documents ./restored
	cobox restore -space documents -snapshot 3 -include '*.odt' ./restored`,
		Flags: func(fs *flag.FlagSet) {
			fs.StringVar(&name, "space", "", "the `name` of the space; not needed when there is one")
			fs.IntVar(&number, "snapshot", 0, "the `number` of the snapshot, as cobox snapshots shows it")
			fs.Var(&include, "include", "restore what matches a `pattern` only; may be given several times")
			fs.BoolVar(&overwrite, "overwrite", false, "replace files in the folder that are different")
			patienceFlag(fs, &wait)
			fs.BoolVar(&owner, "owner", false, "restore owners too; this takes the rights of root")
		},
		Run: func(ctx context.Context, c *cli.Call) (err error) {
			if len(c.Args) != 1 {
				return cli.Misuse("restore needs the folder to write to")
			}
			s, sp, err := openSpace(ctx, name, true)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.close()) }()
			l, err := openLibrary(ctx, s, sp, wait)
			if err != nil {
				return err
			}
			snap, err := l.pick(number)
			if err != nil {
				return err
			}
			if l.unread != nil {
				c.Note("cobox: warning: older snapshots are out of reach: %v", l.unread)
			}
			return l.restore(ctx, c, sp, snap, c.Args[0], space.RestoreOptions{Include: include, Overwrite: overwrite, Owner: owner})
		},
	}
}

// laterHint is for what no box has now.
const laterHint = "try again later: a box may be out of reach now, or be about to get it from another one; cobox status says how they stand"

func (l *library) restore(ctx context.Context, c *cli.Call, sp *spaceFile, snap *space.Snapshot, dir string, o space.RestoreOptions) error {
	r := restoreResult{Space: sp.Name, Time: snap.Time}
	show := cli.NewProgress(c.Err, "restoring", int64(snap.Totals.Bytes), c.JSON)
	o.Progress = func(p space.Progress) { show.Set(int64(p.Bytes), int64(p.TotalBytes)) }
	o.Warn = func(e *space.PathError) {
		r.Warnings = append(r.Warnings, e.Error())
		if errors.Is(e, space.ErrAbsent) {
			r.Nowhere = append(r.Nowhere, e.Path)
		}
		c.Note("cobox: warning: %v", e)
	}
	result, err := space.Restore(ctx, l.reader, snap, dir, o)
	show.Close()
	partial, isPartial := errors.AsType[*space.PartialError](err)
	if err != nil && !isPartial {
		return err
	}
	r.Files, r.Folders, r.Bytes = result.Files, result.Dirs, result.Bytes
	r.Kept, r.Skipped = result.Kept, result.Skipped
	if isPartial {
		r.Missing = partial.Missing
	}
	err = c.Print(r, func(w io.Writer) {
		fmt.Fprintf(w, "%s in %s restored to %s, %s written, %d there already\n", cli.Count(r.Files, "file"), cli.Count(r.Folders, "folder"), dir, cli.FormatBytes(r.Bytes), r.Kept)
	})
	if err == nil && isPartial && uint64(len(r.Nowhere)) == r.Missing {
		return &cli.Error{Code: cli.Partly, Err: partial, Hint: laterHint}
	}
	if err == nil && isPartial {
		err = &cli.Error{Code: cli.VerifyFailed, Err: partial, Hint: "cobox check -read-data 100% says what is damaged; another box may have it whole"}
	}
	return err
}
