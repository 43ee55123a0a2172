package storetest

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// A Disk stands under a store, by its method [Disk.Step]. It fails when it is told
// to, and keeps account of what was synced: after a crash all else may be lost, or
// garbage. It is safe for concurrent use.
type Disk struct {
	dir string // all that is below is copied by Crash

	mu     sync.Mutex
	r      *rand.Rand        // mu
	left   int               // steps until the crash, negative for none; mu
	died   func()            // mu
	dead   bool              // mu
	last   string            // the step that failed first; mu
	faults Faults            // mu
	synced map[string][]byte // block files as they were synced last; mu
}

// Faults are what a disk does wrong, other than to die.
type Faults struct {
	Full     bool          // no block can be written
	ReadOnly bool          // nothing can
	SlowSync time.Duration // how long a sync takes at most
	Lies     bool          // it says that it has synced, and has not
}

// ErrCrash is what all steps fail with after the crash.
var ErrCrash = errors.New("the power is off")

// NewDisk returns a disk without faults that has the folder dir, if it is there.
// What is in it counts as synced.
func NewDisk(dir string, r *rand.Rand) (*Disk, error) {
	d := &Disk{dir: dir, r: r, left: -1, synced: make(map[string][]byte)}
	err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(path, blocksSuffix) {
			d.synced[path], err = os.ReadFile(path)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return d, err
}

// blocksSuffix is what the names of block files end with.
const blocksSuffix = ".blocks"

// Step is for [store.Config].
func (d *Disk) Step(what, path string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.dead:
		return ErrCrash
	case d.left == 0:
		d.dead, d.last = true, what
		if d.died != nil {
			d.died()
		}
		return ErrCrash
	case d.left > 0:
		d.left--
	}
	switch {
	case d.faults.ReadOnly:
		return syscall.EROFS
	case d.faults.Full && (what == "write block" || what == "create"):
		return syscall.ENOSPC
	case what != "sync":
		return nil
	}
	if d.faults.SlowSync > 0 {
		wait := time.Duration(d.r.Int64N(int64(d.faults.SlowSync)))
		d.mu.Unlock()
		time.Sleep(wait)
		d.mu.Lock()
		if d.dead {
			return ErrCrash
		}
	}
	if d.faults.Lies {
		return nil
	}
	data, err := os.ReadFile(path)
	if err == nil {
		d.synced[path] = data
	}
	return err
}

// CrashAfter makes the disk die before a later step, and call died, which may be
// nil, and must not call the disk. A negative number takes that back.
func (d *Disk) CrashAfter(steps int, died func()) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.left, d.died = steps, died
}

// Kill makes the disk die now.
func (d *Disk) Kill() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = true
}

// Died reports whether the disk died by itself, and at which step.
func (d *Disk) Died() (step string, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.last, d.last != ""
}

// Faults changes what the disk does wrong.
func (d *Disk) Faults(change func(*Faults)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(&d.faults)
}

// Crash copies the folder as a crash may have left it: of what was written to
// block files and not synced some is there, some is not, and some is garbage.
func (d *Disk) Crash(to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return filepath.WalkDir(d.dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		target := filepath.Join(to, strings.TrimPrefix(path, d.dir))
		switch {
		case e.IsDir():
			return os.MkdirAll(target, 0o700)
		case !e.Type().IsRegular():
			return nil
		case e.Name() == "spare":
			return os.Rename(path, target) // it is large, and holds nothing
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if strings.HasSuffix(path, blocksSuffix) {
			data = tear(data, d.synced[path], d.r)
		}
		return writeSparse(target, data)
	})
}

// tear returns what may be left of a file, of which bytes or sectors have gone.
func tear(now, synced []byte, r *rand.Rand) []byte {
	out := slices.Clone(now)
	grain := []int{1, 16, 512}[r.IntN(3)]
	for at := 0; at < len(out); at += grain {
		end := min(at+grain, len(out))
		if end <= len(synced) && bytes.Equal(now[at:end], synced[at:end]) {
			continue
		}
		part := out[at:end]
		switch r.IntN(3) {
		case 0:
			for i := range part {
				part[i] = byte(r.Uint32())
			}
		case 1:
			clear(part)
		}
		for i := at; i < min(end, len(synced)); i++ {
			if synced[i] == now[i] || r.IntN(2) == 0 {
				out[i] = synced[i]
			}
		}
	}
	if len(out) > len(synced) && r.IntN(2) == 0 {
		out = out[:len(synced)+r.IntN(len(out)-len(synced))]
	}
	return out
}

// writeSparse writes a file without its zeros: most of Badger's files is empty.
func writeSparse(path string, data []byte) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	const chunk = 16 << 10
	zeros := make([]byte, chunk)
	for at := 0; at < len(data) && err == nil; at += chunk {
		part := data[at:min(at+chunk, len(data))]
		if !bytes.Equal(part, zeros[:len(part)]) {
			_, err = f.WriteAt(part, int64(at))
		}
	}
	if err == nil {
		err = f.Truncate(int64(len(data)))
	}
	return errors.Join(err, f.Close())
}
