package smart

import (
	"context"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"cobox/appliance/sensors"
)

const (
	// every is how often a disk is asked at most.
	every = 10 * time.Minute
	// maxRefused is how often a disk may give no answer, one after the other, before it
	// is left alone for as long as it is connected: most of these never will.
	maxRefused = 3
)

// A Config says how disks are asked. Its zero value is for those of this machine.
type Config struct {
	Dev string       // where the devices are; /dev when empty
	Ask Asker        // how a disk is asked; by its driver when nil
	Log *slog.Logger // nil for none
}

// An Asker asks the disk that is a device. It may block for as long as the disk does.
type Asker func(device string, kind sensors.DiskKind) (Pages, error)

// A Watch keeps what disks last said of themselves. [Watch.Run] must run for it; its
// other methods may be called from several goroutines, and never wait for a disk.
type Watch struct {
	cfg Config
	due chan question

	mu    sync.Mutex
	disks map[string]*watched // mu; by name
}

// watched is what is known of a disk.
type watched struct {
	size    uint64 // another disk of the same name seldom has the same
	moved   uint64 // bytes that were read and written, when it was last looked at
	asked   time.Time
	asking  bool // no answer has come yet
	refused int  // answers in a row that were none
	last    *sensors.Smart
}

type question struct {
	of   *watched
	name string
	kind sensors.DiskKind
}

// New returns a watch.
func New(cfg Config) *Watch {
	if cfg.Dev == "" {
		cfg.Dev = "/dev"
	}
	if cfg.Ask == nil {
		cfg.Ask = ask
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Watch{cfg: cfg, due: make(chan question, sensors.MaxDisks), disks: make(map[string]*watched)}
}

// Run asks the disks whose turn it is, until ctx is done. A question that a disk has not
// answered by then stays in the kernel, and ends with the program: there is no way to
// take it back.
func (w *Watch) Run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case q := <-w.due:
			go w.ask(q) // at most one for each disk, see Look
		}
	}
}

// Look tells the watch which disks there are, and what they have done. It adds to each
// what it last said of itself, and notes whose turn it is to be asked.
func (w *Watch) Look(disks []sensors.Disk) {
	w.mu.Lock()
	defer w.mu.Unlock()
	there := make(map[string]*watched)
	for i := range disks {
		d := &disks[i]
		if d.Kind != sensors.NVMe && d.Kind != sensors.SCSIDisk && d.Kind != sensors.USBDisk {
			continue
		}
		k := w.disks[d.Name]
		if k == nil || k.size != d.SizeBytes || d.ReadBytes+d.WrittenBytes < k.moved { // another one
			k = &watched{size: d.SizeBytes}
		}
		there[d.Name] = k
		awake := k.asked.IsZero() || d.ReadBytes+d.WrittenBytes != k.moved
		k.moved = d.ReadBytes + d.WrittenBytes
		if awake && !k.asking && k.refused < maxRefused && (k.asked.IsZero() || time.Since(k.asked) >= every) {
			w.wantLocked(question{k, d.Name, d.Kind})
		}
		if d.Smart = k.last; d.Smart != nil && d.Wear == nil {
			d.Wear = d.Smart.Wear
		}
	}
	w.disks = there
}

func (w *Watch) wantLocked(q question) {
	select {
	case w.due <- q:
		q.of.asking, q.of.asked = true, time.Now()
	default: // the next time
	}
}

// ask asks one disk.
func (w *Watch) ask(q question) {
	pages, err := w.cfg.Ask(filepath.Join(w.cfg.Dev, q.name), q.kind)
	w.mu.Lock()
	defer w.mu.Unlock()
	q.of.asking = false
	if err != nil {
		q.of.refused++
		w.cfg.Log.Debug("a disk does not tell its health", "disk", q.name, "error", err)
		return
	}
	q.of.refused = 0
	s := pages.smart()
	s.At = time.Now()
	q.of.last = &s
}

// Of returns what a disk last said of itself; nil when it said nothing.
func (w *Watch) Of(name string) *sensors.Smart {
	w.mu.Lock()
	defer w.mu.Unlock()
	if k := w.disks[name]; k != nil {
		return k.last
	}
	return nil
}
