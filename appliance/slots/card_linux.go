package slots

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"

	"cobox/appliance/perm"
	"cobox/image/fat"

	"golang.org/x/sys/unix"
)

// A Card is the card that the machine was started from.
type Card struct {
	card  perm.Card
	named int // the slot that the kernel's parameters named
	runs  int // the slot that runs; another one only on trial
}

// Open returns the card that the machine was started from.
func Open() (*Card, error) {
	start, err := started()
	if err != nil {
		return nil, err
	}
	card, err := perm.Started()
	if err != nil {
		return nil, err
	}
	return &Card{card: card, named: start.Slot, runs: card.Root}, nil
}

// started returns with what the machine was started.
func started() (Start, error) {
	cmdline, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return Start{}, fmt.Errorf("reading the kernel's parameters: %w", err)
	}
	return ParseStart(cmdline)
}

// Trial reports whether the slot that runs was started once, on trial.
func (c *Card) Trial() bool { return c.runs != c.named }

// Name returns which slot runs, "a" or "b".
func (c *Card) Name() string { return Name(c.runs) }

// Disk returns the kernel's name of the card, such as mmcblk0.
func (c *Card) Disk() string { return c.card.Name }

// open opens a partition.
func (c *Card) open(number, flag int) (*os.File, error) {
	device, ok := c.card.Partition(number)
	if !ok {
		return nil, fmt.Errorf("the card has no partition %d", number)
	}
	return os.OpenFile(device, flag, 0)
}

// Write fills the slot that does not run.
func (c *Card) Write(ctx context.Context, root io.Reader) error {
	f, err := c.open(Other(c.runs), os.O_WRONLY)
	if err != nil {
		return fmt.Errorf("writing the other slot: %w", err)
	}
	_, err = io.CopyBuffer(struct{ io.Writer }{f}, contextReader{ctx, root}, make([]byte, pieceSize))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("writing the other slot: %w", err)
	}
	return nil
}

// pieceSize is how much is written at once: cards are slow at less.
const pieceSize = 1 << 20

// Sum reads the first size bytes of the other slot back from the card, not from memory.
func (c *Card) Sum(ctx context.Context, size int64) (sum [sha256.Size]byte, err error) {
	f, err := c.open(Other(c.runs), os.O_RDONLY)
	if err != nil {
		return sum, fmt.Errorf("reading the other slot back: %w", err)
	}
	defer func() { _ = f.Close() }()
	if err := unix.IoctlSetInt(int(f.Fd()), unix.BLKFLSBUF, 0); err != nil {
		return sum, fmt.Errorf("reading the other slot back: forgetting what is in memory: %w", err)
	}
	h := sha256.New()
	if _, err := io.CopyN(h, contextReader{ctx, f}, size); err != nil {
		return sum, fmt.Errorf("reading the other slot back: %w", err)
	}
	return [sha256.Size]byte(h.Sum(nil)), nil
}

// contextReader ends reading with a context.
type contextReader struct {
	ctx context.Context
	r   io.Reader
}

func (r contextReader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// Arm makes the next start that of the other slot, once.
func (c *Card) Arm(context.Context) error {
	if err := c.put(Start{Slot: c.runs, Try: true}); err != nil {
		return fmt.Errorf("arming the other slot: %w", err)
	}
	return nil
}

// Commit makes the slot that runs the one that is started from now on.
func (c *Card) Commit(context.Context) error {
	if err := c.put(Start{Slot: c.runs}); err != nil {
		return fmt.Errorf("keeping this system: %w", err)
	}
	return nil
}

// The files with the kernel's parameters, of which each board's firmware reads one.
// The second is on the cards of boards with UEFI.
var startFiles = []string{"cmdline.txt", "loader/entries/gokrazy.conf"}

// maxStartFile bounds such a file, in bytes.
const maxStartFile = 4 << 10

// put writes s into all files with the kernel's parameters, where they lie. It must
// not be called while the boot volume is mounted.
func (c *Card) put(s Start) (err error) {
	f, err := c.open(1, os.O_RDWR)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	volume, err := fat.Open(f)
	if err != nil {
		return err
	}
	for i, name := range startFiles {
		err := putFile(f, volume, name, s)
		if i > 0 && errors.Is(err, fat.ErrNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("%s on the boot volume: %w", name, err)
		}
	}
	return f.Sync()
}

func putFile(f *os.File, volume *fat.Volume, name string, s Start) error {
	at, err := volume.Find(name)
	if err != nil {
		return err
	}
	text, err := volume.Read(name, maxStartFile)
	if err != nil {
		return err
	}
	changed, err := s.Put(text)
	if err != nil || bytes.Equal(changed, text) {
		return err
	}
	_, err = f.WriteAt(changed, at.Start)
	return err
}
