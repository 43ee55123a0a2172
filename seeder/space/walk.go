package space

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
)

// A backup walks its folder once, in order of names, in one goroutine; files
// that must be read go to several workers; a third stage takes the entries in
// the order of the walk, waits for each to be read, and spools its node.
type backup struct {
	BackupOptions
	source  string
	reader  *Reader
	near    *Reader // nil without Near
	writer  *packWriter
	devices map[uint64]uint32 // file systems, numbered; the walk's

	filesRead, bytesRead, changed atomic.Uint64
	cutBytes                      atomic.Uint64 // of bytesRead, those that the chunker saw

	mu       sync.Mutex
	progress Progress // mu
}

// maxWaiting bounds the entries between the walk and the spool, and with it memory.
const maxWaiting = 1024

// An entry is an entry of the folder on its way to the spool.
type entry struct {
	leave   bool // the folder ends; nothing else is set
	path    string
	node    Node
	stat    stat
	before  *Node         // the file in the last snapshot, or nil
	missing bool          // could not be read
	done    chan struct{} // nil, or closed when a worker is finished with the entry
}

// walkFolder spools the nodes of all entries, after their content is packed.
func (b *backup) walkFolder(ctx context.Context, spool *spool, parent *Snapshot, root stat, workers int) error {
	g := newGroup(ctx)
	jobs := make(chan *entry, workers)
	order := make(chan *entry, maxWaiting)
	b.devices = make(map[uint64]uint32)
	g.run(func(ctx context.Context) error {
		defer close(order)
		defer close(jobs)
		w := walker{b, jobs, order}
		old := b.reader.dir(Ref{})
		if parent != nil {
			old = b.reader.dir(parent.Root.Tree)
		}
		return w.folder(ctx, b.source, ".", root.node(""), old)
	})
	for range workers {
		g.run(func(ctx context.Context) error { return b.readFiles(ctx, jobs) })
	}
	g.run(func(ctx context.Context) error { return b.spoolEntries(ctx, spool, order) })
	if b.Progress != nil {
		scan, stop := context.WithCancel(ctx)
		var scanning sync.WaitGroup
		scanning.Go(func() { b.scan(scan) })
		defer scanning.Wait()
		defer stop() // after the walk nobody needs the totals
	}
	return g.wait()
}

type walker struct {
	*backup
	jobs, order chan<- *entry
}

// folder walks a folder, merging it with what the last snapshot had there.
func (w *walker) folder(ctx context.Context, dir, rel string, node Node, old *dirReader) error {
	enter := &entry{path: rel, node: node}
	if err := w.send(ctx, w.order, enter); err != nil {
		return err
	}
	names, err := os.ReadDir(dir) // sorted by name; what was read before an error is there
	if err != nil {
		w.warn(&PathError{Path: rel, Err: err})
		if err := w.send(ctx, w.order, &entry{path: rel, missing: true}); err != nil {
			return err
		}
	}
	var was *Node
	for _, name := range names {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		path, rel := filepath.Join(dir, name.Name()), join(rel, name.Name())
		if w.Skip != nil && w.Skip(rel) {
			continue
		}
		info, err := os.Lstat(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue // gone since the folder was listed
		}
		if err == nil && !validName(name.Name()) {
			err = errors.New("the name cannot be kept")
		}
		if err != nil {
			w.warn(&PathError{Path: rel, Err: err})
			if err := w.send(ctx, w.order, &entry{path: rel, missing: true}); err != nil {
				return err
			}
			continue
		}
		for old != nil && (was == nil || was.Name < name.Name()) {
			if was, err = old.next(ctx); err != nil {
				if ctx.Err() != nil {
					return context.Cause(ctx)
				}
				// Without the old folder all is read again, and nothing is lost.
				w.warn(&PathError{Path: rel, Changed: true, Err: fmt.Errorf("reading the last snapshot: %w", err)})
				was = nil
			}
			if was == nil {
				old = nil
			}
		}
		var before *Node
		if was != nil && was.Name == name.Name() {
			before = was
		}
		if err := w.entry(ctx, path, rel, newStat(info), before); err != nil {
			return err
		}
	}
	return w.send(ctx, w.order, &entry{leave: true})
}

// entry hands one entry on. before is what the last snapshot had under its name, or nil.
func (w *walker) entry(ctx context.Context, path, rel string, s stat, before *Node) error {
	e := &entry{path: rel, node: s.node(filepath.Base(path)), stat: s}
	switch s.typ {
	case 0:
		return nil // a thing of a platform that we do not know
	case TypeDir:
		old := w.reader.dir(Ref{})
		if before != nil && before.Type == TypeDir {
			old = w.reader.dir(before.Tree)
		}
		return w.folder(ctx, path, rel, e.node, old)
	case TypeSymlink:
		target, err := os.Readlink(path)
		switch {
		case err != nil || target == "" || len(target) > maxTarget:
			w.warn(&PathError{Path: rel, Err: fmt.Errorf("reading the link: %w", err)})
			e.missing = true
		default:
			e.node.Target = target
		}
	case TypeFile:
		if s.size > maxSize {
			w.warn(&PathError{Path: rel, Err: fmt.Errorf("its size of %d bytes is more than a snapshot can say", s.size)})
			e.missing = true
			break
		}
		e.node.Device = w.device(s.device)
		if before != nil && unchanged(before, &e.node) {
			e.node.Content = before.Content
			if w.Lists != nil {
				w.Lists.keep(before.Content)
			}
			break
		}
		e.before = before
		e.done = make(chan struct{})
		if err := w.send(ctx, w.order, e); err != nil {
			return err
		}
		return w.send(ctx, w.jobs, e)
	}
	return w.send(ctx, w.order, e)
}

// unchanged reports whether a file's content is surely as it was: like restic,
// by size, both times and the inode.
func unchanged(before, now *Node) bool {
	return before.Type == TypeFile && before.Size == now.Size && before.Inode == now.Inode &&
		before.ModTime.Equal(now.ModTime) && before.ChangeTime.Equal(now.ChangeTime)
}

func (w *walker) device(device uint64) uint32 {
	n, ok := w.devices[device]
	if !ok {
		n = uint32(len(w.devices))
		w.devices[device] = n
	}
	return n
}

func (w *walker) send(ctx context.Context, to chan<- *entry, e *entry) error {
	select {
	case to <- e:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// spoolEntries takes the entries in the order of the walk.
func (b *backup) spoolEntries(ctx context.Context, spool *spool, order <-chan *entry) error {
	for {
		var e *entry
		var ok bool
		select {
		case e, ok = <-order:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if !ok {
			return nil
		}
		if e.done != nil {
			select {
			case <-e.done:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		var err error
		switch {
		case e.leave:
			err = spool.leave()
		case e.missing:
			spool.totals.Unreadable++
		default:
			err = spool.node(&e.node)
			if e.node.Type == TypeFile {
				read := uint64(0)
				if e.done != nil {
					read = e.node.Size // reported while it was read
				}
				b.report(1, e.node.Size-read)
			}
		}
		if err != nil {
			return err
		}
	}
}

func (b *backup) warn(e *PathError) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.Warn != nil {
		b.Warn(e)
	}
}

func (b *backup) report(files, bytes uint64) {
	if b.Progress == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.progress.Files += files
	b.progress.Bytes += bytes
	b.Progress(b.progress)
}

// scan finds the totals, beside the walk, for the time left.
func (b *backup) scan(ctx context.Context) {
	var files, bytes uint64
	err := filepath.WalkDir(b.source, func(path string, d fs.DirEntry, err error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return nil // the walk reports it
		}
		if rel, err := filepath.Rel(b.source, path); err == nil && b.Skip != nil && rel != "." && b.Skip(filepath.ToSlash(rel)) {
			if d.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		if d.Type().IsRegular() {
			if info, err := d.Info(); err == nil {
				files++
				bytes += uint64(info.Size())
			}
		}
		return nil
	})
	if err == nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.progress.TotalFiles, b.progress.TotalBytes = files, bytes
	}
}
