package interop

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"cobox/hack/rig/programs"
	"cobox/seeder/api"
	"cobox/seeder/feed"
	"cobox/seeder/pin"
)

// Programs is a folder with the programs.
type Programs string

// Build builds the programs into a folder.
func Build(dir string) (Programs, error) {
	return Programs(dir), programs.Into(dir, programs.All...)
}

// call runs a program to its end, and decodes the JSON that it prints into what
// into points at, unless that is nil.
func (p Programs) call(ctx context.Context, into any, env, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(string(p), name), args...)
	cmd.Env = append(os.Environ(), env)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w\n%s", name, strings.Join(args, " "), err, errOut.Bytes())
	}
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(out.Bytes(), into); err != nil {
		return fmt.Errorf("%s %s printed %.200q: %w", name, strings.Join(args, " "), out.Bytes(), err)
	}
	return nil
}

// A Box is a running seederd that serves stock Hypercore peers on this computer.
type Box struct {
	api.BoxStatus // as it was when the box started

	progs    Programs
	trace    bool
	dir      string // holds the operator's keys, the box's state and its log
	operator string // public key
	cmd      *exec.Cmd
	ended    chan struct{}
}

// StartBox makes an operator and starts a box of theirs in an empty folder. With
// trace the box logs every message by name, which costs more than the rest.
func StartBox(ctx context.Context, progs Programs, dir string, trace bool) (*Box, error) {
	b := &Box{progs: progs, dir: dir, trace: trace}
	var operator struct{ Operator string }
	if err := progs.call(ctx, &operator, b.operatorHome(), "coboxctl", "init", "-json"); err != nil {
		return nil, err
	}
	b.operator = operator.Operator
	return b, b.Start(ctx)
}

func (b *Box) operatorHome() string { return "COBOXCTL_HOME=" + filepath.Join(b.dir, "operator") }

// State returns the box's state folder.
func (b *Box) State() string { return filepath.Join(b.dir, "state") }

func (b *Box) logPath() string { return filepath.Join(b.dir, "log") }

// Log returns what the box has logged.
func (b *Box) Log() string {
	text, err := os.ReadFile(b.logPath())
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Start starts the box; after an end, where it was before. It ends with ctx at
// the latest.
func (b *Box) Start(ctx context.Context) error {
	listen, hypercore := "/ip4/127.0.0.1/tcp/0", "127.0.0.1:0"
	if b.Hypercore != nil {
		listen, _, _ = strings.Cut(b.Addrs[0], "/p2p/")
		hypercore = b.Hypercore.Addr
	}
	log, err := os.OpenFile(b.logPath(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	b.cmd = exec.CommandContext(ctx, filepath.Join(string(b.progs), "seederd"), "-state", b.State(), "-operator", b.operator,
		"-listen", listen, "-hypercore", hypercore, "-mdns=off", "-dht=off")
	if b.trace {
		b.cmd.Args = append(b.cmd.Args, "-trace-replication")
	}
	b.cmd.Stdout, b.cmd.Stderr = log, log
	if err := b.cmd.Start(); err != nil {
		return err
	}
	b.ended = make(chan struct{})
	go func() {
		_ = b.cmd.Wait() // its log says why
		close(b.ended)
	}()
	return b.answered(ctx)
}

// answered waits until the box answers.
func (b *Box) answered(ctx context.Context) error {
	for {
		st, err := b.Status(ctx)
		if err == nil && st.Hypercore == nil {
			return errors.New("the box's status does not tell where Hypercore peers are served")
		}
		if err == nil {
			b.BoxStatus = *st
			return nil
		}
		select {
		case <-b.ended:
			return fmt.Errorf("the box ended; its log:\n%s", b.Log())
		case <-ctx.Done():
			return fmt.Errorf("the box does not answer: %w", errors.Join(ctx.Err(), err))
		case <-time.After(20 * time.Millisecond): // a process that starts tells nobody but its socket
		}
	}
}

// Status asks the box how it stands.
func (b *Box) Status(ctx context.Context) (*api.BoxStatus, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://box/v1/status", nil)
	if err != nil {
		return nil, err
	}
	resp, err := api.SocketClient(api.SocketPath(b.State())).Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var st api.BoxStatus
	return &st, api.ReadAnswer(resp, maxLine, &st)
}

// ErrNotKept says that a box does not keep a feed.
var ErrNotKept = errors.New("the box does not keep it")

// Pinned returns how the box stands with a feed, whoever pins it, or an error
// wrapping [ErrNotKept].
func (b *Box) Pinned(ctx context.Context, key string) (*pin.Status, error) {
	k, err := feed.ParseKey(key)
	if err != nil {
		return nil, err
	}
	st, err := b.Status(ctx)
	if err != nil {
		return nil, err
	}
	for i := range st.Pins {
		if st.Pins[i].Feed == k {
			return &st.Pins[i], nil
		}
	}
	return nil, fmt.Errorf("feed %s: %w", k, ErrNotKept)
}

// Pid returns the process ID.
func (b *Box) Pid() int { return b.cmd.Process.Pid }

// Kill ends the box as a power cut would.
func (b *Box) Kill() error { return b.end(syscall.SIGKILL) }

// Stop ends the box in good order.
func (b *Box) Stop() error { return b.end(syscall.SIGINT) }

func (b *Box) end(how os.Signal) error {
	if b.cmd == nil || b.cmd.Process == nil {
		return nil
	}
	err := b.cmd.Process.Signal(how)
	<-b.ended
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// Grant lets the partner with a public key keep feeds on the box.
func (b *Box) Grant(ctx context.Context, key, quota string) error {
	return b.grant(ctx, "-partner", key, quota)
}

// GrantHypercore lets a stock blind-peering client keep feeds on the box. The key
// is the client's static public key, in hex.
func (b *Box) GrantHypercore(ctx context.Context, key, quota string) error {
	return b.grant(ctx, "-hypercore", key, quota)
}

// GrantPartner lets a partner keep feeds on the box. The key is the partner's
// public key, as cobox whoami prints it.
func (b *Box) GrantPartner(ctx context.Context, key, quota string) error {
	return b.grant(ctx, "-partner", key, quota)
}

func (b *Box) grant(ctx context.Context, kind, key, quota string) error {
	return b.progs.call(ctx, nil, b.operatorHome(), "coboxctl", "grant", "-socket", api.SocketPath(b.State()), kind, key, "-quota", quota)
}

// A Partner is an organisation that may keep feeds on boxes.
type Partner struct {
	progs Programs
	home  string
	key   string
}

// NewPartner makes a partner, with its keys in an empty folder.
func NewPartner(ctx context.Context, progs Programs, dir string) (*Partner, error) {
	p := &Partner{progs: progs, home: "COBOX_HOME=" + dir}
	var me struct{ Partner string }
	if err := progs.call(ctx, &me, p.home, "cobox", "init", "-yes", "-json"); err != nil {
		return nil, err
	}
	p.key = me.Partner
	return p, nil
}

// Grant has the box's operator let the partner in.
func (p *Partner) Grant(ctx context.Context, b *Box, quota string) error {
	return b.Grant(ctx, p.key, quota)
}

// Pin has a box keep a feed. An open one is replicated by stock Hypercore peers.
func (p *Partner) Pin(ctx context.Context, b *Box, key string, open bool) error {
	return p.pin(ctx, b, "-feed", key, open)
}

// PinDrive has a box keep a Hyperdrive, both its feeds, for stock peers too.
func (p *Partner) PinDrive(ctx context.Context, b *Box, key string) error {
	return p.pin(ctx, b, "-drive", key, true)
}

func (p *Partner) pin(ctx context.Context, b *Box, what, key string, open bool) error {
	args := []string{"pin", what, key}
	if open {
		args = append(args, "-open")
	}
	return p.progs.call(ctx, nil, p.home, "cobox", append(args, b.Addrs[0])...)
}
