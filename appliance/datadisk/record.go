package datadisk

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"cobox/seeder/durable"
)

// An Order is an operator's order to adopt a disk; its zero value is none.
type Order struct {
	Epoch, Seq uint64 // the number of the ownership, and of the order in it
	Disk       string // the disk's text, see disk.Disk.Text
	Erase      bool   // what is on it may go
}

// ID returns the UUID of the file system that an order makes, as bytes and as text.
func (o Order) ID(box string) ([16]byte, string) {
	sum := sha256.Sum256(fmt.Appendf(nil, "cobox/data-disk/v1\n%s\n%d\n%d\n%s\n", box, o.Epoch, o.Seq, o.Disk))
	id := [16]byte(sum[:16])
	id[6] = id[6]&0x0f | 0x80 // version 8: as its maker likes
	id[8] = id[8]&0x3f | 0x80
	return id, uuidText(id)
}

// A record is what is remembered of the data disk. It is not in the chain of orders:
// a box keeps its disk when it gets another owner.
type record struct {
	ID   string `json:"id,omitempty"` // of the disk; empty for none
	Disk string `json:"disk,omitempty"`
	// Made says that the file system is whole; before that it is being made.
	Made bool `json:"made,omitempty"`
	// Next is the disk that is to take its place, once the store has moved there.
	Next *next `json:"next,omitempty"`
	// Old is the disk whose place it has taken, until that is blank.
	Old string `json:"old,omitempty"`
	// Refused is the last order that was not carried out, by the ID that it would have
	// made.
	Refused string `json:"refused,omitempty"`
	Seq     uint64 `json:"seq,omitempty"` // its number
	Why     string `json:"why,omitempty"`
	// NotGone is the last order to give up the disk that was not carried out, see
	// [GiveUp].
	NotGone string `json:"notGone,omitempty"`
}

// A next is a disk that is to be the data disk.
type next struct {
	ID   string `json:"id"`
	Disk string `json:"disk"`
	Made bool   `json:"made,omitempty"`
}

// A GiveUp is an operator's order to give up the data disk as lost; its zero value is none.
type GiveUp struct {
	Epoch, Seq uint64
	ID         string // of the disk
}

func (g GiveUp) key() string { return fmt.Sprintf("%d/%d", g.Epoch, g.Seq) }

// recordFile is in the state folder.
const recordFile = "own/data-disk.json"

func readRecord(state string) (r record, err error) {
	text, err := os.ReadFile(filepath.Join(state, recordFile))
	if errors.Is(err, fs.ErrNotExist) {
		return record{}, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &r)
	}
	if err != nil {
		return record{}, fmt.Errorf("reading which data disk the box has: %w", err)
	}
	return r, nil
}

func (r record) write(state string) error {
	text, err := json.Marshal(r)
	if err == nil {
		err = durable.WriteFile(filepath.Join(state, recordFile), append(text, '\n'), 0o600)
	}
	if err != nil {
		return fmt.Errorf("remembering which data disk the box has: %w", err)
	}
	return nil
}
