package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/fb"
	"github.com/dgraph-io/badger/v4/pb"
	badgertable "github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/badger/v4/y"
	"google.golang.org/protobuf/proto"
)

// Badger believes what its tables say of themselves: one whose end is not as it was
// written ends the program while it is opened, in a goroutine of Badger's, and one whose
// list of blocks does not fit its checksum is left out without a word, so that older
// values come back. So they are looked at before. The layout is that of Badger's
// table/README.md: blocks, the list of them, its length, its checksum, the checksum's length.

// tablesRead bounds how many bytes of tables are read at each start, beyond their ends:
// a second or two from a slow card.
const tablesRead = 32 << 20

// checkTables refuses tables that Badger could not live with, for which it reads that many
// bytes of them beyond their ends. Those that its list of tables does not name are no
// matter: a crash leaves them, and Badger removes them. Errors wrap [ErrDamaged].
func checkTables(dir string, opts badger.Options, left int64) error {
	ids, err := listTables(dir, opts)
	if err != nil {
		return err
	}
	for _, id := range ids {
		read, err := checkTable(badgertable.NewFilename(id, dir), left)
		if err != nil {
			return err
		}
		left -= read
	}
	return nil
}

// listTables returns the tables that Badger will open, in order. What is wrong with its list
// itself, it finds by itself.
func listTables(dir string, opts badger.Options) ([]uint64, error) {
	f, err := os.Open(filepath.Join(dir, badger.ManifestFilename))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	m, _, err := badger.ReplayManifestFile(f, opts.ExternalMagicVersion, opts)
	if err != nil {
		return nil, nil
	}
	return slices.Sorted(maps.Keys(m.Tables)), nil
}

// checkTable checks the end of a table, its first and its last block, and all others if
// they have at most so many bytes. It returns how many it has read.
func checkTable(file string, most int64) (read int64, err error) {
	f, err := os.Open(file)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	if err != nil {
		return 0, err
	}
	defer func() {
		_ = f.Close() // nothing was written
		if err != nil {
			err = fmt.Errorf("reading table %s of the index: %w", filepath.Base(file), err)
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	t := table{f, info.Size()}
	blocks, err := t.blocks()
	if err != nil {
		return 0, err
	}
	all := t.end <= most
	for i := range blocks.OffsetsLength() {
		if !all && i > 0 && i < blocks.OffsetsLength()-1 {
			continue
		}
		var at fb.BlockOffset
		if !blocks.Offsets(&at, i) {
			return read, fmt.Errorf("%w: its list of blocks", ErrDamaged)
		}
		if err := t.checkBlock(int64(at.Offset()), int64(at.Len())); err != nil {
			return read, fmt.Errorf("block %d: %w", i, err)
		}
		read += int64(at.Len())
	}
	return read, nil
}

// A table is a file of Badger's, of which end bytes are still to be read from the back.
type table struct {
	r   io.ReaderAt
	end int64
}

// before reads the n bytes before the end, which then ends there.
func (t *table) before(n int64) ([]byte, error) {
	if n < 0 || n > t.end {
		return nil, fmt.Errorf("%w: it ends before it begins", ErrDamaged)
	}
	b := make([]byte, n)
	if _, err := t.r.ReadAt(b, t.end-n); err != nil {
		return nil, err
	}
	t.end -= n
	return b, nil
}

// beforeLength reads what is before the end together with its length.
func (t *table) beforeLength() ([]byte, error) {
	n, err := t.before(4)
	if err != nil {
		return nil, err
	}
	return t.before(int64(binary.BigEndian.Uint32(n)))
}

// blocks reads the list of blocks, which stands behind them.
func (t *table) blocks() (list *fb.TableIndex, err error) {
	sum, err := t.beforeLength()
	if err != nil {
		return nil, err
	}
	text, err := t.beforeLength()
	if err != nil {
		return nil, err
	}
	if err := verify(text, sum); err != nil {
		return nil, err
	}
	// What fits its checksum was written so. That a list of no bytes fits its own is no comfort.
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: its list of blocks: %v", ErrDamaged, r)
		}
	}()
	list = fb.GetRootAsTableIndex(text, 0)
	if list.OffsetsLength() == 0 {
		return nil, fmt.Errorf("%w: it has no blocks", ErrDamaged)
	}
	return list, nil
}

// checkBlock checks one block, which ends with its own checksum and the length of that.
func (t *table) checkBlock(at, size int64) error {
	if at < 0 || size < 0 || at+size > t.end {
		return fmt.Errorf("%w: it is not there", ErrDamaged)
	}
	b := table{io.NewSectionReader(t.r, at, size), size}
	sum, err := b.beforeLength()
	if err != nil {
		return err
	}
	text, err := b.before(b.end)
	if err != nil {
		return err
	}
	return verify(text, sum)
}

// verify compares bytes with Badger's checksum of them.
func verify(text, sum []byte) error {
	var want pb.Checksum
	if err := proto.Unmarshal(sum, &want); err != nil {
		return fmt.Errorf("%w: its checksum: %w", ErrDamaged, err)
	}
	if want.Algo != pb.Checksum_CRC32C && want.Algo != pb.Checksum_XXHash64 {
		return fmt.Errorf("%w: its checksum is of kind %d", ErrDamaged, want.Algo)
	}
	if err := y.VerifyChecksum(text, &want); err != nil {
		return errors.Join(ErrDamaged, err)
	}
	return nil
}
