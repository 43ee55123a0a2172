package update

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"cobox/appliance/gokrazy"
	"cobox/appliance/perm"

	"golang.org/x/sys/unix"
)

// Gokrazy are the slots of a box's card, by way of gokrazy.
type Gokrazy struct {
	http  *http.Client
	card  perm.Card
	named int // the partition that the kernel's command line names
	runs  int // the partition that runs; another one only on trial
}

// The partitions with root file systems.
const (
	firstSlot  = 2
	secondSlot = 3
)

// rootParameter is how the boot volume's command line names the root file system:
// by its place after partition 1.
var rootParameter = regexp.MustCompile(`(?:^| )root=PARTUUID=[0-9A-Fa-f-]+/PARTNROFF=([12])(?: |$)`)

// Open returns the slots of the box that this program runs on. The error wraps
// [ErrNoSlots] on other computers.
func Open() (Card, error) {
	if _, err := os.Stat(gokrazy.Socket); errors.Is(err, fs.ErrNotExist) {
		return nil, ErrNoSlots
	}
	cmdline, err := os.ReadFile("/proc/cmdline")
	if err != nil {
		return nil, fmt.Errorf("looking for the other slot: %w", err)
	}
	m := rootParameter.FindSubmatch([]byte(strings.TrimSpace(string(cmdline))))
	if m == nil {
		return nil, fmt.Errorf("%w (the kernel was not started with one of two slots)", ErrNoSlots)
	}
	offset, _ := strconv.Atoi(string(m[1]))
	card, err := perm.Started()
	if err != nil {
		return nil, err
	}
	return &Gokrazy{http: gokrazy.NewClient(gokrazy.Socket), card: card, named: 1 + offset, runs: card.Root}, nil
}

// Trial reports whether the slot that runs was started once, on trial.
func (g *Gokrazy) Trial() bool { return g.runs != g.named }

// Name returns which slot runs, "a" or "b".
func (g *Gokrazy) Name() string {
	if g.runs == firstSlot {
		return "a"
	}
	return "b"
}

// Disk returns the kernel's name of the card.
func (g *Gokrazy) Disk() string { return g.card.Name }

// open opens the slot that does not run. gokrazy's own way to write there takes the
// slot that the command line does not name, which after a trial is the one that runs.
func (g *Gokrazy) open(flag int) (*os.File, error) {
	other := firstSlot + secondSlot - g.runs
	device, ok := g.card.Partition(other)
	if !ok {
		return nil, fmt.Errorf("the card has no partition %d", other)
	}
	return os.OpenFile(device, flag, 0)
}

// Write fills the slot that does not run.
func (g *Gokrazy) Write(ctx context.Context, root io.Reader) error {
	f, err := g.open(os.O_WRONLY)
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

// Sum reads the other slot back from the card, not from memory.
func (g *Gokrazy) Sum(ctx context.Context, size int64) (sum [sha256.Size]byte, err error) {
	f, err := g.open(os.O_RDONLY)
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
func (g *Gokrazy) Arm(ctx context.Context) error {
	if err := g.post(ctx, "/update/testboot"); err != nil {
		return fmt.Errorf("arming the other slot: %w", err)
	}
	return nil
}

// Commit makes the slot that runs the one that is started from now on.
func (g *Gokrazy) Commit(ctx context.Context) error {
	if !g.Trial() {
		return nil
	}
	if err := g.post(ctx, "/update/switch"); err != nil {
		return fmt.Errorf("keeping this system: %w", err)
	}
	return nil
}

// Restart ends all programs and starts the machine again.
func (g *Gokrazy) Restart(ctx context.Context) error { return gokrazy.Reboot(ctx, g.http) }

const maxAnswer = 4 << 10 // bytes of gokrazy's

func (g *Gokrazy) post(ctx context.Context, path string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://gokrazy"+path, nil)
	if err != nil {
		return err
	}
	resp, err := g.http.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("gokrazy answers %s: %s", resp.Status, strings.TrimSpace(string(text)))
	}
	return err
}

// Uptime returns the time since power-on.
func Uptime() time.Duration {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_BOOTTIME, &t); err != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// Kill starts the machine again at once, without ending anything.
func Kill() {
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
}
