package wire

import (
	"cobox/seeder/compact"
)

// The types of control messages, on channel 0.
const (
	controlBatch  = 0
	controlOpen   = 1
	controlReject = 2
	controlClose  = 3
)

// A Mux is the state of the channels of one connection. Frames of the peer go
// into [Mux.Receive], and events come out; calls make control frames, which
// [Mux.Frames] hands over to be sent. It is not safe for concurrent use.
type Mux struct {
	local  []*Channel          // by our id less 1; nil for a free one
	free   []uint64            // our ids that are free, the longest free first
	remote map[uint64]*Channel // by the peer's id
	top    uint64              // the highest id that the peer has used
	named  map[name]*Channel   // all but the queued and the gone
	alias  map[string]string   // protocol name to the one that it stands for
	frames [][]byte
}

// name tells channels apart.
type name struct{ protocol, id string }

// NewMux returns the Mux of a fresh connection.
func NewMux() *Mux {
	return &Mux{
		remote: make(map[uint64]*Channel),
		named:  make(map[name]*Channel),
		alias:  make(map[string]string),
	}
}

// Alias makes the name alias stand for protocol: a channel that one side opens
// by the one name is the same as one that the other side opens by the other.
// It must be called before channels are opened.
func (m *Mux) Alias(alias, protocol string) { m.alias[alias] = protocol }

func (m *Mux) nameOf(protocol, id string) name {
	if p, ok := m.alias[protocol]; ok {
		protocol = p
	}
	return name{protocol, id}
}

// Frames returns the control frames that are to be sent, in this order and
// before any message that is made after this call, and forgets them. It is to
// be called after every Receive: a frame of the peer can make [MaxBatchItems] of them.
func (m *Mux) Frames() [][]byte {
	f := m.frames
	m.frames = nil
	return f
}

// Open opens a channel: the peer has it once it opens the same, which an event
// tells. It returns nil when there are [MaxChannels], or when the channel is
// open or waits to be already.
func (m *Mux) Open(protocol string, id, handshake []byte) *Channel {
	n := m.nameOf(protocol, string(id))
	c := &Channel{protocol: protocol, name: n}
	if before := m.named[n]; before != nil {
		if before.state != abandoned || before.next != nil {
			return nil
		}
		c.state, c.handshake = queued, append([]byte(nil), handshake...)
		before.next = c
		return c
	}
	if len(m.named) >= MaxChannels {
		return nil
	}
	m.start(c, opening, handshake)
	return c
}

// start gives c an id of ours and tells the peer.
func (m *Mux) start(c *Channel, s state, handshake []byte) {
	// Ids are dense: a free one, or the next after the highest. The longest free
	// one is taken, so that ids do not change hands more often than they must.
	if len(m.free) > 0 {
		c.local, m.free = m.free[0], m.free[1:]
		m.local[c.local-1] = c
	} else {
		m.local = append(m.local, c)
		c.local = uint64(len(m.local))
	}
	c.state = s
	m.named[c.name] = c
	b := compact.AppendUint([]byte{0, controlOpen}, c.local)
	b = compact.AppendString(b, c.protocol)
	b = compact.AppendString(b, c.name.id)
	m.frames = append(m.frames, append(b, handshake...))
}

// Accept answers a [RemoteOpen] by opening the channel too: messages may be sent
// at once. It does nothing to a channel that does not wait for an answer.
func (m *Mux) Accept(c *Channel, handshake []byte) {
	if c.state == asked {
		m.start(c, open, handshake)
	}
}

// Reject answers a [RemoteOpen]: we do not have it. The peer may open it again
// later. It does nothing to a channel that does not wait for an answer.
func (m *Mux) Reject(c *Channel) {
	if c.state == asked {
		m.say(controlReject, c.remote)
		m.end(c)
	}
}

// Close closes a channel from our side. Messages of the peer that are under way
// are passed over. Closing a channel that is gone does nothing.
func (m *Mux) Close(c *Channel) {
	switch c.state {
	case asked:
		m.Reject(c)
	case queued:
		m.named[c.name].next = nil
		c.state = gone
	case opening:
		m.say(controlClose, c.local)
		// Its id stays taken until the peer's open or reject has come: only then
		// is it sure that the peer has let go of it.
		c.state = abandoned
	case open:
		m.say(controlClose, c.local)
		m.end(c)
	}
}

// say queues a control message that consists of an id.
func (m *Mux) say(typ byte, id uint64) {
	m.frames = append(m.frames, compact.AppendUint([]byte{0, typ}, id))
}

// end frees the name and the ids of a channel, and starts the one that waits for the name.
func (m *Mux) end(c *Channel) {
	c.state = gone
	delete(m.named, c.name)
	if c.remote != 0 {
		delete(m.remote, c.remote)
	}
	if c.local != 0 {
		m.local[c.local-1] = nil
		m.free = append(m.free, c.local)
	}
	if next := c.next; next != nil {
		c.next = nil
		m.start(next, opening, next.handshake)
		next.handshake = nil
	}
}
