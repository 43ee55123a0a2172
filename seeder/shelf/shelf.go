package shelf

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"cobox/seeder/durable"
)

// A Shelf is where a box may keep its store.
type Shelf struct {
	Card string // the folder of the store on the card
	Disk string // where the data disk is mounted when it is there; "" on a box that never has one
	// Where the disk is mounted that is to take the place of the data disk follows from
	// Disk: see NextTo.
	Box string // the box ID

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

	at string // where that is mounted
}

// NextTo returns where the disk is mounted that is to take the place of the one at disk,
// until the store has moved to it.
func NextTo(disk string) string { return disk + "-next" }

const (
	whyTaken = "it has moved to another data disk, which is being taken into use"
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
	here := err == nil && mark.Box == s.Box
	switch {
	case !moved && here:
		return Place{Dir: s.Card, To: mark.Disk, at: s.Disk}, nil
	case !moved:
		return Place{Dir: s.Card}, nil
	case here && mark == note:
		return s.findOnDisk(note)
	}
	if next, err := ReadMark(NextTo(s.Disk)); err == nil && next == note {
		return Place{Disk: note.Disk, Why: whyTaken}, nil
	}
	if err == nil {
		return Place{Disk: note.Disk, Why: whyOther}, nil
	}
	return Place{Disk: note.Disk, Why: whyGone}, nil
}

// findOnDisk finds the store on the data disk that the note names, and the disk that it
// is to move to from there.
func (s Shelf) findOnDisk(note Mark) (Place, error) {
	p := Place{Dir: onDisk(s.Disk), Disk: note.Disk}
	if _, err := os.Stat(p.Dir); err != nil { // never made anew: a store that is not there is somewhere else
		return Place{Disk: note.Disk, Why: "the data disk is there, and the store is not on it: put the right disk back"}, nil
	}
	at := NextTo(s.Disk)
	if next, err := ReadMark(at); err == nil && next.Box == s.Box && next != note {
		p.To, p.at = next.Disk, at
	}
	return p, nil
}

// GiveUp forgets that the store has moved to a disk, which is lost with all that is on
// it: an empty store is made on the card then. Nothing is done when the store is
// somewhere else.
func (s Shelf) GiveUp(disk string) error {
	path := filepath.Join(s.Card, noteName)
	note, err := read(path)
	if isMissing(err) || err == nil && note.Disk != disk {
		return nil
	}
	if err == nil {
		err = os.Remove(path)
	}
	if err = errors.Join(err, durable.SyncDir(s.Card)); err != nil {
		return fmt.Errorf("giving up the data disk: %w", err)
	}
	return nil
}

// MovedTo returns the disk that the store is on by the note on the card, "" when it is on
// the card itself.
func (s Shelf) MovedTo() (disk string, err error) {
	note, err := read(filepath.Join(s.Card, noteName))
	if isMissing(err) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("looking where the store is: %w", err)
	}
	return note.Disk, nil
}

// onDisk is the folder of the store on a data disk that is mounted at a folder.
func onDisk(at string) string { return filepath.Join(at, ownName, "store") }

// onWay is the folder of a store that is being moved there.
func onWay(at string) string { return filepath.Join(at, ownName, "moving") }

// There reports whether a place is still what it was found to be.
func (s Shelf) There(p Place) bool {
	now, err := s.Find()
	return err == nil && now == p
}
