package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"cobox/seeder/cli"
	"cobox/seeder/feed"
	"cobox/seeder/space"
)

// A drillResult says what a drill showed. The last one that passed is kept.
type drillResult struct {
	Space    string        `json:"space"`
	Box      string        `json:"box"`
	Time     time.Time     `json:"time"`
	Snapshot time.Time     `json:"snapshot"` // when the snapshot was made that was restored from
	Files    uint64        `json:"files"`    // restored and verified
	Bytes    uint64        `json:"bytes"`
	Missing  uint64        `json:"missing"` // could not be restored
	Same     int           `json:"same"`    // compared with the files in the folder, and the same
	Differ   []string      `json:"differ,omitempty"`
	Took     time.Duration `json:"took"`       // nanoseconds
	All      time.Duration `json:"everything"` // what a restore of everything would take from this box, at that rate
	Warnings []string      `json:"warnings,omitempty"`
}

func drillCommand() cli.Command {
	var from, sample, scratch string
	return cli.Command{
		Name: "drill", Args: "[-from BOX] [-sample N%] [NAME]", Short: "restore a sample from one box, to know that it works",
		Help: `
Restores files that are chosen at random from one box alone, into a folder that is
deleted again, verifies them, and compares them with those of the folder that
have not changed since. It says how long a restore of everything would take. Once
a month, by a timer, is a good plan.

	cobox drill documents
	cobox drill -sample 100% -from 12D3KooW... documents

Exit status 4 says that something could not be restored, or came back different.`,
		Flags: func(fs *flag.FlagSet) {
			fs.StringVar(&from, "from", "", "the `box` to restore from; by default one of the space's, at random")
			fs.StringVar(&sample, "sample", "1%", "how much of the contents to restore, in `percent`")
			fs.StringVar(&scratch, "scratch", os.TempDir(), "the `folder` in which the sample is restored for the time of the drill")
		},
		Run: func(ctx context.Context, c *cli.Call) (err error) {
			percent, perr := strconv.ParseFloat(strings.TrimSuffix(sample, "%"), 64)
			if len(c.Args) > 1 || perr != nil || percent <= 0 || percent > 100 {
				return cli.Misuse("drill takes the name of one space, and -sample from above 0%% to 100%%")
			}
			s, sp, err := openSpace(ctx, append(c.Args, "")[0], true)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.close()) }()
			if from == "" && len(sp.Boxes) > 0 {
				from = sp.Boxes[rand.IntN(len(sp.Boxes))]
			}
			if from == "" {
				return cli.WithHint(fmt.Errorf("no box keeps %s yet", sp.Name), "cobox pin "+sp.Name+" BOX")
			}
			r, err := s.drill(ctx, c, sp, from, percent, scratch)
			if err != nil {
				return err
			}
			if err := c.Print(r, func(w io.Writer) { printDrill(w, r) }); err != nil {
				return err
			}
			if r.Missing > 0 || len(r.Differ) > 0 {
				return &cli.Error{Code: cli.VerifyFailed, Err: fmt.Errorf("the drill failed: %d files could not be restored, %d came back different", r.Missing, len(r.Differ)),
					Hint: "cobox check -read-data 100% says what is damaged; another box may have it whole"}
			}
			return s.h.keepDrill(sp.Name, from, r)
		},
	}
}

func (h *home) keepDrill(space, box string, r *drillResult) error {
	record, err := h.readAudits(space, box)
	if err != nil {
		return err
	}
	record.Drill = r
	return h.writeAudits(space, box, record)
}

func printDrill(w io.Writer, r *drillResult) {
	for _, warning := range r.Warnings {
		fmt.Fprintf(w, "not restored: %s\n", warning)
	}
	for _, path := range r.Differ {
		fmt.Fprintf(w, "different: %q\n", path)
	}
	fmt.Fprintf(w, "%d files, %s, came back from box %s in %v and are what was backed up on %s\n",
		r.Files, cli.FormatBytes(r.Bytes), shortBox(r.Box), r.Took.Round(time.Millisecond), r.Snapshot.Local().Format(time.DateTime))
	fmt.Fprintf(w, "%d of them were compared with the folder: the same. All of the space would take about %v from this box\n", r.Same, r.All.Round(time.Second))
}

// drillPatience is how long a drill waits for one block: the box is there, and a
// block of 1 MiB at 128 kbit/s takes a minute.
const drillPatience = 2 * time.Minute

// patient reads blocks for which it waits no longer than patience each.
type patient struct {
	from     blocks
	patience time.Duration
}

func (p patient) Block(ctx context.Context, key feed.Key, i uint64) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, p.patience, fmt.Errorf("the box does not give it within %v", p.patience))
	defer cancel()
	return p.from.Block(ctx, key, i)
}

// Release implements space.Releaser.
func (p patient) Release(block []byte) { p.from.Release(block) }

// Prefetch implements space.Prefetcher.
func (p patient) Prefetch(ctx context.Context, key feed.Key, indexes []uint64) {
	p.from.Prefetch(ctx, key, indexes)
}

// drill restores a sample of the newest snapshot from one box alone.
func (s *session) drill(ctx context.Context, c *cli.Call, sp *spaceFile, box string, percent float64, scratch string) (*drillResult, error) {
	l, err := openLibraryOn(ctx, s, sp, []string{box}, blockPatience, patient{blocks{reader: s.reader}, drillPatience}, false)
	if err != nil {
		return nil, err
	}
	snap, err := l.pick(0)
	if err != nil {
		return nil, err
	}
	only, files, err := l.sample(ctx, snap, percent)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp(scratch, "cobox-drill-")
	if err != nil {
		return nil, fmt.Errorf("making the folder of the drill: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()

	var size uint64
	for _, n := range files {
		size += n.Size
	}
	r := &drillResult{Space: sp.Name, Box: box, Time: time.Now(), Snapshot: snap.Time}
	show := cli.NewProgress(c.Err, "restoring", int64(size), c.JSON)
	result, err := space.Restore(ctx, l.reader, snap, dir, space.RestoreOptions{
		Only:     only,
		Progress: func(p space.Progress) { show.Set(int64(p.Bytes), int64(size)) },
		Warn:     func(e *space.PathError) { r.Warnings = append(r.Warnings, e.Error()) },
	})
	show.Close()
	r.Took = time.Since(r.Time)
	partial, isPartial := errors.AsType[*space.PartialError](err)
	switch {
	case isPartial:
		r.Missing = partial.Missing
	case err != nil:
		return nil, err
	}
	r.Files, r.Bytes = result.Files, result.Bytes
	if r.Bytes > 0 {
		r.All = time.Duration(float64(r.Took) * float64(snap.Totals.Bytes) / float64(r.Bytes))
	}
	if sp.Source != "" {
		r.compare(sp.Source, dir, files)
	}
	return r, nil
}

// sample chooses files of a snapshot at random, until they have so much of its
// bytes; at least one.
func (l *library) sample(ctx context.Context, snap *space.Snapshot, percent float64) (only map[string]struct{}, files map[string]*space.Node, err error) {
	type entry struct {
		path string
		node *space.Node
	}
	var all []entry
	err = l.reader.Walk(ctx, snap, func(path string, n *space.Node) error {
		if n.Type == space.TypeFile {
			all = append(all, entry{path, n})
		}
		return nil
	})
	if err != nil {
		return nil, nil, fmt.Errorf("choosing files: %w", err)
	}
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	only, files = make(map[string]struct{}), make(map[string]*space.Node)
	want, have := percent/100*float64(snap.Totals.Bytes), 0.0
	for _, e := range all {
		if percent < 100 && len(only) > 0 && have >= want {
			break
		}
		only[e.path], files[e.path] = struct{}{}, e.node
		have += float64(e.node.Size)
	}
	return only, files, nil
}

// compare compares what was restored with the files of the folder that have the
// size and the time that they had when they were backed up.
func (r *drillResult) compare(source, restored string, files map[string]*space.Node) {
	for path, n := range files {
		name := filepath.Join(source, filepath.FromSlash(path))
		info, err := os.Lstat(name)
		if err != nil || !info.Mode().IsRegular() || uint64(info.Size()) != n.Size || !info.ModTime().Equal(n.ModTime) {
			continue // changed since, or gone
		}
		switch same, err := sameContent(name, filepath.Join(restored, filepath.FromSlash(path))); {
		case err != nil: // not restored: that is counted already; or not readable here
		case same:
			r.Same++
		default:
			r.Differ = append(r.Differ, path)
		}
	}
}

// sameContent compares two files.
func sameContent(a, b string) (bool, error) {
	fa, err := os.Open(a)
	if err != nil {
		return false, err
	}
	defer func() { _ = fa.Close() }()
	fb, err := os.Open(b)
	if err != nil {
		return false, err
	}
	defer func() { _ = fb.Close() }()
	bufA, bufB := make([]byte, 1<<16), make([]byte, 1<<16)
	for {
		n, errA := io.ReadFull(fa, bufA)
		m, errB := io.ReadFull(fb, bufB)
		if n != m || !bytes.Equal(bufA[:n], bufB[:m]) {
			return false, nil
		}
		if ended(errA) && ended(errB) {
			return true, nil
		}
		if err := errors.Join(errA, errB); err != nil {
			return false, err
		}
	}
}

func ended(err error) bool { return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) }
