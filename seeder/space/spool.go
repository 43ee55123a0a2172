package space

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"cobox/seeder/compact"
)

// A spool keeps the nodes of a backup, in the order of the walk, until all data
// is stored. The tree objects are made from it afterwards, so that they lie
// together in the feed: listing a snapshot needs few blocks. It is a file, as
// a folder may have more entries than fit in memory; it has no name for longer than a moment.
type spool struct {
	file   *os.File
	w      *bufio.Writer
	buf    []byte
	table  *feedTable // all feeds that the snapshot refers to
	totals Totals
}

// newSpool returns an empty spool. Its table begins with the feeds of parent:
// the lists in files that did not change refer to them.
func newSpool(dir string, parent *Snapshot) (*spool, error) {
	f, err := os.CreateTemp(dir, "cobox-spool-*")
	if err != nil {
		return nil, fmt.Errorf("making a temporary file: %w", err)
	}
	_ = os.Remove(f.Name()) // where a file cannot go while it is open, close removes it
	s := &spool{file: f, w: bufio.NewWriterSize(f, 1<<18), table: &feedTable{}}
	if parent != nil {
		s.table.keys = append(s.table.keys, parent.Feeds...)
	}
	return s, nil
}

func (s *spool) close() {
	_ = s.file.Close()
	_ = os.Remove(s.file.Name())
}

// node adds a node. After a folder come its entries, then leave.
func (s *spool) node(n *Node) error {
	switch n.Type {
	case TypeFile:
		s.totals.Files++
		if s.totals.Bytes += n.Size; s.totals.Bytes > maxSize {
			return fmt.Errorf("the folder has more than %d bytes, which is more than a snapshot can say", uint64(maxSize))
		}
	case TypeDir:
		s.totals.Dirs++
	default:
		s.totals.Others++
	}
	s.buf = s.table.appendNode(s.buf[:0], n)
	return s.write(s.buf)
}

// leave says that the entries of the last folder that was not left are complete.
func (s *spool) leave() error { return s.write(nil) }

func (s *spool) write(record []byte) error {
	var length [4]byte
	binary.LittleEndian.PutUint32(length[:], uint32(len(record)))
	_, err := s.w.Write(length[:])
	if err == nil {
		_, err = s.w.Write(record)
	}
	if err != nil {
		return fmt.Errorf("writing a temporary file: %w", err)
	}
	return nil
}

// read reads a record; empty for leave.
func (s *spool) read(r io.Reader) ([]byte, error) {
	var length [4]byte
	_, err := io.ReadFull(r, length[:])
	n := binary.LittleEndian.Uint32(length[:])
	if err == nil && n > maxChunk {
		err = errors.New("it was changed by somebody else")
	}
	if err == nil {
		s.buf = append(s.buf[:0], make([]byte, n)...)
		_, err = io.ReadFull(r, s.buf)
	}
	if err != nil {
		return nil, fmt.Errorf("reading a temporary file: %w", err)
	}
	return s.buf, nil
}

// buildTree stores the tree objects of all folders and returns the node of the
// root. It adds to the table the feeds where they are.
func (s *spool) buildTree(ctx context.Context, keys *Keys, store store) (Node, error) {
	if err := s.w.Flush(); err != nil {
		return Node{}, fmt.Errorf("writing a temporary file: %w", err)
	}
	if _, err := s.file.Seek(0, io.SeekStart); err != nil {
		return Node{}, fmt.Errorf("reading a temporary file: %w", err)
	}
	r := bufio.NewReaderSize(s.file, 1<<18)
	noted := func(ctx context.Context, content []byte) (Ref, error) {
		ref, err := store(ctx, content)
		s.table.ordinal(ref.Feed)
		return ref, err
	}
	var open []*dirBuilder
	for {
		record, err := s.read(r)
		if err != nil {
			return Node{}, err
		}
		var n Node
		if len(record) > 0 {
			d := compact.NewDecoder(record)
			n = s.table.decodeNode(d, len(open) == 0)
			if err := finish(d, "temporary file"); err != nil {
				return Node{}, err
			}
			if n.Type == TypeDir {
				b := &dirBuilder{node: n, keys: keys, store: noted}
				b.parts.store = noted
				open = append(open, b)
				continue
			}
		} else {
			if n, err = open[len(open)-1].finish(ctx); err != nil {
				return Node{}, err
			}
			if open = open[:len(open)-1]; len(open) == 0 {
				return n, nil
			}
		}
		if err := open[len(open)-1].add(ctx, n); err != nil {
			return Node{}, err
		}
	}
}
