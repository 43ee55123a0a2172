package space

import (
	"errors"
	"maps"
	"os"
	"slices"
	"sync"
	"syscall"

	"cobox/seeder/durable"
)

// maxSyncedNames is how many files and folders are synced one by one. To sync the whole
// file system is sooner done for more of them; but that writes what other programs have
// left to be written, too, and a person who wants one file back would wait for it.
const maxSyncedNames = 128

// A syncList are the names that are to be synced, or all of the file system.
type syncList struct {
	names map[string]struct{}
	all   bool
}

func (l *syncList) add(name string) {
	if l.all {
		return
	}
	if l.names == nil {
		l.names = make(map[string]struct{})
	}
	l.names[name] = struct{}{}
	l.all = len(l.names) > maxSyncedNames
}

// A diskFeeder syncs all files each time that much was written, beside what writes: so the
// sync at the end, for which a person waits, has little left to do. The zero value is
// usable; it is safe for concurrent use.
type diskFeeder struct {
	mu      sync.Mutex
	written int           // since the last sync began; mu
	syncing chan struct{} // closed when the sync ends; nil for none; mu
	err     error         // of a sync: the kernel tells each fault once; mu
}

// feedBytes is some tenths of a second of a disk's time.
const feedBytes = 128 << 20

// wrote notes that n bytes more were written below root.
func (d *diskFeeder) wrote(root *os.Root, n int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.written += n
	if d.written < feedBytes || d.syncing != nil {
		return
	}
	ended := make(chan struct{})
	d.written, d.syncing = 0, ended
	go func() {
		err := syncFiles(root)
		d.mu.Lock()
		defer d.mu.Unlock()
		d.syncing, d.err = nil, errors.Join(d.err, err)
		close(ended)
	}()
}

// wait waits for the end of a sync that is under way.
func (d *diskFeeder) wait() {
	d.mu.Lock()
	ended := d.syncing
	d.mu.Unlock()
	if ended != nil {
		<-ended
	}
}

// sync makes the names of a list durable. It returns what failed then or before.
func (d *diskFeeder) sync(root *os.Root, list *syncList) error {
	d.wait()
	err := error(nil)
	if !list.all {
		err = syncNames(root, slices.Sorted(maps.Keys(list.names)))
	}
	if list.all || err != nil {
		err = errors.Join(fault(err), syncFiles(root))
	}
	d.wait() // one that has begun meanwhile may have been told of a fault in our place
	d.mu.Lock()
	defer d.mu.Unlock()
	d.written, d.err = 0, errors.Join(d.err, err)
	return d.err
}

// makeDest makes a folder, and those above it that are missing. Where synced is false, they
// are on the disk only once all files are synced.
func makeDest(dest string) (synced bool, err error) {
	err = durable.Mkdir(dest, 0o700)
	if err == nil || fault(err) != nil {
		return err == nil, err
	}
	return false, os.MkdirAll(dest, 0o700)
}

// fault returns nil for an error that only says that one name cannot be synced by itself:
// its mode forbids to open it, or the file system syncs no folders. Others are the disk's.
func fault(err error) error {
	if errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.EINVAL) || errors.Is(err, errors.ErrUnsupported) {
		return nil
	}
	return err
}
