package boottest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"
)

// The ports of a box that are reached from outside. See the README.
const (
	PortSwarm     = 4001 // libp2p, TCP and QUIC
	PortHypercore = 4002 // stock Hypercore peers
	PortPage      = 80   // the page on the LAN
)

// A Setup says how a box is booted. Board, Image and Dir are required.
type Setup struct {
	Board Board
	Image string // the file that is its card; it is written to
	Dir   string // for the console's output and what else QEMU needs
	// Param are more parameters for the kernel.
	Param []string
	// MAC is the address of the network port, by which a virtual board is known;
	// empty for the same for all.
	MAC string
	// Ports are this computer's that lead to the guest's, by "tcp/4001"; nil for any
	// that are free. A box that is switched on again is found where it was with
	// those of [Guest.Ports].
	Ports map[string]int
	// UEFI has the machine started by real firmware, which starts the loader on the card:
	// parameters are those on the card alone. For [Virt].
	UEFI bool
	// Watchdog gives the machine one, which ends it after 30 s without a sign of life.
	Watchdog bool
	// Disks are files with USB disks.
	Disks []string
	NVMe  []NVMe
	// Silence is how long the console may show nothing after [PowerOn]; 0 means two minutes.
	Silence time.Duration
	// Console gets what the guest's console shows, too; nil for nothing.
	Console io.Writer
}

// A Guest is a box that runs in QEMU.
type Guest struct {
	cmd     *exec.Cmd
	began   time.Time
	ports   map[string]int // of this computer, by "tcp/4001"
	console *console
	monitor string        // the socket at which QEMU takes orders
	ended   chan struct{} // closed when QEMU has ended
	err     error         // why; read after ended
}

// forwarded are the guest's ports that this computer passes on.
var forwarded = []string{"tcp/4001", "udp/4001", "tcp/4002", "tcp/80", "tcp/9100"}

// Boot switches a box on. It runs until [Guest.Kill], [Guest.Wait], or until ctx is done.
func Boot(ctx context.Context, s Setup) (*Guest, error) {
	g := &Guest{ports: make(map[string]int), monitor: filepath.Join(s.Dir, "qmp"), ended: make(chan struct{})}
	var kernel loaded
	var err error
	if !s.UEFI {
		kernel, err = loadKernel(s)
	}
	if err != nil {
		return nil, fmt.Errorf("loading the kernel from the card: %w", err)
	}
	net := "user,id=n0"
	for _, port := range forwarded {
		proto, number, _ := strings.Cut(port, "/")
		free := s.Ports[port]
		if free == 0 {
			if free, err = freePort(proto); err != nil {
				return nil, err
			}
		}
		g.ports[port] = free
		net += fmt.Sprintf(",hostfwd=%s:127.0.0.1:%d-:%s", proto, free, number)
	}
	serial, err := os.Create(filepath.Join(s.Dir, "console"))
	if err != nil {
		return nil, err
	}
	if err := serial.Close(); err != nil {
		return nil, err
	}
	args := append([]string{"-netdev", net, "-display", "none", "-monitor", "none", "-qmp", "unix:" + g.monitor + ",server=on,wait=off", "-no-reboot"}, s.Board.machine(s, kernel, serial.Name())...)
	if s.Watchdog {
		args = append(args, "-device", "i6300esb", "-action", "watchdog=reset")
	}
	for i, disk := range s.Disks {
		if i == 0 {
			args = append(args, "-device", "qemu-xhci")
		}
		id := "usb" + strconv.Itoa(i)
		args = append(args, "-drive", "if=none,format=raw,id="+id+",file="+disk, "-device", "usb-storage,id="+stick(i)+",serial="+stick(i)+",drive="+id)
	}
	for i, disk := range s.NVMe {
		args = append(args, disk.args(i)...)
	}
	g.cmd = exec.CommandContext(ctx, s.Board.qemu(), args...)
	var errOut bytes.Buffer
	g.cmd.Stderr = &errOut
	g.console = newConsole(serial.Name(), s.Console)
	g.began = time.Now()
	if err := g.cmd.Start(); err != nil {
		return nil, errors.Join(fmt.Errorf("starting QEMU (hack/setup-e2e boot installs it): %w", err), g.console.close())
	}
	go func() {
		err := g.cmd.Wait()
		if errOut.Len() > 0 {
			err = fmt.Errorf("%w: %s", errors.Join(err), errOut.String())
		}
		g.err = errors.Join(err, g.console.close())
		close(g.ended)
	}()
	return g, nil
}

// freePort returns a port of this computer that nobody uses.
func freePort(proto string) (int, error) {
	if proto == "udp" {
		c, err := net.ListenPacket("udp4", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		return c.LocalAddr().(*net.UDPAddr).Port, c.Close()
	}
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}

// Ports returns the ports of this computer that lead to the guest's, by names such as
// "tcp/80". The caller must not change the map.
func (g *Guest) Ports() map[string]int { return g.ports }

// Began returns when the box was switched on.
func (g *Guest) Began() time.Time { return g.began }

// Addr returns the multiaddress at which the box's libp2p host is reached.
func (g *Guest) Addr() string { return fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", g.ports["tcp/4001"]) }

// Console returns what the console has shown.
func (g *Guest) Console() string { return g.console.String() }

// Await waits until the console shows a line with text, and returns the line.
func (g *Guest) Await(ctx context.Context, text string) (string, error) {
	for {
		line, more, ok := g.console.find(text)
		if ok {
			return line, nil
		}
		select {
		case <-more:
		case <-g.ended:
			if line, _, ok := g.console.find(text); ok {
				return line, nil
			}
			return "", fmt.Errorf("waiting for %q on the console: QEMU has ended: %w", text, errors.Join(g.err))
		case <-ctx.Done():
			return "", fmt.Errorf("waiting for %q on the console: %w", text, ctx.Err())
		}
	}
}

// Kill pulls the plug.
func (g *Guest) Kill() {
	_ = g.cmd.Process.Kill()
	<-g.ended
}

// Wait waits until the guest has switched itself off, or started anew, which ends
// QEMU too.
func (g *Guest) Wait() error {
	<-g.ended
	return g.err
}

// A console follows the file that QEMU writes a guest's console to.
type console struct {
	also   io.Writer
	stop   chan struct{}
	closed chan error

	mu   sync.Mutex
	text []byte
	more chan struct{} // closed and replaced when there is more
}

// readConsoleEvery is how often the file is looked at.
const readConsoleEvery = 20 * time.Millisecond

// maxConsole bounds what a guest can make the harness hold, in bytes.
const maxConsole = 16 << 20

func newConsole(path string, also io.Writer) *console {
	c := &console{also: also, stop: make(chan struct{}), closed: make(chan error, 1), more: make(chan struct{})}
	go func() { c.closed <- c.follow(path) }()
	return c
}

func (c *console) follow(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer func() { _ = f.Close() }()
	tick := time.NewTicker(readConsoleEvery)
	defer tick.Stop()
	for last := false; ; {
		text, err := io.ReadAll(f)
		if err != nil {
			return err
		}
		c.add(text)
		if last {
			return nil
		}
		select {
		case <-c.stop:
			last = true
		case <-tick.C:
		}
	}
}

func (c *console) add(text []byte) {
	if len(text) == 0 {
		return
	}
	if c.also != nil {
		_, _ = c.also.Write(text)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.text) < maxConsole {
		c.text = append(c.text, text...)
	}
	close(c.more)
	c.more = make(chan struct{})
}

func (c *console) close() error {
	close(c.stop)
	return <-c.closed
}

func (c *console) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return string(c.text)
}

// find returns the first whole line with text, and what is closed when there is more.
func (c *console) find(text string) (line string, more <-chan struct{}, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for l := range bytes.Lines(c.text) {
		if bytes.HasSuffix(l, []byte("\n")) && bytes.Contains(l, []byte(text)) {
			return string(bytes.TrimSpace(l)), c.more, true
		}
	}
	return "", c.more, false
}
