package shelf

import (
	"fmt"
	"os"
	"path/filepath"
)

// A Shelf is where a box may keep its store.
type Shelf struct {
	Card string // the folder of the store on the card
	Disk string // where the data disk is mounted when it is there; "" on a box that never has one
	Box  string // the box ID

	step func(string) error // nil, or what tests end a move with
}

// A Place is where the store is just now.
type Place struct {
	// Dir is the folder of the store; empty while the disk that has it is not there.
	Dir string
	// Disk is the disk that has the store, by its UUID; empty for the card.
	Disk string
	// Why says, for a person, why Dir is empty.
	Why string
	// To is the disk that the store is to be moved to; empty for none.
	To string
}

const (
	whyGone  = "the data disk is not there: check its cable and power; nothing is lost, and all goes on when it is back"
	whyOther = "another disk is in the place of the data disk: put the right one back; nothing is lost, and all goes on when it is there"
)

// Find says where the store is. An error says that the card cannot be read.
func (s Shelf) Find() (Place, error) {
	note, err := read(filepath.Join(s.Card, noteName))
	moved := err == nil
	if err != nil && !isMissing(err) {
		return Place{}, fmt.Errorf("looking where the store is: %w", err)
	}
	if s.Disk == "" {
		if moved {
			return Place{Disk: note.Disk, Why: whyGone}, nil
		}
		return Place{Dir: s.Card}, nil
	}
	mark, err := ReadMark(s.Disk)
	switch here := err == nil && mark.Box == s.Box; {
	case !moved && here:
		return Place{Dir: s.Card, To: mark.Disk}, nil
	case !moved:
		return Place{Dir: s.Card}, nil
	case here && mark == note:
		dir := s.onDisk()
		if _, err := os.Stat(dir); err == nil { // never made anew: a store that is not there is somewhere else
			return Place{Dir: dir, Disk: note.Disk}, nil
		}
		return Place{Disk: note.Disk, Why: "the data disk is there, and the store is not on it: put the right disk back"}, nil
	case err == nil:
		return Place{Disk: note.Disk, Why: whyOther}, nil
	}
	return Place{Disk: note.Disk, Why: whyGone}, nil
}

// onDisk is the folder of the store on the data disk.
func (s Shelf) onDisk() string { return filepath.Join(s.Disk, ownName, "store") }

// onWay is the folder of a store that is being moved.
func (s Shelf) onWay() string { return filepath.Join(s.Disk, ownName, "moving") }

// There reports whether a place is still what it was found to be.
func (s Shelf) There(p Place) bool {
	now, err := s.Find()
	return err == nil && now == p
}
