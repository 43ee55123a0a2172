package wire

import (
	"errors"
	"fmt"
	"slices"

	"cobox/seeder/compact"
)

// The types of control messages, on channel 0.
const (
	controlBatch  = 0
	controlOpen   = 1
	controlReject = 2
	controlClose  = 3
)

// ErrProtomux says that a peer broke the rules of protomux, so that the two
// sides cannot agree on their channels any more.
var ErrProtomux = errors.New("wire: peer broke the channel rules")

// EventKind says what an [Event] is about.
type EventKind int

// The kinds of events.
const (
	// RemoteOpen: the peer opened a channel that we have not. It is to be
	// answered with [Mux.Accept] or [Mux.Reject] before the handler returns; else it is rejected.
	RemoteOpen EventKind = iota
	// Opened: the peer opened a channel that we had opened before.
	Opened
	// Rejected: the peer does not have what we opened. The channel is gone.
	Rejected
	// Closed: the peer closed the channel. It is gone.
	Closed
	// Received: a message came on a channel.
	Received
)

// An Event is what a frame made happen.
type Event struct {
	Kind      EventKind
	Channel   *Channel
	Handshake []byte // of the peer; RemoteOpen and Opened
	Type      uint64 // of the message; Received
	Body      []byte // of the message; Received
}

// A Channel is one conversation on a connection. Its ids differ by direction.
type Channel struct {
	// Data is the owner's.
	Data any

	protocol string
	id       string
	local    uint64 // our id for it, 0 when we have not opened it
	remote   uint64 // the peer's, 0 when the peer has not opened it
	closed   bool   // by us, before the peer had opened it
}

// Protocol returns the name of the channel's protocol.
func (c *Channel) Protocol() string { return c.protocol }

// ID returns a copy of the channel's id, which tells channels of one protocol apart.
func (c *Channel) ID() []byte { return []byte(c.id) }

// AppendHeader appends what stands before a message's body in a frame of its
// own: the channel, which must be open on our side, and the message's type.
func (c *Channel) AppendHeader(b []byte, typ uint64) []byte {
	return compact.AppendUint(compact.AppendUint(b, c.local), typ)
}

// name tells channels apart.
type name struct{ protocol, id string }

// A Mux is the state of the channels of one connection. Frames of the peer go
// into [Mux.Receive], and events come out; calls make control frames, which
// [Mux.Frames] hands over to be sent. It is not safe for concurrent use.
type Mux struct {
	local  []*Channel        // by our id less 1; nil for a free one
	remote []*Channel        // by the peer's id less 1; nil for a free one
	named  map[name]*Channel // that we have opened, open or waiting for the peer
	frames [][]byte
	handle func(Event) error // during Receive
}

// NewMux returns the Mux of a fresh connection.
func NewMux() *Mux { return &Mux{named: make(map[name]*Channel)} }

// Frames returns the control frames that are to be sent, in this order and
// before any message that is made after this call, and forgets them.
func (m *Mux) Frames() [][]byte {
	f := m.frames
	m.frames = nil
	return f
}

// Open opens a channel: the peer has it once it opens the same, which an event
// tells. It returns nil when there are [MaxChannels], or when the channel is
// open or waits to be already.
func (m *Mux) Open(protocol string, id, handshake []byte) *Channel {
	n := name{protocol, string(id)}
	if m.named[n] != nil {
		return nil
	}
	c := &Channel{protocol: protocol, id: string(id)}
	if !m.assign(c) {
		return nil
	}
	m.sendOpen(c, handshake)
	return c
}

// assign gives c the lowest free id of ours: ids are dense.
func (m *Mux) assign(c *Channel) bool {
	i := slices.Index(m.local, nil)
	if i < 0 {
		if len(m.local) >= MaxChannels {
			return false
		}
		i = len(m.local)
		m.local = append(m.local, nil)
	}
	m.local[i] = c
	c.local = uint64(i) + 1
	m.named[name{c.protocol, c.id}] = c
	return true
}

func (m *Mux) sendOpen(c *Channel, handshake []byte) {
	b := compact.AppendUint([]byte{0, controlOpen}, c.local)
	b = compact.AppendString(b, c.protocol)
	b = compact.AppendBuffer(b, []byte(c.id))
	m.frames = append(m.frames, append(b, handshake...))
}

// Accept answers a [RemoteOpen] by opening the channel too: messages may be sent at once.
// It reports false, and rejects, when we have [MaxChannels].
func (m *Mux) Accept(c *Channel, handshake []byte) bool {
	if !m.assign(c) {
		m.Reject(c)
		return false
	}
	m.sendOpen(c, handshake)
	return true
}

// Reject answers a [RemoteOpen]: we do not have it. The peer may open it again later.
func (m *Mux) Reject(c *Channel) {
	if c.remote == 0 {
		return
	}
	m.frames = append(m.frames, compact.AppendUint([]byte{0, controlReject}, c.remote))
	m.remote[c.remote-1] = nil
	c.remote = 0
}

// Close closes a channel from our side. Messages of the peer that are under way
// are passed over. Closing a channel that is gone does nothing.
func (m *Mux) Close(c *Channel) {
	if c.local == 0 || c.closed {
		return
	}
	m.frames = append(m.frames, compact.AppendUint([]byte{0, controlClose}, c.local))
	if c.remote == 0 {
		// Its id stays taken until the peer's open or reject has come: only then
		// is it sure that the peer has let go of it.
		c.closed = true
		return
	}
	m.forget(c)
}

// forget frees the ids of a channel.
func (m *Mux) forget(c *Channel) {
	if c.local != 0 {
		delete(m.named, name{c.protocol, c.id})
		m.local[c.local-1] = nil
		c.local = 0
	}
	if c.remote != 0 {
		m.remote[c.remote-1] = nil
		c.remote = 0
	}
}

// Receive takes in one frame of the peer and calls handle for each event in it,
// in order. It returns handle's error, or one that wraps [ErrProtomux] or is a
// decoding error: then the connection must end. handle may use the Mux, but not
// call Receive.
func (m *Mux) Receive(frame []byte, handle func(Event) error) error {
	if len(frame) == 0 {
		return nil
	}
	d := compact.NewDecoder(frame)
	channel := d.Uint()
	if err := d.Err(); err != nil {
		return fmt.Errorf("reading a frame: %w", err)
	}
	m.handle = handle
	defer func() { m.handle = nil }()
	if channel != 0 {
		return m.message(channel, d)
	}
	typ := d.Uint()
	if err := d.Err(); err != nil {
		return fmt.Errorf("reading a frame: %w", err)
	}
	if typ == controlBatch {
		return m.batch(d)
	}
	return m.control(typ, d)
}

// batch takes in several messages. An item of length 0 says that the channel of
// the following ones comes next.
func (m *Mux) batch(d *compact.Decoder) error {
	channel := d.Uint()
	for d.Err() == nil && d.Len() > 0 {
		n := d.Uint()
		if n == 0 {
			channel = d.Uint()
			continue
		}
		item := compact.NewDecoder(d.Bytes(n))
		if d.Err() != nil {
			break
		}
		var err error
		if channel != 0 {
			err = m.message(channel, item)
		} else if typ := item.Uint(); item.Err() != nil {
			err = item.Err()
		} else {
			err = m.control(typ, item)
		}
		if err != nil {
			return err
		}
	}
	if err := d.Err(); err != nil {
		return fmt.Errorf("reading a batch: %w", err)
	}
	return nil
}

// message takes in a message on the peer's channel. Those for channels that are
// gone are passed over: they were under way when we closed.
func (m *Mux) message(channel uint64, d *compact.Decoder) error {
	if channel > uint64(len(m.remote)) || m.remote[channel-1] == nil {
		return nil
	}
	c := m.remote[channel-1]
	typ := d.Uint()
	if err := d.Err(); err != nil {
		return fmt.Errorf("reading a message: %w", err)
	}
	return m.handle(Event{Kind: Received, Channel: c, Type: typ, Body: d.Rest()})
}

func (m *Mux) control(typ uint64, d *compact.Decoder) error {
	var err error
	switch typ {
	case controlOpen:
		err = m.remoteOpen(d)
	case controlReject:
		err = m.rejected(d)
	case controlClose:
		err = m.closed(d)
	}
	if d.Err() != nil {
		return fmt.Errorf("reading a control message of type %d: %w", typ, d.Err())
	}
	return err
}

func (m *Mux) remoteOpen(d *compact.Decoder) error {
	remote := d.Uint()
	protocol, id, handshake := d.Buffer(), d.Buffer(), d.Rest()
	if d.Err() != nil {
		return nil // control says it
	}
	if len(protocol) > maxName || len(id) > maxName || len(handshake) > maxHandshake {
		return fmt.Errorf("%w: a channel's name, id or handshake is too long", ErrProtomux)
	}
	// Ids are dense: a new one is a free one, or the next after the highest.
	if remote == 0 || remote > uint64(len(m.remote))+1 || remote > MaxChannels ||
		remote <= uint64(len(m.remote)) && m.remote[remote-1] != nil {
		return fmt.Errorf("%w: it opened channel %d", ErrProtomux, remote)
	}
	if remote > uint64(len(m.remote)) {
		m.remote = append(m.remote, nil)
	}
	n := name{string(protocol), string(id)}
	c := m.named[n]
	twice := c != nil && c.remote != 0
	if c == nil || twice {
		c = &Channel{protocol: n.protocol, id: n.id}
	}
	c.remote = remote
	m.remote[remote-1] = c
	switch {
	case twice:
		m.Reject(c)
		return nil
	case c.closed: // by us, while the peer's open was under way
		m.forget(c)
		return nil
	case c.local != 0:
		return m.handle(Event{Kind: Opened, Channel: c, Handshake: handshake})
	}
	err := m.handle(Event{Kind: RemoteOpen, Channel: c, Handshake: handshake})
	if c.local == 0 && c.remote != 0 {
		m.Reject(c)
	}
	return err
}

func (m *Mux) rejected(d *compact.Decoder) error {
	local := d.Uint()
	if d.Err() != nil || local == 0 || local > uint64(len(m.local)) {
		return nil
	}
	c := m.local[local-1]
	if c == nil || c.remote != 0 {
		return nil
	}
	closed := c.closed
	m.forget(c)
	if closed {
		return nil
	}
	return m.handle(Event{Kind: Rejected, Channel: c})
}

func (m *Mux) closed(d *compact.Decoder) error {
	remote := d.Uint()
	if d.Err() != nil || remote == 0 || remote > uint64(len(m.remote)) {
		return nil
	}
	c := m.remote[remote-1]
	if c == nil {
		return nil
	}
	m.forget(c)
	return m.handle(Event{Kind: Closed, Channel: c})
}
