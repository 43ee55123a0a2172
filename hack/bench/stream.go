package main

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"cobox/hack/usage"
	"cobox/seeder/swarm"
)

const sinkProtocol = "/cobox/bench-sink/1"

// runSink is the far end of the bare stream: it prints its address, and throws
// away what comes.
func runSink(ctx context.Context) error {
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return err
	}
	h, err := swarm.New(swarm.Config{Key: key, Listen: []string{"/ip4/127.0.0.1/tcp/0"}})
	if err != nil {
		return err
	}
	h.Handle(sinkProtocol, func(s swarm.Stream) {
		buf := make([]byte, 64<<10)
		if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{s}, buf); err == nil {
			_, _ = s.Write([]byte{1})
		}
		_ = s.Close()
	})
	fmt.Println(h.Addrs()[0])
	return h.Run(ctx)
}

// bareStream sends the job's bytes over one libp2p stream to another process.
func bareStream(ctx context.Context, j job) (_ result, err error) {
	self, err := os.Executable()
	if err != nil {
		return result{}, err
	}
	cmd := exec.CommandContext(ctx, self, "-sink")
	out, err := cmd.StdoutPipe()
	if err != nil {
		return result{}, err
	}
	if err := cmd.Start(); err != nil {
		return result{}, err
	}
	defer func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	}()
	addr, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return result{}, err
	}
	_, key, err := ed25519.GenerateKey(nil)
	if err != nil {
		return result{}, err
	}
	h, err := swarm.New(swarm.Config{Key: key})
	if err != nil {
		return result{}, err
	}
	defer func() { err = errors.Join(err, h.Close()) }()
	peer, err := h.Connect(ctx, strings.TrimSpace(addr))
	if err != nil {
		return result{}, err
	}
	s, err := h.Open(ctx, peer, sinkProtocol)
	if err != nil {
		return result{}, err
	}
	data := randomBlocks(1, j.block)[0]
	watch, err := usage.Sample(cmd.Process.Pid)
	if err != nil {
		return result{}, err
	}
	near, err := usage.Sample(os.Getpid())
	if err != nil {
		return result{}, err
	}
	began := time.Now()
	for range j.blocks {
		if _, err := s.Write(data); err != nil {
			return result{}, err
		}
	}
	if err := s.CloseWrite(); err != nil {
		return result{}, err
	}
	if _, err := io.ReadFull(s, make([]byte, 1)); err != nil {
		return result{}, err
	}
	took := time.Since(began)
	u, err := watch.End()
	if err != nil {
		return result{}, err
	}
	n, err := near.End()
	return result{took: took, host: u, near: n}, err
}
