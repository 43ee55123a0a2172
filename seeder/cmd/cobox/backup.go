package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"

	"cobox/seeder/cli"
	"cobox/seeder/durable"
	"cobox/seeder/space"
	"cobox/seeder/store"
)

// A backupResult is what "cobox backup -json" prints.
type backupResult struct {
	Space     string     `json:"space"`
	Time      time.Time  `json:"time"`
	Snapshot  uint64     `json:"snapshot"` // its block in this device's feed
	Files     uint64     `json:"files"`
	Bytes     uint64     `json:"bytes"`
	FilesRead uint64     `json:"filesRead"` // the others had not changed
	ReadBytes uint64     `json:"readBytes"`
	Blocks    uint64     `json:"blocks"` // appended
	Stored    uint64     `json:"storedBytes"`
	Sent      uint64     `json:"sentBytes"` // to all boxes, blocks of an interrupted backup included
	Missing   uint64     `json:"missing"`   // entries that could not be read
	Boxes     []delivery `json:"boxes"`
	Warnings  []string   `json:"warnings,omitempty"`

	dataFrom, dataTo uint64 // of Blocks, those with contents of files
}

func backupCommand() cli.Command {
	var keep bool
	return cli.Command{
		Name: "backup", Args: "[-keep] [NAME]", Short: "take a snapshot and bring it to the boxes",
		Help: `
Takes a snapshot of a space's folder, and waits until its boxes have it and have
signed that they do. Files that have not changed are not read, content that is
there already is not stored or sent again, and an interrupted backup goes on
where it was. Exit status 3 says that entries could not be read or that a box is
behind; it is brought up to date by the next backup.

	cobox backup documents

Contents that all boxes have signed for are dropped from this computer's own
store, unless -keep is given. Where its disk is short, contents are dropped as
soon as all boxes say that they have them, and the backup waits for that: a
folder may be larger than what is free.`,
		Flags: func(fs *flag.FlagSet) {
			fs.BoolVar(&keep, "keep", false, "keep a copy of the encrypted contents on this computer")
		},
		Run: func(ctx context.Context, c *cli.Call) error {
			if len(c.Args) > 1 {
				return cli.Misuse("backup takes the name of one space")
			}
			r, err := backup(ctx, c, append(c.Args, "")[0], keep)
			if r == nil {
				return err
			}
			if printErr := c.Print(r, func(w io.Writer) { printBackup(w, r) }); printErr != nil {
				return printErr
			}
			return err
		},
	}
}

// backup backs a space up. With a result and an error, it was done in part.
func backup(ctx context.Context, c *cli.Call, name string, keep bool) (_ *backupResult, err error) {
	s, sp, err := openSpace(ctx, name, true)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	if !s.h.about.MayWrite() {
		return nil, errReadOnly
	}
	if sp.Source == "" {
		return nil, cli.WithHint(fmt.Errorf("space %s has no folder on this computer", sp.Name), "cobox space create "+sp.Name+" FOLDER")
	}
	own, err := s.openOwn(sp)
	if err != nil {
		return nil, err
	}
	keys, err := s.keys(sp)
	if err != nil {
		return nil, err
	}
	p := s.startPush(sp, own)
	defer p.stop()
	if err := p.contact(ctx); err != nil {
		return nil, err
	}
	r := &backupResult{Space: sp.Name}
	if !keep {
		own.thinner = newThinner(p, keys, filepath.Join(s.h.dir, storeDir))
	}
	if err := s.snapshot(ctx, c, sp, own, keys, r); err != nil {
		return nil, err
	}
	show := cli.NewProgress(c.Err, "sending", 0, c.JSON)
	average := own.Durable().Head.Bytes / max(own.Length(), 1)
	r.Boxes = p.finish(ctx, func(done, total uint64) { show.Set(int64(done*average), int64(total*average)) })
	show.Close()
	r.Sent = s.push.Stats().BytesOut
	if own.Frozen() != nil { // it was found out while we sent
		return nil, errForked
	}
	return r, s.conclude(ctx, c, sp, own, keys, r, keep)
}

// snapshot packs what is new and appends the snapshot.
func (s *session) snapshot(ctx context.Context, c *cli.Call, sp *spaceFile, own *ownFeed, keys *space.Keys, r *backupResult) (err error) {
	dir := filepath.Join(s.h.dir, indexDir)
	if err := durable.Mkdir(dir, 0o700); err != nil {
		return err
	}
	index, err := space.OpenIndex(filepath.Join(dir, sp.ID), keys.Space)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, index.Close()) }()
	// Most backups read no block of a box: it is asked when one does.
	ask := sync.OnceFunc(func() {
		s.reader.Expect(blockPatience, sp.Boxes...)
		for _, name := range sp.Boxes {
			s.readFrom(name, nobody)
		}
	})
	from := blocks{s.store, s.reader, ask}
	reader := space.NewReader(keys, from)
	feeds, err := s.indexable(ctx, c, sp, own, ask)
	if err != nil {
		return err
	}
	err = space.UpdateIndex(ctx, reader, index, feeds)
	if errors.Is(err, space.ErrAbsent) {
		c.Note("cobox: warning: another device's feed cannot be read now: what it holds may be stored again (%v)", err)
		err = space.UpdateIndex(ctx, reader, index, feeds[:1])
	}
	if errors.Is(err, space.ErrAbsent) {
		return cli.WithHint(err, laterHint)
	}
	if err != nil {
		return err
	}
	if own.thinner != nil {
		own.thinner.indexed = func() uint64 {
			n, _ := index.Covered(own.Key())
			return n
		}
	}
	show := cli.NewProgress(c.Err, "reading", 0, c.JSON)
	defer show.Close()
	result, err := space.Backup(ctx, space.BackupOptions{
		Keys: keys, Log: own, Blocks: from, Near: nearBlocks{s.store}, Index: index,
		Lists:  space.NewLists(filepath.Join(dir, sp.ID+".lists"), keys),
		Source: sp.Source, Name: sp.Name, Device: s.h.deviceInfo(), Tool: tool(),
		Warn: func(e *space.PathError) {
			r.Warnings = append(r.Warnings, e.Error())
			c.Note("cobox: warning: %v", e)
		},
		Progress: func(p space.Progress) { show.Set(int64(p.Bytes), int64(p.TotalBytes)) },
	})
	if partial, ok := errors.AsType[*space.PartialError](err); ok {
		r.Missing = partial.Missing
	} else if errors.Is(err, store.ErrNoSpace) {
		return cli.WithHint(err, "what was read is kept: once all boxes can be reached, cobox backup goes on, and makes room as they take it")
	} else if err != nil {
		return err
	}
	t := result.Snapshot.Totals
	r.Time, r.Snapshot, r.Files, r.Bytes = result.Snapshot.Time, result.Snapshot.Ref.Block, t.Files, t.Bytes
	r.FilesRead, r.ReadBytes = result.FilesRead, result.BytesRead
	r.Blocks, r.Stored = result.Blocks, result.StoredBytes
	r.dataFrom, r.dataTo = result.DataFrom, result.DataTo
	return nil
}

// indexable returns the feeds whose contents need not be stored again: our own,
// and those of other devices that a box shows now.
func (s *session) indexable(ctx context.Context, c *cli.Call, sp *spaceFile, own *ownFeed, ask func()) ([]space.Feed, error) {
	list := []space.Feed{{Key: own.Key(), Length: own.Length(), Fork: own.Fork()}}
	if err := s.discover(ctx, sp); err != nil {
		return list, nil // the upload says it better, and the snapshot is kept here meanwhile
	}
	keys, err := feedKeys(sp)
	if err != nil || len(keys) < 2 {
		return list, err
	}
	ask()
	for _, key := range keys[1:] {
		waiting, cancel := context.WithTimeout(ctx, connectTime)
		h, err := s.reader.Head(waiting, key, 1)
		cancel()
		if err != nil {
			c.Note("cobox: warning: another device's feed cannot be looked at now: what it holds may be stored again (%v)", err)
			continue
		}
		list = append(list, space.Feed{Key: key, Length: h.Length, Fork: h.Fork})
	}
	return list, ctx.Err()
}

// conclude drops what the boxes have signed for, and says what is missing.
func (s *session) conclude(ctx context.Context, c *cli.Call, sp *spaceFile, own *ownFeed, keys *space.Keys, r *backupResult, keep bool) error {
	behind, hint := 0, "cobox backup goes on where it was"
	for _, d := range r.Boxes {
		if !d.Receipt {
			behind++
			hint = cmp.Or(d.Hint, hint)
			c.Note("cobox: warning: box %s: %s", d.Box, d.Error)
		}
	}
	if err := s.h.noteWhole(sp, r.Boxes); err != nil {
		return err
	}
	switch {
	case len(sp.Boxes) == 0:
		return &cli.Error{Code: cli.Partly, Err: errors.New("no box keeps this space yet: the snapshot is on this computer alone"), Hint: "cobox pin " + sp.Name + " BOX"}
	case behind > 0:
		return &cli.Error{Code: cli.Partly, Err: fmt.Errorf("%d of %d boxes do not have everything yet", behind, len(sp.Boxes)), Hint: hint}
	}
	if !keep {
		if err := own.Clear(r.dataFrom, r.dataTo); err != nil { // these need not be looked at
			return err
		}
		if err := own.clearData(ctx, keys, 0, own.Length()); err != nil {
			return err
		}
	}
	if r.Missing > 0 {
		return &cli.Error{Code: cli.Partly, Err: fmt.Errorf("%d entries could not be read and are not in the snapshot", r.Missing)}
	}
	return nil
}

func printBackup(w io.Writer, r *backupResult) {
	fmt.Fprintf(w, "%s: %s, %s; %s read (%s), %s appended (%s)\n", r.Space, cli.Count(r.Files, "file"), cli.FormatBytes(r.Bytes),
		cli.Count(r.FilesRead, "file"), cli.FormatBytes(r.ReadBytes), cli.Count(r.Blocks, "block"), cli.FormatBytes(r.Stored))
	for _, d := range r.Boxes {
		if d.Receipt {
			fmt.Fprintf(w, "  box %s has signed that it has all %d blocks\n", d.Box, d.Length)
		} else {
			fmt.Fprintf(w, "  box %s has %d of %d blocks: %s\n", d.Box, d.Blocks, d.Length, d.Error)
		}
	}
}
