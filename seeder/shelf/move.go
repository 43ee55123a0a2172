package shelf

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"cobox/seeder/durable"
)

// ErrTooSmall says that what is stored does not fit on the data disk.
var ErrTooSmall = errors.New("the data disk is too small for what the box keeps: adopt a larger one")

// spareRoom is what a disk has to have free beyond what is moved to it, in bytes: a
// store does not open with less.
const spareRoom = 256 << 20

// A Job is what moving a store needs to know of it.
type Job struct {
	// Skip are the names in the store's folder that it makes anew when they are not there.
	Skip []string
	// Verify is called with the folder of the copy, which is whole on the disk then. It
	// says whether that is as good as the store where it was, and may open both.
	Verify func(ctx context.Context, copied string) error
	// Progress hears how many bytes are copied.
	Progress func(done, total uint64)
}

// Move moves the store to the data disk of a place found with To, from the card or from
// the data disk that it is on. Nobody may have it open. The copy counts once it is
// verified. When the power goes away, the store is moved from the beginning, or it has
// been moved.
func (s Shelf) Move(ctx context.Context, p Place, j Job) error {
	err := s.move(ctx, p, j)
	if err != nil {
		return fmt.Errorf("moving the store to the data disk: %w", err)
	}
	return nil
}

func (s Shelf) move(ctx context.Context, p Place, j Job) error {
	if p.at == "" {
		return errors.New("there is no disk to move it to")
	}
	mark, err := ReadMark(p.at)
	if err == nil && mark != NewMark(s.Box, p.To) {
		err = errors.New(whyOther)
	}
	if err != nil {
		return err
	}
	step := s.step
	if step == nil {
		step = func(string) error { return nil }
	}
	way, whole := onWay(p.at), onDisk(p.at)
	// What is there is of an attempt that was cut off: the store counts where it was.
	for _, dir := range []string{way, whole} {
		if err := os.RemoveAll(dir); err != nil {
			return err
		}
	}
	c := &copier{ctx: ctx, job: j, buf: make([]byte, 1<<20)}
	if c.total, err = treeBytes(p.Dir); err != nil {
		return err
	}
	if free, ok := durable.FreeBytes(p.at); ok && free < c.total+spareRoom {
		return fmt.Errorf("%w (%d MiB are kept, and %d MiB are free)", ErrTooSmall, c.total>>20, free>>20)
	}
	if err := step("copy"); err != nil {
		return err
	}
	if err := c.tree(p.Dir, way, j.Skip); err != nil {
		return err
	}
	if err := j.Verify(ctx, way); err != nil {
		return fmt.Errorf("verifying the copy: %w", err)
	}
	if err := errors.Join(ctx.Err(), step("rename")); err != nil {
		return err
	}
	if err := os.Rename(way, whole); err != nil {
		return err
	}
	if err := errors.Join(durable.SyncDir(filepath.Dir(whole)), step("note")); err != nil {
		return err
	}
	// From here on the store on the disk counts.
	if err := write(filepath.Join(s.Card, noteName), mark); err != nil {
		return err
	}
	if err := step("tidy"); err != nil {
		return err
	}
	return s.Tidy()
}

// Tidy removes the store on the card, once it was moved away. What the power left of
// that is removed the next time. It is no business of a box whose store is on the card.
func (s Shelf) Tidy() error {
	if _, err := read(filepath.Join(s.Card, noteName)); err != nil {
		if isMissing(err) {
			return nil
		}
		return fmt.Errorf("tidying the store's place on the card: %w", err)
	}
	entries, err := os.ReadDir(s.Card)
	for _, e := range entries {
		if e.Name() != noteName {
			err = errors.Join(err, os.RemoveAll(filepath.Join(s.Card, e.Name())))
		}
	}
	if err = errors.Join(err, durable.SyncDir(s.Card)); err != nil {
		return fmt.Errorf("tidying the store's place on the card: %w", err)
	}
	return nil
}

// treeBytes adds up what the files of a folder take on the disk.
func treeBytes(dir string) (sum uint64, err error) {
	err = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		info, err := e.Info()
		if err == nil {
			sum += durable.DiskBytes(info)
		}
		return err
	})
	return sum, err
}

// A copier copies folders, with the holes in their files, and syncs what it has copied.
type copier struct {
	ctx         context.Context // of the one call of move that it is for
	job         Job
	done, total uint64
	buf         []byte
}

func (c *copier) tree(from, to string, skip []string) error {
	if err := os.Mkdir(to, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, e := range entries {
		from, to := filepath.Join(from, e.Name()), filepath.Join(to, e.Name())
		switch {
		case slices.Contains(skip, e.Name()):
		case e.IsDir():
			err = c.tree(from, to, nil)
		case e.Type().IsRegular():
			err = c.file(from, to)
		default:
			err = fmt.Errorf("%s is neither a file nor a folder", from)
		}
		if err != nil {
			return err
		}
	}
	return durable.SyncDir(to)
}

func (c *copier) file(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	info, err := in.Stat()
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, info.Mode().Perm())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	if err := out.Truncate(info.Size()); err != nil {
		return err
	}
	for at := int64(0); at < info.Size(); {
		begin, end, err := dataAfter(in, at, info.Size())
		if err != nil {
			return err
		}
		if err := c.part(in, out, begin, end); err != nil {
			return err
		}
		at = end
	}
	return out.Sync()
}

// piece is how much is copied between two looks at whether to go on.
const piece = 4 << 20

// part copies the bytes from begin to end.
func (c *copier) part(in, out *os.File, begin, end int64) error {
	for begin < end {
		if err := c.ctx.Err(); err != nil {
			return err
		}
		n := min(piece, end-begin)
		if _, err := io.CopyBuffer(io.NewOffsetWriter(out, begin), io.NewSectionReader(in, begin, n), c.buf); err != nil {
			return err
		}
		begin += n
		c.done = min(c.done+uint64(n), c.total)
		c.job.Progress(c.done, c.total)
	}
	return nil
}
