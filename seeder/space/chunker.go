package space

import (
	"errors"
	"fmt"
	"io"

	chunkers "github.com/PlakarKorp/go-cdc-chunkers"
	"github.com/PlakarKorp/go-cdc-chunkers/chunkers/fastcdc"
)

// Files are cut by FastCDC (Xia et al., "FastCDC: A Fast and Efficient Content-Defined
// Chunking Approach for Data Deduplication", 2016) with a secret table per space, so that
// the sizes of chunks do not give known files away. Against Rabin fingerprints
// (restic/chunker), measured on random data with these bounds: sizes that vary a third as
// much, and a third fewer new bytes after a small edit.
//
// Where go-cdc-chunkers cuts ("fastcdc-v1.0.0"), we cut, by its table, but we look for the
// places in four parts of the data at once, and leave the chunks where they were read to.
const (
	minChunk    = 64 << 10
	normalChunk = 256 << 10

	// The bits that are zero where a chunk ends: two more than normalChunk has before that
	// size, and two fewer after it, spread over the whole hash (section 3.4 of the paper).
	maskSmall = 0x9249249249249240
	maskLarge = 0x8888888888888888

	// gearWindow is how many bytes the hash depends on: each shifts the ones before it by a bit.
	gearWindow = 64
	gearLanes  = 4
	laneBytes  = 4 << 10
)

// chunkerBytes is how much of a file is read at once: some chunks, to be hashed together,
// and one of which the end is not there yet.
const chunkerBytes = 3 << 20

// A chunker cuts one stream at a time.
type chunker struct {
	gear *[256]uint64
	buf  []byte
}

func newChunker(keys *Keys) (*chunker, error) {
	var f fastcdc.FastCDC
	if err := f.Setup(&chunkers.ChunkerOpts{MinSize: minChunk, NormalSize: normalChunk, MaxSize: maxChunk, Key: keys.chunker[:]}); err != nil {
		return nil, fmt.Errorf("setting up the chunker: %w", err)
	}
	return &chunker{f.G, make([]byte, chunkerBytes)}, nil
}

// chunks calls yield with each chunk of r. The slices are good until flush returns, which
// is called when more is to be read, and at the end. An error of r, yield or flush comes
// back as it is.
func (c *chunker) chunks(r io.Reader, yield func(chunk []byte) error, flush func() error) error {
	rest := 0 // bytes at the beginning of buf
	for ended := false; !ended; {
		n, err := io.ReadFull(r, c.buf[rest:])
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			ended = true
		case err != nil:
			return err
		}
		data := c.buf[:rest+n]
		for len(data) >= maxChunk || ended && len(data) > 0 {
			i := cut(c.gear, data)
			if err := yield(data[:i]); err != nil {
				return err
			}
			data = data[i:]
		}
		if err := flush(); err != nil {
			return err
		}
		rest = copy(c.buf, data)
	}
	return nil
}

// cut returns where the first chunk of data ends. The data ends there where it has fewer
// bytes than maxChunk.
func cut(gear *[256]uint64, data []byte) int {
	if len(data) <= minChunk {
		return len(data)
	}
	data = data[minChunk:min(len(data), maxChunk)] // the hash begins here
	normal := min(len(data), normalChunk-minChunk)
	i := search(gear, data, 0, normal, maskSmall)
	if i == normal {
		i = search(gear, data, normal, len(data), maskLarge)
	}
	return minChunk + i
}

// search returns the first of the places [from, to) at which the hash of data up to there,
// that byte included, has only zeros under mask, or to.
func search(gear *[256]uint64, data []byte, from, to int, mask uint64) int {
	for from < to {
		end := min(from+gearLanes*laneBytes, to)
		switch {
		case from < gearWindow:
			end = min(gearWindow, to)
		case end-from == gearLanes*laneBytes && !anyPlace(gear, data[from-gearWindow:end], mask):
			from = end
			continue
		}
		hash := uint64(0)
		for _, b := range data[max(from-gearWindow, 0):from] {
			hash = hash<<1 + gear[b]
		}
		for i, b := range data[from:end] {
			if hash = hash<<1 + gear[b]; hash&mask == 0 {
				return from + i
			}
		}
		from = end
	}
	return to
}

// anyPlace reports whether there is such a place in data behind its first gearWindow bytes.
// A processor adds up the hashes of four lanes as fast as one.
func anyPlace(gear *[256]uint64, data []byte, mask uint64) bool {
	data = data[:gearWindow+gearLanes*laneBytes]
	_ = gear[0] // so that the compiler does not look in each loop whether there is a table
	var h0, h1, h2, h3 uint64
	for i := range gearWindow {
		h0 = h0<<1 + gear[data[i]]
		h1 = h1<<1 + gear[data[i+laneBytes]]
		h2 = h2<<1 + gear[data[i+2*laneBytes]]
		h3 = h3<<1 + gear[data[i+3*laneBytes]]
	}
	for i := gearWindow; i < gearWindow+laneBytes; i++ {
		h0 = h0<<1 + gear[data[i]]
		h1 = h1<<1 + gear[data[i+laneBytes]]
		h2 = h2<<1 + gear[data[i+2*laneBytes]]
		h3 = h3<<1 + gear[data[i+3*laneBytes]]
		if h0&mask == 0 || h1&mask == 0 || h2&mask == 0 || h3&mask == 0 {
			return true
		}
	}
	return false
}
