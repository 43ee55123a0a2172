package space_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"cobox/seeder/feed"
	"cobox/seeder/space"
)

// memory is a set of feeds in memory: Blocks, and the Log of each.
type memory struct {
	mu    sync.Mutex
	feeds map[feed.Key]*memoryLog
	reads map[uint64]int // how often each block was asked for
}

func newMemory() *memory {
	return &memory{feeds: map[feed.Key]*memoryLog{}, reads: map[uint64]int{}}
}

func (m *memory) log(name string) *memoryLog {
	m.mu.Lock()
	defer m.mu.Unlock()
	var key feed.Key
	copy(key[:], name)
	l, ok := m.feeds[key]
	if !ok {
		l = &memoryLog{key: key, memory: m}
		m.feeds[key] = l
	}
	return l
}

func (m *memory) Block(_ context.Context, key feed.Key, index uint64) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	l, ok := m.feeds[key]
	if !ok || index >= uint64(len(l.blocks)) {
		return nil, fmt.Errorf("no block %d", index)
	}
	m.reads[index]++
	return bytes.Clone(l.blocks[index]), nil
}

// Release shows who uses a block after it was given back.
func (m *memory) Release(block []byte) {
	for i := range block {
		block[i] = 0xaa
	}
}

// all returns all feeds, own first.
func (m *memory) all(own *memoryLog) []space.Feed {
	feeds := []space.Feed{{Key: own.key, Length: own.Length(), Fork: own.fork}}
	for _, l := range m.feeds {
		if l != own {
			feeds = append(feeds, space.Feed{Key: l.key, Length: l.Length(), Fork: l.fork})
		}
	}
	return feeds
}

type memoryLog struct {
	*memory
	key     feed.Key
	fork    uint64
	blocks  [][]byte
	appends int
	fail    func(blocks int) error // when not nil, asked before each Append
	lose    func() error           // when not nil, asked before an Append is durable; an error loses it
}

func (l *memoryLog) Key() feed.Key { return l.key }
func (l *memoryLog) Fork() uint64  { return l.fork }
func (l *memoryLog) Length() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return uint64(len(l.blocks))
}

func (l *memoryLog) Append(_ context.Context, first uint64, blocks [][]byte) (func() error, error) {
	if l.fail != nil {
		if err := l.fail(len(blocks)); err != nil {
			return nil, err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.blocks); uint64(n) != first {
		return nil, fmt.Errorf("%d blocks, not %d", n, first)
	}
	for _, b := range blocks {
		l.blocks = append(l.blocks, bytes.Clone(b))
	}
	l.appends++
	return func() error {
		if l.lose == nil {
			return nil
		}
		err := l.lose()
		if err != nil {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.blocks = l.blocks[:min(uint64(len(l.blocks)), first)]
		}
		return err
	}, nil
}

// A world is a space with a device, and a folder to back up.
type world struct {
	t      testing.TB
	secret space.Secret
	keys   *space.Keys
	memory *memory
	log    *memoryLog
	index  *space.FileIndex
	source string
	opened []string
	warned []*space.PathError
	mu     sync.Mutex
}

func newWorld(t testing.TB) *world {
	secret := space.Secret{1, 2, 3}
	w := &world{t: t, secret: secret, keys: secret.Keys(space.ID{9}), memory: newMemory(), index: space.NewMemoryIndex(), source: t.TempDir()}
	w.log = w.memory.log("first device")
	return w
}

// other is another device of the same space.
func (w *world) other(name string) *world {
	return &world{t: w.t, secret: w.secret, keys: w.keys, memory: w.memory, log: w.memory.log(name), index: space.NewMemoryIndex(), source: w.t.TempDir()}
}

func (w *world) options() space.BackupOptions {
	return space.BackupOptions{
		Keys: w.keys, Log: w.log, Blocks: w.memory, Near: w.memory, Index: w.index, Source: w.source, Name: "archive",
		Device: space.Device{ID: space.ID{7}, Name: "laptop"}, Tool: "test",
		TempDir: w.t.TempDir(),
		Opened: func(path string) {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.opened = append(w.opened, path)
		},
		Warn: func(e *space.PathError) { w.warned = append(w.warned, e) },
	}
}

func (w *world) reader() *space.Reader { return space.NewReader(w.keys, w.memory) }

func (w *world) update() {
	w.t.Helper()
	if err := space.UpdateIndex(w.t.Context(), w.reader(), w.index, w.memory.all(w.log)); err != nil {
		w.t.Fatalf("UpdateIndex: %v", err)
	}
}

func (w *world) backup() *space.BackupResult {
	w.t.Helper()
	w.opened, w.warned = nil, nil
	w.update()
	result, err := space.Backup(w.t.Context(), w.options())
	if err != nil {
		w.t.Fatalf("Backup: %v (%v)", err, w.warned)
	}
	return result
}

func (w *world) restore(s *space.Snapshot) string {
	w.t.Helper()
	dest := filepath.Join(w.t.TempDir(), "restored")
	w.restoreTo(s, dest, space.RestoreOptions{})
	return dest
}

func (w *world) restoreTo(s *space.Snapshot, dest string, o space.RestoreOptions) *space.RestoreResult {
	w.t.Helper()
	o.Warn = func(e *space.PathError) { w.t.Errorf("restoring: %v", e) }
	result, err := space.Restore(w.t.Context(), w.reader(), s, dest, o)
	if err != nil {
		w.t.Fatalf("Restore: %v", err)
	}
	return result
}

// write makes a file, and the folders on the way.
func (w *world) write(name string, content []byte) {
	w.t.Helper()
	path := filepath.Join(w.source, filepath.FromSlash(name))
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, content, 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// listing describes a folder: all that a restore must bring back.
func listing(t testing.TB, root string) map[string]string {
	t.Helper()
	list := map[string]string{}
	first := map[uint64]string{}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		text := fmt.Sprintf("%v %d", info.Mode(), info.ModTime().UnixNano())
		switch {
		case info.Mode().IsRegular():
			content, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			text += fmt.Sprintf(" %d %x", len(content), hashOf(content))
			if sys := info.Sys().(*syscall.Stat_t); sys.Nlink > 1 {
				if _, ok := first[sys.Ino]; !ok {
					first[sys.Ino] = rel
				}
				text += " is " + first[sys.Ino]
			}
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			text += " -> " + target
		}
		list[rel] = text
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func sameListing(t testing.TB, want, got map[string]string) {
	t.Helper()
	bad := 0
	for name, text := range want {
		if got[name] != text {
			if bad++; bad < 10 {
				t.Errorf("%q is %q, want %q", name, got[name], text)
			}
		}
	}
	for name := range got {
		if _, ok := want[name]; !ok {
			t.Errorf("%q is there and should not be", name)
		}
	}
}

func setTime(t testing.TB, path string, at time.Time) {
	t.Helper()
	if err := os.Chtimes(path, at, at); err != nil {
		t.Fatal(err)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var errKilled = errors.New("killed")

func cancelCause(t testing.TB) (context.Context, context.CancelCauseFunc) {
	ctx, cancel := context.WithCancelCause(t.Context())
	t.Cleanup(func() { cancel(nil) })
	return ctx, cancel
}
