package secretstream_test

import (
	"bytes"
	"crypto/ed25519"
	"io"
	"net"
	"sync"
	"testing"

	"cobox/seeder/secretstream"
)

// key returns a private key from one byte.
func key(b byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{b}, ed25519.SeedSize))
}

func public(k ed25519.PrivateKey) secretstream.Key {
	return secretstream.Key(k.Public().(ed25519.PublicKey))
}

// pair makes the two ends of a stream over net.Pipe; they are closed with the test.
func pair(t testing.TB, a, b secretstream.Config) (initiator, responder *secretstream.Conn) {
	t.Helper()
	x, y := net.Pipe()
	return pairOver(t, x, y, a, b)
}

func pairOver(t testing.TB, x, y io.ReadWriteCloser, a, b secretstream.Config) (initiator, responder *secretstream.Conn) {
	t.Helper()
	a.Initiator = true
	if a.Private == nil {
		a.Private = key(1)
	}
	if b.Private == nil {
		b.Private = key(2)
	}
	var wg sync.WaitGroup
	var errA, errB error
	wg.Go(func() { initiator, errA = secretstream.Handshake(t.Context(), x, a) })
	wg.Go(func() { responder, errB = secretstream.Handshake(t.Context(), y, b) })
	wg.Wait()
	if errA != nil || errB != nil {
		t.Fatalf("Handshake: %v, %v", errA, errB)
	}
	t.Cleanup(func() {
		_ = initiator.Close()
		_ = responder.Close()
	})
	return initiator, responder
}

// A recorder keeps what is written to a connection.
type recorder struct {
	io.ReadWriteCloser
	mu    sync.Mutex
	wrote bytes.Buffer // mu
}

func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	r.wrote.Write(p)
	r.mu.Unlock()
	return r.ReadWriteCloser.Write(p)
}

func (r *recorder) bytes() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(r.wrote.Bytes())
}

// send writes messages and flushes each, in the background.
func send(t testing.TB, c *secretstream.Conn, messages ...[]byte) (wait func()) {
	t.Helper()
	done := make(chan error, 1)
	go func() {
		for _, m := range messages {
			if err := c.WriteFrame(m); err != nil {
				done <- err
				return
			}
			if err := c.Flush(); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	return func() {
		t.Helper()
		if err := <-done; err != nil {
			t.Errorf("sending: %v", err)
		}
	}
}
