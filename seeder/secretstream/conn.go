package secretstream

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"
)

// MaxFrame is the longest message, in bytes: a length has 24 bits.
const MaxFrame = 1<<24 - 1 - Overhead

// ErrIdle says that nothing came for longer than the idle timeout.
var ErrIdle = errors.New("the other side has been silent for too long")

const (
	// ioBuffer holds the small messages between two blocks.
	ioBuffer = 64 << 10
	// keepBuffer is the largest message buffer that is kept from one to the next.
	keepBuffer = 1 << 20
	lengthSize = 3
)

// A Conn is a secret stream. One goroutine may read while another writes; Close
// may be called by any.
type Conn struct {
	rw        io.ReadWriteCloser
	initiator bool
	hash      [64]byte
	remote    Key

	in     *half
	r      *bufio.Reader
	inBuf  []byte // room for the tag's block, then the message and its MAC
	heard  atomic.Int64
	failed atomic.Pointer[error] // why it was closed, when it was not the caller

	writing sync.Mutex
	out     *half         // writing
	w       *bufio.Writer // writing
	outBuf  []byte        // writing
	said    time.Time     // writing

	ended     chan struct{}
	closing   sync.Once
	closeErr  error
	keepAlive sync.WaitGroup
}

func newConn(rw io.ReadWriteCloser, cfg *Config) *Conn {
	return &Conn{
		rw: rw, initiator: cfg.Initiator,
		r: bufio.NewReaderSize(rw, ioBuffer), w: bufio.NewWriterSize(rw, ioBuffer),
		ended: make(chan struct{}),
	}
}

// start begins to keep the stream alive, and to watch that the other side does.
func (c *Conn) start(cfg *Config) {
	now := time.Now()
	c.said = now
	c.heard.Store(now.UnixNano())
	c.keepAlive.Go(func() { c.watch(cfg.KeepAlive, cfg.IdleTimeout) })
}

// Initiator reports whether we opened the connection.
func (c *Conn) Initiator() bool { return c.initiator }

// HandshakeHash returns Noise's hash of the handshake, the same for both sides
// and for no other connection. The caller must not change it.
func (c *Conn) HandshakeHash() *[64]byte { return &c.hash }

// RemoteKey returns the other side's static key, which it has proved to have.
func (c *Conn) RemoteKey() Key { return c.remote }

// ReadFrame returns the next message that is not empty. It is valid until the
// next call. io.EOF says that the other side ended the connection between two
// messages; other errors are final too.
func (c *Conn) ReadFrame() ([]byte, error) {
	for {
		m, err := c.read()
		if err != nil {
			if why := c.failed.Load(); why != nil {
				return nil, *why
			}
			return nil, err
		}
		c.heard.Store(time.Now().UnixNano())
		if len(m) > 0 { // an empty one keeps the connection alive, and says nothing
			return m, nil
		}
	}
}

// Detach reports that a message is good no longer than until the next ReadFrame.
func (c *Conn) Detach() bool { return false }

func (c *Conn) read() ([]byte, error) {
	n, err := c.readLength()
	if err != nil {
		return nil, err
	}
	if n < Overhead {
		return nil, fmt.Errorf("a sealed message of %d bytes, fewer than %d", n, Overhead)
	}
	// The sealed tag lands on the last byte of the room before the message.
	size := blockSize - tagSize + n
	if cap(c.inBuf) < size+macSize || cap(c.inBuf) > keepBuffer && size <= keepBuffer/2 {
		c.inBuf = make([]byte, max(size+macSize, ioBuffer))
	}
	buf := c.inBuf[:size]
	if _, err := io.ReadFull(c.r, buf[blockSize-tagSize:]); err != nil {
		return nil, fmt.Errorf("reading a message of %d bytes: %w", n, noEOF(err))
	}
	return c.in.open(buf)
}

// readLength reads a frame's length.
func (c *Conn) readLength() (int, error) {
	var b [lengthSize]byte
	if _, err := io.ReadFull(c.r, b[:]); err != nil {
		if errors.Is(err, io.ErrUnexpectedEOF) {
			err = fmt.Errorf("reading a frame's length: %w", err)
		}
		return 0, err
	}
	return int(b[0]) | int(b[1])<<8 | int(b[2])<<16, nil
}

// readPlain reads a frame of the handshake.
func (c *Conn) readPlain(limit int) ([]byte, error) {
	n, err := c.readLength()
	if err != nil {
		return nil, noEOF(err)
	}
	if n > limit {
		return nil, fmt.Errorf("a frame of %d bytes, more than %d: it speaks another protocol", n, limit)
	}
	m := make([]byte, n)
	if _, err := io.ReadFull(c.r, m); err != nil {
		return nil, noEOF(err)
	}
	return m, nil
}

// noEOF makes an end in the middle of something an unexpected one.
func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// writePlain writes a frame of the handshake.
func (c *Conn) writePlain(m []byte) error {
	b := append([]byte{byte(len(m)), byte(len(m) >> 8), byte(len(m) >> 16)}, m...)
	if _, err := c.w.Write(b); err != nil {
		return err
	}
	return c.w.Flush()
}

// WriteFrame sends one message, given in parts, of at most [MaxFrame] bytes. It
// may stay in a buffer until Flush.
func (c *Conn) WriteFrame(parts ...[]byte) error {
	n := 0
	for _, p := range parts {
		n += len(p)
	}
	if n > MaxFrame {
		return fmt.Errorf("writing a message: %d bytes are more than the %d that a frame can hold", n, MaxFrame)
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.writeLocked(n, parts)
}

func (c *Conn) writeLocked(n int, parts [][]byte) error {
	size := blockSize + n + macSize
	if cap(c.outBuf) < size || cap(c.outBuf) > keepBuffer && size <= keepBuffer/2 {
		c.outBuf = make([]byte, max(size, ioBuffer))
	}
	buf := c.outBuf[:blockSize]
	for _, p := range parts {
		buf = append(buf, p...)
	}
	buf = c.out.seal(buf)
	// The length goes before the sealed tag, so that all is one write.
	frame := buf[blockSize-tagSize-lengthSize:]
	tag := frame[lengthSize]
	binary.LittleEndian.PutUint32(frame, uint32(n+Overhead))
	frame[lengthSize] = tag
	c.said = time.Now()
	_, err := c.w.Write(frame)
	return err
}

// Flush sends what was written.
func (c *Conn) Flush() error {
	c.writing.Lock()
	defer c.writing.Unlock()
	return c.w.Flush()
}

// watch sends an empty message when nothing else was sent for a while, and closes
// the stream when nothing came for longer.
func (c *Conn) watch(keepAlive, idle time.Duration) {
	t := time.NewTicker(keepAlive / 2)
	defer t.Stop()
	for {
		select {
		case <-c.ended:
			return
		case now := <-t.C:
			if now.Sub(time.Unix(0, c.heard.Load())) > idle {
				why := ErrIdle
				c.failed.Store(&why)
				_ = c.rw.Close()
				return
			}
			c.sayAlive(now.Add(-keepAlive / 2))
		}
	}
}

// sayAlive sends an empty message unless something was sent since then. A write
// that fails is for the next reader and writer to find.
func (c *Conn) sayAlive(since time.Time) {
	if !c.writing.TryLock() {
		return // something is being sent
	}
	defer c.writing.Unlock()
	if c.said.After(since) {
		return
	}
	if c.writeLocked(0, nil) == nil {
		_ = c.w.Flush()
	}
}

// Close ends the connection at once; reads and writes under way return an error.
func (c *Conn) Close() error {
	c.stop()
	return c.closeErr
}

func (c *Conn) stop() {
	c.closing.Do(func() {
		close(c.ended)
		c.closeErr = c.rw.Close()
	})
	c.keepAlive.Wait()
}
