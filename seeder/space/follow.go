package space

import (
	"context"
	"errors"
	"io"
	"iter"
	"os"
)

// followMin is from how many bytes of a file on its old chunks are looked up: for
// less, reading their list takes longer than cutting.
const followMin = 4 << 20

// followBytes is how much is read at once where a file may be as it was; at least maxChunk.
const followBytes = 2 << 20

// An oldFile is the content of a file in the last snapshot, read along with the file
// as it is now. A large file that was changed in a few places, or got longer, has most
// of its chunks where they were. Where one begins and has the same bytes, it also ends
// where it did: the chunker knows nothing of what came before, and nothing of what
// follows, but that something does. So hashing tells as much as cutting and hashing.
// One goroutine uses it.
type oldFile struct {
	next func() (oldChunk, bool)
	stop func()
	now  oldChunk // the first that does not begin before the place that was asked for
	ok   bool
}

// An oldChunk is a chunk of the file as it was.
type oldChunk struct {
	at uint64 // where it begins
	id ChunkID
	n  uint64 // bytes
}

// newOldFile returns the old chunks of a file; none without a reader or a file, and none
// after an error: what is not known is cut anew.
func newOldFile(ctx context.Context, r *Reader, n *Node) *oldFile {
	o := new(oldFile)
	o.next, o.stop = iter.Pull(func(yield func(oldChunk) bool) {
		if r == nil || n == nil || n.Type != TypeFile || n.Size < followMin {
			return
		}
		var last oldChunk // not handed out: it depends on what follows it
		_ = r.content(ctx, n, nil, func(offset uint64, it Item) error {
			known := it.Kind == ItemChunk && it.Span == uint64(it.Ref.Length) && it.Span <= maxChunk
			if known && last.n > 0 && !yield(last) {
				return errStop
			}
			// A chunk before a run of zeros, or at the end, was not cut by its content.
			last = oldChunk{}
			if known {
				last = oldChunk{offset, it.Ref.ID, it.Span}
			}
			return nil
		})
	})
	o.now, o.ok = o.next()
	return o
}

var errStop = errors.New("stop")

// from returns the old chunks that follow on each other from a place on, at most most
// bytes, or the first alone. It may be asked only for places that come later and later.
func (o *oldFile) from(at uint64, most uint64) (list []oldChunk) {
	for o.ok && o.now.at < at {
		o.now, o.ok = o.next()
	}
	sum := uint64(0)
	for o.ok && o.now.at == at && (sum == 0 || sum+o.now.n <= most) {
		list = append(list, o.now)
		at += o.now.n
		sum += o.now.n
		o.now, o.ok = o.next()
	}
	return list
}

// begins reports whether an old chunk begins at a place.
func (o *oldFile) begins(at uint64) bool {
	for o.ok && o.now.at < at {
		o.now, o.ok = o.next()
	}
	return o.ok && o.now.at == at
}

// follow packs the chunks of a file from a place on, as long as they are what they
// were, and returns where they are not any more. It reads into buf, which has room for
// followBytes.
func (b *backup) follow(ctx context.Context, o *oldFile, buf []byte, f *os.File, at uint64, add func(id ChunkID, content []byte) error) (uint64, error) {
	// As much more each time, from the smallest on: what turns out to be changed was
	// read and hashed for nothing.
	for most := uint64(minChunk); ; most = min(2*most, followBytes) {
		old := o.from(at, most)
		if len(old) == 0 {
			return at, nil
		}
		chunks := make([][]byte, len(old))
		size := 0
		for i, c := range old {
			chunks[i] = buf[size : size+int(c.n)]
			size += int(c.n)
		}
		if n, err := f.ReadAt(buf[:size], int64(at)); n < size {
			if errors.Is(err, io.EOF) {
				err = nil // it was cut short
			}
			return at, errors.Join(err, ctx.Err())
		}
		for i, id := range b.Keys.ChunkIDs(chunks) {
			if id != old[i].id {
				return at, nil
			}
			if err := add(id, chunks[i]); err != nil {
				return at, err
			}
			at += old[i].n
		}
	}
}
