package wire

import (
	"errors"
	"fmt"

	"cobox/seeder/compact"
)

// ErrProtomux says that a peer broke the rules of protomux, so that the two
// sides cannot agree on their channels any more.
var ErrProtomux = errors.New("wire: peer broke the channel rules")

// EventKind says what an [Event] is about.
type EventKind int

// The kinds of events.
const (
	// RemoteOpen: the peer opened a channel that we have not. It is to be answered
	// with [Mux.Accept] or [Mux.Reject] before the handler returns; else it is rejected.
	RemoteOpen EventKind = iota
	// Opened: the peer opened a channel that we had opened before.
	Opened
	// Rejected: the peer does not have what we opened. The channel is gone.
	Rejected
	// Closed: the peer closed the channel, which both had open. It is gone.
	Closed
	// Received: a message came on a channel that both have open.
	Received
)

// An Event is what a frame made happen. Its slices are parts of the frame.
type Event struct {
	Kind      EventKind
	Channel   *Channel
	Handshake []byte // of the peer; RemoteOpen and Opened
	Type      uint64 // of the message; Received
	Body      []byte // of the message; Received
}

// Receive takes in one frame of the peer and calls handle for each event in it,
// in order. handle may use the Mux, but not call Receive. An error means that
// the connection must end: it is handle's own, or it wraps [ErrProtomux],
// [compact.ErrShort] or [compact.ErrRange].
func (m *Mux) Receive(frame []byte, handle func(Event) error) error {
	if len(frame) == 0 {
		return nil
	}
	r := receiver{m, handle}
	d := compact.NewDecoder(frame)
	channel := d.Uint()
	if err := d.Err(); err != nil {
		return fmt.Errorf("reading a frame: %w", err)
	}
	if channel != 0 {
		return r.message(channel, d)
	}
	typ := d.Uint()
	if err := d.Err(); err != nil {
		return fmt.Errorf("reading a frame: %w", err)
	}
	if typ == controlBatch {
		return r.batch(d)
	}
	return r.control(typ, d)
}

// A receiver is a Mux that takes in a frame.
type receiver struct {
	*Mux
	handle func(Event) error
}

// batch takes in several messages. An item of length 0 says that the channel of
// the following ones comes next.
func (r *receiver) batch(d *compact.Decoder) error {
	channel := d.Uint()
	for items := 0; d.Err() == nil && d.Len() > 0; items++ {
		if items == MaxBatchItems {
			return fmt.Errorf("%w: a batch of more than %d messages", ErrProtomux, MaxBatchItems)
		}
		n := d.Uint()
		if d.Err() == nil && n == 0 {
			channel = d.Uint()
			continue
		}
		item := d.Bytes(n)
		if d.Err() != nil {
			break
		}
		if err := r.item(channel, compact.NewDecoder(item)); err != nil {
			return err
		}
	}
	if err := d.Err(); err != nil {
		return fmt.Errorf("reading a batch: %w", err)
	}
	return nil
}

// item takes in one message of a batch. A batch within a batch is passed over,
// as other unknown control messages are.
func (r *receiver) item(channel uint64, d *compact.Decoder) error {
	if channel != 0 {
		return r.message(channel, d)
	}
	typ := d.Uint()
	if err := d.Err(); err != nil {
		return fmt.Errorf("reading a batch: %w", err)
	}
	return r.control(typ, d)
}

// message takes in a message on the peer's channel. Those for channels that are
// gone are passed over: they were under way when we closed.
func (r *receiver) message(channel uint64, d *compact.Decoder) error {
	c := r.remote[channel]
	if c == nil {
		return nil
	}
	typ := d.Uint()
	if err := d.Err(); err != nil {
		return fmt.Errorf("reading a message: %w", err)
	}
	return r.handle(Event{Kind: Received, Channel: c, Type: typ, Body: d.Rest()})
}

func (r *receiver) control(typ uint64, d *compact.Decoder) error {
	if typ < controlOpen || typ > controlClose {
		return nil
	}
	id := d.Uint()
	if typ == controlOpen {
		protocol, channelID, handshake := d.Buffer(), d.Buffer(), d.Rest()
		if d.Err() == nil {
			return r.opened(id, protocol, channelID, handshake)
		}
	}
	if err := d.Err(); err != nil {
		return fmt.Errorf("reading a control message of type %d: %w", typ, err)
	}
	if typ == controlReject {
		return r.rejected(id)
	}
	return r.closed(id)
}

// opened takes in the peer's open.
func (r *receiver) opened(remote uint64, protocol, id, handshake []byte) error {
	// Ids are dense: a new one is a free one, or the next after the highest.
	if remote == 0 || remote > r.top+1 || r.remote[remote] != nil {
		return fmt.Errorf("%w: it opened channel %d", ErrProtomux, remote)
	}
	r.top = max(r.top, remote)
	if len(protocol) > maxName || len(id) > maxName || len(handshake) > maxHandshake {
		r.say(controlReject, remote)
		return nil
	}
	n := r.nameOf(string(protocol), string(id))
	c := r.named[n]
	switch {
	case c == nil && len(r.named) >= MaxChannels, c != nil && c.state == open:
		r.say(controlReject, remote)
		return nil
	case c == nil:
		c = &Channel{protocol: string(protocol), name: n, remote: remote, state: asked}
		r.remote[remote] = c
		r.named[n] = c
		err := r.handle(Event{Kind: RemoteOpen, Channel: c, Handshake: handshake})
		r.Reject(c) // unless it was answered
		return err
	case c.state == abandoned:
		// Our close may have come to the peer before it was ready to open, and a
		// JavaScript peer then passes it over and keeps the channel. Saying it
		// again costs nothing otherwise.
		r.say(controlClose, c.local)
		r.end(c)
		return nil
	}
	c.state, c.remote = open, remote
	r.remote[remote] = c
	return r.handle(Event{Kind: Opened, Channel: c, Handshake: handshake})
}

// rejected takes in the peer's reject. One of a channel that does not wait for
// an answer is passed over: it tells us nothing that we could act on.
func (r *receiver) rejected(local uint64) error {
	if local == 0 || local > uint64(len(r.local)) {
		return nil
	}
	c := r.local[local-1]
	if c == nil || c.state != opening && c.state != abandoned {
		return nil
	}
	told := c.state == abandoned // the owner does not wait for it any more
	r.end(c)
	if told {
		return nil
	}
	return r.handle(Event{Kind: Rejected, Channel: c})
}

// closed takes in the peer's close. One for a channel that is gone was under
// way when we closed it too.
func (r *receiver) closed(remote uint64) error {
	c := r.remote[remote]
	if c == nil {
		return nil
	}
	r.end(c)
	return r.handle(Event{Kind: Closed, Channel: c})
}
