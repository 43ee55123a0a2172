package main

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"time"

	"cobox/hack/usage"
)

// A system keeps a folder on a host that need not be trusted. One goroutine uses it.
type system interface {
	// start makes a host and a client for the folder source, both fresh, below dir.
	start(ctx context.Context, dir, source string) error
	// backup returns when the host has everything, as far as the system tells.
	backup(ctx context.Context) error
	// restore brings everything back into a folder that is not there yet. The files
	// are somewhere below it.
	restore(ctx context.Context, into string) error
	// restoreFile brings one file back; errNotOffered when the system cannot.
	restoreFile(ctx context.Context, name, into string) error
	// used returns what the client and the host have used until now.
	used() (client, host usage.Process, err error)
	// stored is the folder where the host keeps what it was given.
	stored() string
	end()
}

type notOffered struct{}

func (notOffered) Error() string { return "the system does not offer that" }

// A client runs programs to their end, and adds up what they use.
type client struct {
	env []string
	cpu atomic.Int64 // nanoseconds
}

func (c *client) run(ctx context.Context, stdin string, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), c.env...)
	cmd.Stdin = bytes.NewReader([]byte(stdin))
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	if s := cmd.ProcessState; s != nil {
		c.cpu.Add(int64(s.UserTime() + s.SystemTime()))
	}
	if err != nil {
		return "", fmt.Errorf("%s %v: %w\n%s", filepath.Base(name), args, err, tail(errOut.Bytes()))
	}
	return out.String(), nil
}

func (c *client) used() usage.Process { return usage.Process{CPU: time.Duration(c.cpu.Load())} }

func tail(b []byte) []byte { return b[max(0, len(b)-2000):] }

// A daemon is a program that runs until it is ended.
type daemon struct {
	cmd   *exec.Cmd
	log   bytes.Buffer
	ended chan struct{}
}

func startDaemon(ctx context.Context, env []string, name string, args ...string) (*daemon, error) {
	d := &daemon{cmd: exec.CommandContext(ctx, name, args...), ended: make(chan struct{})}
	d.cmd.Env = append(os.Environ(), env...)
	d.cmd.Stdout, d.cmd.Stderr = &d.log, &d.log
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		defer close(d.ended)
		_ = d.cmd.Wait()
	}()
	return d, nil
}

func (d *daemon) end() {
	if d == nil {
		return
	}
	_ = d.cmd.Process.Kill()
	<-d.ended
}

func (d *daemon) used() (usage.Process, error) { return usage.Of(d.cmd.Process.Pid) }

// startTime is how long a host may take until it answers.
const startTime = 30 * time.Second

// await tries until it works, the daemon ends, or it takes too long.
func (d *daemon) await(ctx context.Context, try func() error) error {
	ctx, cancel := context.WithTimeout(ctx, startTime)
	defer cancel()
	for {
		err := try()
		if err == nil {
			return nil
		}
		select {
		case <-d.ended:
			return fmt.Errorf("it ended: %w\n%s", err, tail(d.log.Bytes()))
		case <-ctx.Done():
			return err
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// freePort returns a port that nothing listens at.
func freePort() (int, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	return l.Addr().(*net.TCPAddr).Port, l.Close()
}
