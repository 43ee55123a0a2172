package store

import (
	"container/list"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"

	"cobox/seeder/durable"
	"cobox/seeder/feed"

	"golang.org/x/sys/unix"
)

// maxOpenFiles bounds the block files that are open while nobody uses them.
const maxOpenFiles = 64

// files opens block files, and keeps the last ones open.
type files struct {
	root string
	step func(what string) error // called before each write; see Config.fault

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

func newFiles(root string, step func(string) error) *files {
	return &files{root: root, step: step, open: make(map[string]*blockFile), idle: list.New()}
}

func (fs *files) dir(dk feed.DiscoveryKey) string { return filepath.Join(fs.root, dk.String()) }

func (fs *files) path(dk feed.DiscoveryKey, gen uint64) string {
	return filepath.Join(fs.dir(dk), fmt.Sprintf("%d.blocks", gen))
}

// acquire opens a block file; with create it is made, durably, when it is not there.
func (fs *files) acquire(dk feed.DiscoveryKey, gen uint64, create bool) (*blockFile, error) {
	path := fs.path(dk, gen)
	fs.mu.Lock()
	defer fs.mu.Unlock()
	b := fs.open[path]
	if b == nil {
		f, err := os.OpenFile(path, os.O_RDWR, 0o600)
		if errors.Is(err, os.ErrNotExist) && create {
			f, err = fs.create(path)
		}
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

func (fs *files) create(path string) (*os.File, error) {
	if err := fs.step("create " + filepath.Base(path)); err != nil {
		return nil, err
	}
	if err := durable.Mkdir(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	if err := durable.SyncDir(filepath.Dir(path)); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
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
		delete(fs.open, old.path)
		_ = old.Close() // what was written to it was synced, or its error told
	}
}

// write writes at an offset.
func (fs *files) write(b *blockFile, data []byte, at int64) error {
	if err := fs.step("write block"); err != nil {
		return err
	}
	_, err := b.WriteAt(data, at)
	return explain(err)
}

// sync brings what was written to the disk.
func (fs *files) sync(b *blockFile) error {
	if err := fs.step("sync " + filepath.Base(b.path)); err != nil {
		return err
	}
	return explain(unix.Fdatasync(int(b.Fd())))
}

// punch gives the space of a part of a file back. Where the file system cannot
// do that, the space stays taken: that is no error.
func (fs *files) punch(b *blockFile, at, n int64) error {
	if err := fs.step("punch " + filepath.Base(b.path)); err != nil {
		return err
	}
	err := unix.Fallocate(int(b.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, at, n)
	if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) {
		return nil
	}
	return explain(err)
}

// remove deletes all files of a feed. Those in use give their space back when they are released.
func (fs *files) remove(dk feed.DiscoveryKey) error {
	if err := fs.step("remove " + dk.String()); err != nil {
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

// removeGeneration deletes one file of a feed.
func (fs *files) removeGeneration(dk feed.DiscoveryKey, gen uint64) error {
	path := fs.path(dk, gen)
	if err := fs.step("remove " + filepath.Base(path)); err != nil {
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

func (fs *files) forgetLocked(b *blockFile) {
	delete(fs.open, b.path)
	if b.idle != nil {
		fs.idle.Remove(b.idle)
		_ = b.Close()
	}
}

// close closes all files that nobody uses.
func (fs *files) close() {
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for _, b := range fs.open {
		if b.uses == 0 {
			_ = b.Close()
		}
	}
	clear(fs.open)
	fs.idle.Init()
}

// freeBytes returns what a user without privileges can still write.
func freeBytes(dir string) uint64 {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0
	}
	return st.Bavail * uint64(st.Bsize)
}
