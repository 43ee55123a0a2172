package store

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"

	"cobox/seeder/durable"
)

// Badger writes through memory maps of sparse files, and a write to a map for
// which the disk has no room ends the process (SIGBUS). So the disk must never
// be full when the index is written:
//   - blocks are refused when less than minFree is left;
//   - should somebody else fill the disk, a file that holds room for this day is
//     removed, with which feeds can be deleted and the store opened again;
//   - and below that, changes of the index are refused.
const (
	minFree    = 128 << 20 // for blocks
	indexFree  = 48 << 20  // for the index: compactions write tables before they remove others
	deleteFree = 16 << 20  // for what gives space back, or is small
	spareBytes = 64 << 20  // of the file that holds room
	lookEvery  = 4 << 20   // bytes taken in between two looks at the disk
)

// spareName is the file that holds room.
const spareName = "spare"

// Made are the names in a store's folder that [Open] makes anew when they are not
// there: whoever copies a store need not copy them.
var Made = []string{spareName, "lock"}

// A room watches the space on the disk. It is safe for concurrent use.
type room struct {
	dir   string
	log   *slog.Logger
	taken atomic.Int64 // since the last look
	full  atomic.Bool  // at the last look
	spare atomic.Bool  // the file is there
}

// take asks for room for n bytes of blocks.
func (r *room) take(n int) error {
	if r.taken.Add(int64(n)) < lookEvery && !r.full.Load() {
		return nil
	}
	r.taken.Store(0)
	free, ok := durable.FreeBytes(r.dir)
	r.full.Store(ok && free < minFree+uint64(n))
	if r.full.Load() {
		return fmt.Errorf("%w (%d MiB are free, and %d are left for the index)", ErrNoSpace, free>>20, minFree>>20)
	}
	return nil
}

// forIndex asks for room for a change of the index, which needs that much free.
func (r *room) forIndex(need uint64) error {
	free, ok := durable.FreeBytes(r.dir)
	if !ok || free >= need {
		return nil
	}
	if err := r.useSpare(); err != nil {
		return err
	}
	if free, _ = durable.FreeBytes(r.dir); free < need {
		return fmt.Errorf("%w (%d MiB are free, and the index needs %d)", ErrNoSpace, free>>20, need>>20)
	}
	return nil
}

// useSpare gives the room that was held to those who need it now.
func (r *room) useSpare() error {
	err := os.Remove(filepath.Join(r.dir, spareName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("giving the spare room to the index: %w", explain(err))
	}
	r.spare.Store(false)
	r.log.Warn("the disk is full: the spare room is in use", "bytes", spareBytes)
	return nil
}

// hold makes the file that holds room, when there is plenty.
func (r *room) hold() {
	if free, ok := durable.FreeBytes(r.dir); !ok || free < minFree+2*spareBytes || r.spare.Load() {
		return
	}
	f, err := os.OpenFile(filepath.Join(r.dir, spareName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return
	}
	if allocate(f, spareBytes) && f.Close() == nil {
		r.spare.Store(true)
		return
	}
	_ = f.Close()
	_ = os.Remove(f.Name()) // it was worth a try only
}
