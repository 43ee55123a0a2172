package space

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"sync"
	"time"
)

// RestoreOptions say what to restore and how. The zero value restores all, and
// replaces nothing.
type RestoreOptions struct {
	// Include selects entries: a pattern without a slash matches names in any
	// folder, one with a slash matches paths from the root; "**" stands for any
	// number of folders, and folders come with all that is in them.
	Include []string
	// Overwrite replaces files and links that are different in the destination.
	Overwrite bool
	// Owner restores user and group IDs, which takes the rights of root.
	Owner bool
	// Warn is told of each entry that could not be restored, by one goroutine at a time.
	Warn func(*PathError)
	// Progress is called often, by one goroutine at a time. The totals are the snapshot's.
	Progress func(Progress)
}

// A RestoreResult says what a restore did.
type RestoreResult struct {
	Files, Dirs, Others uint64 // restored, those that were there included
	Kept                uint64 // files that were there already, with the same content
	Bytes               uint64 // written
	Skipped             uint64 // sockets and devices
}

// Restore writes a snapshot into the folder dest, which it makes if needed (and
// only then gives it mode and time). It
// writes nothing outside, whatever the snapshot or links in dest say. Each chunk
// is checked; a file gets its name when it is complete, synced to disk, and has
// its mode and time. So an interrupted restore can be run again: files that are
// there with the right content are kept.
//
// A different file in the way is an error that wraps [fs.ErrExist], unless
// o.Overwrite. Damaged entries are left out and reported: Restore then returns
// the result and a [*PartialError]. Sockets and devices are skipped. Setuid and
// setgid bits are restored only together with the owner.
//
// Blocks are asked for in ascending order, each once: exactly so for snapshots
// of up to some 100,000 chunks or 30 GB, and nearly so above.
func Restore(ctx context.Context, r *Reader, s *Snapshot, dest string, o RestoreOptions) (*RestoreResult, error) {
	include, err := parseGlobs(o.Include)
	if err != nil {
		return nil, err
	}
	if o.Owner && getuid() != 0 {
		return nil, errors.New("restoring owners: this takes the rights of root")
	}
	made := false
	if _, err := os.Stat(dest); errors.Is(err, fs.ErrNotExist) {
		made = true
		if err := os.MkdirAll(dest, 0o700); err != nil {
			return nil, fmt.Errorf("restoring: %w", err)
		}
	}
	root, err := os.OpenRoot(dest)
	if err != nil {
		return nil, fmt.Errorf("restoring: %w", err)
	}
	defer func() { _ = root.Close() }()
	rs := &restore{
		RestoreOptions: o, reader: r, root: root, include: include, setRoot: made,
		temp:   ".cobox-restore-" + hex.EncodeToString(s.Root.Tree.ID[:8]),
		linked: make(map[inode]*linkedFile),
		done:   Progress{TotalFiles: s.Totals.Files, TotalBytes: s.Totals.Bytes},
	}
	if len(include) > 0 { // the totals of what is selected are not known
		rs.done = Progress{}
	}
	if err := rs.run(ctx, s); err != nil {
		return nil, fmt.Errorf("restoring into %s: %w", dest, err)
	}
	if rs.matched == 0 && len(include) > 0 {
		return nil, fmt.Errorf("restoring: nothing in the snapshot matches %q", o.Include)
	}
	if rs.missing > 0 {
		return &rs.result, &PartialError{"restoring", rs.missing}
	}
	return &rs.result, nil
}

type restore struct {
	RestoreOptions
	reader  *Reader
	root    *os.Root
	include globs
	temp    string // folder for files that are not complete
	setRoot bool   // the mode and time of the root are to be set

	stack   []folder // the folders from the root to where the walk is
	folders []folder // all that were made, for their modes and times
	later   []later  // links and pipes, made when all files are there
	linked  map[inode]*linkedFile
	batch   batch
	temps   uint64 // temporary files made

	matched uint64
	mu      sync.Mutex
	missing uint64 // mu; and what follows
	result  RestoreResult
	done    Progress
}

// A folder is a folder of the snapshot on the way of the walk.
type folder struct {
	path string
	meta metadata
	made bool
}

// A later is an entry that is made at the end.
type later struct {
	path   string
	meta   metadata
	target string // of a symbolic link; of a hard link: the first name
	size   uint64 // of a hard link
}

// metadata is what is left of a node once its content is planned: there may be
// many folders and links until the end.
type metadata struct {
	typ     Type
	perm    fs.FileMode
	uid     uint32
	gid     uint32
	modTime time.Time
}

func (n *Node) metadata() metadata {
	return metadata{n.Type, n.Perm(), n.UID, n.GID, n.ModTime}
}

type inode struct {
	device uint32
	number uint64
}

// A linkedFile is the first name of a file with several.
type linkedFile struct {
	path    string
	content []Item
}

func (r *restore) run(ctx context.Context, s *Snapshot) (err error) {
	if err := r.root.RemoveAll(r.temp); err != nil { // of a restore that was interrupted
		return err
	}
	if err := r.root.Mkdir(r.temp, 0o700); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = r.root.RemoveAll(r.temp)
		}
	}()
	// What is beside a damaged folder is restored all the same.
	bad := func(path string, err error) error {
		r.warn(path, err)
		return nil
	}
	if err := r.reader.walk(ctx, s, func(path string, n *Node) error { return r.visit(ctx, path, n) }, bad); err != nil {
		return err
	}
	if err := r.flush(ctx); err != nil {
		return err
	}
	for i := range r.later {
		if err := r.makeLater(&r.later[i]); err != nil {
			return err
		}
	}
	if err := r.root.RemoveAll(r.temp); err != nil {
		return err
	}
	for _, f := range slices.Backward(r.folders) { // inner folders first
		if f.path == "." && !r.setRoot {
			continue
		}
		if err := r.setMetadata(f.path, f.meta); err != nil {
			return fmt.Errorf("%q: %w", f.path, err)
		}
	}
	return syncFiles(r.root)
}

// visit plans or makes one entry.
func (r *restore) visit(ctx context.Context, name string, n *Node) error {
	if name == r.temp || strings.HasPrefix(name, r.temp+"/") {
		return damaged("entry with the name of our temporary folder")
	}
	selected, below := r.include.match(name)
	if !selected && n.Type != TypeDir {
		return nil
	}
	if !selected && !below {
		return fs.SkipDir
	}
	for len(r.stack) > 0 && !within(r.stack[len(r.stack)-1].path, name) {
		r.stack = r.stack[:len(r.stack)-1]
	}
	if n.Type == TypeDir {
		r.stack = append(r.stack, folder{path: name, meta: n.metadata()})
	}
	if !selected {
		return nil
	}
	if name != "." {
		r.matched++
	}
	for i := range r.stack {
		if err := r.makeFolder(&r.stack[i]); err != nil {
			return err
		}
	}
	var err error
	switch n.Type {
	case TypeDir:
	case TypeFile:
		err = r.planFile(ctx, name, n)
	case TypeSymlink, TypeFifo:
		r.later = append(r.later, later{path: name, meta: n.metadata(), target: n.Target})
	default:
		r.result.Skipped++
	}
	if err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}
	return nil
}

// within reports whether name is below the folder dir.
func within(dir, name string) bool {
	return dir == "." || strings.HasPrefix(name, dir+"/")
}

// makeFolder makes a folder, or makes one that is there writable for now.
func (r *restore) makeFolder(f *folder) error {
	if f.made {
		return nil
	}
	f.made = true
	r.folders = append(r.folders, *f)
	r.result.Dirs++
	if f.path == "." {
		return nil
	}
	err := r.root.Mkdir(f.path, 0o700)
	if !errors.Is(err, fs.ErrExist) {
		return err
	}
	info, err := r.root.Lstat(f.path)
	if err != nil {
		return err
	}
	if info.IsDir() {
		if info.Mode().Perm()&0o700 == 0o700 {
			return nil
		}
		return r.root.Chmod(f.path, info.Mode()|0o700)
	}
	if err := r.makeRoom(f.path, info); err != nil {
		return err
	}
	return r.root.Mkdir(f.path, 0o700)
}

// makeRoom removes what is in the way of another entry, if that is allowed.
// A folder is never removed.
func (r *restore) makeRoom(name string, info fs.FileInfo) error {
	if !r.Overwrite || info.IsDir() {
		what := "something else"
		if info.IsDir() {
			what = "a folder"
		}
		return fmt.Errorf("%q: %s is there: %w (restore into an empty folder, or allow overwriting)", name, what, fs.ErrExist)
	}
	return r.root.Remove(name)
}

// planFile puts the chunks of a file into the batch, unless the file is there.
func (r *restore) planFile(ctx context.Context, name string, n *Node) error {
	if n.Linked && n.Inode != 0 {
		id := inode{n.Device, n.Inode}
		first, ok := r.linked[id]
		if !ok {
			r.linked[id] = &linkedFile{name, n.Content}
		} else if slices.Equal(first.content, n.Content) {
			r.later = append(r.later, later{path: name, meta: n.metadata(), target: first.path, size: n.Size})
			return nil
		}
	}
	if info, err := r.root.Lstat(name); err == nil {
		same := info.Mode().IsRegular() && uint64(info.Size()) == n.Size
		if same {
			if same, err = r.sameContent(ctx, name, n); err != nil {
				return err
			}
		}
		if same {
			r.result.Files++
			r.result.Kept++
			r.report(1, n.Size)
			return r.setMetadata(name, n.metadata())
		}
		if !r.Overwrite || info.IsDir() {
			return r.makeRoom(name, info)
		}
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	temp := fmt.Sprintf("%s/%d", r.temp, r.temps)
	r.temps++
	job := &fileJob{path: name, temp: temp, meta: n.metadata(), size: n.Size}
	r.batch.jobs = append(r.batch.jobs, job)
	job.extend = true // until there is a chunk
	err := r.reader.content(ctx, n, nil, func(offset uint64, it Item) error {
		if job.extend = it.Kind == ItemZeros; job.extend {
			return nil
		}
		r.batch.add(job, offset, it.Ref)
		if len(r.batch.pieces) >= maxPieces {
			return r.runBatch(ctx)
		}
		return nil
	})
	if errors.Is(err, ErrDamaged) {
		job.fail(err)
		err = nil
	}
	job.planned = true
	if err == nil && len(r.batch.jobs) >= maxJobs {
		err = r.flush(ctx)
	}
	return err
}

// sameContent reports whether a file in the destination has the content of a node.
func (r *restore) sameContent(ctx context.Context, name string, n *Node) (bool, error) {
	f, err := r.root.Open(name)
	if errors.Is(err, fs.ErrPermission) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	defer f.Close()
	different := errors.New("different")
	buf := make([]byte, maxChunk)
	err = r.reader.content(ctx, n, nil, func(_ uint64, it Item) error {
		for left := it.Span; left > 0; {
			b := buf[:min(left, maxChunk)]
			if _, err := io.ReadFull(f, b); err != nil {
				return different
			}
			if it.Kind == ItemZeros && !allZero(b) || it.Kind == ItemChunk && r.reader.keys.ChunkID(b) != it.Ref.ID {
				return different
			}
			left -= uint64(len(b))
		}
		return ctx.Err()
	})
	if err == different {
		return false, nil
	}
	return err == nil, err
}

// makeLater makes a link or a pipe.
func (r *restore) makeLater(l *later) error {
	err := r.tryLater(l)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		r.warn(l.path, err) // a file system without links, say
		return nil
	}
	return err
}

func (r *restore) tryLater(l *later) error {
	info, err := r.root.Lstat(l.path)
	there := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	switch l.meta.typ {
	case TypeFile:
		first, err := r.root.Lstat(l.target)
		if err != nil {
			return fmt.Errorf("linking to %q: %w", l.target, err)
		}
		r.result.Files++
		if there && os.SameFile(first, info) {
			r.report(1, l.size)
			return nil
		}
		if there {
			if err := r.makeRoom(l.path, info); err != nil {
				return err
			}
		}
		r.report(1, l.size)
		return r.root.Link(l.target, l.path)
	case TypeSymlink:
		r.result.Others++
		if there {
			if target, err := r.root.Readlink(l.path); err == nil && target == l.target {
				return r.setMetadata(l.path, l.meta)
			}
			if err := r.makeRoom(l.path, info); err != nil {
				return err
			}
		}
		if err := r.root.Symlink(l.target, l.path); err != nil {
			return err
		}
	case TypeFifo:
		r.result.Others++
		if there && info.Mode()&fs.ModeNamedPipe == 0 {
			if err := r.makeRoom(l.path, info); err != nil {
				return err
			}
			there = false
		}
		if !there {
			if err := makeFifo(r.root, l.path, 0o600); err != nil {
				return err
			}
		}
	}
	return r.setMetadata(l.path, l.meta)
}

// setMetadata sets owner, mode and time of an entry that we made.
func (r *restore) setMetadata(name string, m metadata) error {
	if r.Owner {
		if err := r.root.Lchown(name, int(m.uid), int(m.gid)); err != nil {
			return err
		}
	} else if m.typ == TypeFile {
		// Run with the rights of whoever restores it, the program would be another one.
		m.perm &^= fs.ModeSetuid | fs.ModeSetgid
	}
	if m.typ != TypeSymlink {
		if err := r.root.Chmod(name, m.perm); err != nil {
			return err
		}
	}
	return setLinkTime(r.root, name, m.modTime)
}

// warn reports an entry that is not restored.
func (r *restore) warn(name string, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.missing++
	if r.Warn != nil {
		r.Warn(&PathError{Path: name, Err: err})
	}
}

func (r *restore) report(files, bytes uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.done.Files += files
	r.done.Bytes += bytes
	if r.Progress != nil {
		r.Progress(r.done)
	}
}
