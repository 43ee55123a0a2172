package space

import (
	"fmt"
	"slices"
	"sync"

	"cobox/seeder/compact"

	"github.com/klauspost/compress/zstd"
)

const (
	// maxChunk is the largest chunk or tree object, and maxPack bounds the chunks
	// of a pack together before compression. So a stored pack of text has 200 to
	// 300 KiB and one of pictures up to 1 MiB, and whoever opens a pack needs at
	// most this much memory for its content.
	maxChunk = 1 << 20
	maxPack  = 1 << 20
	// maxSlots bounds the chunks of a pack; with it the directory stays below 150 KiB.
	maxSlots = 4096
)

// How the chunks of a pack are stored.
const (
	packRaw  = 0
	packZstd = 1
)

// A slot is an entry of a pack's directory.
type slot struct {
	id     ChunkID
	length uint32
}

// packDirectory is the front of a pack: all that the index needs.
type packDirectory struct {
	previous uint64 // block of the last snapshot before the pack, 0 for none
	encoding byte
	slots    []slot
	size     uint64 // bytes of all chunks
	body     []byte // as stored
}

// appendPack appends the payload of a pack. chunks are the chunks one after the
// other. It compresses them together: small files compress far better that way.
func appendPack(b []byte, previous uint64, slots []slot, chunks []byte) []byte {
	encoder := encoders.Get().(*zstd.Encoder)
	defer encoders.Put(encoder)
	b = compact.AppendUint(b, previous)
	encoding := len(b)
	b = append(b, packZstd)
	b = compact.AppendUint(b, uint64(len(slots)))
	for i := range slots {
		b = append(b, slots[i].id[:]...)
		b = compact.AppendUint(b, uint64(slots[i].length))
	}
	body := len(b)
	// What does not compress becomes a little longer: with room for it nothing is copied.
	b = slices.Grow(b, len(chunks)+len(chunks)/512+64)
	b = encoder.EncodeAll(chunks, b)
	if len(b)-body >= len(chunks) {
		b[encoding] = packRaw
		b = append(b[:body], chunks...)
	}
	return b
}

// decodePackDirectory reads the front of a pack; the chunks stay compressed.
func decodePackDirectory(payload []byte) (*packDirectory, error) {
	d := compact.NewDecoder(payload)
	p := &packDirectory{previous: d.Uint()}
	if b := d.Bytes(1); b != nil {
		p.encoding = b[0]
	}
	n := d.Uint()
	if n > maxSlots || n*33 > uint64(d.Len()) {
		return nil, damaged("pack of %d chunks", n)
	}
	p.slots = make([]slot, n)
	for i := range p.slots {
		copy(p.slots[i].id[:], d.Bytes(32))
		length := d.Uint()
		if d.Err() == nil && (length == 0 || length > maxChunk) {
			return nil, damaged("chunk of %d bytes", length)
		}
		p.slots[i].length = uint32(length)
		p.size += length
	}
	p.body = d.Rest()
	switch {
	case d.Err() != nil:
		return nil, finish(d, "pack")
	case p.encoding > packZstd:
		return nil, damaged("pack of unknown encoding %d", p.encoding)
	case n == 0 || p.size > maxPack:
		return nil, damaged("pack of %d chunks with %d bytes", n, p.size)
	case p.encoding == packRaw && uint64(len(p.body)) != p.size:
		return nil, damaged("pack with %d bytes of chunks where its directory says %d", len(p.body), p.size)
	}
	return p, nil
}

// A pack is an opened pack. Its chunks have not been checked against their IDs.
type pack struct {
	slots  []slot
	starts []uint32
	chunks []byte
	ids    []ChunkID // of what the chunks really are; nil when nobody asked for all
}

// checkAll hashes all chunks together, which is sooner done than one by one as they
// are asked for. One goroutine may use the pack meanwhile.
func (p *pack) checkAll(keys *Keys) {
	contents := make([][]byte, len(p.slots))
	for i := range contents {
		contents[i] = p.content(uint32(i))
	}
	p.ids = keys.ChunkIDs(contents)
}

func decodePack(payload []byte) (*pack, error) {
	dir, err := decodePackDirectory(payload)
	if err != nil {
		return nil, err
	}
	p := &pack{slots: dir.slots, starts: make([]uint32, len(dir.slots)), chunks: dir.body}
	if dir.encoding == packZstd {
		// The decoder stops at the capacity: a bomb costs no more than an honest pack.
		decoder := decoders.Get().(*zstd.Decoder)
		defer decoders.Put(decoder)
		p.chunks, err = decoder.DecodeAll(dir.body, make([]byte, 0, dir.size))
		if err != nil {
			return nil, damaged("decompressing a pack: %w", err)
		}
		if uint64(len(p.chunks)) != dir.size {
			return nil, damaged("pack with %d bytes of chunks where its directory says %d", len(p.chunks), dir.size)
		}
	}
	var start uint32
	for i, s := range p.slots {
		p.starts[i] = start
		start += s.length
	}
	return p, nil
}

// chunk returns the content of a reference into the pack, checked against its ID.
// The slice is a part of the pack.
func (p *pack) chunk(keys *Keys, r Ref) ([]byte, error) {
	if int(r.Slot) >= len(p.slots) {
		return nil, fmt.Errorf("chunk %s: block %d has %d slots, not %d: %w", r.ID, r.Block, len(p.slots), r.Slot+1, ErrDamaged)
	}
	s := p.slots[r.Slot]
	if s.id != r.ID || s.length != r.Length {
		return nil, fmt.Errorf("chunk %s: slot %d of block %d holds %s: %w", r.ID, r.Slot, r.Block, s.id, ErrDamaged)
	}
	content := p.content(r.Slot)
	var id ChunkID
	if p.ids != nil {
		id = p.ids[r.Slot]
	} else {
		id = keys.ChunkID(content)
	}
	if id != r.ID {
		return nil, fmt.Errorf("chunk %s: the content of slot %d of block %d has another hash: %w", r.ID, r.Slot, r.Block, ErrDamaged)
	}
	return content, nil
}

func (p *pack) content(slot uint32) []byte {
	start := p.starts[slot]
	return p.chunks[start : start+p.slots[slot].length]
}

var encoders = sync.Pool{New: func() any {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(maxPack), zstd.WithLowerEncoderMem(true))
	if err != nil {
		panic("space: " + err.Error()) // only for impossible options
	}
	return e
}}

var decoders = sync.Pool{New: func() any {
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxPack), zstd.WithDecodeAllCapLimit(true))
	if err != nil {
		panic("space: " + err.Error()) // only for impossible options
	}
	return d
}}
