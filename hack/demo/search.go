package main

import (
	"encoding/binary"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// needles are strings of a tree that must not be found elsewhere: file names,
// and pieces of the files' contents.
type needles struct {
	byPrefix map[uint64][]string // first 8 bytes: the strings
	count    int
}

// pieceLength is long enough that a piece does not turn up by chance.
const pieceLength = 24

// collect takes every file name of at least 8 bytes, and a piece from the
// beginning, middle and end of every file.
func collect(root string) (*needles, error) {
	n := &needles{byPrefix: make(map[uint64][]string)}
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path != root {
			n.add(d.Name())
		}
		if !d.Type().IsRegular() {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, at := range []int{0, len(text) / 2, len(text) - pieceLength} {
			if at >= 0 && at+pieceLength <= len(text) && varied(text[at:at+pieceLength]) {
				n.add(string(text[at : at+pieceLength]))
			}
		}
		return nil
	})
	return n, err
}

// varied says that a piece is more than a run of a few bytes, which zeros on a disk could match.
func varied(piece []byte) bool {
	b := slices.Clone(piece)
	slices.Sort(b)
	return len(slices.Compact(b)) >= 8
}

func (n *needles) add(s string) {
	if len(s) < 8 {
		return
	}
	k := binary.LittleEndian.Uint64([]byte(s))
	if !slices.Contains(n.byPrefix[k], s) {
		n.byPrefix[k] = append(n.byPrefix[k], s)
		n.count++
	}
}

// find returns the needles that occur in the names or contents of files below
// root, at most most of them, and how many bytes were searched.
func (n *needles) find(root string, most int) (found []string, searched int64, err error) {
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || len(found) >= most {
			return err
		}
		found = n.in(found, []byte(d.Name()))
		if !d.Type().IsRegular() {
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		searched += int64(len(text))
		found = n.in(found, text)
		return nil
	})
	return found, searched, err
}

func (n *needles) in(found []string, text []byte) []string {
	for i := 0; i+8 <= len(text); i++ {
		for _, s := range n.byPrefix[binary.LittleEndian.Uint64(text[i:])] {
			if i+len(s) <= len(text) && string(text[i:i+len(s)]) == s && !slices.Contains(found, s) {
				found = append(found, s)
			}
		}
	}
	return found
}
