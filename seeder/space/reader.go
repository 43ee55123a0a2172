package space

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"

	"cobox/seeder/feed"
)

// ReadHeader reads block 0 of a feed. It needs no more than the secret and the
// feed key, so that a recovery can begin with it; the header names the space.
// An error that wraps [ErrDamaged] nearly always means that the feed belongs to
// another recovery phrase.
func ReadHeader(ctx context.Context, secret Secret, blocks Blocks, key feed.Key) (*Header, error) {
	stored, err := blocks.Block(ctx, key, 0)
	if err != nil {
		return nil, fmt.Errorf("reading the header of feed %s: %w", feedName(key), err)
	}
	kind, payload, err := secret.Keys(ID{}).open(key, 0, stored)
	if err != nil {
		return nil, fmt.Errorf("%w (does the feed belong to this recovery phrase?)", err)
	}
	if kind != kindHeader {
		return nil, damaged("reading the header of feed %s: block 0 is of kind %d", feedName(key), kind)
	}
	return decodeHeader(payload)
}

// A Reader reads what is in the feeds of a space. It may be used by several goroutines.
type Reader struct {
	keys   *Keys
	blocks Blocks
	packs  packCache
}

// NewReader returns a Reader of the space's feeds.
func NewReader(keys *Keys, blocks Blocks) *Reader {
	return &Reader{keys: keys, blocks: blocks}
}

// block fetches and opens a block.
func (r *Reader) block(ctx context.Context, key feed.Key, index uint64) (kind, []byte, error) {
	stored, err := r.blocks.Block(ctx, key, index)
	if err != nil {
		return 0, nil, fmt.Errorf("reading block %d of feed %s: %w", index, feedName(key), err)
	}
	return r.keys.open(key, index, stored)
}

// pack fetches and opens a pack, without a look into the cache.
func (r *Reader) pack(ctx context.Context, key feed.Key, index uint64) (*pack, error) {
	kind, payload, err := r.block(ctx, key, index)
	if err != nil {
		return nil, err
	}
	if kind != kindData && kind != kindTree {
		return nil, damaged("block %d of feed %s is of kind %d, not a pack", index, feedName(key), kind)
	}
	p, err := decodePack(payload)
	if err != nil {
		return nil, fmt.Errorf("reading block %d of feed %s: %w", index, feedName(key), err)
	}
	return p, nil
}

// object reads a tree object. The packs of trees are kept for a while, as
// neighbours are asked for next.
func (r *Reader) object(ctx context.Context, ref Ref, span uint64) (object, error) {
	at := blockAt{ref.Feed, ref.Block}
	p := r.packs.get(at)
	if p == nil {
		var err error
		if p, err = r.pack(ctx, ref.Feed, ref.Block); err != nil {
			return object{}, err
		}
		r.packs.put(at, p)
	}
	content, err := p.chunk(r.keys, ref)
	if err != nil {
		return object{}, err
	}
	o, err := decodeObject(content, span)
	if err != nil {
		return object{}, fmt.Errorf("tree object %s in block %d of feed %s: %w", ref.ID, ref.Block, feedName(ref.Feed), err)
	}
	return o, nil
}

// Snapshot reads the snapshot in a block.
func (r *Reader) Snapshot(ctx context.Context, ref SnapshotRef) (*Snapshot, error) {
	kind, payload, err := r.block(ctx, ref.Feed, ref.Block)
	if err != nil {
		return nil, err
	}
	if kind != kindSnapshot {
		return nil, damaged("block %d of feed %s is of kind %d, not a snapshot", ref.Block, feedName(ref.Feed), kind)
	}
	s, err := decodeSnapshot(payload)
	if err != nil {
		return nil, fmt.Errorf("reading block %d of feed %s: %w", ref.Block, feedName(ref.Feed), err)
	}
	if s.Space != r.keys.Space {
		return nil, damaged("snapshot in block %d of feed %s belongs to space %s", ref.Block, feedName(ref.Feed), s.Space)
	}
	if s.Previous >= ref.Block {
		return nil, damaged("snapshot in block %d of feed %s follows block %d", ref.Block, feedName(ref.Feed), s.Previous)
	}
	s.Ref = ref
	return s, nil
}

// LastSnapshot returns the newest snapshot in the first f.Length blocks of a
// feed, or nil when there is none. It reads two blocks at most: every block
// after the header says where the last snapshot before it is.
func (r *Reader) LastSnapshot(ctx context.Context, f Feed) (*Snapshot, error) {
	if f.Length < 2 {
		return nil, nil
	}
	last := f.Length - 1
	kind, payload, err := r.block(ctx, f.Key, last)
	if err != nil {
		return nil, err
	}
	if kind == kindData || kind == kindTree {
		p, err := decodePackDirectory(payload)
		if err != nil {
			return nil, fmt.Errorf("reading block %d of feed %s: %w", last, feedName(f.Key), err)
		}
		if p.previous == 0 {
			return nil, nil
		}
		if p.previous >= last {
			return nil, damaged("pack in block %d of feed %s follows snapshot %d", last, feedName(f.Key), p.previous)
		}
		last = p.previous
	}
	return r.Snapshot(ctx, SnapshotRef{f.Key, last})
}

// Snapshots yields the snapshots in a feed, newest first. It ends after the first error.
func (r *Reader) Snapshots(ctx context.Context, f Feed) iter.Seq2[*Snapshot, error] {
	return func(yield func(*Snapshot, error) bool) {
		s, err := r.LastSnapshot(ctx, f)
		for s != nil || err != nil {
			if !yield(s, err) || err != nil || s.Previous == 0 {
				return
			}
			s, err = r.Snapshot(ctx, SnapshotRef{f.Key, s.Previous})
		}
	}
}

// Walk calls visit for each entry of a snapshot, folders before what is in them
// and names in ascending order of their bytes. The root has the path ".". The
// node is visit's own until it returns. [fs.SkipDir] for a folder leaves out what is
// in it; Walk stops at any other error.
//
// It also stops, with an error that wraps [ErrDamaged], once there are more
// entries or bytes than the snapshot's totals say: a few blocks could otherwise
// describe a tree without end.
func (r *Reader) Walk(ctx context.Context, s *Snapshot, visit func(path string, n *Node) error) error {
	return r.walk(ctx, s, visit, func(path string, err error) error { return fmt.Errorf("reading folder %q: %w", path, err) })
}

// walk is [Reader.Walk] that tells bad of each damaged folder, and goes on when it returns nil.
func (r *Reader) walk(ctx context.Context, s *Snapshot, visit func(path string, n *Node) error, bad func(path string, err error) error) error {
	w := walk{reader: r, left: s.Totals, visit: visit, bad: bad}
	root := s.Root
	return w.node(ctx, ".", &root)
}

type walk struct {
	reader *Reader
	left   Totals
	visit  func(path string, n *Node) error
	bad    func(path string, err error) error
}

// maxPath bounds the length of a path in a snapshot. Linux stops at 4096 in one
// call, but deeper trees exist.
const maxPath = 64 << 10

func (w *walk) node(ctx context.Context, path string, n *Node) error {
	if err := w.count(path, n); err != nil {
		return err
	}
	if err := w.visit(path, n); err != nil {
		if n.Type == TypeDir && errors.Is(err, fs.SkipDir) {
			return nil
		}
		return err
	}
	if n.Type != TypeDir {
		return nil
	}
	entries := w.reader.dir(n.Tree)
	for {
		entry, err := entries.next(ctx)
		if errors.Is(err, ErrDamaged) {
			return w.bad(path, err)
		}
		if err != nil {
			return fmt.Errorf("reading folder %q: %w", path, err)
		}
		if entry == nil {
			return nil
		}
		if err := w.node(ctx, join(path, entry.Name), entry); err != nil {
			return err
		}
	}
}

func (w *walk) count(path string, n *Node) error {
	if len(path) > maxPath {
		return damaged("path of %d bytes", len(path))
	}
	counter := &w.left.Others
	switch n.Type {
	case TypeFile:
		counter = &w.left.Files
	case TypeDir:
		counter = &w.left.Dirs
	}
	if *counter == 0 || n.Size > w.left.Bytes {
		return damaged("snapshot has more entries or bytes than its totals say")
	}
	*counter--
	w.left.Bytes -= n.Size
	return nil
}

// join is path.Join for valid names, which it leaves as they are.
func join(dir, name string) string {
	if dir == "." {
		return name
	}
	return dir + "/" + name
}

// anySpan stands for the span of a list that is known to nobody yet.
const anySpan = 1<<64 - 1

// A dirReader gives the entries of a folder one by one. It holds one part of a
// large folder at a time.
type dirReader struct {
	reader *Reader
	lists  [][]Item // what is left of the list objects on the way, outermost first
	nodes  []Node   // what is left of the current part
	last   string
}

func (r *Reader) dir(tree Ref) *dirReader {
	d := &dirReader{reader: r}
	if tree != (Ref{}) {
		d.lists = [][]Item{{{Kind: ItemList, Ref: tree, Span: anySpan}}}
	}
	return d
}

// next returns the next entry, nil after the last.
func (d *dirReader) next(ctx context.Context) (*Node, error) {
	for len(d.nodes) == 0 {
		depth := len(d.lists) - 1
		if depth < 0 {
			return nil, nil
		}
		if len(d.lists[depth]) == 0 {
			d.lists = d.lists[:depth]
			continue
		}
		it := d.lists[depth][0]
		d.lists[depth] = d.lists[depth][1:]
		if it.Kind != ItemList {
			return nil, damaged("folder that lists contents of files")
		}
		o, err := d.reader.object(ctx, it.Ref, it.Span)
		switch {
		case err != nil:
			return nil, err
		case o.list && depth >= maxListDepth:
			return nil, damaged("lists of lists, %d deep", depth)
		case o.list:
			d.lists = append(d.lists, o.items)
			continue
		case it.Span != anySpan && it.Span != uint64(len(o.nodes)):
			return nil, damaged("folder part of %d entries where %d were said", len(o.nodes), it.Span)
		}
		d.nodes = o.nodes
	}
	n := &d.nodes[0]
	d.nodes = d.nodes[1:]
	if n.Name <= d.last {
		return nil, damaged("folder whose parts are not in order: %q, %q", d.last, n.Name)
	}
	d.last = n.Name
	return n, nil
}

// content calls visit for each chunk and run of zeros of a file, in order, with
// its offset. visit is not called for lists; enter, when not nil, is called for
// them, and leaves one out by returning false.
func (r *Reader) content(ctx context.Context, n *Node, enter func(list Ref) bool, visit func(offset uint64, it Item) error) error {
	offset := uint64(0)
	var items func(list []Item, depth int) error
	items = func(list []Item, depth int) error {
		for _, it := range list {
			if it.Kind != ItemList {
				if err := visit(offset, it); err != nil {
					return err
				}
				offset += it.Span
				continue
			}
			if depth == maxListDepth {
				return damaged("lists of lists, %d deep", depth)
			}
			if enter != nil && !enter(it.Ref) {
				offset += it.Span
				continue
			}
			o, err := r.object(ctx, it.Ref, it.Span)
			if err != nil {
				return err
			}
			if !o.list {
				return damaged("content of a file that is a folder")
			}
			if err := items(o.items, depth+1); err != nil {
				return err
			}
		}
		return nil
	}
	return items(n.Content, 0)
}

// HoldsTree reports whether a block holds what browsing a space needs (a header,
// a snapshot, tree objects) rather than contents of files. A device keeps such
// blocks when it drops those that boxes keep for it.
func (r *Reader) HoldsTree(ctx context.Context, key feed.Key, index uint64) (bool, error) {
	kind, _, err := r.block(ctx, key, index)
	return kind != kindData, err
}
