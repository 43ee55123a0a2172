package flash

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
)

// ErrDiffers says that what was read back is not what was written: the card is bad, or
// smaller than it says.
var ErrDiffers = errors.New("the card does not give back what was written to it: it is damaged, or smaller than it says; use another one")

// A Target is an opened device.
type Target interface {
	io.ReaderAt
	io.WriterAt
	// Sync returns when all is on the device.
	Sync() error
	// Forget drops what is kept in memory, so that reads come from the device.
	Forget() error
}

const (
	chunk = 4 << 20 // bytes written at once: whole erase blocks of most cards
	// tail is what is overwritten at the end of a device: a partition table that
	// another image has left there.
	tail = 1 << 20
)

// Write writes an image of size bytes to a target with room bytes, and compares what
// it reads back. progress, unless nil, is told how many of 2*size bytes are done.
func Write(ctx context.Context, t Target, room int64, image io.ReaderAt, size int64, progress func(done int64)) error {
	if progress == nil {
		progress = func(int64) {}
	}
	if room < size {
		return fmt.Errorf("the device has %d bytes, and the image %d", room, size)
	}
	// The first chunk, with the partition table, comes last: what is half written
	// does not start.
	write := func(at int64) error {
		b, err := part(image, at, size)
		if err == nil {
			_, err = t.WriteAt(b, at)
		}
		if err != nil {
			return fmt.Errorf("writing: %w", err)
		}
		return nil
	}
	if _, err := t.WriteAt(make([]byte, min(chunk, size)), 0); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	if end := room - max(size, room-tail); end > 0 {
		if _, err := t.WriteAt(make([]byte, end), room-end); err != nil {
			return fmt.Errorf("writing: %w", err)
		}
	}
	var done int64
	for at := int64(chunk); at < size; at += chunk {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := write(at); err != nil {
			return err
		}
		done += min(chunk, size-at)
		progress(done)
	}
	if err := errors.Join(t.Sync(), write(0), t.Sync(), t.Forget()); err != nil {
		return fmt.Errorf("writing: %w", err)
	}
	progress(size)
	for at := int64(0); at < size; at += chunk {
		if err := ctx.Err(); err != nil {
			return err
		}
		want, err := part(image, at, size)
		if err != nil {
			return err
		}
		got := make([]byte, len(want))
		if _, err := t.ReadAt(got, at); err != nil {
			return fmt.Errorf("reading back: %w", err)
		}
		if !bytes.Equal(got, want) {
			return fmt.Errorf("%w (in the megabytes from %d on)", ErrDiffers, at>>20)
		}
		progress(size + min(at+chunk, size))
	}
	return nil
}

func part(image io.ReaderAt, at, size int64) ([]byte, error) {
	b := make([]byte, min(chunk, size-at))
	if _, err := image.ReadAt(b, at); err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading the image: %w", err)
	}
	return b, nil
}
