package space

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"time"
)

// readFiles is a worker of a backup: it reads files and packs their content.
func (b *backup) readFiles(ctx context.Context, jobs <-chan *entry) error {
	c, err := newChunker(b.Keys)
	if err != nil {
		return err
	}
	for {
		var e *entry
		var ok bool
		select {
		case e, ok = <-jobs:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if !ok {
			return nil
		}
		if err := b.readFile(ctx, c, e); err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if fatal, ok := errors.AsType[*packError](err); ok {
				return fatal.err
			}
			b.warn(&PathError{Path: e.path, Err: err})
			e.missing = true
		}
		close(e.done)
	}
}

// A packError is an error of packing, not of the file.
type packError struct{ err error }

func (e *packError) Error() string { return e.err.Error() }

// settleTime is what the times of files are worth: two changes that are closer
// than the kernel's clock tick may have the same change time. A file that was
// changed just now is read only when that time has passed, so that whatever
// changes it from then on gives it a later one, which the next backup sees.
const settleTime = 20 * time.Millisecond

// readFile reads a file as it is, a second time when it changed meanwhile.
func (b *backup) readFile(ctx context.Context, c *chunker, e *entry) error {
	f, err := openToRead(filepath.Join(b.source, filepath.FromSlash(e.path)))
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	b.filesRead.Add(1)
	if b.Opened != nil {
		b.Opened(e.path)
	}
	for again := false; ; again = true {
		before, err := statOpen(f)
		if err != nil {
			return err
		}
		if err := settle(ctx, before.changeTime); err != nil {
			return err
		}
		if before, err = statOpen(f); err != nil {
			return err
		}
		device := e.node.Device
		e.node = before.node(e.node.Name)
		e.node.Device = device
		if e.node.Content, e.node.Size, err = b.readContent(ctx, c, f, &before, e.before); err != nil {
			return err
		}
		after, err := statOpen(f)
		if err != nil {
			return err
		}
		if before.sameFile(&after) && e.node.Size == before.size {
			return nil
		}
		if again {
			b.changed.Add(1)
			b.warn(&PathError{Path: e.path, Changed: true, Err: errors.New("the file changed while it was read")})
			return nil
		}
		b.report(0, -e.node.Size) // it will be counted again; wraps around to a subtraction
	}
}

func statOpen(f *os.File) (stat, error) {
	info, err := f.Stat()
	if err != nil {
		return stat{}, err
	}
	s := newStat(info)
	if s.typ != TypeFile {
		return stat{}, errors.New("it became something else than a file")
	}
	if s.size > maxSize {
		return stat{}, fmt.Errorf("its size of %d bytes is more than a snapshot can say", s.size)
	}
	return s, nil
}

func settle(ctx context.Context, changed time.Time) error {
	wait := settleTime - time.Since(changed)
	if wait <= 0 || wait > settleTime { // a change time in the future settles nothing
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// readContent packs the content of a file, and returns the items that stand for
// it and how many bytes they are. Holes are not read. before is the file in the last
// snapshot, or nil.
func (b *backup) readContent(ctx context.Context, c *chunker, f *os.File, s *stat, before *Node) ([]Item, uint64, error) {
	list := listBuilder{store: func(ctx context.Context, content []byte) (Ref, error) {
		ref, err := b.writer.add(ctx, content)
		if err != nil {
			return ref, &packError{err}
		}
		if b.Lists != nil {
			b.Lists.put(ref.ID, content)
		}
		return ref, nil
	}}
	size := uint64(0)
	add := func(id ChunkID, content []byte) error {
		ref, err := b.writer.addHashed(ctx, id, content)
		if err != nil {
			return &packError{err}
		}
		size += uint64(len(content))
		return list.add(ctx, Item{Kind: ItemChunk, Ref: ref, Span: uint64(ref.Length)})
	}
	var cuts [][]byte // which are hashed together
	flush := func() error {
		for i, id := range b.Keys.ChunkIDs(cuts) {
			if err := add(id, cuts[i]); err != nil {
				return err
			}
		}
		cuts = cuts[:0]
		return nil
	}
	zeros := func(n uint64) error {
		if err := flush(); err != nil {
			return err
		}
		size += n
		return list.add(ctx, Item{Kind: ItemZeros, Span: n})
	}
	chunk := func(content []byte) error {
		b.bytesRead.Add(uint64(len(content)))
		b.report(0, uint64(len(content)))
		if allZero(content) {
			return zeros(uint64(len(content)))
		}
		cuts = append(cuts, content)
		return nil
	}

	var err error
	if s.stored < s.size {
		err = readSparse(f, int64(s.size), func(r io.Reader) error { return c.chunks(r, chunk, flush) }, func(n uint64) error {
			b.report(0, n)
			return zeros(n)
		})
	} else {
		err = b.readWhole(ctx, c, f, before, chunk, flush, func(id ChunkID, content []byte) error {
			b.bytesRead.Add(uint64(len(content)))
			b.report(0, uint64(len(content)))
			return add(id, content)
		})
	}
	if err != nil {
		return nil, 0, err
	}
	items, err := list.finish(ctx, maxInlineItems)
	return items, size, err
}

// readWhole reads a file without holes: chunks that are where they were go to same, all
// others are cut and go to cut, which leaves them for flush.
func (b *backup) readWhole(ctx context.Context, c *chunker, f *os.File, before *Node, cut func([]byte) error, flush func() error, same func(ChunkID, []byte) error) error {
	old := newOldFile(ctx, b.near, before)
	defer old.stop()
	at := uint64(0)
	for {
		var err error
		if at, err = b.follow(ctx, old, c.buf, f, at, same); err != nil {
			return err
		}
		err = c.chunks(io.NewSectionReader(f, int64(at), math.MaxInt64-int64(at)), func(content []byte) error {
			at += uint64(len(content))
			b.cutBytes.Add(uint64(len(content)))
			if err := cut(content); err != nil {
				return err
			}
			if old.begins(at) {
				return errStop // what comes may be as it was
			}
			return nil
		}, flush)
		if !errors.Is(err, errStop) {
			return err
		}
		if err := flush(); err != nil {
			return err
		}
	}
}

// readSparse calls data for each extent of a file with holes, and hole for what is between.
func readSparse(f *os.File, size int64, data func(io.Reader) error, hole func(n uint64) error) error {
	for at := int64(0); at < size; {
		start, end, err := nextData(f, at, size)
		if err != nil {
			return fmt.Errorf("finding the holes: %w", err)
		}
		if start = min(start, size); start > at {
			if err := hole(uint64(start - at)); err != nil {
				return err
			}
		}
		if start == size {
			return nil
		}
		if end <= start {
			return errors.New("finding the holes: the file changed")
		}
		if err := data(io.NewSectionReader(f, start, end-start)); err != nil {
			return err
		}
		at = end
	}
	return nil
}

var zeroBlock [32 << 10]byte

func allZero(b []byte) bool {
	for len(b) > len(zeroBlock) {
		if !bytes.Equal(b[:len(zeroBlock)], zeroBlock[:]) {
			return false
		}
		b = b[len(zeroBlock):]
	}
	return bytes.Equal(b, zeroBlock[:len(b)])
}
