package shelf

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"cobox/seeder/durable"
)

// The names on a data disk.
const (
	markName = "cobox-disk.json"
	ownName  = "cobox" // the folder of the program that keeps the store
)

// noteName is the note in the place where the store was. A program that knows no data
// disks takes the folder for something else than a store, and leaves it alone.
const noteName = "on-data-disk.json"

// format is the version of marks and notes.
const format = 1

// maxMark bounds a mark and a note, in bytes.
const maxMark = 4 << 10

// A Mark says whose a data disk is.
type Mark struct {
	Format int    `json:"format"`
	Box    string `json:"box"`  // the box ID
	Disk   string `json:"disk"` // the UUID of the disk's file system
}

// NewMark returns the mark of a box's disk.
func NewMark(box, disk string) Mark { return Mark{format, box, disk} }

// WriteMark makes a disk that is mounted at dir a box's: it writes the mark, and makes
// the folder for the store. own gives that folder to who keeps the store; nil leaves it.
func WriteMark(dir string, m Mark, own func(path string) error) error {
	folder := filepath.Join(dir, ownName)
	err := durable.Mkdir(folder, 0o700)
	if err == nil && own != nil {
		err = own(folder)
	}
	if err == nil {
		err = write(filepath.Join(dir, markName), m)
	}
	if err != nil {
		return fmt.Errorf("marking the data disk: %w", err)
	}
	return nil
}

// ReadMark reads the mark of the disk that is mounted at dir. Errors wrap
// fs.ErrNotExist when there is none.
func ReadMark(dir string) (Mark, error) {
	m, err := read(filepath.Join(dir, markName))
	if err != nil {
		return Mark{}, fmt.Errorf("reading the data disk's mark: %w", err)
	}
	return m, nil
}

func write(path string, m Mark) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	return durable.WriteFile(path, append(text, '\n'), 0o644)
}

func read(path string) (m Mark, err error) {
	f, err := os.Open(path)
	if err != nil {
		return Mark{}, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	text, err := io.ReadAll(io.LimitReader(f, maxMark))
	if err == nil {
		err = json.Unmarshal(text, &m)
	}
	if err == nil && m.Format != format {
		err = fmt.Errorf("it has format %d, and this program knows %d: update the box", m.Format, format)
	}
	if err != nil {
		return Mark{}, err
	}
	return m, nil
}

// isMissing reports whether a file is not there: not whether it cannot be read.
func isMissing(err error) bool { return errors.Is(err, fs.ErrNotExist) }
