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

// A box is both of a box's programs, running on one state folder.
type box struct {
	progs programs
	state string
	args  []string // of seederd, beside the state
	page  string   // where provisiond shows the status page; nowhere when empty
	log   string   // file for their logs; the terminal when empty
	cmds  []*exec.Cmd
	ended chan error // has the end of each
}

// status is the part of a box's status that we look at.
type status struct {
	ID        string
	Addrs     []string
	Hypercore *struct{ Addr, Key string } // nil when Hypercore peers are not served
	Store     struct{ Feeds, Blocks, Bytes uint64 }
}

// A boxLabel is what is printed for a box.
type boxLabel struct{ Tag, Code string }

// personalise gives the box its pairing code, and draws the label into a file.
func (b *box) personalise(ctx context.Context, png string) (l boxLabel, err error) {
	err = b.progs.call(ctx, &l, nil, nil, "mkimage", "personalise", "-state", b.state, "-png", png, "-json")
	return l, err
}

func (b *box) start(ctx context.Context) error {
	b.cmds, b.ended = nil, make(chan error, 2)
	for _, args := range [][]string{{"provisiond", "-page", b.page}, append([]string{"seederd", "-authority"}, b.args...)} {
		cmd := b.progs.command(ctx, args[0], append(args[1:], "-state", b.state)...)
		cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
		cmd.WaitDelay = 10 * time.Second
		cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
		if b.log != "" {
			f, err := os.OpenFile(b.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
			if err != nil {
				return err
			}
			defer func() { _ = f.Close() }()
			cmd.Stdout, cmd.Stderr = f, f
		}
		if err := cmd.Start(); err != nil {
			return fmt.Errorf("starting the box: %w", err)
		}
		b.cmds = append(b.cmds, cmd)
		go func() { b.ended <- cmd.Wait() }()
	}
	return nil
}

// wait returns when both programs have ended.
func (b *box) wait() error { return errors.Join(<-b.ended, <-b.ended) }

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
	for _, cmd := range b.cmds {
		if err := cmd.Process.Kill(); err != nil {
			return err
		}
	}
	_ = b.wait() // both were killed
	return nil
}

// stop ends the box in good order.
func (b *box) stop() error {
	for _, cmd := range b.cmds {
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			return err
		}
	}
	return b.wait()
}

// peakMemory returns the peak resident set of the running seederd in bytes, where
// the system tells (Linux).
func (b *box) peakMemory() uint64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", b.cmds[1].Process.Pid))
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
