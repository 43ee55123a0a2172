package space

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"sync"

	"cobox/seeder/compact"
	"cobox/seeder/feed"
)

// A FileIndex is an [Index] in memory, about 40 bytes for a chunk, with a log
// file from which it is read again. The file is never synced: what a power cut
// takes from its end is read from the feeds again. One process at a time may open it.
type FileIndex struct {
	mu    sync.RWMutex
	at    map[shortID]uint64  // packed: feed, block, slot; mu
	feeds []indexedFeed       // mu
	byKey map[feed.Key]uint64 // ordinal in feeds; mu
	file  *os.File            // nil for an index in memory alone
	space ID
}

// shortID is the beginning of a chunk ID. 128 bits of a keyed hash do not
// collide by accident, and nobody without the key can make them.
type shortID [16]byte

type indexedFeed struct {
	key          feed.Key
	fork, length uint64
}

// An index entry is packed into 64 bits: feed ordinal, block, slot.
const (
	slotBits  = 12 // maxSlots
	blockBits = 40
)

const (
	indexMagic = "cobox index 1\n"
	// maxIndexRecord bounds a record: its block number and the short IDs of a pack.
	maxIndexRecord = 64 + maxSlots*16
	recordFeed     = 1
	recordBlock    = 2
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// NewMemoryIndex returns an empty index that is kept in memory alone.
func NewMemoryIndex() *FileIndex {
	x := &FileIndex{}
	x.clearLocked()
	return x
}

// OpenIndex opens or makes the index file of a space. A file that is damaged, or
// belongs to another space, is cut where it is right for the last time.
func OpenIndex(path string, space ID) (*FileIndex, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the chunk index: %w", err)
	}
	x := NewMemoryIndex()
	x.file, x.space = f, space
	good, err := x.load(bufio.NewReaderSize(f, 1<<20))
	if err == nil && good == 0 {
		err = x.Reset()
	} else if err == nil {
		if err = f.Truncate(good); err == nil {
			_, err = f.Seek(good, io.SeekStart)
		}
	}
	if err != nil {
		return nil, fmt.Errorf("opening the chunk index: %w", errors.Join(err, f.Close()))
	}
	return x, nil
}

// Close closes the file.
func (x *FileIndex) Close() error {
	if x.file == nil {
		return nil
	}
	return x.file.Close()
}

// Len returns the number of chunks.
func (x *FileIndex) Len() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	return len(x.at)
}

// Lookup implements [Index].
func (x *FileIndex) Lookup(id ChunkID) (Location, bool) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	at, ok := x.at[shortID(id[:16])]
	if !ok {
		return Location{}, false
	}
	return Location{
		Feed:  x.feeds[at>>(slotBits+blockBits)].key,
		Block: at >> slotBits & (1<<blockBits - 1),
		Slot:  uint32(at & (1<<slotBits - 1)),
	}, true
}

// Covered implements [Index].
func (x *FileIndex) Covered(key feed.Key) (length, fork uint64) {
	x.mu.RLock()
	defer x.mu.RUnlock()
	i, ok := x.byKey[key]
	if !ok {
		return 0, 0
	}
	return x.feeds[i].length, x.feeds[i].fork
}

// Add implements [Index].
func (x *FileIndex) Add(key feed.Key, fork, block uint64, ids []ChunkID) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	var records []byte
	i, ok := x.byKey[key]
	if !ok {
		record := append([]byte{recordFeed}, key[:]...)
		record = appendUint64(record, fork)
		if err := x.applyLocked(record); err != nil {
			return err
		}
		records = appendRecord(records, record)
		i = x.byKey[key]
	}
	if x.feeds[i].fork != fork {
		return fmt.Errorf("indexing block %d of feed %s: fork %d, where the index has %d", block, feedName(key), fork, x.feeds[i].fork)
	}
	record := append(make([]byte, 0, 16+len(ids)*16), recordBlock)
	record = compact.AppendUint(record, i)
	record = compact.AppendUint(record, block)
	for j := range ids {
		record = append(record, ids[j][:16]...)
	}
	if err := x.applyLocked(record); err != nil {
		return fmt.Errorf("indexing block %d of feed %s: %w", block, feedName(key), err)
	}
	if x.file != nil {
		if _, err := x.file.Write(appendRecord(records, record)); err != nil {
			return fmt.Errorf("writing the chunk index: %w", err)
		}
	}
	return nil
}

// Reset implements [Index].
func (x *FileIndex) Reset() error {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.clearLocked()
	if x.file == nil {
		return nil
	}
	err := x.file.Truncate(0)
	if err == nil {
		_, err = x.file.WriteAt(append([]byte(indexMagic), x.space[:]...), 0)
	}
	if err == nil {
		_, err = x.file.Seek(0, io.SeekEnd)
	}
	if err != nil {
		return fmt.Errorf("starting the chunk index anew: %w", err)
	}
	return nil
}

func (x *FileIndex) clearLocked() {
	x.at = make(map[shortID]uint64)
	x.feeds = nil
	x.byKey = make(map[feed.Key]uint64)
}

// appendRecord appends length ‖ CRC-32C ‖ record.
func appendRecord(b, record []byte) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(len(record)))
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(record, castagnoli))
	return append(b, record...)
}

// load reads the log and returns how many bytes of it are good; 0 when it is no
// log of this space.
func (x *FileIndex) load(r io.Reader) (good int64, err error) {
	head := make([]byte, len(indexMagic)+len(x.space))
	if _, err := io.ReadFull(r, head); err != nil || string(head) != indexMagic+string(x.space[:]) {
		return 0, ignoreEOF(err)
	}
	good = int64(len(head))
	buf := make([]byte, maxIndexRecord)
	for {
		if _, err := io.ReadFull(r, buf[:8]); err != nil {
			return good, ignoreEOF(err)
		}
		n, sum := binary.LittleEndian.Uint32(buf), binary.LittleEndian.Uint32(buf[4:])
		if n == 0 || n > maxIndexRecord {
			return good, nil
		}
		record := buf[:n]
		if _, err := io.ReadFull(r, record); err != nil {
			return good, ignoreEOF(err)
		}
		if crc32.Checksum(record, castagnoli) != sum || x.applyLocked(record) != nil {
			return good, nil
		}
		good += 8 + int64(n)
	}
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// applyLocked enters a record into the maps.
func (x *FileIndex) applyLocked(record []byte) error {
	d := compact.NewDecoder(record)
	kind := d.Bytes(1)
	if kind == nil {
		return d.Err()
	}
	if kind[0] == recordFeed {
		var f indexedFeed
		copy(f.key[:], d.Bytes(32))
		f.fork = d.Uint64()
		if _, ok := x.byKey[f.key]; ok || d.Err() != nil || len(x.feeds) == maxFeeds {
			return errors.New("more feeds than a space can have")
		}
		x.byKey[f.key] = uint64(len(x.feeds))
		x.feeds = append(x.feeds, f)
		return nil
	}
	ordinal, block := d.Uint(), d.Uint()
	n := d.Len() / 16
	if d.Err() != nil || kind[0] != recordBlock || ordinal >= uint64(len(x.feeds)) || d.Len()%16 != 0 || n > maxSlots {
		return errors.New("damaged record")
	}
	if f := &x.feeds[ordinal]; block != f.length || block >= 1<<blockBits {
		return fmt.Errorf("not the next block, which is %d", f.length)
	}
	x.feeds[ordinal].length++
	for slot := range n {
		id := shortID(d.Bytes(16))
		if _, ok := x.at[id]; !ok {
			x.at[id] = ordinal<<(slotBits+blockBits) | block<<slotBits | uint64(slot)
		}
	}
	return nil
}
