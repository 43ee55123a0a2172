// Package feedlog is feeds in memory, as their writers have them: what the breaking benches
// show to boxes, and compare with what these keep.
package feedlog

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	"cobox/seeder/feed"
	"cobox/seeder/store/storetest"
)

// A Log is a feed that a partner writes, in memory. It implements replicate.Feed. It is
// safe for concurrent use.
type Log struct {
	Name string // for people

	mu       sync.Mutex
	w        *storetest.Writer      // mu
	versions map[feed.Hash][][]byte // the blocks of each head that was signed; mu
	watchers map[int]func()         // mu
	next     int                    // mu
}

// New returns the log of a writer, who writes nothing but by [Log.Change].
func New(name string, w *storetest.Writer) *Log {
	return &Log{Name: name, w: w, versions: make(map[feed.Hash][][]byte), watchers: make(map[int]func())}
}

// Change lets the writer write, and tells those who watch.
func (l *Log) Change(write func(*storetest.Writer)) {
	l.mu.Lock()
	write(l.w)
	l.versions[l.w.Head.Hash] = slices.Clone(l.w.Blocks)
	fns := slices.Collect(maps.Values(l.watchers))
	l.mu.Unlock()
	for _, fn := range fns {
		fn()
	}
}

// Version returns the blocks of a head that was signed, nil for one that was not.
func (l *Log) Version(root feed.Hash) [][]byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.versions[root]
}

// Head returns the newest head.
func (l *Log) Head() feed.Head {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Head
}

func (l *Log) Key() feed.Key { return l.w.Key }

func (l *Log) Node(i uint64) (feed.Node, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Node(i)
}

func (l *Log) State() feed.State {
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

func (l *Log) Durable() feed.State { return l.State() }
func (l *Log) Contiguous() uint64  { return l.Head().Length }
func (l *Log) Known(i uint64) bool { return i < l.Head().Length }
func (l *Log) Has(i uint64) bool   { return l.Known(i) }

func (l *Log) Bits(fn func(*feed.Bitfield)) {
	var b feed.Bitfield
	b.SetRange(0, l.Head().Length, true)
	fn(&b)
}

func (l *Log) Block(i uint64, buf []byte) ([]byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if i >= uint64(len(l.w.Blocks)) {
		return nil, fmt.Errorf("block %d is not there", i)
	}
	return append(buf[:0], l.w.Blocks[i]...), nil
}

func (l *Log) Put(*feed.Batch) error        { panic("a writer takes nothing in") }
func (l *Log) Freeze(*feed.ForkError) error { return nil }
func (l *Log) Frozen() *feed.ForkError      { return nil }

func (l *Log) Watch(fn func()) (stop func()) {
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
