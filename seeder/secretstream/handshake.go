package secretstream

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/flynn/noise"
	"golang.org/x/crypto/blake2b"
)

// A Key is a static public key, Ed25519: who is at an end of a stream.
type Key [32]byte

// A Pattern is the order of the Noise handshake. Both sides must use the same.
type Pattern int

const (
	// XX needs no key of the other side beforehand. Stock peers use it over TCP.
	XX Pattern = iota
	// IK is for an initiator that knows the responder's key. HyperDHT uses it.
	IK
)

// Config sets a stream up. Only Private is required, and for an initiator with
// the pattern IK also Remote.
type Config struct {
	Private   ed25519.PrivateKey // our static key
	Initiator bool               // whether we opened the connection
	Pattern   Pattern
	Remote    Key // the other side must have this key; zero: any

	HandshakeTimeout time.Duration // 0 means 10 s
	// KeepAlive is after how long without a message of ours an empty one is sent;
	// 0 means 5 s, as stock peers do.
	KeepAlive time.Duration
	// IdleTimeout is after how long without any message, empty ones included, the
	// stream is closed; 0 means 3 min. A stock peer sends one every 5 s, unless its
	// event loop is busy.
	IdleTimeout time.Duration

	Random io.Reader // nil means crypto/rand
}

const (
	defaultHandshakeTimeout = 10 * time.Second
	defaultKeepAlive        = 5 * time.Second
	defaultIdleTimeout      = 3 * time.Minute
)

// maxHandshake bounds a frame of the handshake; the longest is 96 bytes.
const maxHandshake = 96

// ErrHandshake says that the other side did not speak the protocol, or had
// another key than the one expected.
var ErrHandshake = errors.New("secret stream handshake")

// Handshake makes a stream of a connection. It blocks until the other side has
// done its part, at most until ctx is done or the handshake's time is over; an
// error then closes rw. The caller must not use rw afterwards: [Conn.Close] closes it.
func Handshake(ctx context.Context, rw io.ReadWriteCloser, cfg Config) (*Conn, error) {
	cfg = cfg.withDefaults()
	ctx, cancel := context.WithTimeoutCause(ctx, cfg.HandshakeTimeout, errors.New("the other side takes too long"))
	defer cancel()
	stop := context.AfterFunc(ctx, func() { _ = rw.Close() })
	c, err := handshake(rw, &cfg)
	if !stop() && err == nil {
		c.stop()
		err = io.ErrClosedPipe
	}
	if err != nil {
		_ = rw.Close()
		if cause := context.Cause(ctx); cause != nil {
			err = cause
		}
		return nil, fmt.Errorf("%w: %w", ErrHandshake, err)
	}
	return c, nil
}

func (cfg Config) withDefaults() Config {
	if cfg.HandshakeTimeout == 0 {
		cfg.HandshakeTimeout = defaultHandshakeTimeout
	}
	if cfg.KeepAlive == 0 {
		cfg.KeepAlive = defaultKeepAlive
	}
	if cfg.IdleTimeout == 0 {
		cfg.IdleTimeout = defaultIdleTimeout
	}
	if cfg.Random == nil {
		cfg.Random = rand.Reader
	}
	return cfg
}

func handshake(rw io.ReadWriteCloser, cfg *Config) (*Conn, error) {
	c := newConn(rw, cfg)
	ours, theirs, err := c.exchange(cfg)
	if err != nil {
		return nil, err
	}
	if err := c.begin(cfg, ours, theirs); err != nil {
		return nil, err
	}
	c.start(cfg)
	return c, nil
}

// exchange runs the Noise handshake and returns the keys of the two directions.
func (c *Conn) exchange(cfg *Config) (ours, theirs [32]byte, err error) {
	state, err := cfg.noise()
	if err != nil {
		return ours, theirs, err
	}
	for write := cfg.Initiator; ; write = !write {
		var first, second *noise.CipherState
		if write {
			var m []byte
			if m, first, second, err = state.WriteMessage(nil, nil); err == nil {
				err = c.writePlain(m)
			}
		} else {
			var m []byte
			if m, err = c.readPlain(maxHandshake); err == nil {
				_, first, second, err = state.ReadMessage(nil, m)
			}
		}
		if err != nil {
			return ours, theirs, err
		}
		if first == nil {
			continue
		}
		copy(c.hash[:], state.ChannelBinding())
		copy(c.remote[:], state.PeerStatic())
		if cfg.Remote != (Key{}) && c.remote != cfg.Remote {
			return ours, theirs, errors.New("the other side has another key than expected")
		}
		if cfg.Initiator {
			return first.UnsafeKey(), second.UnsafeKey(), nil
		}
		return second.UnsafeKey(), first.UnsafeKey(), nil
	}
}

// noise prepares the Noise handshake.
func (cfg *Config) noise() (*noise.HandshakeState, error) {
	if len(cfg.Private) != ed25519.PrivateKeySize {
		return nil, errors.New("no static key was given")
	}
	nc := noise.Config{
		CipherSuite:   noise.NewCipherSuite(ed25519DH{}, noise.CipherChaChaPoly, noise.HashBLAKE2b),
		Random:        cfg.Random,
		Pattern:       noise.HandshakeXX,
		Initiator:     cfg.Initiator,
		StaticKeypair: keyPair(cfg.Private),
	}
	if cfg.Pattern == IK {
		nc.Pattern = noise.HandshakeIK
		if cfg.Initiator {
			nc.PeerStatic = cfg.Remote[:]
		}
	}
	return noise.NewHandshakeState(nc)
}

// begin exchanges stream IDs and the headers of the two directions.
func (c *Conn) begin(cfg *Config, ours, theirs [32]byte) error {
	steps := []func() error{
		func() error { return c.beginOurs(cfg, ours) },
		func() error { return c.beginTheirs(cfg, theirs) },
	}
	if !cfg.Initiator {
		// Only one writes at a time, so that it works without any buffer between the two.
		slices.Reverse(steps)
	}
	for _, step := range steps {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

func (c *Conn) beginOurs(cfg *Config, key [32]byte) error {
	var header [headerSize]byte
	if _, err := io.ReadFull(cfg.Random, header[:]); err != nil {
		return fmt.Errorf("making a header: %w", err)
	}
	id := streamID(&c.hash, cfg.Initiator)
	c.out = newHalf(key, header)
	return c.writePlain(append(id[:], header[:]...))
}

func (c *Conn) beginTheirs(cfg *Config, key [32]byte) error {
	id := streamID(&c.hash, !cfg.Initiator)
	m, err := c.readPlain(len(id) + headerSize)
	if err != nil {
		return err
	}
	if len(m) != len(id)+headerSize || subtle.ConstantTimeCompare(m[:len(id)], id[:]) != 1 {
		return errors.New("the other side took part in another handshake")
	}
	c.in = newHalf(key, [headerSize]byte(m[len(id):]))
	return nil
}

// streamID is what a side shows to prove that both saw the same handshake
// (SPEC section 6).
func streamID(hash *[64]byte, initiator bool) (id [32]byte) {
	index := byte(1)
	if initiator {
		index = 0
	}
	ns := namespace(index)
	h, err := blake2b.New256(hash[:])
	if err != nil {
		panic("secretstream: " + err.Error()) // the key's length is right
	}
	_, _ = h.Write(ns[:])
	h.Sum(id[:0])
	return id
}

// namespace returns constant i of "hyperswarm/secret-stream" (SPEC section 2).
func namespace(i byte) [32]byte {
	name := blake2b.Sum256([]byte("hyperswarm/secret-stream"))
	return blake2b.Sum256(append(name[:], i))
}
