package space

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

const (
	// appendBytes is how much is gathered for one Append, which syncs a disk.
	appendBytes = 6 << 20
	// maxQueuedPacks bounds the packs between the one being filled and the log,
	// each with its chunks or its block: 1 MiB, and both while it is compressed.
	maxQueuedPacks = 8
	// packBuffer is room for a pack that does not compress, with its directory and
	// padding, unless its chunks are very small.
	packBuffer = frontRoom + maxPack + maxPack/8
)

// A packWriter packs chunks that are not stored yet and appends the packs to
// the log: chunks are gathered in one open pack, closed packs are compressed and
// sealed by several goroutines, and appended in order by one.
//
// The block of a pack is known when the pack is opened, as nobody else writes
// the log: so a chunk has its location at once.
type packWriter struct {
	keys     *Keys
	log      Log
	index    Index
	fork     uint64
	previous uint64 // the last snapshot

	mu   sync.Mutex // held while waiting for room in the queue, so never by those who make room
	open *outPack   // mu
	next uint64     // block of the next pack to be opened; mu
	kind kind       // of packs to be opened; mu
	// data is where the packs with contents of files begin and end.
	data struct{ from, to uint64 } // mu

	pendingMu sync.Mutex
	pending   map[ChunkID]Location // chunks of packs that are not in the log; pendingMu

	compress chan *outPack
	queue    chan *outPack
	buffers  chan []byte // to be used again

	newChunks, newBytes, blocks, storedBytes atomic.Uint64
}

// An outPack is a pack on its way to the log.
type outPack struct {
	kind   kind
	block  uint64
	slots  []slot
	buf    []byte        // of the writer's buffers: frontRoom bytes and the chunks, later what has stored in it; nil for none
	stored []byte        // valid once done is closed
	done   chan struct{} // closed when stored is there
}

// newPackWriter returns a packWriter and the goroutines that it needs: run all
// of them until they return, which they do after close, or when ctx ends.
func newPackWriter(keys *Keys, log Log, index Index, previous uint64, workers int) (*packWriter, []func(ctx context.Context) error) {
	w := &packWriter{
		keys: keys, log: log, index: index, fork: log.Fork(), previous: previous,
		next: log.Length(), kind: kindData,
		pending:  make(map[ChunkID]Location),
		compress: make(chan *outPack, maxQueuedPacks),
		queue:    make(chan *outPack, maxQueuedPacks),
		buffers:  make(chan []byte, 2*maxQueuedPacks),
	}
	run := []func(context.Context) error{w.appendPacks}
	for range workers {
		run = append(run, w.compressPacks)
	}
	return w, run
}

// add stores a chunk unless it is stored already, and returns the reference to
// it. It copies the content, and may wait for the log.
func (w *packWriter) add(ctx context.Context, content []byte) (Ref, error) {
	return w.addHashed(ctx, w.keys.ChunkID(content), content)
}

// addHashed is add with the chunk's ID.
func (w *packWriter) addHashed(ctx context.Context, id ChunkID, content []byte) (Ref, error) {
	ref := Ref{ID: id, Length: uint32(len(content))}
	w.mu.Lock()
	defer w.mu.Unlock()
	if at, ok := w.lookup(ref.ID); ok {
		ref.Location = at
		return ref, nil
	}
	if w.open != nil && (len(w.open.buf)-frontRoom+len(content) > maxPack || len(w.open.slots) == maxSlots) {
		if err := w.closePackLocked(ctx); err != nil {
			return Ref{}, err
		}
	}
	if w.open == nil {
		w.open = &outPack{kind: w.kind, block: w.next, buf: w.buffer()[:frontRoom], done: make(chan struct{})}
		w.next++
	}
	p := w.open
	ref.Location = Location{Feed: w.log.Key(), Block: p.block, Slot: uint32(len(p.slots))}
	p.slots = append(p.slots, slot{ref.ID, ref.Length})
	p.buf = append(p.buf, content...)
	w.pendingMu.Lock()
	w.pending[ref.ID] = ref.Location
	w.pendingMu.Unlock()
	w.newChunks.Add(1)
	w.newBytes.Add(uint64(len(content)))
	return ref, nil
}

// buffer returns an empty slice with room for packBuffer bytes.
func (w *packWriter) buffer() []byte {
	select {
	case b := <-w.buffers:
		return b[:0]
	default:
		return make([]byte, 0, packBuffer)
	}
}

// giveBack puts a buffer back for others, if there is room.
func (w *packWriter) giveBack(b []byte) {
	select {
	case w.buffers <- b:
	default:
	}
}

// lookup finds a chunk that is stored or on its way.
func (w *packWriter) lookup(id ChunkID) (Location, bool) {
	w.pendingMu.Lock()
	at, ok := w.pending[id]
	w.pendingMu.Unlock()
	if ok {
		return at, true
	}
	return w.index.Lookup(id)
}

// addBlock queues a block that is not a pack. There must be no open pack.
func (w *packWriter) addBlock(ctx context.Context, k kind, payload []byte) (block uint64, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := &outPack{kind: k, block: w.next, done: make(chan struct{})}
	w.next++
	w.seal(p, append(beginBlock(nil), payload...))
	return p.block, send(ctx, w.queue, p)
}

// beginData says that packs from now on hold contents of files.
func (w *packWriter) beginData() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.data.from = w.next
}

// beginTrees closes the open pack; those from now on hold tree objects.
func (w *packWriter) beginTrees(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.kind, w.data.to = kindTree, w.next
	return w.closePackLocked(ctx)
}

// flushPack closes the open pack.
func (w *packWriter) flushPack(ctx context.Context) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.closePackLocked(ctx)
}

// close ends the goroutines once all that is queued is in the log.
func (w *packWriter) close() {
	close(w.compress)
	close(w.queue)
}

func (w *packWriter) closePackLocked(ctx context.Context) error {
	p := w.open
	if p == nil {
		return nil
	}
	w.open = nil
	if err := send(ctx, w.queue, p); err != nil {
		return err
	}
	return send(ctx, w.compress, p)
}

func send(ctx context.Context, to chan<- *outPack, p *outPack) error {
	select {
	case to <- p:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (w *packWriter) compressPacks(ctx context.Context) error {
	for {
		select {
		case p, ok := <-w.compress:
			if !ok {
				return nil
			}
			b := packInPlace(p.buf, w.previous, p.slots)
			if b == nil {
				b = appendPack(beginBlock(w.buffer()), w.previous, p.slots, p.buf[frontRoom:])
				w.giveBack(p.buf)
				p.buf = b
			}
			w.seal(p, b)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// seal makes the stored form of a block that was begun.
func (w *packWriter) seal(p *outPack, b []byte) {
	p.stored = finishBlock(p.kind, b)
	w.keys.Cipher(w.log.Key()).sealInPlace(p.block, w.fork, p.stored)
	close(p.done)
}

// appendPacks appends the queued packs, a few MiB at a time. While one group is
// brought to the disk, the next one is gathered and appended.
func (w *packWriter) appendPacks(ctx context.Context) error {
	var group []*outPack
	bytes := 0
	last := func() error { return nil } // waits for the group that was appended last
	end := func(ctx context.Context) error {
		wait, err := w.appendGroup(ctx, group)
		return errors.Join(last(), err, wait())
	}
	// What is sealed when a backup is cancelled is worth keeping: the next one goes on after it.
	cancelled := func() error {
		return errors.Join(context.Cause(ctx), end(context.WithoutCancel(ctx)))
	}
	for {
		var p *outPack
		var ok bool
		select {
		case p, ok = <-w.queue:
		case <-ctx.Done():
			return cancelled()
		}
		if !ok {
			return end(ctx)
		}
		select {
		case <-p.done:
		case <-ctx.Done():
			return cancelled()
		}
		group = append(group, p)
		if bytes += len(p.stored); bytes < appendBytes {
			continue
		}
		wait, err := w.appendGroup(ctx, group)
		if err := errors.Join(last(), err); err != nil {
			return errors.Join(err, wait())
		}
		group, bytes, last = nil, 0, wait
	}
}

// appendGroup appends packs. Once wait has returned nil, they are on the disk and the
// index knows them; also after an error it may be called.
func (w *packWriter) appendGroup(ctx context.Context, group []*outPack) (wait func() error, err error) {
	nothing := func() error { return nil }
	if len(group) == 0 {
		return nothing, nil
	}
	blocks := make([][]byte, len(group))
	for i, p := range group {
		blocks[i] = p.stored
		w.storedBytes.Add(uint64(len(p.stored)))
	}
	explain := func(err error) error { return fmt.Errorf("appending to feed %s: %w", feedName(w.log.Key()), err) }
	durable, err := w.log.Append(ctx, group[0].block, blocks)
	if err != nil {
		return nothing, explain(err)
	}
	for _, p := range group {
		if cap(p.buf) >= packBuffer { // else it had to be longer
			w.giveBack(p.buf)
		}
		p.buf, p.stored = nil, nil
	}
	return func() error {
		if err := durable(); err != nil {
			return explain(err)
		}
		return w.indexGroup(group)
	}, nil
}

// indexGroup puts the chunks of packs that are in the log into the index.
func (w *packWriter) indexGroup(group []*outPack) error {
	w.blocks.Add(uint64(len(group)))
	for _, p := range group {
		ids := make([]ChunkID, len(p.slots))
		for i := range ids {
			ids[i] = p.slots[i].id
		}
		if err := w.index.Add(w.log.Key(), w.fork, p.block, ids); err != nil {
			return err
		}
		w.pendingMu.Lock()
		for _, id := range ids {
			delete(w.pending, id) // the index knows it now
		}
		w.pendingMu.Unlock()
	}
	return nil
}
