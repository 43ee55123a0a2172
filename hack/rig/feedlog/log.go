package torture

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"cobox/seeder/feed"
	"cobox/seeder/store/storetest"
)

// A log is a feed that a partner writes, in memory. It implements replicate.Feed.
type log struct {
	name string

	mu       sync.Mutex
	w        *storetest.Writer      // mu
	versions map[feed.Hash][][]byte // the blocks of each head that was signed; mu
	watchers map[int]func()         // mu
	next     int                    // mu
}

func newLog(name string, seed byte) *log {
	return &log{name: name, w: storetest.NewWriter(seed), versions: make(map[feed.Hash][][]byte), watchers: make(map[int]func())}
}

// change lets the writer write, and tells those who watch.
func (l *log) change(write func(*storetest.Writer)) {
	l.mu.Lock()
	write(l.w)
	l.versions[l.w.Head.Hash] = slices.Clone(l.w.Blocks)
	fns := slices.Collect(maps.Values(l.watchers))
	l.mu.Unlock()
	for _, fn := range fns {
		fn()
	}
}

// version returns the blocks of a head that was signed, nil for one that was not.
func (l *log) version(root feed.Hash) [][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.versions[root]
}

func (l *log) head() feed.Head {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Head
}

func (l *log) Key() feed.Key { return l.w.Key }

func (l *log) Node(i uint64) (feed.Node, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Node(i)
}

func (l *log) State() feed.State {
	l.mu.Lock()
	defer l.mu.Unlock()
	st := feed.State{Key: l.w.Key, Manifest: l.w.Manifest, Head: l.w.Head}
	for _, i := range feed.RootIndexes(l.w.Head.Length) {
		n, err := l.w.Node(i)
		if err != nil {
			panic(err) // the writer has all nodes
		}
		st.Roots = append(st.Roots, n)
	}
	return st
}

func (l *log) Durable() feed.State { return l.State() }
func (l *log) Contiguous() uint64  { return l.head().Length }
func (l *log) Known(i uint64) bool { return i < l.head().Length }
func (l *log) Has(i uint64) bool   { return l.Known(i) }

func (l *log) Bits(fn func(*feed.Bitfield)) {
	var b feed.Bitfield
	b.SetRange(0, l.head().Length, true)
	fn(&b)
}

func (l *log) Block(i uint64, buf []byte) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i >= uint64(len(l.w.Blocks)) {
		return nil, fmt.Errorf("block %d is not there", i)
	}
	return append(buf[:0], l.w.Blocks[i]...), nil
}

func (l *log) Put(*feed.Batch) error        { panic("a writer takes nothing in") }
func (l *log) Freeze(*feed.ForkError) error { return nil }
func (l *log) Frozen() *feed.ForkError      { return nil }

func (l *log) Watch(fn func()) (stop func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.next++
	id := l.next
	l.watchers[id] = fn
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		delete(l.watchers, id)
	}
}
