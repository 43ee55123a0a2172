package audit

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"cobox/seeder/compact"
	"cobox/seeder/feed"
	"cobox/seeder/identity"
	"cobox/seeder/wire"
)

// A Feed is what a box keeps of a feed, as the store gives it.
type Feed interface {
	feed.Nodes
	// Durable is the newest state on the disk.
	Durable() feed.State
	// Has reports whether a block is on the disk.
	Has(i uint64) bool
	// Block appends the stored bytes of a block to buf[:0].
	Block(i uint64, buf []byte) ([]byte, error)
}

// maxItem bounds one item of an answer: the largest block, and room for its proof.
const maxItem = 16<<20 + 1<<20

// The kinds of items.
const (
	itemAbsent uint64 = iota
	itemBlock
	itemDigest
	itemSeal
)

// A Reason says why a box does not give a block.
type Reason uint64

// The reasons.
const (
	NotPinned  Reason = 1 + iota // the box does not keep the feed for who asks
	NotOnDisk                    // it keeps the feed, and does not have this block
	Damaged                      // it has the block, other than it was stored
	Unreadable                   // the disk does not give it
)

// String returns the reason in words.
func (r Reason) String() string {
	switch r {
	case NotPinned:
		return "it does not keep the feed"
	case NotOnDisk:
		return "it does not have the block"
	case Damaged:
		return "the block is damaged on its disk"
	case Unreadable:
		return "its disk does not give the block"
	}
	return fmt.Sprintf("reason %d", uint64(r))
}

// Answer answers a challenge on w. find returns a feed that who asks may read,
// nil for none. One block at a time is in memory. The draws whose blocks were
// found to be damaged or unreadable are returned: a box mends them. The error is
// that of w.
func Answer(w io.Writer, c *Challenge, find func(feed.Key) Feed, box ed25519.PrivateKey, now time.Time) (broken []Draw, err error) {
	out := &itemWriter{w: w, sum: sha256.New()}
	key := identity.BoxKeyOf(box)
	var block []byte
	for _, d := range c.Draws {
		var item []byte
		item, block = answerDraw(c, d, find(d.Feed), key, block)
		if r, absent := absentReason(item); absent && (r == Damaged || r == Unreadable) {
			broken = append(broken, d)
		}
		if err := out.write(item); err != nil {
			return broken, err
		}
	}
	st, err := identity.SignAuditAnswer(box, identity.AuditAnswer{Box: key, Challenge: c.Hash(), Answer: out.hash(), Given: now})
	if err != nil {
		return broken, err
	}
	return broken, out.write(st.Append(compact.AppendUint(nil, itemSeal)))
}

// answerDraw returns the item for one draw, and the buffer that was used.
func answerDraw(c *Challenge, d Draw, f Feed, box identity.BoxKey, buf []byte) (item, block []byte) {
	absent := func(r Reason) ([]byte, []byte) {
		return compact.AppendUint(compact.AppendUint(nil, itemAbsent), uint64(r)), buf
	}
	if f == nil {
		return absent(NotPinned)
	}
	st := f.Durable()
	if d.Block >= st.Head.Length || !f.Has(d.Block) {
		return absent(NotOnDisk)
	}
	block, err := f.Block(d.Block, buf)
	if err != nil {
		return absent(Unreadable)
	}
	buf = block
	leaf, err := f.Node(2 * d.Block)
	if err != nil {
		return absent(Unreadable)
	}
	if feed.Leaf(d.Block, block) != leaf {
		return absent(Damaged)
	}
	if c.Digests {
		item = compact.AppendUint(nil, itemDigest)
		item = compact.AppendUint(compact.AppendUint(item, st.Head.Fork), st.Head.Length)
		item = append(item, st.Head.Hash[:]...)
		sum := c.digest(box, d, block)
		return append(item, sum[:]...), block
	}
	proof, err := feed.Prove(st.Head, st.Manifest, f, feed.Request{
		Block: &feed.BlockRequest{Index: d.Block}, Upgrade: &feed.UpgradeRequest{Length: st.Head.Length}, Manifest: true,
	})
	if err != nil {
		return absent(Unreadable)
	}
	proof.Block.Value = block
	m := wire.Data{Proof: *proof}
	return m.Append(compact.AppendUint(nil, itemBlock)), block
}

// absentReason takes apart an item that says that a block is not there.
func absentReason(item []byte) (Reason, bool) {
	d := compact.NewDecoder(item)
	if d.Uint() != itemAbsent {
		return 0, false
	}
	return Reason(d.Uint()), d.Err() == nil
}

// An itemWriter writes items with their lengths, and hashes what it wrote.
type itemWriter struct {
	w   io.Writer
	sum hash.Hash
}

func (o *itemWriter) write(item []byte) error {
	if len(item) > maxItem {
		panic("audit: an item over the bound")
	}
	head := binary.LittleEndian.AppendUint32(nil, uint32(len(item)))
	for _, b := range [][]byte{head, item} {
		if _, err := o.w.Write(b); err != nil {
			return fmt.Errorf("answering an audit: %w", err)
		}
		o.sum.Write(b)
	}
	return nil
}

func (o *itemWriter) hash() (h feed.Hash) {
	o.sum.Sum(h[:0])
	return h
}

// An itemReader reads items, and hashes what it read.
type itemReader struct {
	r     io.Reader
	sum   hash.Hash
	bytes uint64
	buf   []byte
}

// errLong says that an item is over the bound: no box of ours sends one.
var errLong = errors.New("an item is too long")

// next returns the next item; it is overwritten by the next call. Memory grows
// with what comes, not with what is announced.
func (in *itemReader) next() ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(in.r, head[:]); err != nil {
		return nil, noEOF(err)
	}
	n := int(binary.LittleEndian.Uint32(head[:]))
	if n > maxItem {
		return nil, errLong
	}
	in.buf = in.buf[:0]
	for len(in.buf) < n {
		step := min(n-len(in.buf), 1<<20)
		at := len(in.buf)
		in.buf = append(in.buf, make([]byte, step)...)
		if _, err := io.ReadFull(in.r, in.buf[at:]); err != nil {
			return nil, noEOF(err)
		}
	}
	in.bytes += uint64(len(head) + n)
	return in.buf, nil
}

// count takes the last item into the hash.
func (in *itemReader) count(item []byte) {
	in.sum.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(item))))
	in.sum.Write(item)
}

func noEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func le64(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }
