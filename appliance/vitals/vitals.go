// Package vitals gathers what a box's programs and its machine tell of themselves:
// the seeder's figures, by its socket; the machine's, from the kernel; who the box
// belongs to, from its chain. Of these it makes one metrics.Snapshot and one
// health.Report, which all who look at the box are shown: operators, Prometheus, the
// status page. It decides about nobody's rights, and talks to nobody itself.
package vitals

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"path/filepath"
	"sync"
	"time"

	"cobox/appliance/health"
	"cobox/appliance/sensors"
	"cobox/metrics"
	"cobox/provision/chain"
	"cobox/seeder/api"
)

// Config says what is gathered. State and Chain are required.
type Config struct {
	State   string // the state folder
	Version string
	// Machine says where the machine is looked at. Without volumes they are the file
	// system of the state folder and, where it is another one, that of the store.
	Machine sensors.Machine
	// StoreDisk says that the store must be on a disk of its own: without one mounted
	// there it is gone, and what is below it is not looked at.
	StoreDisk bool
	// Smart adds to disks what they say of themselves, and must not wait for them; nil
	// for nothing.
	Smart func([]sensors.Disk)
	// DataDisk tells where the box's data disk has to be mounted; nil, or empty, for a
	// box that has none.
	DataDisk func() string
	Chain    func() *chain.State
	// OperatorSeen tells when an operator's program last spoke with the box; nil when
	// nobody knows.
	OperatorSeen func() time.Time
	// Clock tells what is known of the box's clock; nil for nothing.
	Clock func() health.Clock
	// Update tells how the last update went, and in which slot the running image is;
	// nil on a machine without update slots.
	Update func() (state health.Update, slot string)
	// Cause tells why the machine started, when the box knows better than the kernel
	// (it asked for it); nil, or unknown, leaves it to the kernel.
	Cause func() sensors.Cause
	// Tolerance is how long partners may be silent of whom no operator has said
	// otherwise; 0 means DefaultTolerance.
	Tolerance time.Duration
	Log       *slog.Logger // nil for none
}

// DefaultTolerance is how long a partner may be silent before somebody should ask: a
// week's holiday of a small office, and a day.
const DefaultTolerance = 8 * 24 * time.Hour

const (
	// every is how often the box is looked at when nobody asks.
	every = time.Minute
	// fresh is how old an answer may be: several who ask at once share one look.
	fresh = time.Second
	// patience is how long who asks waits for a look. A disk that does not answer must
	// not silence the box: what was seen last is told then, without that disk.
	patience = 3 * time.Second
	// askTime is how long the seeder may take for its figures. It is below patience.
	askTime = 2 * time.Second
	// silence is when a machine that could not be read any more counts as one whose
	// disks are gone.
	silence = time.Minute
)

// maxFigures bounds the seeder's answer, in bytes: its partners, with some room.
const maxFigures = 8 << 20

// Vitals gathers. [Vitals.Run] must run for it; its other methods may be called from
// several goroutines.
type Vitals struct {
	cfg    Config
	seeder *http.Client
	wanted chan struct{} // somebody waits for a look

	mu     sync.Mutex
	last   metrics.Snapshot // mu; Health is examined
	looked chan struct{}    // mu; closed and replaced after each look
}

// New returns what gathers for a box.
func New(cfg Config) *Vitals {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Tolerance == 0 {
		cfg.Tolerance = DefaultTolerance
	}
	return &Vitals{
		cfg: cfg, seeder: api.SocketClient(api.SocketPath(cfg.State)),
		wanted: make(chan struct{}, 1), looked: make(chan struct{}),
	}
}

// Run looks at the box once a minute, and when somebody asks, until ctx is done.
func (v *Vitals) Run(ctx context.Context) error {
	defer v.seeder.CloseIdleConnections()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		v.look(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		case <-v.wanted:
		}
	}
}

// look gathers everything once.
func (v *Vitals) look(ctx context.Context) {
	s := metrics.Snapshot{Version: v.cfg.Version, Asked: true}
	var err error
	machine := v.machine()
	if s.Machine, err = machine.Read(); err != nil {
		v.cfg.Log.Debug("some of the machine cannot be read", "error", err)
	}
	if v.cfg.Smart != nil {
		v.cfg.Smart(s.Machine.Disks)
	}
	if s.Seeder, err = v.ask(ctx); err != nil && ctx.Err() == nil {
		v.cfg.Log.Debug("the seeder gives no figures", "error", err)
	}
	s.At = time.Now()
	s.Programs = []sensors.Program{sensors.Self("provisiond")}
	v.others(&s)
	v.authority(&s)

	v.mu.Lock()
	defer v.mu.Unlock()
	s.Health = health.Examine(s.Facts()).After(v.last.Health)
	v.last = s
	close(v.looked)
	v.looked = make(chan struct{})
}

// machine returns where to look at the machine.
func (v *Vitals) machine() *sensors.Machine {
	m := v.cfg.Machine
	if len(m.Volumes) > 0 {
		return &m
	}
	if v.cfg.DataDisk != nil {
		if at := v.cfg.DataDisk(); at != "" {
			m.Volumes = []sensors.VolumeAt{{Name: health.StateVolume, Path: v.cfg.State}, {Name: health.DataVolume, Path: at, Mounted: true, Type: "ext4"}}
			return &m
		}
	}
	store := filepath.Join(v.cfg.State, "store")
	if !v.cfg.StoreDisk && sensors.SameVolume(v.cfg.State, store) {
		m.Volumes = []sensors.VolumeAt{{Name: health.DataVolume, Path: v.cfg.State}}
		return &m
	}
	m.Volumes = []sensors.VolumeAt{{Name: health.StateVolume, Path: v.cfg.State}, {Name: health.DataVolume, Path: store, Mounted: v.cfg.StoreDisk}}
	return &m
}

// ask returns the seeder's figures; nil when it gives none.
func (v *Vitals) ask(ctx context.Context) (*api.Figures, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://box/v1/figures", nil)
	if err != nil {
		return nil, err
	}
	resp, err := v.seeder.Do(req)
	if err != nil {
		return nil, fmt.Errorf("asking the seeder for its figures: %w", err)
	}
	defer resp.Body.Close()
	var f api.Figures
	if err := api.ReadAnswer(resp, maxFigures, &f); err != nil {
		return nil, fmt.Errorf("asking the seeder for its figures: %w", err)
	}
	return &f, nil
}

// others asks those who know about the clock, the update and the start.
func (v *Vitals) others(s *metrics.Snapshot) {
	if v.cfg.Clock != nil {
		s.Clock = v.cfg.Clock()
	}
	if v.cfg.Update != nil {
		s.Update, s.Slot = v.cfg.Update()
	}
	if v.cfg.Cause != nil {
		if c := v.cfg.Cause(); c != sensors.UnknownCause {
			s.Machine.Boot.Cause = c
		}
	}
}

// authority adds who owns the box and whose feeds it keeps.
func (v *Vitals) authority(s *metrics.Snapshot) {
	st := v.cfg.Chain()
	s.Operator.Paired = st.Claimed()
	s.Operators = len(st.Members)
	if v.cfg.OperatorSeen != nil {
		s.Operator.Seen = v.cfg.OperatorSeen()
	}
	for _, p := range st.Partners {
		if !p.Revoked.IsZero() {
			continue
		}
		of := metrics.Partner{
			Number: p.Number, QuotaBytes: p.Terms.QuotaBytes, MaxFeeds: p.Terms.MaxFeeds, Until: p.Terms.Until,
			Tolerance: p.Silence(v.cfg.Tolerance),
		}
		if s.Seeder != nil {
			of.Keeping = s.Seeder.Partners[p.Key]
		}
		s.Partners = append(s.Partners, of)
	}
}

// Snapshot returns how the box is now, or, when looking at it takes long, how it was
// seen last. It is what a metrics.Exporter is made with.
func (v *Vitals) Snapshot() metrics.Snapshot {
	v.mu.Lock()
	looked, age := v.looked, time.Since(v.last.At)
	v.mu.Unlock()
	if age > fresh {
		select {
		case v.wanted <- struct{}{}:
		default: // somebody has asked already
		}
		late := time.NewTimer(patience)
		defer late.Stop()
		select {
		case <-looked:
		case <-late.C:
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if time.Since(v.last.At) <= silence {
		return v.last
	}
	return v.silentLocked()
}

// silentLocked tells of a box whose machine could not be read for long. It happens
// when a disk hangs; so its volumes count as gone.
func (v *Vitals) silentLocked() metrics.Snapshot {
	s := v.last
	s.At = time.Now()
	s.Machine.Volumes = nil
	for _, was := range v.last.Machine.Volumes { // to look where they are may hang too
		s.Machine.Volumes = append(s.Machine.Volumes, sensors.Volume{Name: was.Name})
	}
	s.Seeder = nil
	s.Health = health.Examine(s.Facts()).After(v.last.Health)
	return s
}

// Report returns how the box is, judged: see [Vitals.Snapshot].
func (v *Vitals) Report() health.Report { return v.Snapshot().Health }
