package store

import (
	"container/list"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"cobox/seeder/durable"
	"cobox/seeder/feed"
)

// maxOpenFiles bounds the block files that are open while nobody uses them.
const maxOpenFiles = 64

// files opens block files, and keeps the last ones open.
type files struct {
	root     string
	step     func(what, path string) error // called before each change; see Config.Step
	failures *failures

	mu   sync.Mutex
	open map[string]*blockFile // by path; mu
	idle *list.List            // of *blockFile, longest idle first; mu
}

// A blockFile is an open file. Whoever has it from acquire must release it.
type blockFile struct {
	*os.File
	path string
	uses int           // files.mu
	idle *list.Element // files.mu
}

func newFiles(root string, step func(_, _ string) error) *files {
	return &files{root: root, step: step, failures: new(failures), open: make(map[string]*blockFile), idle: list.New()}
}

func (fs *files) dir(dk feed.DiscoveryKey) string { return filepath.Join(fs.root, dk.String()) }

const blocksSuffix = ".blocks"

func (fs *files) path(dk feed.DiscoveryKey, generation uint64) string {
	return filepath.Join(fs.dir(dk), strconv.FormatUint(generation, 10)+blocksSuffix)
}

// acquire opens a block file; with create it is made, durably, when it is not
// there. Otherwise the error wraps fs.ErrNotExist then.
func (fs *files) acquire(dk feed.DiscoveryKey, generation uint64, create bool) (*blockFile, error) {
	path := fs.path(dk, generation)
	fs.mu.Lock()
	defer fs.mu.Unlock()
	b := fs.open[path]
	if b == nil {
		f, err := fs.openFile(path, create)
		if err != nil {
			return nil, explain(err)
		}
		b = &blockFile{File: f, path: path}
		fs.open[path] = b
	}
	if b.idle != nil {
		fs.idle.Remove(b.idle)
		b.idle = nil
	}
	b.uses++
	return b, nil
}

func (fs *files) openFile(path string, create bool) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0o600)
	if !create || err != nil && !errors.Is(err, os.ErrNotExist) {
		return f, err
	}
	if err == nil {
		// An empty file may be one whose maker was killed before its name was synced.
		info, err := f.Stat()
		if err == nil && info.Size() == 0 {
			err = fs.syncNames(path)
		}
		if err != nil {
			return nil, errors.Join(err, f.Close())
		}
		return f, nil
	}
	if err := fs.step("create", path); err != nil {
		return nil, err
	}
	if err := durable.Mkdir(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if f, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, err
	}
	if err := fs.syncNames(path); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// syncNames puts the names of a file and its folder on the disk.
func (fs *files) syncNames(path string) error {
	return errors.Join(durable.SyncDir(filepath.Dir(path)), durable.SyncDir(fs.root))
}

func (fs *files) release(b *blockFile) {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	b.uses--
	if b.uses > 0 {
		return
	}
	if fs.open[b.path] != b { // removed meanwhile
		_ = b.Close()
		return
	}
	b.idle = fs.idle.PushBack(b)
	for fs.idle.Len() > maxOpenFiles {
		old := fs.idle.Remove(fs.idle.Front()).(*blockFile)
		old.idle = nil
		delete(fs.open, old.path)
		_ = old.Close() // what was written to it was synced, or its error told
	}
}

// write writes at an offset.
func (fs *files) write(b *blockFile, data []byte, at int64) error {
	if err := fs.step("write block", b.path); err != nil {
		return err
	}
	_, err := b.WriteAt(data, at)
	return explain(count(&fs.failures.write, err))
}

// sync brings what was written to the disk.
func (fs *files) sync(b *blockFile) error {
	if err := fs.step("sync", b.path); err != nil {
		return err
	}
	if err := count(&fs.failures.write, fdatasync(b.File)); err != nil {
		return explain(fmt.Errorf("syncing blocks: %w", err))
	}
	return nil
}

// punch gives the space of a part of a file back, as far as the file system can.
// The file may be missing.
func (fs *files) punch(dk feed.DiscoveryKey, generation uint64, at, n int64) error {
	return fs.shrink(dk, generation, func(b *blockFile) error { return punchHole(b.File, at, n) })
}

// truncate cuts a file that is longer than size. The file may be missing.
func (fs *files) truncate(dk feed.DiscoveryKey, generation uint64, size int64) error {
	return fs.shrink(dk, generation, func(b *blockFile) error {
		info, err := b.Stat()
		if err != nil || info.Size() <= size {
			return err
		}
		return b.Truncate(size)
	})
}

func (fs *files) shrink(dk feed.DiscoveryKey, generation uint64, how func(*blockFile) error) error {
	b, err := fs.acquire(dk, generation, false)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer fs.release(b)
	if err := fs.step("punch", b.path); err != nil {
		return err
	}
	if err := how(b); err != nil {
		return explain(fmt.Errorf("giving space back: %w", err))
	}
	return nil
}

// remove deletes all files of a feed. Those in use give their space back when they are released.
func (fs *files) remove(dk feed.DiscoveryKey) error {
	if err := fs.step("remove", fs.dir(dk)); err != nil {
		return err
	}
	dir := fs.dir(dk)
	fs.mu.Lock()
	for path, b := range fs.open {
		if filepath.Dir(path) == dir {
			fs.forgetLocked(b)
		}
	}
	fs.mu.Unlock()
	if err := os.RemoveAll(dir); err != nil {
		return explain(err)
	}
	return durable.SyncDir(fs.root)
}

// removeGeneration deletes one file of a feed, which may be missing.
func (fs *files) removeGeneration(dk feed.DiscoveryKey, generation uint64) error {
	path := fs.path(dk, generation)
	if err := fs.step("remove", path); err != nil {
		return err
	}
	fs.mu.Lock()
	if b := fs.open[path]; b != nil {
		fs.forgetLocked(b)
	}
	fs.mu.Unlock()
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return explain(err)
	}
	return nil
}

// generations returns the numbers of the files that a feed has.
func (fs *files) generations(dk feed.DiscoveryKey) (list []uint64, err error) {
	entries, err := os.ReadDir(fs.dir(dk))
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), blocksSuffix); ok {
			if n, err := strconv.ParseUint(name, 10, 64); err == nil {
				list = append(list, n)
			}
		}
	}
	return list, err
}

// feeds returns the discovery keys of the feeds that have a folder.
func (fs *files) feeds() (list []feed.DiscoveryKey, err error) {
	entries, err := os.ReadDir(fs.root)
	for _, e := range entries {
		if dk, err := feed.ParseDiscoveryKey(e.Name()); err == nil {
			list = append(list, dk)
		}
	}
	return list, err
}

func (fs *files) forgetLocked(b *blockFile) {
	delete(fs.open, b.path)
	if b.idle != nil {
		fs.idle.Remove(b.idle)
		b.idle = nil
		_ = b.Close()
	}
}

// close closes all files; those in use when they are released.
func (fs *files) close() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for _, b := range fs.open {
		fs.forgetLocked(b)
	}
}
