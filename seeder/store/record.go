package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"cobox/seeder/compact"
	"cobox/seeder/feed"
)

// A generation is the part of a feed that was written on one fork: its blocks,
// from first on, lie in a file of their own. So a truncation changes one small
// record, and the old blocks stay where they are until they expire.
type generation struct {
	number    uint64 // of the file, rising
	first     uint64 // block
	firstByte uint64 // where that block begins in the feed's byte order
}

// A retired is what a truncation by the writer took out of force.
type retired struct {
	layer      uint64 // of tree nodes and bits, as it was written until then
	common     uint64 // blocks that stayed; the layer still counts below
	commonByte uint64 // their bytes
	dropped    []generation
	cut        *generation // the one that lost its end; nil when nothing stayed
	head       feed.Head   // before the truncation
	at         time.Time   // microseconds, UTC
	stage      stage
}

// A stage says how far the blocks of a truncation have gone.
type stage uint8

const (
	kept    stage = iota
	expired       // nobody may look at them; files and pages are being removed
	gone          // only the layer's part below common is left
)

// A record is what the index says of a feed as a whole. It is changed only as a
// copy, or by its feed under the feed's mutex; its slices are never changed.
type record struct {
	state       feed.State
	generations []generation // in force, oldest first, at least one
	layer       uint64       // that is written: pages not in it are inherited from retired ones
	retired     []retired    // oldest first
	next        uint64       // number of the next generation and layer
	litter      []uint64     // layers that nobody looks at any more, to be deleted
	clearFrom   uint64       // blocks whose space is being given back
	clearTo     uint64       // ... up to this one
	blocks      uint64       // held
	bytes       uint64       // of the held blocks
}

const recordVersion = 1

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
		b = appendUints(b, n.Index, n.Size)
		b = append(b, n.Hash[:]...)
	}
	b = appendGenerations(b, r.generations)
	b = appendUints(b, r.layer, uint64(len(r.retired)))
	for i := range r.retired {
		b = r.retired[i].append(b)
	}
	b = appendUints(b, r.next, uint64(len(r.litter)))
	b = appendUints(b, r.litter...)
	return appendUints(b, r.clearFrom, r.clearTo, r.blocks, r.bytes)
}

func (o *retired) append(b []byte) []byte {
	b = appendUints(b, o.layer, o.common, o.commonByte)
	b = appendGenerations(b, o.dropped)
	var cut []generation
	if o.cut != nil {
		cut = []generation{*o.cut}
	}
	b = appendGenerations(b, cut)
	b = appendHead(b, o.head)
	b = binary.LittleEndian.AppendUint64(b, uint64(o.at.UnixMicro()))
	return append(b, byte(o.stage))
}

func appendUints(b []byte, list ...uint64) []byte {
	for _, n := range list {
		b = compact.AppendUint(b, n)
	}
	return b
}

func appendGenerations(b []byte, list []generation) []byte {
	b = compact.AppendUint(b, uint64(len(list)))
	for _, g := range list {
		b = appendUints(b, g.number, g.first, g.firstByte)
	}
	return b
}

func appendHead(b []byte, h feed.Head) []byte {
	b = appendUints(b, h.Fork, h.Length, h.Bytes)
	b = append(b, h.Hash[:]...)
	return compact.AppendBuffer(b, h.Signature)
}

func parseRecord(data []byte) (*record, error) {
	d := compact.NewDecoder(data)
	if v := d.Bytes(1); len(v) == 1 && v[0] > recordVersion {
		return nil, fmt.Errorf("%w (feed record version %d)", ErrNewerVersion, v[0])
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
	r.generations = decodeGenerations(d)
	r.layer = d.Uint()
	for range d.Count(retiredSize) {
		r.retired = append(r.retired, decodeRetired(d))
	}
	r.next = d.Uint()
	for range d.Count(1) {
		r.litter = append(r.litter, d.Uint())
	}
	r.clearFrom, r.clearTo, r.blocks, r.bytes = d.Uint(), d.Uint(), d.Uint(), d.Uint()
	if d.Len() > 0 {
		d.Fail(errors.New("bytes after its end"))
	}
	if err := r.check(); err != nil {
		d.Fail(err)
	}
	if err := d.Err(); err != nil {
		return nil, fmt.Errorf("%w: feed record: %w", ErrDamaged, err)
	}
	return r, nil
}

// retiredSize is the least that a retired takes.
const retiredSize = 3 + 1 + 1 + 3 + 32 + 1 + 8 + 1

func decodeRetired(d *compact.Decoder) retired {
	o := retired{layer: d.Uint(), common: d.Uint(), commonByte: d.Uint(), dropped: decodeGenerations(d)}
	switch cut := decodeGenerations(d); len(cut) {
	case 0:
	case 1:
		o.cut = &cut[0]
	default:
		d.Fail(errors.New("a truncation cut more than one generation"))
	}
	o.head = decodeHead(d)
	at := d.Uint64()
	if at > compact.MaxUint {
		d.Fail(compact.ErrRange)
	}
	o.at = time.UnixMicro(int64(at)).UTC()
	if b := d.Bytes(1); len(b) == 1 {
		o.stage = stage(b[0])
	}
	return o
}

func decodeGenerations(d *compact.Decoder) (list []generation) {
	for range d.Count(3) {
		list = append(list, generation{d.Uint(), d.Uint(), d.Uint()})
	}
	return list
}

func decodeHead(d *compact.Decoder) feed.Head {
	return feed.Head{
		Fork: d.Uint(), Length: d.Uint(), Bytes: d.Uint(), Hash: d.Fixed32(),
		Signature: append([]byte(nil), d.Buffer()...),
	}
}

// check returns what in a record cannot be, so that nothing else needs to look.
func (r *record) check() error {
	if len(r.generations) == 0 || r.generations[0].first != 0 {
		return errors.New("no generation from block 0")
	}
	for i, g := range r.generations {
		if i > 0 && (g.first <= r.generations[i-1].first || g.firstByte < r.generations[i-1].firstByte) {
			return errors.New("generations out of order")
		}
		if g.number >= r.next {
			return errors.New("a generation of the future")
		}
	}
	if g := r.current(); r.state.Head.Length > feed.MaxLength || g.firstByte > r.state.Head.Bytes || g.first > r.state.Head.Length {
		return errors.New("the head ends before the last generation begins")
	}
	for i := range r.retired {
		if o := &r.retired[i]; o.stage > gone || o.cut != nil && o.cut.firstByte > o.commonByte {
			return errors.New("an impossible truncation")
		}
	}
	return nil
}
