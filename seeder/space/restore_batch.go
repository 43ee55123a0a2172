package space

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"runtime"
	"slices"
	"sync"
	"syscall"

	"cobox/seeder/feed"
)

// A restore gathers files into batches. A batch asks for its blocks in ascending
// order and writes each chunk to wherever it belongs. The bounds keep the plan
// small: about 15 MiB, whatever the snapshot's size.
var ( // tests have less
	maxPieces = 1 << 17
	maxJobs   = 1 << 14
)

// A batch is a set of files to be written together.
type batch struct {
	jobs   []*fileJob
	pieces []piece
}

// A piece is a chunk that is to be written to a file.
type piece struct {
	job    *fileJob
	offset uint64
	ref    Ref
}

// A fileJob is a file that is being restored under a temporary name.
type fileJob struct {
	path, temp string
	meta       metadata
	size       uint64
	linked     *linkedFile // nil when it has one name
	pieces     int         // in all batches
	planned    bool        // all pieces were seen
	there      bool        // another file is there, to be replaced
	finished   bool        // it is as it should be, but for its name
	extend     bool        // nothing, or zeros, follows the last piece: the file must be made longer

	mu  sync.Mutex
	err error // why the file cannot be restored; mu
}

func (j *fileJob) fail(err error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.err == nil {
		j.err = err
	}
}

// failed returns why the file cannot be restored, or nil.
func (j *fileJob) failed() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.err
}

func (b *batch) add(job *fileJob, offset uint64, ref Ref) {
	b.pieces = append(b.pieces, piece{job, offset, ref})
	job.pieces++
}

// flush writes what is in the batch, and has the complete files get their names beside
// what comes next: see [restore.named].
func (r *restore) flush(ctx context.Context) error {
	if err := r.runBatch(ctx); err != nil {
		return err
	}
	var unfinished, complete []*fileJob
	for _, job := range r.batch.jobs {
		switch err := job.failed(); {
		case err != nil:
			job.linked.fail(err)
			r.warn(job.path, err)
			if err := r.root.Remove(job.temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		case !job.planned:
			unfinished = append(unfinished, job)
		default:
			if err := r.finish(job); err != nil {
				return fmt.Errorf("%q: %w", job.path, err)
			}
			complete = append(complete, job)
		}
	}
	r.batch.jobs = unfinished
	if err := r.named(); err != nil || len(complete) == 0 {
		return err
	}
	// Folders of complete files are removed: no other file is to come into them.
	r.tempsLeft = 0
	keep := ""
	if len(unfinished) > 0 { // one at most: the last
		keep = path.Dir(unfinished[0].temp)
	}
	naming := make(chan error, 1)
	r.naming = naming
	go func() { naming <- r.name(complete, keep) }()
	return nil
}

// named waits until the files of the last batch have their names.
func (r *restore) named() error {
	if r.naming == nil {
		return nil
	}
	err := <-r.naming
	r.naming = nil
	return err
}

// name syncs files that are complete, and gives them their names. It removes the folders that
// they were in, but for one.
func (r *restore) name(jobs []*fileJob, keep string) (err error) {
	// One sync for many: a file has its name only once its content is on disk.
	var names syncList
	for _, job := range jobs {
		names.add(job.temp)
	}
	if err := r.disk.sync(r.root, &names); err != nil {
		return fmt.Errorf("syncing: %w", err)
	}
	n := namer{r: r, keep: keep}
	defer func() { err = errors.Join(err, n.leave(), n.to.close()) }()
	for _, job := range jobs {
		err := n.move(job)
		if errors.Is(err, fs.ErrExist) || errors.Is(err, syscall.ENAMETOOLONG) {
			// Somebody has just made it, or this file system takes its name for another's, or
			// has shorter names.
			job.linked.fail(err)
			r.warn(job.path, err)
			continue // it goes with the temporary folder
		}
		if err != nil {
			return fmt.Errorf("%q: %w", job.path, err)
		}
		r.restored(path.Dir(job.path))
		r.report(1, 0)
	}
	return nil
}

// A namer moves files from temporary folders to where they belong. It is for one goroutine.
type namer struct {
	r        *restore
	keep     string // the temporary folder that is to stay
	from, to openFolder
}

// move gives a file its name.
func (n *namer) move(job *fileJob) error {
	temp := path.Dir(job.temp)
	if n.from.name != temp {
		if err := n.leave(); err != nil {
			return err
		}
	}
	if err := errors.Join(n.from.change(n.r.root, temp), n.to.change(n.r.root, path.Dir(job.path))); err != nil {
		return err
	}
	if job.there {
		return n.r.root.Rename(job.temp, job.path)
	}
	return n.from.move(path.Base(job.temp), &n.to, path.Base(job.path))
}

// leave closes the temporary folder, and removes it if it is empty.
func (n *namer) leave() error {
	name := n.from.name
	err := n.from.close()
	if name != "" && name != n.keep {
		_ = n.r.root.Remove(name) // what is left there goes with the folder above
	}
	return err
}

// restored counts a file that has its name, and notes what is still to be synced.
func (r *restore) restored(changed ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Files++
	for _, name := range changed {
		r.changed.add(name)
	}
}

// finish gives a file its length, mode and time, where it did not have them when it was written.
func (r *restore) finish(job *fileJob) error {
	if job.finished {
		return nil
	}
	if err := r.extend(job); err != nil {
		return err
	}
	return r.setMetadata(job.temp, job.meta)
}

// extend gives an empty file, or one that ends with zeros, its length.
func (r *restore) extend(job *fileJob) error {
	if !job.extend {
		return nil
	}
	f, err := r.root.OpenFile(job.temp, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Truncate(int64(job.size)), syncFile(f), f.Close())
}

// runBatch writes the pieces of the batch.
func (r *restore) runBatch(ctx context.Context) error {
	pieces := r.batch.pieces
	slices.SortFunc(pieces, func(a, b piece) int {
		return cmp.Or(bytes.Compare(a.ref.Feed[:], b.ref.Feed[:]), cmp.Compare(a.ref.Block, b.ref.Block), cmp.Compare(a.ref.Slot, b.ref.Slot))
	})
	r.prefetch(ctx, pieces)
	g := newGroup(ctx)
	blocks := make(chan []piece)
	g.run(func(ctx context.Context) error {
		defer close(blocks)
		for len(pieces) > 0 {
			first, n := pieces[0].ref, 1
			for n < len(pieces) && pieces[n].ref.Block == first.Block && pieces[n].ref.Feed == first.Feed {
				n++
			}
			select {
			case blocks <- pieces[:n]:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
			pieces = pieces[n:]
		}
		return nil
	})
	for range max(2, runtime.GOMAXPROCS(0)) {
		g.run(func(ctx context.Context) (err error) {
			w := fileWriter{r: r}
			defer func() { err = errors.Join(err, w.folder.close()) }()
			for of := range blocks {
				if err := w.writeBlock(ctx, of); err != nil {
					return err
				}
			}
			return nil
		})
	}
	err := g.wait()
	clear(r.batch.pieces)
	r.batch.pieces = r.batch.pieces[:0]
	return err
}

// prefetch tells the source which blocks will be asked for.
func (r *restore) prefetch(ctx context.Context, pieces []piece) {
	p, ok := r.reader.blocks.(Prefetcher)
	if !ok || len(pieces) == 0 {
		return
	}
	var key feed.Key
	var indexes []uint64
	for i := range pieces {
		ref := &pieces[i].ref
		if len(indexes) > 0 && ref.Feed == key && ref.Block == indexes[len(indexes)-1] {
			continue
		}
		if ref.Feed != key && len(indexes) > 0 {
			p.Prefetch(ctx, key, indexes)
			indexes = nil
		}
		key = ref.Feed
		indexes = append(indexes, ref.Block)
	}
	p.Prefetch(ctx, key, indexes)
}

// A fileWriter writes pieces to temporary files. It is for one goroutine.
type fileWriter struct {
	r      *restore
	folder openFolder // of the file that was written last

	job      *fileJob // that is open; nil for none
	file     *os.File
	from, to uint64 // of what was written to it
	pieces   int    // that were written to it
}

// writeBlock writes all pieces that are in one block. Damage fails the files
// that need what is damaged; other errors end the restore.
func (w *fileWriter) writeBlock(ctx context.Context, pieces []piece) (err error) {
	r := w.r
	pack, err := r.reader.pack(ctx, pieces[0].ref.Feed, pieces[0].ref.Block)
	if lost(err) {
		for i := range pieces {
			pieces[i].job.fail(err)
		}
		return nil
	}
	if err != nil {
		return err
	}
	defer r.reader.release(pack)
	if len(pieces) > 1 {
		pack.checkAll(r.reader.keys)
	}
	defer func() { err = errors.Join(err, w.close()) }()
	for i := range pieces {
		p := &pieces[i]
		if p.job.failed() != nil {
			continue
		}
		content, err := pack.chunk(r.reader.keys, p.ref)
		if err != nil {
			p.job.fail(err)
			continue
		}
		if w.job != p.job {
			if err := errors.Join(w.close(), w.open(p)); err != nil {
				return err
			}
		}
		if err := w.write(p, content); err != nil {
			return fmt.Errorf("%q: %w", p.job.path, err)
		}
		r.mu.Lock()
		r.result.Bytes += uint64(len(content))
		r.mu.Unlock()
		r.report(0, uint64(len(content)))
		r.disk.wrote(r.root, len(content))
	}
	return nil
}

// open opens the file of a piece. None is open.
func (w *fileWriter) open(p *piece) error {
	err := w.folder.change(w.r.root, path.Dir(p.job.temp))
	if err == nil {
		w.file, err = w.folder.root.OpenFile(path.Base(p.job.temp), os.O_WRONLY|os.O_CREATE, 0o600)
	}
	if err != nil {
		return fmt.Errorf("%q: %w", p.job.path, err)
	}
	w.job, w.from, w.to, w.pieces = p.job, p.offset, p.offset, 0
	return nil
}

// write writes a piece to its file, which is open.
func (w *fileWriter) write(p *piece, content []byte) error {
	if err := writeSparse(w.file, content, int64(p.offset), int64(p.job.size)); err != nil {
		return err
	}
	w.from, w.to = min(w.from, p.offset), max(w.to, p.offset+uint64(len(content)))
	w.pieces++
	return nil
}

// close closes the file that is open, if any. If all of it was written since it was opened,
// it is finished, without being opened once more.
func (w *fileWriter) close() error {
	job := w.job
	if job == nil {
		return nil
	}
	w.job = nil
	if w.to-w.from >= startSize {
		startSync(w.file, int64(w.from), int64(w.to-w.from))
	}
	whole := job.planned && !job.extend && w.pieces == job.pieces && job.failed() == nil
	var err error
	if whole {
		err = w.r.setFileMode(w.file, job.meta)
	}
	err = errors.Join(err, syncFile(w.file), w.file.Close())
	if whole && err == nil {
		err = w.folder.setTime(path.Base(job.temp), job.meta.modTime)
		job.finished = err == nil
	}
	if err != nil {
		return fmt.Errorf("%q: %w", job.path, err)
	}
	return nil
}

// startSize is how much of a file is worth a write of its own, before the sync of all files:
// the disk has something to do then while blocks come in. Small ones are better
// written together.
const startSize = 256 << 10

// holeSize is the smallest run of zeros, and its alignment, that is worth a hole.
const holeSize = 4096

// writeSparse writes content to a new file of this size, leaving out whole pages
// of zeros; at the end of the file the length makes up for them.
func writeSparse(f *os.File, content []byte, offset, size int64) error {
	for len(content) > 0 {
		// Data up to the next aligned page of zeros, then the zeros.
		n := 0
		for n < len(content) {
			page := int(min(holeSize-(offset+int64(n))%holeSize, int64(len(content)-n)))
			if page == holeSize && allZero(content[n:n+page]) {
				break
			}
			n += page
		}
		if n > 0 {
			if _, err := f.WriteAt(content[:n], offset); err != nil {
				return err
			}
		}
		hole := n
		for len(content)-n >= holeSize && allZero(content[n:n+holeSize]) {
			n += holeSize
		}
		content, offset = content[n:], offset+int64(n)
		if n > hole && offset == size {
			return f.Truncate(size)
		}
	}
	return nil
}
