package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// programs is the folder with the programs.
type programs string

func (p programs) command(ctx context.Context, name string, args ...string) *exec.Cmd {
	return exec.CommandContext(ctx, filepath.Join(string(p), name), args...)
}

// call runs a program to its end and decodes the JSON that it prints into result.
func (p programs) call(ctx context.Context, result any, stdin io.Reader, env []string, name string, args ...string) error {
	cmd := p.command(ctx, name, args...)
	cmd.Stdin = stdin
	cmd.Env = append(os.Environ(), env...)
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %v: %w\n%s", name, args, err, errOut.String())
	}
	if result == nil {
		return nil
	}
	if err := json.Unmarshal(out.Bytes(), result); err != nil {
		return fmt.Errorf("%s %v printed %q: %w", name, args, out.String(), err)
	}
	return nil
}

// A box is a running seederd.
type box struct {
	progs programs
	state string
	args  []string
	log   string // file for its log; its terminal when empty
	cmd   *exec.Cmd
	ended chan error
}

// status is the part of a box's status that we look at.
type status struct {
	ID        string
	Addrs     []string
	Hypercore *struct{ Addr, Key string } // nil when Hypercore peers are not served
	Store     struct{ Feeds, Blocks, Bytes uint64 }
}

func (b *box) start(ctx context.Context) error {
	b.cmd = b.progs.command(ctx, "seederd", b.args...)
	b.cmd.Cancel = func() error { return b.cmd.Process.Signal(os.Interrupt) }
	b.cmd.WaitDelay = 10 * time.Second
	b.cmd.Stdout, b.cmd.Stderr = os.Stdout, os.Stderr
	if b.log != "" {
		f, err := os.OpenFile(b.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		b.cmd.Stdout, b.cmd.Stderr = f, f
	}
	if err := b.cmd.Start(); err != nil {
		return fmt.Errorf("starting the box: %w", err)
	}
	b.ended = make(chan error, 1)
	go func() { b.ended <- b.cmd.Wait() }()
	return nil
}

// ask returns the box's status, waiting until it answers.
func (b *box) ask(ctx context.Context) (status, error) {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		var st status
		err := b.progs.call(ctx, &st, nil, nil, "seederd", "-state", b.state, "-status", "-json")
		if err == nil {
			return st, nil
		}
		select {
		case ended := <-b.ended:
			return st, fmt.Errorf("the box ended: %w", errors.Join(ended, b.logged()))
		case <-ctx.Done():
			return st, fmt.Errorf("the box does not answer: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// logged returns the end of the box's log as an error.
func (b *box) logged() error {
	text, err := os.ReadFile(b.log)
	if err != nil {
		return nil
	}
	return fmt.Errorf("its log ends:\n%s", text[max(0, len(text)-1000):])
}

// kill ends the box as a power cut would.
func (b *box) kill() error {
	if err := b.cmd.Process.Kill(); err != nil {
		return err
	}
	<-b.ended
	return nil
}

// stop ends the box in good order.
func (b *box) stop() error {
	if err := b.cmd.Process.Signal(os.Interrupt); err != nil {
		return err
	}
	return <-b.ended
}

// peakMemory returns the peak resident set of the running box in bytes, where
// the system tells (Linux).
func (b *box) peakMemory() uint64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.cmd.Process.Pid))
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(text) {
		var kb uint64
		if _, err := fmt.Sscanf(string(line), "VmHWM: %d kB", &kb); err == nil {
			return kb << 10
		}
	}
	return 0
}
