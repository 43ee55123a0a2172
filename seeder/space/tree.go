package space

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"cobox/seeder/feed"
)

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
		if lost(err) {
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

// HoldsTree reports whether a stored block of a feed holds what browsing a space needs
// (a header, a snapshot, tree objects) rather than contents of files. A device keeps
// such blocks when it drops those that boxes keep for it. Only the block's beginning
// is looked at. The error wraps [ErrDamaged].
func HoldsTree(keys *Keys, key feed.Key, index uint64, stored []byte) (bool, error) {
	kind, err := keys.kindOf(key, index, stored)
	return kind != kindData, err
}
