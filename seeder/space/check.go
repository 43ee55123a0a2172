package space

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"cobox/seeder/feed"
)

// CheckOptions say how far a check goes.
type CheckOptions struct {
	// Feeds are the feeds of the space, with the lengths that are known to be stored.
	Feeds []Feed
	// Index, when not nil, is used to check that each chunk is where the snapshots
	// say, without fetching it. It must be up to date with Feeds.
	Index Index
	// ReadData is how many percent of the blocks with data are read and checked,
	// chosen at random: 0 to 100. Tree objects are always read.
	ReadData float64
	// Progress is called often, by one goroutine at a time; its Files and Bytes are
	// blocks that were read, and the bytes of chunks in them.
	Progress func(Progress)
}

// A CheckResult says what a check looked at and what it found.
type CheckResult struct {
	Snapshots, Files   uint64 // looked at; what several snapshots share is looked at once
	Blocks, BlocksRead uint64 // with data, that the snapshots need
	Damages            []Damage
	DamageCount        uint64 // all; Damages has the first maxDamages
	absent             uint64 // of them, for want of a block that is absent
}

// maxDamages bounds the damages that a check keeps.
const maxDamages = 1000

// A Damage is something that cannot be restored.
type Damage struct {
	Snapshot SnapshotRef
	Path     string // of the file or folder
	Err      error
}

// A DamageError says that a check found damage.
type DamageError struct {
	Count  uint64
	Absent uint64 // of them, for want of a block that is absent: it may be had later
}

func (e *DamageError) Error() string {
	if e.Absent == e.Count {
		return fmt.Sprintf("checking: %d files or folders cannot be had now", e.Count)
	}
	return fmt.Sprintf("checking: %d files or folders are damaged", e.Count)
}

// Is reports that a DamageError is [ErrDamaged].
func (e *DamageError) Is(target error) bool { return target == ErrDamaged }

// Check reads all trees of the snapshots, makes sure that every chunk they refer
// to is stored, and reads a part of the data. When it finds damage, it returns
// the result and a [*DamageError]; another error means that it could not finish.
func Check(ctx context.Context, r *Reader, snapshots []*Snapshot, o CheckOptions) (*CheckResult, error) {
	if math.IsNaN(o.ReadData) || o.ReadData < 0 || o.ReadData > 100 {
		return nil, fmt.Errorf("checking: %v percent of the data make no sense", o.ReadData)
	}
	c := &check{CheckOptions: o, reader: r, seen: make(map[Ref]bool), blocks: make(map[blockAt]bool), lengths: make(map[feed.Key]uint64), bad: make(map[blockAt]error), wrong: make(map[Location]error)}
	for _, f := range o.Feeds {
		c.lengths[f.Key] = f.Length
	}
	for _, s := range snapshots {
		c.result.Snapshots++
		if err := c.structure(ctx, s); err != nil {
			return nil, fmt.Errorf("checking the snapshot of %v: %w", s.Time, err)
		}
	}
	c.result.Blocks = uint64(len(c.blocks))
	if err := c.data(ctx); err != nil {
		return nil, fmt.Errorf("checking: %w", err)
	}
	if len(c.bad)+len(c.wrong) > 0 {
		clear(c.seen)
		for _, s := range snapshots {
			if err := c.affected(ctx, s); err != nil {
				return nil, fmt.Errorf("finding what is damaged: %w", err)
			}
		}
	}
	if c.result.DamageCount > 0 {
		return &c.result, &DamageError{c.result.DamageCount, c.result.absent}
	}
	return &c.result, nil
}

type check struct {
	CheckOptions
	reader  *Reader
	lengths map[feed.Key]uint64
	seen    map[Ref]bool     // tree objects
	blocks  map[blockAt]bool // with data that is needed

	mu     sync.Mutex
	bad    map[blockAt]error  // damaged blocks; mu
	wrong  map[Location]error // damaged chunks; mu
	result CheckResult
}

func (c *check) damage(s *Snapshot, path string, err error) {
	c.result.DamageCount++
	if errors.Is(err, ErrAbsent) {
		c.result.absent++
	}
	if len(c.result.Damages) < maxDamages {
		c.result.Damages = append(c.result.Damages, Damage{s.Ref, path, err})
	}
}

// walk visits the files of a snapshot that were not visited in another one.
func (c *check) walk(ctx context.Context, s *Snapshot, file func(path string, n *Node) error, bad func(path string, err error)) error {
	return c.reader.walk(ctx, s, func(path string, n *Node) error {
		switch {
		case n.Type == TypeFile:
			return file(path, n)
		case n.Type == TypeDir && n.Tree != Ref{}:
			if c.seen[n.Tree] {
				return fs.SkipDir
			}
			c.seen[n.Tree] = true
		}
		return nil
	}, func(path string, err error) error {
		bad(path, err)
		return nil
	})
}

// structure reads the trees of a snapshot and notes the blocks that it needs.
func (c *check) structure(ctx context.Context, s *Snapshot) error {
	for _, key := range s.Feeds {
		if _, ok := c.lengths[key]; !ok {
			c.damage(s, ".", fmt.Errorf("the snapshot needs feed %s, which is not there", feedName(key)))
		}
	}
	return c.walk(ctx, s, func(path string, n *Node) error {
		c.result.Files++
		var wrong error
		err := c.reader.content(ctx, n, c.enter, func(_ uint64, it Item) error {
			if it.Kind != ItemChunk {
				return nil
			}
			c.blocks[blockAt{it.Ref.Feed, it.Ref.Block}] = true
			err := c.located(ctx, it.Ref)
			if lost(err) {
				wrong, err = err, nil
			}
			return err
		})
		if lost(err) {
			wrong, err = err, nil
		}
		if wrong != nil {
			c.damage(s, path, wrong)
		}
		return err
	}, func(path string, err error) { c.damage(s, path, err) })
}

// enter tells whether a list was not seen yet.
func (c *check) enter(list Ref) bool {
	if c.seen[list] {
		return false
	}
	c.seen[list] = true
	return true
}

// located makes sure that a chunk is stored where it is said to be.
func (c *check) located(ctx context.Context, ref Ref) error {
	if length := c.lengths[ref.Feed]; ref.Block >= length {
		return damaged("block %d of feed %s is needed, which has %d blocks", ref.Block, feedName(ref.Feed), length)
	}
	if c.Index == nil {
		return nil
	}
	at, ok := c.Index.Lookup(ref.ID)
	if !ok {
		return damaged("no feed holds chunk %s", ref.ID)
	}
	if at == ref.Location {
		return nil
	}
	// Stored twice, and the index has the other place.
	ids, err := c.reader.packIDs(ctx, ref.Feed, ref.Block)
	if err == nil && (int(ref.Slot) >= len(ids) || ids[ref.Slot] != ref.ID) {
		err = damaged("block %d of feed %s does not hold chunk %s in slot %d", ref.Block, feedName(ref.Feed), ref.ID, ref.Slot)
	}
	return err
}

// data reads a random part of the blocks.
func (c *check) data(ctx context.Context) error {
	blocks := make([]blockAt, 0, len(c.blocks))
	for at := range c.blocks {
		if at.index < c.lengths[at.feed] {
			blocks = append(blocks, at)
		}
	}
	rand.Shuffle(len(blocks), func(i, j int) { blocks[i], blocks[j] = blocks[j], blocks[i] })
	blocks = blocks[:int(math.Ceil(float64(len(blocks))*c.ReadData/100))]
	slices.SortFunc(blocks, func(a, b blockAt) int {
		return cmp.Or(bytes.Compare(a.feed[:], b.feed[:]), cmp.Compare(a.index, b.index))
	})
	c.prefetch(ctx, blocks)

	g := newGroup(ctx)
	next := make(chan blockAt)
	g.run(func(ctx context.Context) error {
		defer close(next)
		for _, at := range blocks {
			select {
			case next <- at:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	progress := Progress{TotalFiles: uint64(len(blocks))}
	for range max(2, runtime.GOMAXPROCS(0)) {
		g.run(func(ctx context.Context) error {
			for at := range next {
				size, err := c.readBlock(ctx, at)
				if err != nil && !lost(err) {
					return err
				}
				c.mu.Lock()
				if err != nil {
					c.bad[at] = err
				}
				c.result.BlocksRead++
				progress.Files++
				progress.Bytes += size
				if c.Progress != nil {
					c.Progress(progress)
				}
				c.mu.Unlock()
			}
			return nil
		})
	}
	return g.wait()
}

func (c *check) prefetch(ctx context.Context, blocks []blockAt) {
	p, ok := c.reader.blocks.(Prefetcher)
	if !ok {
		return
	}
	for len(blocks) > 0 {
		var indexes []uint64
		key := blocks[0].feed
		for len(blocks) > 0 && blocks[0].feed == key {
			indexes = append(indexes, blocks[0].index)
			blocks = blocks[1:]
		}
		p.Prefetch(ctx, key, indexes)
	}
}

// readBlock reads a pack and checks all its chunks.
func (c *check) readBlock(ctx context.Context, at blockAt) (size uint64, err error) {
	p, err := c.reader.pack(ctx, at.feed, at.index)
	if err != nil {
		return 0, err
	}
	defer c.reader.release(p)
	p.checkAll(c.reader.keys)
	for i, s := range p.slots {
		at := Location{at.feed, at.index, uint32(i)}
		if _, err := p.chunk(c.reader.keys, Ref{at, s.id, s.length}); err != nil {
			c.mu.Lock()
			c.wrong[at] = err
			c.mu.Unlock()
		}
	}
	return uint64(len(p.chunks)), nil
}

// affected finds the files that need a damaged block or chunk.
func (c *check) affected(ctx context.Context, s *Snapshot) error {
	return c.walk(ctx, s, func(path string, n *Node) error {
		var wrong error
		err := c.reader.content(ctx, n, nil, func(_ uint64, it Item) error {
			if it.Kind == ItemChunk {
				wrong = cmp.Or(wrong, c.bad[blockAt{it.Ref.Feed, it.Ref.Block}], c.wrong[it.Ref.Location])
			}
			return nil
		})
		if wrong != nil {
			c.damage(s, path, wrong)
		}
		if lost(err) {
			return nil // reported before
		}
		return err
	}, func(string, error) {})
}
