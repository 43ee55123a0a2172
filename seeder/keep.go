package seeder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"cobox/seeder/api"
	"cobox/seeder/feed"
	"cobox/seeder/shelf"
	"cobox/seeder/store"

	"golang.org/x/sync/errgroup"
)

const (
	// lookEvery is how often a seeder looks whether its store is where it was.
	lookEvery = time.Second
	// againAfter is when a store that did not open is tried again, and a store that
	// could not be moved.
	againAfter = 10 * time.Minute
)

// ErrAnew says that the disk of an open store has gone. What has a store open cannot
// close it then, since that writes to it: the program is to end, or to become itself
// anew, without closing anything. What was acknowledged was on the disk before.
var ErrAnew = errors.New("the store's disk is gone: the program has to start anew")

// Keep runs a seeder wherever the store of a box is, until ctx is done: with the store,
// without while its disk is not there, or while it is moved to the data disk. It needs
// an authority. opened is called with each seeder before it runs. It returns [ErrAnew]
// when the disk of an open store goes.
func Keep(ctx context.Context, cfg Config, sh shelf.Shelf, opened func(*Seeder) error) error {
	k := &keeping{cfg: cfg, shelf: sh, opened: opened}
	for ctx.Err() == nil {
		place, err := sh.Find()
		if err == nil {
			err = k.at(ctx, place)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// keeping is one call of [Keep].
type keeping struct {
	cfg    Config
	shelf  shelf.Shelf
	opened func(*Seeder) error

	unmoved  error     // why the store could not be moved
	unmoveTo string    // to which disk
	movable  time.Time // when that is tried again
}

// at runs a seeder for as long as the store is at a place.
func (k *keeping) at(ctx context.Context, p shelf.Place) error {
	if p.To == "" || p.To != k.unmoveTo {
		k.unmoved = nil
	}
	switch {
	case p.To != "" && (k.unmoved == nil || !time.Now().Before(k.movable)):
		return k.move(ctx, p)
	case p.Dir == "":
		k.cfg.Log.Error("the store's disk is gone", "why", p.Why)
		return k.without(ctx, p, Lack{api.StoreGone, api.DiskGone, p.Why}, 0)
	}
	if err := k.shelf.Tidy(); err != nil {
		k.cfg.Log.Warn("the store was moved, and some is left on the card", "error", err)
	}
	cfg := k.cfg
	cfg.Store = p.Dir
	cfg.Gone = func() *Lack { return k.goneFrom(p) }
	limit := time.Duration(0)
	if k.unmoved != nil {
		cfg.Notice, limit = k.unmoved.Error(), time.Until(k.movable)
	}
	s, err := Open(cfg)
	if l, ok := lackOf(err); ok {
		k.cfg.Log.Error("the box runs without its store", "error", err)
		return k.without(ctx, p, l, againAfter)
	}
	if err != nil {
		return err
	}
	return k.run(ctx, s, p, limit)
}

// goneFrom says what has become of the store since it was found at a place; nil when it
// is there still.
func (k *keeping) goneFrom(p shelf.Place) *Lack {
	if k.shelf.There(p) {
		return nil
	}
	now, err := k.shelf.Find()
	switch {
	case err != nil:
		return &Lack{api.StoreOther, api.Internal, err.Error()}
	case now.Dir == "":
		return &Lack{api.StoreGone, api.DiskGone, now.Why}
	}
	return &Lack{api.StoreMoving, api.Busy, "it is looked for anew: ask again in a minute"}
}

// lackOf says why a store did not open; ok is false when something else failed.
func lackOf(err error) (l Lack, ok bool) {
	l = Lack{Code: api.Internal}
	switch {
	case err == nil:
		return l, false
	case errors.Is(err, store.ErrDamaged):
		l.Trouble = api.StoreDamaged
	case errors.Is(err, store.ErrNewerVersion):
		l.Trouble = api.StoreNewer
	case errors.Is(err, store.ErrNotStore):
		l.Trouble = api.StoreForeign
	case errors.Is(err, store.ErrReadOnly), errors.Is(err, store.ErrNoSpace):
		l.Trouble = api.StoreOther
	default:
		return l, false
	}
	l.Text = err.Error()
	return l, true
}

// without runs a seeder without its store, for a time unless that is 0.
func (k *keeping) without(ctx context.Context, p shelf.Place, l Lack, limit time.Duration) error {
	cfg := k.cfg
	cfg.Lack = func() Lack { return l }
	s, err := Open(cfg)
	if err != nil {
		return err
	}
	return k.run(ctx, s, p, limit)
}

// run runs a seeder until the store is somewhere else, or for a time unless that is 0.
func (k *keeping) run(ctx context.Context, s *Seeder, p shelf.Place, limit time.Duration) error {
	if err := k.opened(s); err != nil {
		return errors.Join(err, s.Close())
	}
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	ended := make(chan error, 1)
	go func() { ended <- s.Run(inner) }()
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	began := time.Now()
	for {
		select {
		case err := <-ended:
			return err
		case <-tick.C:
		}
		late := limit > 0 && time.Since(began) > limit
		if k.shelf.There(p) && !late {
			continue
		}
		k.cfg.Log.Info("the store is looked for anew")
		if now, err := k.shelf.Find(); s.store != nil && p.Disk != "" && (err != nil || now.Dir != p.Dir) {
			return ErrAnew
		}
		cancel()
		return <-ended
	}
}

// move moves the store to the data disk; meanwhile a seeder without a store says so.
func (k *keeping) move(ctx context.Context, p shelf.Place) error {
	text := newMoving()
	cfg := k.cfg
	cfg.Lack = text.lack
	s, err := Open(cfg)
	if err != nil {
		return err
	}
	if err := k.opened(s); err != nil {
		return errors.Join(err, s.Close())
	}
	k.cfg.Log.Info("the store is moved to the data disk", "disk", p.To)
	g, inner := errgroup.WithContext(ctx)
	inner, stop := context.WithCancel(inner)
	g.Go(func() error { return s.Run(inner) })
	g.Go(func() error {
		defer stop()
		k.unmoved = k.shelf.Move(inner, p, shelf.Job{
			Skip: store.Made, Progress: text.copied,
			Verify: func(ctx context.Context, copied string) error {
				text.verifying()
				return verifyCopy(ctx, p.Dir, copied, store.Config{Log: k.cfg.Log})
			},
		})
		return nil
	})
	if err := g.Wait(); err != nil || ctx.Err() != nil {
		return err
	}
	if k.unmoved != nil {
		k.unmoveTo, k.movable = p.To, time.Now().Add(againAfter)
		k.cfg.Log.Error("the store stays where it is", "error", k.unmoved)
		return nil
	}
	k.cfg.Log.Info("the store was moved to the data disk", "disk", p.To)
	return nil
}

// A moving says how far a move is.
type moving struct {
	mu   sync.Mutex
	text string // mu
}

func newMoving() *moving {
	m := &moving{}
	m.set("it is about to be moved to the data disk")
	return m
}

func (m *moving) set(text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.text = text
}

func (m *moving) copied(done, total uint64) {
	m.set(fmt.Sprintf("it is being moved to the data disk, %d %%", done*100/max(total, 1)))
}

func (m *moving) verifying() {
	m.set("it was copied to the data disk, and every block is being verified")
}

func (m *moving) lack() Lack {
	m.mu.Lock()
	defer m.mu.Unlock()
	return Lack{api.StoreMoving, api.Busy, m.text + "; all goes on when that is done"}
}

// verifyCopy says whether a copy of a store is as good as the original: the same pins,
// the same heads, and each block that the original has. Both are opened.
func verifyCopy(ctx context.Context, original, copied string, cfg store.Config) (err error) {
	from, err := store.Open(original, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, from.Close()) }()
	to, err := store.Open(copied, cfg)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	if err := comparePins(from, to); err != nil {
		return err
	}
	for _, key := range from.Feeds() {
		a, err := from.Feed(key)
		if err != nil {
			return err
		}
		b, err := to.Feed(key)
		if err != nil {
			return err
		}
		blocks, size := a.Held()
		copiedBlocks, copiedSize := b.Held()
		if !sameHead(a.Durable().Head, b.Durable().Head) || blocks != copiedBlocks || size != copiedSize {
			return fmt.Errorf("feed %s is not the same in the copy", key.DiscoveryKey())
		}
	}
	var bad error
	scrubErr := to.Scrub(ctx, 0, func(d store.Damage) {
		if bad == nil {
			bad = damagedBefore(from, d)
		}
	})
	return errors.Join(scrubErr, bad)
}

func sameHead(a, b feed.Head) bool {
	return a.Fork == b.Fork && a.Length == b.Length && a.Bytes == b.Bytes && a.Hash == b.Hash && bytes.Equal(a.Signature, b.Signature)
}

func comparePins(from, to *store.Store) error {
	a, err := from.Pins()
	if err != nil {
		return err
	}
	b, err := to.Pins()
	if err != nil {
		return err
	}
	if len(a) != len(b) {
		return fmt.Errorf("the copy has %d pins, the store %d", len(b), len(a))
	}
	for i := range a {
		if a[i].Feed != b[i].Feed || a[i].Partner != b[i].Partner {
			return errors.New("the copy has other pins")
		}
	}
	return nil
}

// damagedBefore returns an error unless what is damaged in a copy is damaged in the
// original too: that is fetched again on the new disk as it would be on the old one.
func damagedBefore(from *store.Store, d store.Damage) error {
	if d.Lost == 0 { // what a scrub has mended, or a head that cannot be mended here: both were copied
		return nil
	}
	f, err := from.Feed(d.Feed)
	if err != nil {
		return err
	}
	found, err := f.Recheck(d.Block)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return fmt.Errorf("block %d of feed %s is not what was copied: the data disk does not keep what is written to it", d.Block, d.Feed.DiscoveryKey())
	}
	return nil
}
