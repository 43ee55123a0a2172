package swarm_test

import (
	"context"
	"crypto/ed25519"
	"crypto/sha256"
	"errors"
	"io"
	"testing"

	"cobox/seeder/swarm"
)

const (
	loopbackTCP  = "/ip4/127.0.0.1/tcp/0"
	loopbackQUIC = "/ip4/127.0.0.1/udp/0/quic-v1"
)

// testKey is the same key for the same name.
func testKey(name string) ed25519.PrivateKey {
	seed := sha256.Sum256([]byte(name))
	return ed25519.NewKeyFromSeed(seed[:])
}

func testID(t testing.TB, name string) swarm.PeerID {
	t.Helper()
	id, err := swarm.PeerIDFromKey(testKey(name).Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// newHost runs a host called name until the test ends, and fails the test when it
// does not close cleanly.
func newHost(t testing.TB, name string, cfg swarm.Config) *swarm.Host {
	t.Helper()
	cfg.Key = testKey(name)
	h, err := swarm.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- h.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run of %s = %v", name, err)
		}
	})
	return h
}

// listening is a host on TCP on this machine.
func listening(t testing.TB, name string) *swarm.Host {
	t.Helper()
	return newHost(t, name, swarm.Config{Listen: []string{loopbackTCP}})
}

// connect connects a to b by b's first address.
func connect(t testing.TB, a, b *swarm.Host) {
	t.Helper()
	id, err := a.Connect(t.Context(), b.Addrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	if id != b.ID() {
		t.Fatalf("Connect = %s, want %s", id, b.ID())
	}
}

// open opens a stream and fails the test if it cannot.
func open(t testing.TB, h *swarm.Host, to swarm.PeerID, protocol string) swarm.Stream {
	t.Helper()
	s, err := h.Open(t.Context(), to, protocol)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Reset() })
	return s
}

// echo sends back what it reads.
func echo(s swarm.Stream) {
	_, _ = io.Copy(s, s)
}

// roundTrip says message to an echo on s and wants it back.
func roundTrip(s swarm.Stream, message string) error {
	if _, err := io.WriteString(s, message); err != nil {
		return err
	}
	got := make([]byte, len(message))
	if _, err := io.ReadFull(s, got); err != nil {
		return err
	}
	if string(got) != message {
		return errors.New("the echo said " + string(got))
	}
	return nil
}
