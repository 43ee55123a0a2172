package replicate_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"

	"cobox/seeder/feed"
	"cobox/seeder/replicate"
)

// A memFeed keeps a feed in memory: what is put is durable at once.
type memFeed struct {
	key    feed.Key
	mu     sync.Mutex
	state  feed.State
	nodes  map[uint64]feed.Node
	blocks map[uint64][]byte
	bits   feed.Bitfield
	frozen *feed.ForkError
	watch  map[int]func()
	nextID int
	putErr error
	puts   map[uint64]int // how often each block was put
}

func newMemFeed(key feed.Key) *memFeed {
	return &memFeed{
		key: key, state: feed.State{Key: key}, nodes: map[uint64]feed.Node{}, blocks: map[uint64][]byte{},
		watch: map[int]func(){}, puts: map[uint64]int{},
	}
}

func (f *memFeed) Key() feed.Key { return f.key }

func (f *memFeed) Node(i uint64) (feed.Node, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	n, ok := f.nodes[i]
	if !ok {
		return feed.Node{}, fmt.Errorf("node %d: %w", i, feed.ErrNoNode)
	}
	return n, nil
}

func (f *memFeed) State() feed.State {
	f.mu.Lock()
	defer f.mu.Unlock()
	st := f.state
	st.Roots = slices.Clone(st.Roots)
	return st
}

func (f *memFeed) Durable() feed.State { return f.State() }

func (f *memFeed) Known(i uint64) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.bits.Get(i)
}

func (f *memFeed) Has(i uint64) bool { return f.Known(i) }

func (f *memFeed) Contiguous() uint64 {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.bits.NextUnset(0)
}

func (f *memFeed) Bits(fn func(*feed.Bitfield)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	fn(&f.bits)
}

func (f *memFeed) Block(i uint64, buf []byte) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	b, ok := f.blocks[i]
	if !ok {
		return nil, fmt.Errorf("block %d is not stored", i)
	}
	return append(buf[:0], b...), nil
}

func (f *memFeed) Put(b *feed.Batch) error {
	f.mu.Lock()
	if f.putErr != nil {
		defer f.mu.Unlock()
		return f.putErr
	}
	if b.Reorg {
		for i := range f.nodes {
			if feed.RightSpan(i) >= 2*b.Common {
				delete(f.nodes, i)
			}
		}
		for i := range f.blocks {
			if i >= b.Common {
				delete(f.blocks, i)
				f.bits.Set(i, false)
			}
		}
	}
	for _, n := range b.Nodes {
		f.nodes[n.Index] = n
	}
	if b.Upgraded != nil {
		f.state = *b.Upgraded
	}
	if b.Block != nil {
		f.blocks[b.Block.Index] = bytes.Clone(b.Block.Value)
		f.bits.Set(b.Block.Index, true)
		f.puts[b.Block.Index]++
	}
	f.mu.Unlock()
	f.tellWatchers()
	return nil
}

func (f *memFeed) tellWatchers() {
	f.mu.Lock()
	var fns []func()
	for _, fn := range f.watch {
		fns = append(fns, fn)
	}
	f.mu.Unlock()
	for _, fn := range fns {
		fn()
	}
}

func (f *memFeed) Watch(fn func()) func() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.nextID++
	id := f.nextID
	f.watch[id] = fn
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		delete(f.watch, id)
	}
}

func (f *memFeed) Freeze(e *feed.ForkError) error {
	f.mu.Lock()
	f.frozen = e
	f.mu.Unlock()
	f.tellWatchers()
	return nil
}

func (f *memFeed) Frozen() *feed.ForkError {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.frozen
}

// drop forgets blocks, as a sparse holder would not have them.
func (f *memFeed) drop(blocks ...uint64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, i := range blocks {
		delete(f.blocks, i)
		f.bits.Set(i, false)
	}
}

// A writer writes a memFeed.
type writer struct {
	*memFeed
	private  ed25519.PrivateKey
	manifest *feed.Manifest
	tree     *feed.Tree
	fork     uint64
}

func newWriter(t testing.TB, seed byte) *writer {
	t.Helper()
	private := ed25519.NewKeyFromSeed(bytes.Repeat([]byte{seed}, 32))
	m := feed.NewManifest(private.Public().(ed25519.PublicKey))
	w := &writer{memFeed: newMemFeed(m.Key()), private: private, manifest: m, tree: &feed.Tree{}}
	w.state.Manifest = m
	return w
}

// append adds blocks and signs the new head.
func (w *writer) append(t testing.TB, blocks ...[]byte) {
	t.Helper()
	w.mu.Lock()
	for _, b := range blocks {
		i := w.tree.Length
		for _, n := range w.tree.Append(b) {
			w.nodes[n.Index] = n
		}
		w.blocks[i] = b
		w.bits.Set(i, true)
	}
	w.signLocked(t)
	w.mu.Unlock()
	w.tellWatchers()
}

func (w *writer) signLocked(t testing.TB) {
	t.Helper()
	h, err := feed.Sign(w.state.Key, w.manifest, w.private, w.tree.Head(w.fork))
	if err != nil {
		t.Fatal(err)
	}
	w.state.Head = h
	w.state.Roots = slices.Clone(w.tree.Roots)
}

// truncate goes back to length blocks on the next fork, or on the same fork
// (which a writer must never do) when lie is set.
func (w *writer) truncate(t testing.TB, length uint64, lie bool) {
	t.Helper()
	w.mu.Lock()
	var roots []feed.Node
	for _, i := range feed.RootIndexes(length) {
		roots = append(roots, w.nodes[i])
	}
	for i := range w.nodes {
		if feed.RightSpan(i) >= 2*length {
			delete(w.nodes, i)
		}
	}
	for i := range w.blocks {
		if i >= length {
			delete(w.blocks, i)
			w.bits.Set(i, false)
		}
	}
	tree, err := feed.NewTree(roots)
	if err != nil {
		t.Fatal(err)
	}
	w.tree = tree
	if !lie {
		w.fork++
	}
	w.signLocked(t)
	w.mu.Unlock()
	w.tellWatchers()
}

// block makes the content of block i of a test feed.
func block(i int, size int) []byte {
	b := make([]byte, size)
	for j := range b {
		b[j] = byte(i*31 + j*7 + i>>8)
	}
	return b
}

func blocks(n, size int) (list [][]byte) {
	for i := range n {
		list = append(list, block(i, size))
	}
	return list
}

// frameConn is a Conn whose frames travel through memory.
type frameConn struct {
	in, out   chan []byte
	initiator bool
	hash      [64]byte
	done      *closer
}

type closer struct {
	once sync.Once
	c    chan struct{}
}

func (c *closer) close() { c.once.Do(func() { close(c.c) }) }

// connect returns the two ends of a connection.
func connect() (initiator, responder *frameConn) {
	ab, ba := make(chan []byte, 64), make(chan []byte, 64)
	done := &closer{c: make(chan struct{})}
	hash := [64]byte{1, 2, 3}
	return &frameConn{in: ba, out: ab, initiator: true, hash: hash, done: done},
		&frameConn{in: ab, out: ba, hash: hash, done: done}
}

func (c *frameConn) Detach() bool { return false }

func (c *frameConn) ReadFrame() ([]byte, error) {
	select {
	case f := <-c.in:
		return f, nil
	default:
	}
	select {
	case f := <-c.in:
		return f, nil
	case <-c.done.c:
		return nil, io.EOF
	}
}

func (c *frameConn) WriteFrame(parts ...[]byte) error {
	select {
	case c.out <- bytes.Join(parts, nil):
		return nil
	case <-c.done.c:
		return io.ErrClosedPipe
	}
}

func (c *frameConn) Flush() error             { return nil }
func (c *frameConn) Initiator() bool          { return c.initiator }
func (c *frameConn) HandshakeHash() *[64]byte { return &c.hash }
func (c *frameConn) Close() error             { c.done.close(); return nil }

// A host is one side: an Exchange with sessions that end with the test.
type host struct {
	t *testing.T
	*replicate.Exchange
	wg   sync.WaitGroup
	mu   sync.Mutex
	errs []error
}

func newHost(t *testing.T, cfg replicate.Config) *host {
	return &host{t: t, Exchange: replicate.New(cfg)}
}

// serve runs a session on c until the connection ends.
func (h *host) serve(ctx context.Context, c replicate.Conn, p replicate.Peer) {
	h.wg.Go(func() {
		err := h.Serve(ctx, c, p)
		if errors.Is(err, io.ErrClosedPipe) {
			err = nil // the other side ended while we wrote
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		h.errs = append(h.errs, err)
	})
}

// wait waits for the sessions to end and returns what they said.
func (h *host) wait() error {
	h.wg.Wait()
	h.mu.Lock()
	defer h.mu.Unlock()
	return errors.Join(h.errs...)
}

// join connects two hosts; a opens the channels.
func join(t *testing.T, a, b *host) (cut func()) {
	t.Helper()
	x, y := connect()
	ctx, cancel := context.WithCancel(t.Context())
	a.serve(ctx, x, replicate.Peer{Name: "b", Open: true})
	b.serve(ctx, y, replicate.Peer{Name: "a"})
	return cancel
}

// until waits until cond holds, looking again whenever one of the feeds or their progress changes.
func until(t *testing.T, h *host, f *memFeed, cond func() bool) {
	t.Helper()
	changed := make(chan struct{}, 1)
	poke := func() {
		select {
		case changed <- struct{}{}:
		default:
		}
	}
	defer f.Watch(poke)()
	defer h.Watch(f.Key(), poke)()
	for !cond() {
		select {
		case <-changed:
		case <-t.Context().Done():
			t.Fatal("the test ended before the condition held")
		}
	}
}

func complete(f *memFeed, w *writer) func() bool {
	return func() bool {
		want := w.Durable().Head
		got := f.Durable().Head
		return got.Hash == want.Hash && got.Length == want.Length && f.Contiguous() >= want.Length
	}
}

func sameBlocks(t *testing.T, f *memFeed, w *writer) {
	t.Helper()
	for i := range w.Durable().Head.Length {
		got, err := f.Block(i, nil)
		if err != nil {
			t.Fatal(err)
		}
		want, _ := w.Block(i, nil)
		if !bytes.Equal(got, want) {
			t.Fatalf("block %d differs", i)
		}
	}
}
