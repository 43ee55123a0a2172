package soak

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"cobox/hack/rig/feedlog"
	"cobox/hack/usage"
	"cobox/seeder/api"
	"cobox/seeder/identity"
	"cobox/seeder/store"
)

// A box is a seederd that runs, and what it has promised.
type box struct {
	name  string
	key   ed25519.PrivateKey
	state string
	args  []string
	log   string // the file with what it says
	cmd   *exec.Cmd
	addr  atomic.Pointer[string]

	mu    sync.Mutex
	acks  map[*feedlog.Log]identity.Receipt // the longest of each feed; mu
	given int                               // receipts, in all; mu

	heap, goroutines, files, disk figure
}

// newBox makes the state folder of a box that has grants for all partners.
func newBox(dir, name, program string, key ed25519.PrivateKey, grants []identity.Grant) (*box, error) {
	b := &box{
		name: name, key: key, state: filepath.Join(dir, name), log: filepath.Join(dir, name+".log"), acks: make(map[*feedlog.Log]identity.Receipt),
		heap:       figure{name: name + ": heap after a collection or before, MiB", unit: 1 << 20, slack: 16},
		goroutines: figure{name: name + ": goroutines", unit: 1, slack: 40},
		files:      figure{name: name + ": open files", unit: 1, slack: 20},
		disk:       figure{name: name + ": disk beyond the blocks kept, MiB", unit: 1 << 20, slack: 32},
	}
	if err := os.MkdirAll(b.state, 0o700); err != nil {
		return nil, err
	}
	if err := os.WriteFile(filepath.Join(b.state, "box.key"), key.Seed(), 0o600); err != nil {
		return nil, err
	}
	b.args = []string{
		program, "-state", b.state, "-operator", identity.OperatorKeyOf(operator).String(),
		"-listen", "/ip4/127.0.0.1/tcp/0", "-mdns=off", "-dht", "off", "-retention", "1m", "-scrub-rate", "20MB",
	}
	for i, g := range grants {
		g.Box = identity.BoxKeyOf(key)
		st, err := identity.SignGrant(operator, g)
		if err != nil {
			return nil, err
		}
		file := filepath.Join(b.state, fmt.Sprintf("grant%d", i))
		if err := os.WriteFile(file, st.Append(nil), 0o600); err != nil {
			return nil, err
		}
		b.args = append(b.args, "-grant", file)
	}
	return b, nil
}

// patience is how long a box may take to start.
const patience = 5 * time.Minute

// start starts the box and waits until it says where it is.
func (b *box) start() error {
	b.cmd = exec.Command(b.args[0], b.args[1:]...)
	log, err := os.OpenFile(b.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }() // the box has its own
	b.cmd.Stdout, b.cmd.Stderr = log, log
	b.cmd.Env = append(os.Environ(), "GOMEMLIMIT=256MiB") // as on a box of 1 GiB
	if err := b.cmd.Start(); err != nil {
		return err
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		var st api.BoxStatus
		err := b.get("/v1/status", &st)
		if err == nil && len(st.Addrs) > 0 {
			b.addr.Store(&st.Addrs[0])
			return nil
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("%s does not start: %v\n%s", b.name, err, b.tail())
		}
	}
}

// tail returns the end of what the box says.
func (b *box) tail() string {
	text, err := os.ReadFile(b.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-4000):])
}

// get asks the box at its own socket.
func (b *box) get(path string, answer any) error {
	socket := api.SocketClient(api.SocketPath(b.state))
	defer socket.CloseIdleConnections()
	resp, err := socket.Get("http://box" + path)
	if err != nil {
		return err
	}
	return errors.Join(api.ReadAnswer(resp, 1<<20, answer), resp.Body.Close())
}

// look adds to the figures what the box uses now.
func (b *box) look() error {
	var f api.Figures
	if err := b.get("/v1/figures", &f); err != nil {
		return fmt.Errorf("asking %s for its figures: %w\n%s", b.name, err, b.tail())
	}
	disk, err := usage.Disk(b.state)
	if err != nil && !errors.Is(err, os.ErrNotExist) { // it deletes files meanwhile
		return err
	}
	b.heap.add(float64(f.Program.HeapBytes))
	b.goroutines.add(float64(f.Program.Goroutines))
	b.files.add(float64(f.Program.OpenFiles))
	b.disk.add(max(float64(disk)-float64(f.Store.Bytes), 0))
	return nil
}

// kill ends the box as a loss of power ends a program.
func (b *box) kill() {
	_ = b.cmd.Process.Kill()
	_ = b.cmd.Wait() // it was killed
}

// end ends the box in order.
func (b *box) end() error {
	if err := b.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	if err := b.cmd.Wait(); err != nil {
		return fmt.Errorf("ending %s: %w\n%s", b.name, err, b.tail())
	}
	return nil
}

func (b *box) acknowledged(l *feedlog.Log, r identity.Receipt) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.given++
	if r.Length >= b.acks[l].Length {
		b.acks[l] = r
	}
}

// release says that nothing of a feed is promised any more.
func (b *box) release(l *feedlog.Log) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.acks, l)
}

// check looks at the store of a box that does not run: all that it has given receipts for
// is there, and as it was written. It returns how many blocks these are, and what is lost.
func (b *box) check() (blocks int, lost []error) {
	s, err := store.Open(filepath.Join(b.state, "store"), store.Config{})
	if err != nil {
		return 0, []error{fmt.Errorf("%s: %w", b.name, err)}
	}
	defer func() { _ = s.Close() }()
	b.mu.Lock()
	defer b.mu.Unlock()
	for l, ack := range b.acks {
		n, err := checkFeed(s, l, ack)
		blocks += n
		if err != nil {
			lost = append(lost, fmt.Errorf("%s, feed %s, %d blocks acknowledged: %w", b.name, l.Name, ack.Length, err))
		}
	}
	return blocks, lost
}

func checkFeed(s *store.Store, l *feedlog.Log, ack identity.Receipt) (int, error) {
	f, err := s.Feed(l.Key())
	if err != nil {
		return 0, err
	}
	if h := f.Durable().Head; h.Length < ack.Length {
		return 0, fmt.Errorf("the head has %d blocks", h.Length)
	}
	for i := range ack.Length {
		got, err := f.Block(i, nil)
		if err != nil {
			return 0, fmt.Errorf("block %d: %w", i, err)
		}
		want, err := l.Block(i, nil)
		if err != nil || !bytes.Equal(got, want) {
			return 0, fmt.Errorf("block %d is not as it was written, %v", i, err)
		}
	}
	return int(ack.Length), nil
}
