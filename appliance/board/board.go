// Package board tells which board a box runs on, and notices when its card, or a
// copy of it, runs on another one.
//
// Two boxes with one box key would be taken for one by partners, each with half
// of the truth. So the board is noted in the enrolment folder on the first start;
// on another board the box stays passive until the operator decides. Who has
// the card can write to it: this guards against accidents, such as a card that was copied
// to set up a second box, not against thieves.
package board

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"cobox/seeder/durable"
)

// An ID names a board: what it is known by, and a digest of that, so that the
// note tells no serial number. The zero ID is that of a board that has nothing to be known by.
type ID struct {
	By     string // serial, dmi or mac
	Digest string
}

// String returns the ID's text form, such as "serial:9f86d081884c7d65".
func (id ID) String() string {
	if id == (ID{}) {
		return "unknown"
	}
	return id.By + ":" + id.Digest
}

// Read finds out which board this is, from /proc and /sys under root ("/" on a box).
// A serial number of the board itself comes first; the address of the wired network port
// is for machines that have none.
func Read(root string) ID {
	for _, source := range []struct{ by, path string }{
		{"serial", "proc/device-tree/serial-number"}, // Raspberry Pi and others with a device tree
		{"dmi", "sys/class/dmi/id/product_uuid"},
		{"dmi", "sys/class/dmi/id/board_serial"},
		{"mac", "sys/class/net/eth0/address"},
	} {
		text, err := os.ReadFile(filepath.Join(root, source.path))
		value := strings.ToLower(strings.Trim(string(text), " \t\r\n\x00"))
		if err != nil || meaningless(value) {
			continue
		}
		sum := sha256.Sum256([]byte("cobox board " + source.by + "\n" + value))
		return ID{source.by, hex.EncodeToString(sum[:8])}
	}
	return ID{}
}

// meaningless values are those that makers leave in when they set none.
func meaningless(value string) bool {
	for _, filler := range []string{"to be filled by o.e.m.", "default string", "none", "not specified", "system serial number"} {
		if value == filler {
			return true
		}
	}
	return strings.Trim(value, "0f-:. ") == "" // nothing, zeros, or all ones
}

// Files in the enrolment folder.
const (
	noteFile   = "own/board"
	acceptFile = "own/board.accepted"
)

const maxNote = 256 // bytes

// Check compares this board with the one noted in the state folder, and notes
// it when there is no note yet. It returns whether the box runs on another board than it
// was set up on. A board that cannot be known is never another one, and a damaged
// note is written anew: being wrong here must not keep a box from its work.
func Check(state string, id ID) (cloned bool, err error) {
	noted, err := read(filepath.Join(state, noteFile))
	if err != nil {
		return false, fmt.Errorf("reading which board the box is set up on: %w", err)
	}
	switch {
	case id == (ID{}) || noted == id.String():
		return false, nil
	case noted == "" || noted == ID{}.String():
		return false, Accept(state, id)
	}
	accepted, err := read(filepath.Join(state, acceptFile))
	if err != nil {
		return false, fmt.Errorf("reading what the operator decided on the board: %w", err)
	}
	if accepted != id.String() {
		return true, nil
	}
	return false, Accept(state, id)
}

// Decide writes down the operator's decision that the box goes on on board id, for
// the next start. It is for whoever has checked the operator's order.
func Decide(state string, id string) error {
	if err := durable.WriteFile(filepath.Join(state, acceptFile), noteOf(id), 0o600); err != nil {
		return fmt.Errorf("noting the operator's decision on the board: %w", err)
	}
	return nil
}

// Accept notes board id as the one that the box is set up on.
func Accept(state string, id ID) error {
	if err := durable.Mkdir(filepath.Join(state, "own"), 0o700); err != nil {
		return fmt.Errorf("noting the board: %w", err)
	}
	if err := durable.WriteFile(filepath.Join(state, noteFile), noteOf(id.String()), 0o600); err != nil {
		return fmt.Errorf("noting the board: %w", err)
	}
	if err := durable.Remove(filepath.Join(state, acceptFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("noting the board: %w", err)
	}
	return nil
}

// noteOf returns the note's text: the ID, and a sum that tells whether it is whole.
func noteOf(id string) []byte {
	sum := sha256.Sum256([]byte(id))
	return fmt.Appendf(nil, "%s %x\n", id, sum[:8])
}

// read returns the ID in a note; none when there is no note, or a damaged one.
func read(path string) (string, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	id, _, _ := strings.Cut(string(text), " ")
	if len(text) > maxNote || !bytes.Equal(text, noteOf(id)) {
		return "", nil
	}
	return id, nil
}
