package space

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// RestoreOptions say what to restore and how. The zero value restores all, and
// replaces nothing.
type RestoreOptions struct {
	// Include selects entries: a pattern without a slash matches names in any
	// folder, one with a slash matches paths from the root; "**" stands for any
	// number of folders, and folders come with all that is in them.
	Include []string
	// Only selects files by their paths, as [Reader.Walk] gives them, with the
	// folders on the way to them and nothing else; nil selects what Include does.
	Only map[string]struct{}
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
// o.Overwrite. Damaged entries, those that need a block that is absent, and files whose
// name something takes meanwhile (on a file system that ignores case, another of them), are left
// out and reported: Restore then returns the result and a [*PartialError]. Sockets and devices are skipped. Setuid and
// setgid bits are restored only together with the owner.
//
// Blocks are asked for in ascending order, each once. Of a snapshot with more
// than 16,384 files or 131,072 chunks, this holds for each such part of it.
func Restore(ctx context.Context, r *Reader, s *Snapshot, dest string, o RestoreOptions) (*RestoreResult, error) {
	include, err := parseGlobs(o.Include)
	if err != nil {
		return nil, err
	}
	if o.Owner && getuid() != 0 {
		return nil, errors.New("restoring owners: this takes the rights of root")
	}
	made, synced := false, true
	if _, err := os.Stat(dest); errors.Is(err, fs.ErrNotExist) {
		made = true
		if synced, err = makeDest(dest); err != nil {
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
	rs.changed.all = !synced
	if len(include) > 0 || o.Only != nil { // the totals of what is selected are not known
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
	naming  chan error // of the batch before; nil for none
	disk    diskFeeder

	tempFolder  string // below temp, for the next file that is not complete
	tempFolders uint64 // made
	tempsLeft   int    // names in tempFolder

	matched uint64
	mu      sync.Mutex
	missing uint64   // mu; and what follows
	changed syncList // folders, at last, and files that were there
	result  RestoreResult
	done    Progress
}

// A folder is a folder of the snapshot on the way of the walk.
type folder struct {
	path  string
	meta  metadata
	made  bool
	fresh bool // we made it, and nothing was there
}

// A later is an entry that is made at the end.
type later struct {
	path   string
	meta   metadata
	target string // of a symbolic link; of a hard link: the first name
	first  *linkedFile
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
	err     error // why it could not be restored
}

// fail notes why the file could not be restored; f may be nil.
func (f *linkedFile) fail(err error) {
	if f != nil {
		f.err = err
	}
}

func (r *restore) run(ctx context.Context, s *Snapshot) (err error) {
	if err := r.root.RemoveAll(r.temp); err != nil { // of a restore that was interrupted
		return err
	}
	if err := r.root.Mkdir(r.temp, 0o700); err != nil {
		return err
	}
	defer func() {
		_ = r.named() // after an error; root is closed then
		r.disk.wait()
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
	if err := errors.Join(r.flush(ctx), r.named()); err != nil {
		return err
	}
	r.changed.all = r.changed.all || len(r.later) > 0 // links cannot be opened
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
		r.changed.add(f.path)
		r.changed.add(path.Dir(f.path))
	}
	return r.disk.sync(r.root, &r.changed)
}

// visit plans or makes one entry.
func (r *restore) visit(ctx context.Context, name string, n *Node) error {
	if name == r.temp || strings.HasPrefix(name, r.temp+"/") {
		return damaged("entry with the name of our temporary folder")
	}
	selected, below := r.selects(name)
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
		err := r.makeFolder(&r.stack[i])
		if errors.Is(err, syscall.ENAMETOOLONG) { // the file system that it came from takes longer ones
			r.warn(name, err)
			if n.Type == TypeDir {
				return fs.SkipDir
			}
			return nil
		}
		if err != nil {
			return err
		}
	}
	var err error
	switch n.Type {
	case TypeDir:
	case TypeFile:
		err = r.planFile(ctx, name, n, r.stack[len(r.stack)-1].fresh)
	case TypeSymlink, TypeFifo:
		r.later = append(r.later, later{path: name, meta: n.metadata(), target: n.Target})
	default:
		r.result.Skipped++
	}
	if errors.Is(err, syscall.ENAMETOOLONG) {
		r.warn(name, err)
		return nil
	}
	if err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}
	return nil
}

// selects reports whether an entry is to be restored, or something below it may be.
func (r *restore) selects(name string) (selected, below bool) {
	if r.Only == nil {
		return r.include.match(name)
	}
	_, selected = r.Only[name]
	return selected, true
}

// within reports whether name is below the folder dir.
func within(dir, name string) bool {
	return dir == "." || strings.HasPrefix(name, dir+"/")
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
