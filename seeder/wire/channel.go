package wire

import "cobox/seeder/compact"

// A Channel is one conversation on a connection. Its ids differ by direction.
type Channel struct {
	// Data is the owner's.
	Data any

	protocol  string // as its opener wrote it
	name      name
	local     uint64 // our id for it, 0 when we have not opened it; kept when it is gone
	remote    uint64 // the peer's, 0 when the peer has not opened it
	state     state
	handshake []byte   // of a queued channel
	next      *Channel // of an abandoned one: the queued one that takes its place
}

// A state is where a channel stands.
type state uint8

const (
	asked     state = iota // the peer has opened it and waits for our answer
	queued                 // waits until the peer has answered the one of the same name that we abandoned
	opening                // we have opened it and wait for the peer's answer
	open                   // both have
	abandoned              // we have closed it before the peer's answer, which is yet to come
	gone
)

// Protocol returns the name of the channel's protocol.
func (c *Channel) Protocol() string { return c.protocol }

// ID returns a copy of the channel's id, which tells channels of one protocol apart.
func (c *Channel) ID() []byte { return []byte(c.name.id) }

// AppendHeader appends what stands before a message's body in a frame of its
// own: the channel, which must have been opened by both sides, and the message's type.
//
// A frame that is made after the channel is gone may be taken for one of a
// later channel, which has its id: the owner must not send it.
func (c *Channel) AppendHeader(b []byte, typ uint64) []byte {
	return compact.AppendUint(compact.AppendUint(b, c.mustID()), typ)
}

// mustID returns our id of the channel. It is never 0, which would make a
// control message of a message.
func (c *Channel) mustID() uint64 {
	if c.local == 0 {
		panic("wire: message on a channel that was never open")
	}
	return c.local
}
