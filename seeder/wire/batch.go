package wire

import "cobox/seeder/compact"

// A Batch packs several messages into one frame, which saves the framing and
// sealing of many small ones. The zero Batch is empty. It is not safe for
// concurrent use.
type Batch struct {
	frame   []byte
	item    []byte // room to build an item in
	channel uint64 // of the last item
}

// maxBatch is the size of a batch's frame beyond which it takes no more
// messages, in bytes. Saving is all there is to it, and that is done long before.
// It cannot hold [MaxBatchItems].
const maxBatch = 64 << 10

// Append adds a message of c, which must have been opened by both sides. It
// reports false, and adds nothing, when the batch is full: then [Batch.Frame]
// is to be sent first. An empty batch takes any message.
func (b *Batch) Append(c *Channel, m Message) bool {
	id := c.mustID()
	b.item = m.Append(compact.AppendUint(b.item[:0], m.Type()))
	if len(b.frame) > 0 && len(b.frame)+len(b.item) > maxBatch {
		return false
	}
	switch {
	case len(b.frame) == 0:
		b.frame = compact.AppendUint([]byte{0, controlBatch}, id)
	case b.channel != id:
		b.frame = compact.AppendUint(append(b.frame, 0), id)
	}
	b.frame = compact.AppendBuffer(b.frame, b.item)
	b.channel = id
	return true
}

// Frame returns the frame with all messages, which is the caller's, and empties
// the batch; nil when it is empty already.
func (b *Batch) Frame() []byte {
	f := b.frame
	b.frame = nil
	return f
}
