package store

import (
	"encoding/binary"
	"fmt"
	"time"

	"cobox/seeder/compact"
	"cobox/seeder/feed"
)

// A generation is the part of a feed that was written on one fork: blocks from
// first on lie in a file of their own, and tree nodes and bits in pages of their
// own, where they differ from those of the generation before. So a truncation
// changes one small record, and the old blocks stay until they are expired.
type generation struct {
	number    uint64 // of the file, rising
	first     uint64 // block
	firstByte uint64 // where block first lies in the feed's byte order
}

// A retired is the end of a generation that the writer truncated.
type retired struct {
	generation uint64    // what it was the end of
	common     uint64    // blocks that stayed
	commonByte uint64    // their bytes
	head       feed.Head // before the truncation
	at         time.Time
	expired    bool // its blocks are gone; the generation is still inherited from
}

// A record is what the index says of a feed as a whole.
type record struct {
	state       feed.State
	generations []generation // in force, oldest first, at least one
	retired     []retired
	next        uint64 // number of the next generation
	blocks      uint64 // held
	bytes       uint64 // of the held blocks
}

const recordVersion = 1

func (r *record) append(b []byte) []byte {
	st := &r.state
	b = append(b, recordVersion)
	b = append(b, st.Key[:]...)
	b = compact.AppendBool(b, st.Manifest != nil)
	if st.Manifest != nil {
		b = compact.AppendBuffer(b, st.Manifest.Append(nil))
	}
	b = appendHead(b, st.Head)
	b = compact.AppendUint(b, uint64(len(st.Roots)))
	for _, n := range st.Roots {
		b = compact.AppendUint(compact.AppendUint(b, n.Index), n.Size)
		b = append(b, n.Hash[:]...)
	}
	b = compact.AppendUint(b, uint64(len(r.generations)))
	for _, g := range r.generations {
		b = compact.AppendUint(compact.AppendUint(compact.AppendUint(b, g.number), g.first), g.firstByte)
	}
	b = compact.AppendUint(b, uint64(len(r.retired)))
	for _, o := range r.retired {
		b = compact.AppendUint(compact.AppendUint(compact.AppendUint(b, o.generation), o.common), o.commonByte)
		b = appendHead(b, o.head)
		b = binary.LittleEndian.AppendUint64(b, uint64(o.at.Unix()))
		b = compact.AppendBool(b, o.expired)
	}
	return compact.AppendUint(compact.AppendUint(compact.AppendUint(b, r.next), r.blocks), r.bytes)
}

func appendHead(b []byte, h feed.Head) []byte {
	b = compact.AppendUint(compact.AppendUint(compact.AppendUint(b, h.Fork), h.Length), h.Bytes)
	b = append(b, h.Hash[:]...)
	return compact.AppendBuffer(b, h.Signature)
}

func decodeHead(d *compact.Decoder) feed.Head {
	return feed.Head{
		Fork: d.Uint(), Length: d.Uint(), Bytes: d.Uint(), Hash: d.Fixed32(),
		Signature: append([]byte(nil), d.Buffer()...),
	}
}

func parseRecord(data []byte) (*record, error) {
	d := compact.NewDecoder(data)
	if v := d.Uint(); v != recordVersion && d.Err() == nil {
		return nil, fmt.Errorf("%w (feed record version %d)", ErrNewerVersion, v)
	}
	r := &record{}
	r.state.Key = d.Fixed32()
	if d.Bool() {
		m, err := feed.ParseManifest(d.Buffer())
		if err != nil {
			d.Fail(err)
		}
		r.state.Manifest = m
	}
	r.state.Head = decodeHead(d)
	for range d.Count(34) {
		r.state.Roots = append(r.state.Roots, feed.Node{Index: d.Uint(), Size: d.Uint(), Hash: d.Fixed32()})
	}
	for range d.Count(3) {
		r.generations = append(r.generations, generation{d.Uint(), d.Uint(), d.Uint()})
	}
	for range d.Count(48) {
		o := retired{generation: d.Uint(), common: d.Uint(), commonByte: d.Uint(), head: decodeHead(d)}
		o.at = time.Unix(int64(d.Uint64()), 0).UTC()
		o.expired = d.Bool()
		r.retired = append(r.retired, o)
	}
	r.next, r.blocks, r.bytes = d.Uint(), d.Uint(), d.Uint()
	if d.Err() != nil || len(r.generations) == 0 {
		return nil, fmt.Errorf("%w: feed record: %w", ErrDamaged, d.Err())
	}
	return r, nil
}

func newRecord(key feed.Key) *record {
	return &record{state: feed.State{Key: key}, generations: []generation{{}}, next: 1}
}

// current returns the generation that is written.
func (r *record) current() *generation { return &r.generations[len(r.generations)-1] }

// of returns the generation that block i lies in.
func (r *record) of(i uint64) *generation {
	for n := len(r.generations) - 1; n > 0; n-- {
		if r.generations[n].first <= i {
			return &r.generations[n]
		}
	}
	return &r.generations[0]
}

func newDecoder(b []byte) *compact.Decoder { return compact.NewDecoder(b) }

// The keys of the index. Feeds are named by discovery key.
const (
	keyVersion  = 'v'
	keyFeed     = 'f' // discovery key: record
	keyNodes    = 'n' // discovery key, generation, level, number: page
	keyBits     = 'b' // discovery key, generation, number: page of the bitfield
	keyPin      = 'p' // feed key, partner key: pin
	keyMeta     = 'm' // name: record of the store's owner
	keyEvidence = 'x' // discovery key: two heads
	keyDeleted  = 'd' // discovery key: a deletion to be finished
)

func feedKey(kind byte, dk feed.DiscoveryKey) []byte { return append([]byte{kind}, dk[:]...) }

func nodesKey(dk feed.DiscoveryKey, gen uint64, id pageID) []byte {
	b := binary.BigEndian.AppendUint64(feedKey(keyNodes, dk), gen)
	return binary.BigEndian.AppendUint64(append(b, id.level), id.number)
}

func bitsKey(dk feed.DiscoveryKey, gen, number uint64) []byte {
	b := binary.BigEndian.AppendUint64(feedKey(keyBits, dk), gen)
	return binary.BigEndian.AppendUint64(b, number)
}
