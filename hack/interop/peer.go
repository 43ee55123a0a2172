package interop

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// A Peer is a running JavaScript peer of the folder peers. It takes commands and
// tells of events in lines of JSON. It may be used from several goroutines, but
// only one of them may wait for a command of one name.
type Peer struct {
	Name string // of its script, for messages

	cmd    *exec.Cmd
	stdin  io.WriteCloser
	stderr bytes.Buffer

	mu      sync.Mutex
	events  []event       // told and not yet waited for
	told    chan struct{} // closed and replaced at each event
	ended   bool
	endedBy error
	done    chan struct{}
}

type event struct {
	name, do string
	line     []byte
}

// maxLine bounds a line of a peer's, in bytes.
const maxLine = 64 << 20

// StartPeer starts peers/SCRIPT of the folder dir, which also holds node_modules,
// and waits until it is ready. What it tells then is decoded into ready, unless
// that is nil. The peer ends with ctx at the latest.
func StartPeer(ctx context.Context, dir, script string, ready any, args ...string) (*Peer, error) {
	p := &Peer{Name: script, told: make(chan struct{}), done: make(chan struct{})}
	p.cmd = exec.CommandContext(ctx, "node", append([]string{filepath.Join(dir, "peers", script)}, args...)...)
	p.cmd.Stderr = &p.stderr
	var err error
	if p.stdin, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", script, err)
	}
	go p.read(stdout)
	if err := p.Wait(ctx, "ready", ready); err != nil {
		return nil, errors.Join(err, p.End())
	}
	return p, nil
}

// read collects events until the peer ends.
func (p *Peer) read(stdout io.Reader) {
	defer close(p.done)
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, maxLine)
	for lines.Scan() {
		var e struct{ Event, Do string }
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			continue // a library's own words
		}
		p.mu.Lock()
		p.events = append(p.events, event{e.Event, e.Do, bytes.Clone(lines.Bytes())})
		p.wakeLocked()
		p.mu.Unlock()
	}
	err := p.cmd.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.ended, p.endedBy = true, err
	p.wakeLocked()
}

func (p *Peer) wakeLocked() {
	close(p.told)
	p.told = make(chan struct{})
}

// Wait waits for the next event of a name, and decodes it into what into points
// at, unless that is nil.
func (p *Peer) Wait(ctx context.Context, name string, into any) error {
	line, err := p.wait(ctx, func(e event) bool { return e.name == name })
	if err != nil {
		return fmt.Errorf("%s, waiting for %q: %w", p.Name, name, err)
	}
	return decode(line, into)
}

// Do has the peer carry out a command, whose field "do" names it, and decodes
// its answer into what into points at, unless that is nil.
func (p *Peer) Do(ctx context.Context, command map[string]any, into any) error {
	line, err := json.Marshal(command)
	if err != nil {
		return err
	}
	if _, err := p.stdin.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("%s, asking it to %s: %w", p.Name, command["do"], errors.Join(err, p.why()))
	}
	var failed bool
	answer, err := p.wait(ctx, func(e event) bool {
		failed = e.name == "failed"
		return e.do == command["do"] && (failed || e.name == "done")
	})
	if err != nil {
		return fmt.Errorf("%s, doing %s: %w", p.Name, line, err)
	}
	if failed {
		var f struct{ Stack string }
		if err := decode(answer, &f); err != nil {
			return err
		}
		return fmt.Errorf("%s could not do %s: %s", p.Name, line, f.Stack)
	}
	return decode(answer, into)
}

// Told reports whether the peer has told of an event of that name that nobody
// has waited for.
func (p *Peer) Told(name string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, e := range p.events {
		if e.name == name {
			return true
		}
	}
	return false
}

func (p *Peer) wait(ctx context.Context, is func(event) bool) ([]byte, error) {
	for {
		p.mu.Lock()
		for i, e := range p.events {
			if is(e) {
				p.events = append(p.events[:i], p.events[i+1:]...)
				p.mu.Unlock()
				return e.line, nil
			}
		}
		ended, told := p.ended, p.told
		p.mu.Unlock()
		if ended {
			return nil, p.why()
		}
		select {
		case <-told:
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), p.heard())
		}
	}
}

// why says how a peer ended.
func (p *Peer) why() error {
	<-p.done
	p.mu.Lock()
	defer p.mu.Unlock()
	return fmt.Errorf("it ended (%v)\n%s", p.endedBy, p.stderr.String())
}

// heard tells of the events that nobody waited for: often they say what is wrong.
func (p *Peer) heard() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var text bytes.Buffer
	for _, e := range p.events[max(0, len(p.events)-10):] {
		fmt.Fprintf(&text, "\n\t%.300s", e.line)
	}
	return fmt.Errorf("it has told of:%s", text.Bytes())
}

func decode(line []byte, into any) error {
	if into == nil {
		return nil
	}
	if err := json.Unmarshal(line, into); err != nil {
		return fmt.Errorf("reading %.200q: %w", line, err)
	}
	return nil
}

// Pid returns the process ID.
func (p *Peer) Pid() int { return p.cmd.Process.Pid }

// patience is how long a process has to end in good order.
const patience = 5 * time.Second

// End has the peer leave in good order, and waits until it is gone.
func (p *Peer) End() error {
	err := p.cmd.Process.Signal(syscall.SIGTERM)
	if errors.Is(err, os.ErrProcessDone) {
		err = nil
	}
	select {
	case <-p.done:
	case <-time.After(patience):
		err = errors.Join(err, p.Kill())
	}
	return err
}

// Kill ends the peer at once.
func (p *Peer) Kill() error {
	err := p.cmd.Process.Kill()
	<-p.done
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}
