package chain

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"

	"cobox/seeder/durable"
)

// The files of a log.
const (
	statementsName = "statements"
	headName       = "head"
	reserveName    = "reserve"
)

// Reserve is how many bytes of the disk a log holds for itself, so that a box
// whose disk is full can still take orders, of which removing what fills it is
// one. It is given up piece by piece: one piece is more than an entry and a new
// head take, and what else runs may snatch the room that comes free.
const (
	Reserve      = 1 << 20
	reservePiece = 64 << 10
)

// A disk is what a log needs of its folder. Tests have one that fails.
type disk interface {
	io.ReaderAt
	io.WriterAt // of the statements
	Sync() error
	Truncate(size int64) error
	Size() (int64, error)
	Close() error

	// ReadHead returns the head's text, or an error wrapping fs.ErrNotExist.
	ReadHead() ([]byte, error)
	// WriteHead replaces it, as durable.WriteFile does.
	WriteHead(text []byte) error
	// Reserved returns how many bytes are held back, or an error wrapping
	// fs.ErrNotExist when that was never begun.
	Reserved() (int64, error)
	// SetReserved holds n bytes back: it frees some or takes some.
	SetReserved(n int64) error
}

// A folder is the disk of a log.
type folder struct {
	*os.File // the statements
	dir      string
	unlock   func() error
}

// openFolder takes dir for the caller alone, and makes it if need be.
func openFolder(dir string) (*folder, error) {
	if err := durable.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	unlock, err := durable.Lock(dir)
	if err != nil {
		return nil, err
	}
	d := &folder{dir: dir, unlock: unlock}
	if _, err = durable.Clean(dir); err == nil {
		d.File, err = os.OpenFile(filepath.Join(dir, statementsName), os.O_RDWR|os.O_CREATE, 0o600)
	}
	if err == nil {
		err = durable.SyncDir(dir)
	}
	if err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// openFolderToRead opens what is there and changes nothing: also on a disk that
// can only be read.
func openFolderToRead(dir string) (*folder, error) {
	f, err := os.Open(filepath.Join(dir, statementsName))
	return &folder{File: f, dir: dir, unlock: func() error { return nil }}, err
}

// Close closes the statements and gives up the folder.
func (d *folder) Close() error {
	var err error
	if d.File != nil {
		err = d.File.Close()
	}
	return errors.Join(err, d.unlock())
}

func (d *folder) Size() (int64, error) {
	info, err := d.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (d *folder) ReadHead() ([]byte, error) { return os.ReadFile(filepath.Join(d.dir, headName)) }

func (d *folder) WriteHead(text []byte) error {
	return durable.WriteFile(filepath.Join(d.dir, headName), text, 0o600)
}

func (d *folder) Reserved() (int64, error) {
	info, err := os.Stat(filepath.Join(d.dir, reserveName))
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (d *folder) SetReserved(n int64) (err error) {
	f, err := os.OpenFile(filepath.Join(d.dir, reserveName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if size := info.Size(); size < n {
		err = fill(f, size, n)
	} else if size > n {
		err = f.Truncate(n)
	}
	// The blocks that were freed are free when the file system has noted it.
	return errors.Join(err, f.Sync(), durable.SyncDir(d.dir))
}

// fill makes f n bytes long. On a full disk it keeps the pieces that found room.
func fill(f *os.File, size, n int64) error {
	// Random, for file systems that store nothing for zeros or compress.
	source := rand.NewChaCha8([32]byte{})
	piece := make([]byte, reservePiece)
	for ; size < n; size += reservePiece {
		_, _ = source.Read(piece) // never fails
		if _, err := f.WriteAt(piece, size); err != nil {
			return errors.Join(err, f.Truncate(size))
		}
	}
	return nil
}

// isFull reports whether an error says that the disk is full.
func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }

func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }

// plain says which file an error of the disk is about.
func plain(what string, err error) error { return fmt.Errorf("%s the chain of orders: %w", what, err) }
