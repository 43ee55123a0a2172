package update

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"time"

	"cobox/appliance/perm"

	"golang.org/x/sys/unix"
)

// gokrazySocket is where gokrazy, under which a box's programs run, is asked to
// swap root file systems. Only root can.
const gokrazySocket = "/run/gokrazy-http.sock"

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
func Open() (*Gokrazy, error) {
	if _, err := os.Stat(gokrazySocket); errors.Is(err, fs.ErrNotExist) {
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
	return &Gokrazy{http: unixClient(gokrazySocket), card: card, named: 1 + offset, runs: card.Root}, nil
}

func unixClient(path string) *http.Client {
	return &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		},
	}}
}

// Trial reports whether the slot that runs was started once, on trial.
func (g *Gokrazy) Trial() bool { return g.runs != g.named }

// other is the partition that an update is written to. On trial gokrazy's idea of
// the other one is the one that runs: nothing may be written then.
func (g *Gokrazy) other() int { return firstSlot + secondSlot - g.named }

var errOnTrial = errors.New("this system is on trial itself, and the other slot is the one to go back to")

// Write fills the slot that does not run.
func (g *Gokrazy) Write(ctx context.Context, root io.Reader) error {
	if g.Trial() {
		return errOnTrial
	}
	h := sha256.New()
	said, err := g.do(ctx, http.MethodPut, "/update/root", io.TeeReader(root, h))
	if err == nil && said != fmt.Sprintf("%x", h.Sum(nil)) {
		err = fmt.Errorf("what arrived there has the hash %.64q", said)
	}
	if err != nil {
		return fmt.Errorf("writing the other slot: %w", err)
	}
	return nil
}

// Sum reads the other slot back from the card, not from memory.
func (g *Gokrazy) Sum(ctx context.Context, size int64) (sum [sha256.Size]byte, err error) {
	device, ok := g.card.Partition(g.other())
	if !ok {
		return sum, fmt.Errorf("reading the other slot back: the card has no partition %d", g.other())
	}
	f, err := os.Open(device)
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
	if g.Trial() {
		return errOnTrial
	}
	if _, err := g.do(ctx, http.MethodPost, "/update/testboot", nil); err != nil {
		return fmt.Errorf("arming the other slot: %w", err)
	}
	return nil
}

// Commit makes the slot that runs the one that is started from now on.
func (g *Gokrazy) Commit(ctx context.Context) error {
	if !g.Trial() {
		return nil
	}
	if _, err := g.do(ctx, http.MethodPost, "/update/switch", nil); err != nil {
		return fmt.Errorf("keeping this system: %w", err)
	}
	return nil
}

// Restart ends all programs and starts the machine again.
func (g *Gokrazy) Restart(ctx context.Context) error {
	// Not with kexec: it would take the kernel's command line along, which says what
	// is started.
	if _, err := g.do(ctx, http.MethodPost, "/reboot?kexec=off&wait_per_signal=20s", nil); err != nil {
		return fmt.Errorf("starting the machine again: %w", err)
	}
	return nil
}

const maxAnswer = 4 << 10 // bytes of gokrazy's

func (g *Gokrazy) do(ctx context.Context, method, path string, body io.Reader) (string, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://gokrazy"+path, body)
	if err != nil {
		return "", err
	}
	resp, err := g.http.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("gokrazy answers %s: %s", resp.Status, strings.TrimSpace(string(text)))
	}
	return string(text), err
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
