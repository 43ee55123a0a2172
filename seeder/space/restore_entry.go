package space

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
)

// makeFolder makes a folder, or makes one that is there writable for now.
func (r *restore) makeFolder(f *folder) error {
	if f.made {
		return nil
	}
	if err := r.makeOneFolder(f); err != nil {
		return err
	}
	f.made = true
	r.folders = append(r.folders, *f)
	r.result.Dirs++
	return nil
}

func (r *restore) makeOneFolder(f *folder) error {
	if f.path == "." {
		f.fresh = r.setRoot
		return nil
	}
	err := r.root.Mkdir(f.path, 0o700)
	f.fresh = err == nil
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

// planFile puts the chunks of a file into the batch, unless the file is there, which it
// is not in a fresh folder.
func (r *restore) planFile(ctx context.Context, name string, n *Node, fresh bool) error {
	var linked *linkedFile
	if n.Linked && n.Inode != 0 {
		id := inode{n.Device, n.Inode}
		first, ok := r.linked[id]
		if !ok {
			linked = &linkedFile{path: name, content: n.Content}
			r.linked[id] = linked
		} else if slices.Equal(first.content, n.Content) {
			r.later = append(r.later, later{path: name, meta: n.metadata(), target: first.path, first: first, size: n.Size})
			return nil
		}
	}
	there := false
	if !fresh {
		var same bool
		var err error
		there, same, err = r.existing(ctx, name, n)
		if lost(err) {
			linked.fail(err)
			r.warn(name, err)
			return nil
		}
		if err != nil || same {
			return err
		}
	}
	temp, err := r.newTemp()
	if err != nil {
		return err
	}
	job := &fileJob{path: name, temp: temp, meta: n.metadata(), size: n.Size, linked: linked, there: there}
	r.batch.jobs = append(r.batch.jobs, job)
	job.extend = true // until there is a chunk
	err = r.reader.content(ctx, n, nil, func(offset uint64, it Item) error {
		if job.extend = it.Kind == ItemZeros; job.extend {
			return nil
		}
		r.batch.add(job, offset, it.Ref)
		if len(r.batch.pieces) >= maxPieces {
			return r.runBatch(ctx)
		}
		return nil
	})
	if lost(err) {
		job.fail(err)
		err = nil
	}
	job.planned = true
	if err == nil && len(r.batch.jobs) >= maxJobs {
		err = r.flush(ctx)
	}
	return err
}

// existing looks whether something has the name of a file, which may be replaced then. If it
// is the same file already, it is counted, and has the right mode and time.
func (r *restore) existing(ctx context.Context, name string, n *Node) (there, same bool, err error) {
	info, err := r.root.Lstat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return false, false, nil
	}
	if err != nil {
		return false, false, err
	}
	if info.Mode().IsRegular() && uint64(info.Size()) == n.Size {
		if same, err = r.sameContent(ctx, name, n); err != nil {
			return true, false, err
		}
	}
	switch {
	case same:
		r.result.Kept++
		r.restored(name, path.Dir(name))
		r.report(1, n.Size)
		return true, true, r.setMetadata(name, n.metadata())
	case !r.Overwrite || info.IsDir():
		return true, false, r.makeRoom(name, info)
	}
	return true, false, nil
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
	defer func() { _ = f.Close() }()
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
	missed := l.first != nil && l.first.err != nil
	if err != nil && (missed || !errors.Is(err, fs.ErrExist)) {
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
		if l.first.err != nil {
			return fmt.Errorf("linking to %q: %w", l.target, l.first.err)
		}
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
	}
	if m.typ != TypeSymlink {
		if err := r.root.Chmod(name, r.mode(m)); err != nil {
			return err
		}
	}
	return setLinkTime(r.root, name, m.modTime)
}

// setFileMode sets owner and mode of an open file.
func (r *restore) setFileMode(f *os.File, m metadata) error {
	if r.Owner {
		if err := f.Chown(int(m.uid), int(m.gid)); err != nil {
			return err
		}
	}
	return f.Chmod(r.mode(m))
}

// mode returns the mode that an entry gets.
func (r *restore) mode(m metadata) fs.FileMode {
	if m.typ == TypeFile && !r.Owner {
		// Run with the rights of whoever restores it, the program would be another one.
		return m.perm &^ (fs.ModeSetuid | fs.ModeSetgid)
	}
	return m.perm
}

// tempsInFolder is how many temporary files a folder has at most. A file system lets one
// program at a time into a folder, and keeps its files near each other.
const tempsInFolder = 128

// newTemp returns the name for a file that is not complete.
func (r *restore) newTemp() (string, error) {
	if r.tempsLeft == 0 {
		r.tempFolder = fmt.Sprintf("%s/%d", r.temp, r.tempFolders)
		if err := r.root.Mkdir(r.tempFolder, 0o700); err != nil {
			return "", err
		}
		r.tempFolders++
		r.tempsLeft = tempsInFolder
	}
	r.tempsLeft--
	return fmt.Sprintf("%s/%d", r.tempFolder, r.tempsLeft), nil
}
