package space

import (
	"fmt"
	"math"
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
	start := len(b)
	b = appendDirectory(b, previous, packZstd, slots)
	body := len(b)
	// What does not compress becomes a little longer: with room for it nothing is copied.
	b = slices.Grow(b, len(chunks)+len(chunks)/512+64)
	if compressible(chunks) {
		encoder := encoders.Get().(*zstd.Encoder)
		b = encoder.EncodeAll(chunks, b)
		encoders.Put(encoder)
	}
	if n := len(b) - body; n == 0 || n >= len(chunks) {
		b = append(appendDirectory(b[:start], previous, packRaw, slots), chunks...)
	}
	return b
}

// appendDirectory appends what comes before the chunks of a pack.
func appendDirectory(b []byte, previous uint64, encoding byte, slots []slot) []byte {
	b = compact.AppendUint(b, previous)
	b = append(b, encoding)
	b = compact.AppendUint(b, uint64(len(slots)))
	for i := range slots {
		b = append(b, slots[i].id[:]...)
		b = compact.AppendUint(b, uint64(slots[i].length))
	}
	return b
}

// frontRoom is room for what comes before the chunks in the block of a pack of large
// ones: up to 50, while a full pack of files that were cut has four.
const frontRoom = 2 << 10

// packInPlace makes the block of a pack of which the chunks, behind frontRoom bytes in
// buf, do not compress: they stay where they are, and so the block, ready for
// [finishBlock], is the end of buf. It returns nil where that cannot be.
func packInPlace(buf []byte, previous uint64, slots []slot) []byte {
	chunks := buf[frontRoom:]
	if len(slots)*len(ChunkID{}) > frontRoom || compressible(chunks) {
		return nil
	}
	front := appendDirectory(beginBlock(make([]byte, 0, frontRoom)), previous, packRaw, slots)
	at := frontRoom - len(front)
	if at < 0 {
		return nil
	}
	copy(buf[at:], front)
	return buf[at:]
}

// A pack is sampled before it is compressed, since pictures, films and archives do not
// compress, and to try that costs more than their hashes.
const (
	samples    = 32
	sampleSize = 1 << 10 // of a window; all together are a 32nd of a full pack
	// noiseBits is the entropy of a byte, in bits, from which on a window counts as noise:
	// so many random bytes have 7.8.
	noiseBits = 7.5
	// worthBits is how many bits of entropy all windows together must lack: that one of them
	// has text in it is enough.
	worthBits = 3
)

// compressible reports whether some windows of the chunks have bytes that are not random.
func compressible(chunks []byte) bool {
	if len(chunks) < 4*samples*sampleSize {
		return true // it is tried soon enough
	}
	lacking := 0.0
	for i := range samples {
		at := i * (len(chunks) - sampleSize) / (samples - 1)
		if bits := entropy(chunks[at : at+sampleSize]); bits < noiseBits {
			lacking += 8 - bits
		}
	}
	return lacking >= worthBits
}

// entropy returns the bits that a byte of a window has by the counts of its values (Shannon).
func entropy(window []byte) float64 {
	var counts [256]int
	for _, v := range window {
		counts[v]++
	}
	sum := 0.0
	for _, n := range counts {
		sum += timesLog[n]
	}
	return math.Log2(sampleSize) - sum/sampleSize
}

// timesLog are n log₂ n.
var timesLog = func() (t [sampleSize + 1]float64) {
	for n := 1; n < len(t); n++ {
		t[n] = float64(n) * math.Log2(float64(n))
	}
	return t
}()

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
	block  []byte // that it was in, and its chunks may still be; nil where that is not known
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
	// What has no matches may still be worth it: base64 of pictures in mail loses a quarter.
	e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(maxPack), zstd.WithLowerEncoderMem(true), zstd.WithAllLitEntropyCompression(true))
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
