package space

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// Lists keep the lists of the chunks of large files (list objects) on this computer, so
// that a backup can follow a file of which the blocks are on boxes alone. It is a cache:
// a list that is missing or damaged is as if it had never been there, and nothing here
// tells of an error of the disk. A list is a file that is named by its chunk ID. What the
// newest snapshot does not use is removed. One backup at a time may use it; it is safe
// for concurrent use.
type Lists struct {
	dir  string
	keys *Keys

	mu   sync.Mutex
	used map[ChunkID]struct{} // by the snapshot that is being made; mu
}

// NewLists returns the Lists of a space in a folder of their own, which is made when
// there is something for it.
func NewLists(dir string, keys *Keys) *Lists {
	return &Lists{dir: dir, keys: keys, used: make(map[ChunkID]struct{})}
}

func (l *Lists) path(id ChunkID) string { return filepath.Join(l.dir, hex.EncodeToString(id[:])) }

// get returns a list, or nil.
func (l *Lists) get(id ChunkID) []byte {
	content, err := os.ReadFile(l.path(id))
	if err != nil || len(content) > maxChunk || l.keys.ChunkID(content) != id {
		return nil
	}
	return content
}

// use notes that the snapshot uses a list, and reports whether that is new.
func (l *Lists) use(id ChunkID) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if _, ok := l.used[id]; ok {
		return false
	}
	l.used[id] = struct{}{}
	return true
}

// put keeps a list that the snapshot uses.
func (l *Lists) put(id ChunkID, content []byte) {
	if !l.use(id) {
		return
	}
	if l.get(id) != nil {
		return
	}
	if err := os.Mkdir(l.dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return
	}
	_ = os.WriteFile(l.path(id), content, 0o600) // half of one has another ID
}

// keep keeps the lists of a file that is as it was.
func (l *Lists) keep(items []Item) {
	for i := range items {
		if items[i].Kind != ItemList || !l.use(items[i].Ref.ID) {
			continue
		}
		content := l.get(items[i].Ref.ID)
		if content == nil {
			continue
		}
		if o, err := decodeObject(content, items[i].Span); err == nil {
			l.keep(o.items)
		}
	}
}

// sweep removes the lists that were not used since the last sweep.
func (l *Lists) sweep() {
	l.mu.Lock()
	defer l.mu.Unlock()
	entries, _ := os.ReadDir(l.dir)
	for _, e := range entries {
		id, err := hex.DecodeString(strings.ToLower(e.Name()))
		if err != nil || len(id) != len(ChunkID{}) {
			continue // not ours
		}
		if _, ok := l.used[ChunkID(id)]; !ok {
			_ = os.Remove(filepath.Join(l.dir, e.Name()))
		}
	}
	clear(l.used)
}
