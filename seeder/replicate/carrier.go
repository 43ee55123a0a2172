package replicate

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"cobox/seeder/feed"
	"cobox/seeder/wire"
)

// A Conn carries whole frames between two peers that know each other's identity.
// One goroutine reads and one writes.
type Conn interface {
	// ReadFrame returns the next frame. It is valid until the next call.
	// io.EOF says that the peer ended the connection between two frames.
	ReadFrame() ([]byte, error)
	// Detach gives the last frame to the caller, for longer than until the next
	// ReadFrame; false says that the connection needs its buffer itself.
	Detach() bool
	// WriteFrame writes one frame, given in parts. It may stay in a buffer until Flush.
	WriteFrame(parts ...[]byte) error
	Flush() error
	// Initiator reports whether we opened the connection.
	Initiator() bool
	// HandshakeHash binds what is said on the connection to it.
	HandshakeHash() *[64]byte
	// Close ends the connection at once; reads and writes under way return an error.
	Close() error
}

// A Stream is an authenticated byte stream, such as a libp2p stream. Reset ends
// it at once in both directions.
type Stream interface {
	io.ReadWriter
	Reset() error
}

// streamConn is the carrier for streams that are secured already: 24-bit length
// frames after an exchange of nonces (PROTOCOL.md, "Carriers").
type streamConn struct {
	s         Stream
	r         *bufio.Reader
	w         *bufio.Writer
	initiator bool
	hash      [64]byte
	small     []byte // for frames of up to carrierBuffer
	large     []byte // the last frame, where it was larger, from getBuffer
}

// carrierBuffer holds the small frames between two blocks, and one block of the usual size.
const carrierBuffer = 64 << 10

// Secure exchanges nonces on a stream whose two ends are authenticated as the
// peer IDs local and remote, and returns the carrier. When ctx ends first, the
// stream is reset and an error returned. The caller must not use the stream
// afterwards.
func Secure(ctx context.Context, s Stream, initiator bool, local, remote []byte) (Conn, error) {
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()

	var ours, theirs [32]byte
	if _, err := rand.Read(ours[:]); err != nil {
		return nil, fmt.Errorf("starting replication: making a nonce: %w", err)
	}
	if _, err := s.Write(ours[:]); err != nil {
		return nil, fmt.Errorf("starting replication: sending the nonce: %w", err)
	}
	if _, err := io.ReadFull(s, theirs[:]); err != nil {
		return nil, fmt.Errorf("starting replication: reading the peer's nonce: %w", err)
	}
	c := newStreamConn(s, initiator)
	if initiator {
		c.hash = feed.StreamHash(ours, theirs, local, remote)
	} else {
		c.hash = feed.StreamHash(theirs, ours, remote, local)
	}
	return c, nil
}

func newStreamConn(s Stream, initiator bool) *streamConn {
	return &streamConn{
		s: s, initiator: initiator,
		r: bufio.NewReaderSize(s, carrierBuffer),
		w: bufio.NewWriterSize(s, carrierBuffer),
	}
}

// Preamble is the length in bytes of what precedes the frames of [Secured]: one
// byte, 1 when the side in front of us is the initiator of the secret stream and 0
// when it is the responder, then the handshake hash and the remote's static key.
const Preamble = 1 + 64 + 32

// Secured returns the carrier for a stream whose other end, on this computer, has
// terminated a secret stream for us: the frames come in the open, after a
// preamble that says what the secret stream was (PROTOCOL.md, "Carriers"). remote
// is the key at the far end, as the other end tells it. When ctx ends first, the
// stream is reset and an error returned.
func Secured(ctx context.Context, s Stream) (c Conn, remote [32]byte, err error) {
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	var pre [Preamble]byte
	if _, err := io.ReadFull(s, pre[:]); err != nil {
		return nil, remote, fmt.Errorf("reading the preamble: %w", err)
	}
	if pre[0] > 1 {
		return nil, remote, fmt.Errorf("reading the preamble: it begins with %d instead of 0 or 1", pre[0])
	}
	sc := newStreamConn(s, pre[0] == 1)
	copy(sc.hash[:], pre[1:])
	copy(remote[:], pre[1+len(sc.hash):])
	return sc, remote, nil
}

func (c *streamConn) Initiator() bool          { return c.initiator }
func (c *streamConn) HandshakeHash() *[64]byte { return &c.hash }
func (c *streamConn) Close() error             { return c.s.Reset() }
func (c *streamConn) Flush() error             { return c.w.Flush() }

func (c *streamConn) ReadFrame() ([]byte, error) {
	putBuffer(c.large)
	c.large = nil
	var head [3]byte
	if _, err := io.ReadFull(c.r, head[:]); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, fmt.Errorf("reading a frame's length: %w", err)
		}
		return nil, err
	}
	n := int(head[0]) | int(head[1])<<8 | int(head[2])<<16
	var frame []byte
	switch {
	case n > carrierBuffer:
		c.large = getBuffer(n)
		frame = c.large
	case len(c.small) < n:
		c.small = make([]byte, carrierBuffer)
		fallthrough
	default:
		frame = c.small[:n]
	}
	if _, err := io.ReadFull(c.r, frame); err != nil {
		return nil, fmt.Errorf("reading a frame of %d bytes: %w", n, noEOF(err))
	}
	return frame, nil
}

// Detach gives a frame with a large block away.
func (c *streamConn) Detach() bool {
	if c.large == nil {
		return false
	}
	c.large = nil
	return true
}

// noEOF makes an end in the middle of something an unexpected one.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (c *streamConn) WriteFrame(parts ...[]byte) error {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	if n > wire.MaxFrame {
		return fmt.Errorf("writing a frame: %d bytes are more than the %d that a frame can hold", n, wire.MaxFrame)
	}
	if _, err := c.w.Write([]byte{byte(n), byte(n >> 8), byte(n >> 16)}); err != nil {
		return err
	}
	for _, p := range parts {
		if _, err := c.w.Write(p); err != nil {
			return err
		}
	}
	return nil
}
