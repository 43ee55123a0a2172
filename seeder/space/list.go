package space

import (
	"context"
)

// Large files and folders are split into several objects at places that their
// content decides, so that a small change makes few new objects. Readers do not
// depend on where.
const minSplit = 128 // items or entries before a split

// splitAfter reports whether a list of n items shall end with the one of this
// ID: after the first 128, one in 256 ends it.
func splitAfter(n int, id ChunkID) bool {
	return n >= minSplit && id[0] == 0
}

// store puts an object where it can be referred to.
type store func(ctx context.Context, content []byte) (Ref, error)

// A listBuilder gathers items, and puts them into list objects when there are many.
type listBuilder struct {
	store  store
	levels [][]Item // items that are in no list yet; level 0 are the chunks
}

func (l *listBuilder) add(ctx context.Context, it Item) error {
	return l.addAt(ctx, 0, it)
}

func (l *listBuilder) addAt(ctx context.Context, level int, it Item) error {
	if level == len(l.levels) {
		l.levels = append(l.levels, nil)
	}
	items := l.levels[level]
	if n := len(items); n > 0 && it.Kind == ItemZeros && items[n-1].Kind == ItemZeros {
		items[n-1].Span += it.Span
		return nil
	}
	l.levels[level] = append(items, it)
	n := len(l.levels[level])
	if n == maxListItems || (it.Kind != ItemZeros && splitAfter(n, it.Ref.ID)) {
		return l.flush(ctx, level)
	}
	return nil
}

// flush puts the items of a level into a list, which becomes an item of the next level.
func (l *listBuilder) flush(ctx context.Context, level int) error {
	items := l.levels[level]
	if len(items) == 0 {
		return nil
	}
	ref, err := l.store(ctx, encodeList(items))
	if err != nil {
		return err
	}
	it := Item{Kind: ItemList, Ref: ref}
	for i := range items {
		it.Span += items[i].Span
	}
	l.levels[level] = items[:0]
	return l.addAt(ctx, level+1, it)
}

// finish returns the items that stand for all that were added, at most limit of
// them, and makes the builder empty. The slice is the caller's.
func (l *listBuilder) finish(ctx context.Context, limit int) ([]Item, error) {
	for level := 0; level < len(l.levels); level++ {
		top := level == len(l.levels)-1
		if top && len(l.levels[level]) <= limit {
			items := l.levels[level]
			l.levels = nil
			return items, nil
		}
		if err := l.flush(ctx, level); err != nil {
			return nil, err
		}
	}
	return nil, nil
}

// A dirBuilder gathers the entries of a folder, in order, and stores the folder.
type dirBuilder struct {
	node  Node // the folder itself
	keys  *Keys
	store store
	nodes []Node
	bytes int // about what nodes take
	parts listBuilder
}

func (b *dirBuilder) add(ctx context.Context, n Node) error {
	b.nodes = append(b.nodes, n)
	b.bytes += 64 + len(n.Name) + len(n.Target) + 48*len(n.Content)
	if len(b.nodes) == maxDirEntries || b.bytes >= maxDirBytes ||
		(len(b.nodes) >= minSplit && splitAfter(len(b.nodes), b.keys.ChunkID([]byte(n.Name)))) {
		return b.flush(ctx)
	}
	return nil
}

func (b *dirBuilder) flush(ctx context.Context) error {
	if len(b.nodes) == 0 {
		return nil
	}
	ref, err := b.store(ctx, encodeDir(b.nodes))
	if err != nil {
		return err
	}
	span := uint64(len(b.nodes))
	clear(b.nodes) // let go of the content lists
	b.nodes, b.bytes = b.nodes[:0], 0
	return b.parts.add(ctx, Item{Kind: ItemList, Ref: ref, Span: span})
}

// finish stores what is left and returns the folder's node.
func (b *dirBuilder) finish(ctx context.Context) (Node, error) {
	if err := b.flush(ctx); err != nil {
		return Node{}, err
	}
	items, err := b.parts.finish(ctx, 1)
	if err != nil {
		return Node{}, err
	}
	if len(items) > 0 {
		b.node.Tree = items[0].Ref
	}
	return b.node, nil
}
