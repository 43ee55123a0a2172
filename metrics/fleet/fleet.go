package fleet

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"cobox/appliance/health"
)

// A Box is one of the boxes to watch.
type Box struct {
	ID   string    // unlike that of all others
	Name string    // its host name, for people
	Tag  string    // as on its label; may be empty
	Seen time.Time // when it last answered, before this program ran; zero for never
}

// Label is what Prometheus calls the box: its tag, or its name when it has none.
func (b Box) Label() string { return clean(cmp.Or(b.Tag, b.Name, b.ID)) }

// A Link is a connection to a box. One goroutine uses it at a time.
type Link interface {
	Health(ctx context.Context) (health.Report, error)
	Metrics(ctx context.Context, w io.Writer) error // nothing but a whole page
	// Refresh brings what is remembered of the box up to date.
	Refresh(ctx context.Context) error
	Close()
}

// Config says which boxes there are and how they are reached. Boxes and Connect are
// required.
type Config struct {
	// Boxes returns the boxes to watch. It is asked again all the time, so that boxes
	// may come and go.
	Boxes func() ([]Box, error)
	// Connect reaches a box. It is called for [MaxDials] boxes at the same time.
	Connect func(ctx context.Context, b Box) (Link, error)
	Every   time.Duration // how often each box is asked how it is; 0 means 30 seconds
	Log     *slog.Logger  // nil for none
}

// The bounds of a fleet.
const (
	MaxBoxes = 1000 // that are watched; those after them, in the order of Boxes, are not
	MaxDials = 16   // boxes that are looked for at the same time: each sends some dozen packets
)

const (
	defaultEvery = 30 * time.Second
	reloadEvery  = 10 * time.Second
	refreshEvery = time.Hour
	askTime      = 10 * time.Second // for one question
	dialTime     = 90 * time.Second // for finding a box by all ways
	// How long to wait before a box is looked for again, at first and at most. It is
	// below the 15 minutes after which a box counts as silent.
	firstWait = 2 * time.Second
	lastWait  = 2 * time.Minute
)

// A Sight is how a box was seen last.
type Sight struct {
	Box    Box           `json:"box"`
	Tried  bool          `json:"tried"` // it was looked for at least once
	Up     bool          `json:"up"`    // it answers
	Since  time.Time     `json:"since"` // when it began to answer, or not to
	Seen   time.Time     `json:"seen,omitzero"`
	Error  string        `json:"error,omitempty"` // why it does not
	Health health.Report `json:"health"`          // the last that it gave; zero for none
}

// A Fleet watches boxes. [Fleet.Run] must run for it; its other methods may be
// called from several goroutines.
type Fleet struct {
	cfg   Config
	dials chan struct{} // has a value for each search that goes on

	mu      sync.Mutex
	keepers map[string]*keeper // mu; by ID
	loaded  bool               // mu; the boxes were asked for
	changed chan struct{}      // mu; closed and replaced when a sight changes
}

// New returns a fleet.
func New(cfg Config) *Fleet {
	if cfg.Every == 0 {
		cfg.Every = defaultEvery
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Fleet{cfg: cfg, dials: make(chan struct{}, MaxDials), keepers: make(map[string]*keeper), changed: make(chan struct{})}
}

// Run watches the boxes until ctx is done. The error is that of the first look for
// boxes; later ones are logged.
func (f *Fleet) Run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer cancel()
	tick := time.NewTicker(reloadEvery)
	defer tick.Stop()
	for first := true; ; first = false {
		if err := f.reload(ctx, &wg); err != nil {
			if first {
				return err
			}
			f.cfg.Log.Warn("listing the boxes", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// reload begins to watch boxes that came, and ends it for those that went.
func (f *Fleet) reload(ctx context.Context, wg *sync.WaitGroup) error {
	boxes, err := f.cfg.Boxes()
	if err != nil {
		return err
	}
	if len(boxes) > MaxBoxes {
		f.cfg.Log.Error("there are too many boxes: some are not watched", "boxes", len(boxes), "watched", MaxBoxes)
		boxes = boxes[:MaxBoxes]
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	there := make(map[string]bool)
	changed := !f.loaded
	for _, b := range boxes {
		there[b.ID] = true
		if k, ok := f.keepers[b.ID]; ok {
			k.rename(b)
			continue
		}
		ctx, cancel := context.WithCancel(ctx)
		k := newKeeper(f, b, cancel)
		f.keepers[b.ID] = k
		changed = true
		wg.Go(func() { k.run(ctx) })
	}
	for id, k := range f.keepers {
		if !there[id] {
			k.cancel()
			delete(f.keepers, id)
			changed = true
		}
	}
	f.loaded = true
	if changed {
		f.changedLocked()
	}
	return nil
}

func (f *Fleet) changedLocked() {
	close(f.changed)
	f.changed = make(chan struct{})
}

// Sights returns how all boxes were seen last, the worst first; and a channel that
// is closed when one of them changes.
func (f *Fleet) Sights() ([]Sight, <-chan struct{}) {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := make([]Sight, 0, len(f.keepers))
	for _, k := range f.keepers {
		list = append(list, k.sight())
	}
	slices.SortFunc(list, func(a, b Sight) int {
		return cmp.Or(cmp.Compare(b.rank(), a.rank()), cmp.Compare(a.Box.Name, b.Box.Name), cmp.Compare(a.Box.ID, b.Box.ID))
	})
	return list, f.changed
}

// Settled waits until each box was looked for once, or ctx is done, and returns
// [Fleet.Sights].
func (f *Fleet) Settled(ctx context.Context) []Sight {
	for {
		list, changed := f.Sights()
		f.mu.Lock()
		settled := f.loaded
		f.mu.Unlock()
		for _, s := range list {
			settled = settled && s.Tried
		}
		if settled {
			return list
		}
		select {
		case <-ctx.Done():
			return list
		case <-changed:
		}
	}
}

// keeper returns that of a box by its path, see [Fleet.paths].
func (f *Fleet) keeper(path string) *keeper {
	for id, p := range f.paths() {
		if p == path {
			f.mu.Lock()
			defer f.mu.Unlock()
			return f.keepers[id]
		}
	}
	return nil
}

// paths returns a short name for each box by its ID: its label in small letters, or
// the ID where two have the same label or it does not go into a path.
func (f *Fleet) paths() map[string]string {
	f.mu.Lock()
	defer f.mu.Unlock()
	count := make(map[string]int)
	paths := make(map[string]string)
	for id, k := range f.keepers {
		p := strings.ToLower(k.sight().Box.Label())
		paths[id] = p
		count[p]++
	}
	for id, p := range paths {
		if count[p] > 1 || !plain(p) {
			paths[id] = id
		}
	}
	return paths
}

// plain reports whether a label can be part of a path as it is.
func plain(s string) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return false
		}
	}
	return s != ""
}

// maxText bounds what is shown of a box's words, in runes.
const maxText = 400

// clean makes a box's words fit for a terminal and a label.
func clean(s string) string {
	n := 0
	return strings.Map(func(r rune) rune {
		if n++; n > maxText {
			return -1
		}
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return ' '
		}
		return r
	}, s)
}

// cleanReport cleans a report's texts.
func cleanReport(r health.Report) health.Report {
	r.Checks = slices.Clone(r.Checks[:min(len(r.Checks), maxChecks)])
	for i := range r.Checks {
		c := &r.Checks[i]
		c.Check = health.Check(clean(string(c.Check)))
		c.State = health.State(clean(string(c.State)))
		for _, t := range []*health.Text{&c.Title, &c.Text} {
			t.EN, t.DE = clean(t.EN), clean(t.DE)
		}
	}
	return r
}

// maxChecks bounds the checks of a box: some more than there are, for newer ones.
const maxChecks = 64
