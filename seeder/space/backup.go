package space

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"
)

// BackupOptions say what to back up and where to. Those without a comment are
// what their type says; all down to Tool are needed.
type BackupOptions struct {
	Keys   *Keys
	Log    Log
	Blocks Blocks // to read the snapshot before this one; Log's blocks at least
	Index  Index  // brought up to date with [UpdateIndex]
	Source string // the folder
	// Near are the blocks that can be read at once, to find where the chunks of a large
	// file were; without it, or without the blocks, such files are cut anew. It must not
	// wait for a network.
	Near Blocks
	// Lists, if there are some, are where the lists of such files are kept beside Near.
	Lists  *Lists
	Name   string // of the space, for the header of a new feed
	Device Device
	Tool   string // the program and its version

	// Time is the snapshot's time, now when it is zero.
	Time time.Time
	// Skip leaves an entry out, with all that is below it. path is relative to
	// the folder, with slashes. nil leaves nothing out.
	Skip func(path string) bool
	// Warn is told of each entry that could not be read or that changed while it
	// was read, by one goroutine at a time.
	Warn func(*PathError)
	// Progress is called often, by one goroutine at a time. With it, the folder is
	// walked twice, to know the totals.
	Progress func(Progress)
	// Opened is called with the path of each file whose content is about to be read.
	Opened func(path string)
	// TempDir is where the list of a large folder's entries is kept during the
	// backup; the system's when it is empty.
	TempDir string
}

// Progress is how far a backup or a restore has come.
type Progress struct {
	Files, Bytes           uint64 // done
	TotalFiles, TotalBytes uint64 // zero until known
}

// A PathError says what went wrong with one entry of a folder.
type PathError struct {
	Path string // relative to the folder
	// Changed says that the file was kept, but changed while it was read, so that
	// parts of it may be from different times. Otherwise the entry is missing.
	Changed bool
	Err     error
}

func (e *PathError) Error() string { return fmt.Sprintf("%q: %v", e.Path, e.Err) }

// Unwrap returns the cause.
func (e *PathError) Unwrap() error { return e.Err }

// A PartialError says that a backup or a restore was completed, but for some
// entries, which were reported one by one.
type PartialError struct {
	Doing   string // "backing up" or "restoring"
	Missing uint64 // entries
}

func (e *PartialError) Error() string {
	return fmt.Sprintf("%s: %d entries are missing", e.Doing, e.Missing)
}

// A BackupResult says what a backup did.
type BackupResult struct {
	Snapshot *Snapshot
	// FilesRead and BytesRead count files whose content was read; all others are
	// as they were in the snapshot before.
	FilesRead, BytesRead uint64
	// CutBytes are those of BytesRead in which the ends of chunks were looked for: all
	// others lay in chunks that begin and end where they did.
	CutBytes uint64
	Changed  uint64 // files that changed while they were read
	// NewChunks and NewBytes count content that was in no feed yet (tree objects too).
	NewChunks, NewBytes uint64
	Blocks, StoredBytes uint64 // appended
	// DataFrom to DataTo, without it, are the blocks of these with contents of files alone.
	DataFrom, DataTo uint64
}

// Backup takes a snapshot of a folder. What the feeds of the space have already
// is not stored again, and files that look as in the last snapshot of this feed
// (size, times, inode) are not read. It reads and packs on all processors and
// needs some tens of MB.
//
// An interrupted backup leaves no snapshot, but the next one finds what was
// appended. When entries could not be read, the snapshot is taken without them,
// and Backup returns the result and a [*PartialError].
func Backup(ctx context.Context, o BackupOptions) (*BackupResult, error) {
	source, err := filepath.Abs(o.Source)
	if err != nil {
		return nil, fmt.Errorf("backing up %s: %w", o.Source, err)
	}
	info, err := os.Stat(source)
	if err != nil {
		return nil, fmt.Errorf("backing up: %w", err)
	}
	if !info.IsDir() {
		return nil, fmt.Errorf("backing up %s: it is not a folder", source)
	}
	if o.Time.IsZero() {
		o.Time = time.Now()
	}
	if len(o.Name) > maxText || len(o.Device.Name) > maxText || len(o.Tool) > maxText {
		return nil, fmt.Errorf("backing up %s: the name of space, device or tool has more than %d bytes", source, maxText)
	}
	b := &backup{BackupOptions: o, source: source, reader: NewReader(o.Keys, o.Blocks)}
	if o.Near != nil {
		b.near = NewReader(o.Keys, o.Near)
		b.near.lists = o.Lists
	}
	snapshot, err := b.run(ctx, newStat(info))
	if err != nil {
		return nil, fmt.Errorf("backing up %s: %w", source, err)
	}
	result := &BackupResult{
		Snapshot:  snapshot,
		FilesRead: b.filesRead.Load(), BytesRead: b.bytesRead.Load(), CutBytes: b.cutBytes.Load(), Changed: b.changed.Load(),
		NewChunks: b.writer.newChunks.Load(), NewBytes: b.writer.newBytes.Load(),
		Blocks: b.writer.blocks.Load(), StoredBytes: b.writer.storedBytes.Load(),
		DataFrom: b.writer.data.from, DataTo: b.writer.data.to,
	}
	if n := snapshot.Totals.Unreadable; n > 0 {
		return result, &PartialError{"backing up", n}
	}
	return result, nil
}

func (b *backup) run(ctx context.Context, root stat) (*Snapshot, error) {
	feed := Feed{Key: b.Log.Key(), Length: b.Log.Length(), Fork: b.Log.Fork()}
	if covered, _ := b.Index.Covered(feed.Key); covered != feed.Length {
		return nil, fmt.Errorf("the index covers %d of the feed's %d blocks: update it first", covered, feed.Length)
	}
	if err := b.checkHeader(ctx, feed); err != nil {
		return nil, err
	}
	parent, err := b.reader.LastSnapshot(ctx, feed)
	if err != nil {
		return nil, fmt.Errorf("finding the last snapshot: %w", err)
	}
	previous := uint64(0)
	if parent != nil {
		previous = parent.Ref.Block
	}

	workers := max(2, runtime.GOMAXPROCS(0))
	packing := newGroup(ctx)
	writer, run := newPackWriter(b.Keys, b.Log, b.Index, previous, workers)
	b.writer = writer
	for _, f := range run {
		packing.run(f)
	}
	var snapshot *Snapshot
	packing.run(func(ctx context.Context) error {
		defer writer.close()
		var err error
		snapshot, err = b.write(ctx, feed, parent, previous, root, workers)
		return err
	})
	if err := packing.wait(); err != nil {
		return nil, err
	}
	return snapshot, nil
}

// write does all of a backup but the packing: data first, then the tree objects,
// which so come to lie together, then the snapshot.
func (b *backup) write(ctx context.Context, feed Feed, parent *Snapshot, previous uint64, root stat, workers int) (*Snapshot, error) {
	if feed.Length == 0 {
		h := Header{Space: b.Keys.Space, Name: b.Name, Device: b.Device, Created: b.Time}
		if _, err := b.writer.addBlock(ctx, kindHeader, h.payload()); err != nil {
			return nil, err
		}
	}
	spool, err := newSpool(b.TempDir, parent)
	if err != nil {
		return nil, err
	}
	defer spool.close()
	b.writer.beginData()
	if err := b.walkFolder(ctx, spool, parent, root, workers); err != nil {
		return nil, err
	}
	if err := b.writer.beginTrees(ctx); err != nil {
		return nil, err
	}
	rootNode, err := spool.buildTree(ctx, b.Keys, b.writer.add)
	if err != nil {
		return nil, err
	}
	if err := b.writer.flushPack(ctx); err != nil {
		return nil, err
	}
	s := &Snapshot{
		Space: b.Keys.Space, Time: b.Time, Device: b.Device, Source: b.source, Tool: b.Tool,
		Previous: previous, Root: rootNode, Totals: spool.totals, Feeds: spool.table.keys,
	}
	if len(s.Feeds) > maxFeeds || len(s.Source) > maxTarget {
		return nil, fmt.Errorf("a snapshot of %d feeds, of a folder whose path has %d bytes, is more than its block can say", len(s.Feeds), len(s.Source))
	}
	payload := s.payload()
	block, err := b.writer.addBlock(ctx, kindSnapshot, payload)
	if err != nil {
		return nil, err
	}
	s.Ref = SnapshotRef{feed.Key, block}
	if b.Lists != nil {
		b.Lists.sweep()
	}
	return s, nil
}

// checkHeader makes sure that a feed with blocks is this space's: to append to
// another's would make a feed that nobody can read whole.
func (b *backup) checkHeader(ctx context.Context, f Feed) error {
	if f.Length == 0 {
		return nil
	}
	h, err := ReadHeader(ctx, b.Keys.secret, b.Blocks, f.Key)
	if err != nil {
		return err
	}
	if h.Space != b.Keys.Space {
		return fmt.Errorf("feed %s belongs to space %s (%q), not to %s", feedName(f.Key), h.Space, h.Name, b.Keys.Space)
	}
	return nil
}
